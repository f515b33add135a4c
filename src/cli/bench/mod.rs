//! `layr bench`: end-to-end measurements anybody can repeat. Nothing here asserts a time.

mod network;
mod pipeline;
mod source;

pub use network::run as network;
pub use pipeline::run as pipeline;
pub use source::Noise;
