//! The corridor's stages, one by one and together.
fn main() {}
