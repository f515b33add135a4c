//! A crash at every single write of the journal: nothing is paid twice, nothing acknowledged is sent again.

use crate::world::{World, keeping, noise};
use layr_types::{SECTOR_BYTES, Stroops};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

const BYTES: usize = 5_000_000;
/// Data shards of the file at 2/3: two full segments and a last one of one sector.
const SHARDS: u64 = 3 + 3 + 2;

/// Uploads with every write from number `at` on refused; true if it got through before that.
async fn crash(world: &World, path: &PathBuf, at: usize) -> bool {
    world.records.refuse_when(move |number, _| number >= at);
    let done = world.upload(path, &keeping(2, 3)).await.is_ok();
    world.records.heal();
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_costs_nothing_and_loses_nothing() {
    let mut at = 1;
    loop {
        let mut world = World::new(4, 64);
        let path = world.file("a.bin", BYTES);
        let done = crash(&world, &path, at).await;
        world.restart();
        let acknowledged = world.owner.jobs().unwrap().first().map_or(0, |job| job.acknowledged);
        let signed_off = world.owner.list("").unwrap().len() == 1;
        let report =
            world.upload(&path, &keeping(2, 3)).await.unwrap_or_else(|error| panic!("write {at}: {error}"));
        let sent = report.sent.0 / SECTOR_BYTES as u64;
        let expected = if signed_off { 0 } else { SHARDS.saturating_sub(acknowledged) };
        assert_eq!(sent, expected, "write {at}: {acknowledged} shards were acknowledged");
        let opened = world.ledger.opened.load(Ordering::SeqCst);
        assert_eq!(opened, 3, "write {at}: money was locked twice");
        let wallet = world.owner.wallet().await.unwrap();
        let locked: Stroops =
            world.owner.agreements().await.unwrap().iter().map(|view| view.terms.escrow).sum();
        assert_eq!(wallet.escrow, locked, "write {at}");
        assert!(world.owner.jobs().unwrap().is_empty(), "write {at}");
        assert_eq!(world.download("a.bin").await.unwrap(), noise(BYTES, "a.bin"), "write {at}");
        for guest in world.all() {
            assert_eq!(guest.host.space(), guest.host.recount().unwrap(), "write {at}");
        }
        if done {
            break;
        }
        at += 1;
    }
    assert!(at > 15, "an upload has many writes, not {at}");
}
