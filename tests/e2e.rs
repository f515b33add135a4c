//! End-to-end stories through the real executable: real processes, real sockets on the loopback, a real ledger
//! with the real escrow contract.
//!
//! Stories that disturb nobody but their own owner share one calm world and run side by side. Stories that kill
//! hosts or ledgers share a rough one, one at a time, and leave it as they found it. Stories that fill it or move
//! its clock have worlds of their own.

#![allow(clippy::panic, reason = "a failed expectation is how a test speaks")]

mod support;

#[path = "e2e/agreements.rs"]
mod agreements;
#[path = "e2e/bad_sources.rs"]
mod bad_sources;
#[path = "e2e/custody.rs"]
mod custody;
#[path = "e2e/delete.rs"]
mod delete;
#[path = "e2e/demo.rs"]
mod demo;
#[path = "e2e/full_disk.rs"]
mod full_disk;
#[path = "e2e/interrupted.rs"]
mod interrupted;
#[path = "e2e/lost_hosts.rs"]
mod lost_hosts;
#[path = "e2e/lost_ledger.rs"]
mod lost_ledger;
#[path = "e2e/offline.rs"]
mod offline;
#[path = "e2e/price.rs"]
mod price;
#[path = "e2e/recover.rs"]
mod recover;
#[path = "e2e/repair.rs"]
mod repair;
#[path = "e2e/space.rs"]
mod space;
#[path = "e2e/term_end.rs"]
mod term_end;
#[path = "e2e/there_and_back.rs"]
mod there_and_back;
#[path = "e2e/wallet.rs"]
mod wallet;
#[path = "e2e/watch.rs"]
mod watch;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use support::World;

/// Hosts of the calm world.
const CALM_HOSTS: usize = 6;

/// A world in which nothing ever goes wrong.
static CALM: LazyLock<World> = LazyLock::new(|| World::start("calm", CALM_HOSTS, "1GiB"));

/// A world in which something always goes wrong, in one story at a time.
fn rough() -> MutexGuard<'static, World> {
    static ROUGH: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::start("rough", 6, "1GiB")));
    let mut world = ROUGH.lock().unwrap_or_else(PoisonError::into_inner);
    world.mend();
    world
}
