//! Whole stories: an owner on its twins against real hosts on theirs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that meets what it did not expect should stop")]
#![allow(clippy::cast_possible_truncation, reason = "the numbers of these stories are small")]

mod audits;
mod crash;
mod delegate;
mod deleting;
mod dispute;
mod download;
mod ending;
mod endpoint;
mod faults;
mod ledger;
mod liars;
mod lies;
mod reads;
mod renewal;
mod repair;
mod upload;
mod watching;
mod world;
