//! A crash at every single write of the journal: nothing is paid twice, nothing acknowledged is sent again.

use crate::world::{World, keeping, noise};
use layr_owner::Space;
use layr_types::{SECTOR_BYTES, Stroops};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hosts_forgot_while_an_upload_lay_still_is_sent_to_them_again() {
    let mut world = World::new(3, 64);
    let path = world.file("a.bin", BYTES);
    // It stops where the first revision would be written down: everything is acknowledged, nothing is signed for.
    let sending = AtomicBool::new(false);
    world.records.refuse_when(move |_, batch| {
        let touches = |space| batch.changes.iter().any(|(one, ..)| *one == space);
        sending.fetch_or(touches(Space::Acks), Ordering::SeqCst);
        sending.load(Ordering::SeqCst) && touches(Space::Agreements)
    });
    world.upload(&path, &keeping(2, 3)).await.unwrap_err();
    world.records.heal();
    world.restart();
    let acknowledged = world.owner.jobs().unwrap()[0].acknowledged;
    assert!(acknowledged >= SHARDS, "{acknowledged} shards were acknowledged");
    world.ledger.chain.set_now(world.owner_now().await.plus(3 * 86_400));
    for guest in world.all() {
        guest.host.tick().await.unwrap();
    }
    let report = world.upload(&path, &keeping(2, 3)).await.unwrap();
    assert!(report.replaced.is_empty(), "hosts that kept their word were given up: {report:?}");
    assert_eq!(report.sent.0 / SECTOR_BYTES as u64, SHARDS, "all of it is sent again");
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), 3, "money was locked twice");
    assert_eq!(world.download("a.bin").await.unwrap(), noise(BYTES, "a.bin"));
}
