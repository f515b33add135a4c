//! The ledger client against the local network, over HTTP. One program, because each one links the whole contract
//! host.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by stopping")]

mod beacon;
mod common;
mod disputes;
mod endpoints;
mod escrow;
mod faults;
mod frozen;
mod history;
mod payments;
mod rush;
