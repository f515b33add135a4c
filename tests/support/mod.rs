//! What the end-to-end tests share: commands of the real executable, processes that never outlive a test, worlds
//! of a ledger and hosts, files to store.
//!
//! Nothing here mocks anything. Waiting is always for something observable and always has a deadline. A failure
//! shows the command, its directory and everything it printed. Every output of every command is searched for key
//! material.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of this")]
#![allow(clippy::panic, reason = "a failed expectation is how a test speaks")]

mod command;
mod disk;
mod files;
mod guard;
mod patience;
mod person;
mod process;
pub mod world;

pub use command::{Layr, Outcome};
pub use disk::SmallDisk;
pub use files::{assert_same, noise, write_noise};
pub use guard::{keep_secret, scratch, undo};
pub use patience::until;
pub use person::{Money, Person, text};
pub use process::{Out, Running};
pub use world::{Host, Site, World};
