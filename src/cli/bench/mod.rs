//! `layr bench`: end-to-end measurements anybody can repeat. Nothing here asserts a time.

mod network;
mod pipeline;
mod source;

pub use network::{NetworkBench, run as network};
pub use pipeline::{mib, run as pipeline};
