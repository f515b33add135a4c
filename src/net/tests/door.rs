//! The network door over real sockets on loopback: discovery, records, calls, lanes, limits, closing.
//!
//! Every test binds ephemeral ports and waits for events under a deadline, never for time to pass.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "door/calls.rs"]
mod calls;
#[path = "door/discovery.rs"]
mod discovery;
#[path = "door/lanes.rs"]
mod lanes;
#[path = "door/limits.rs"]
mod limits;
#[path = "door/support.rs"]
mod support;
