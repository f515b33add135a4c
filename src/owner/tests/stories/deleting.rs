//! Deleting gives back exactly what nothing needs any more, whatever happens on the way.

use crate::world::{Mode, World, keeping, noise};
use layr_owner::{AuditTarget, RemoveReport, RemoveRequest, Silent, ViewError, WatchPolicy};
use layr_types::{ByteCount, SECTOR_BYTES, Stroops};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const BYTES: usize = 5_000_000;
/// Shards of such a file at 2/3: two full segments and a last one of one sector.
const SHARDS: u64 = 3 + 3 + 3;

fn these(names: &[&str]) -> RemoveRequest {
    RemoveRequest { names: names.iter().map(|name| (*name).to_owned()).collect(), ..RemoveRequest::default() }
}

async fn remove(world: &World, request: &RemoveRequest) -> Result<RemoveReport, ViewError> {
    world.owner.remove(request, Arc::new(Silent)).await
}

/// Sectors that hosts hold for anybody.
fn live(world: &World) -> u64 {
    world.all().iter().map(|guest| guest.host.space().live).sum()
}

fn books_hold(world: &World, at: usize) {
    for guest in world.all() {
        assert_eq!(guest.host.space(), guest.host.recount().unwrap(), "write {at}");
    }
}

/// A world of three hosts with two files at 2/3.
async fn stored() -> World {
    let world = World::new(3, 64);
    for name in ["a.bin", "b.bin"] {
        world.upload(&world.file(name, BYTES), &keeping(2, 3)).await.unwrap();
    }
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_files_room_holds_the_next_file_under_the_same_agreements() {
    let mut world = stored().await;
    let before = live(&world);
    let dry = RemoveRequest { dry_run: true, ..these(&["a.bin"]) };
    let told = remove(&world, &dry).await.unwrap();
    assert_eq!((live(&world), world.owner.list("").unwrap().len()), (before, 2), "nothing was done");
    let done = remove(&world, &these(&["a.bin"])).await.unwrap();
    assert_eq!((&done.files, done.segments, done.shared), (&told.files, told.segments, told.shared));
    assert!(done.freed >= told.freed && done.money >= told.money && done.money > Stroops::ZERO, "{done:?}");
    assert_eq!(done.left, ByteCount::ZERO);
    // One new head of the catalogue at each host; the one before last goes with the file.
    assert!(live(&world) <= before - SHARDS + 3, "{} of {before}", live(&world));
    assert!(world.download("a.bin").await.is_err());
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    world.upload(&world.file("c.bin", BYTES), &keeping(2, 3)).await.unwrap();
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened, "no new agreement");
    for name in ["b.bin", "c.bin"] {
        assert_eq!(world.download(name).await.unwrap(), noise(BYTES, name));
    }
    assert!(world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap().all_passed());
    books_hold(&world, 0);
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    let names: Vec<String> = world.owner.list("").unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["b.bin", "c.bin"], "the network's catalogue knows");
    assert_eq!(world.download("b.bin").await.unwrap(), noise(BYTES, "b.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_frees_once_and_loses_nothing() {
    for at in 1.. {
        let mut world = stored().await;
        let written = world.records.writes();
        world.records.refuse_when(move |number, _| number >= written + at);
        let done = remove(&world, &these(&["a.bin"])).await.is_ok_and(|done| done.left == ByteCount::ZERO);
        world.records.heal();
        world.restart();
        let there = world.owner.list("").unwrap().iter().any(|file| file.name == "a.bin");
        let names: &[&str] = if there { &["a.bin"] } else { &[] };
        let last = remove(&world, &these(names)).await.unwrap_or_else(|error| panic!("write {at}: {error}"));
        assert_eq!(last.left, ByteCount::ZERO, "write {at}: {last:?}");
        let names: Vec<String> = world.owner.list("").unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["b.bin"], "write {at}");
        books_hold(&world, at);
        let agreements = world.owner.agreements().await.unwrap();
        let signed: u64 = agreements.iter().map(|view| view.stored.whole_sectors()).sum();
        // The file's three segments and at most three versions of the catalogue; beyond what is signed for there is
        // at most a head that nobody signed for, which hosts let go of by themselves.
        assert!(signed <= SHARDS + 3 * 3, "write {at}: {signed} sectors");
        assert!((signed..=signed + 6).contains(&live(&world)), "write {at}: {} of {signed}", live(&world));
        assert_eq!(world.download("b.bin").await.unwrap(), noise(BYTES, "b.bin"), "write {at}");
        assert!(
            world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap().all_passed(),
            "write {at}"
        );
        if done {
            assert!(at > 8, "deleting has many writes, not {at}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_file_needs_is_kept_until_it_goes_too() {
    let world = World::new(3, 64);
    let (first, copy) = (world.file("first.bin", BYTES), world.folder.path().join("copy.bin"));
    std::fs::copy(&first, &copy).unwrap();
    world.upload(&first, &keeping(2, 3)).await.unwrap();
    let sent = world.upload(&copy, &keeping(2, 3)).await.unwrap().sent;
    assert_eq!(sent, ByteCount::ZERO, "the copy lies in the same segments");
    let small: Vec<_> = (0..6).map(|number| world.file(&format!("s{number}"), 9_000)).collect();
    world.owner.upload(world.request(&small, &keeping(2, 3)), Arc::new(Silent)).await.unwrap();
    let done = remove(&world, &these(&["first.bin", "s9"])).await;
    assert!(matches!(done, Err(ViewError::NoSuchFile(name)) if name == "s9"), "nothing is deleted then");
    assert_eq!(world.owner.list("").unwrap().len(), 8);
    let done = remove(&world, &these(&["first.bin", "s0"])).await.unwrap();
    assert_eq!((done.segments, done.shared), (0, 4), "{done:?}");
    assert_eq!(world.download("copy.bin").await.unwrap(), noise(BYTES, "first.bin"));
    assert_eq!(world.download("s5").await.unwrap(), noise(9_000, "s5"));
    let rest = RemoveRequest { prefix: Some("s".into()), ..these(&["copy.bin"]) };
    let done = remove(&world, &rest).await.unwrap();
    assert_eq!((done.segments, done.shared, done.files.len()), (4, 0, 6), "{done:?}");
    assert!(world.owner.list("").unwrap().is_empty());
    remove(&world, &RemoveRequest::default()).await.unwrap();
    assert!(live(&world) <= 3 * 3, "only the catalogue is left: {}", live(&world));
    books_hold(&world, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_away_frees_when_it_is_back() {
    let world = stored().await;
    let node = world.all()[0].node;
    let before = world.guest(&node).host.space().live;
    world.guest(&node).set(Mode::Dead);
    let done = remove(&world, &these(&["a.bin"])).await.unwrap();
    assert!(done.left > ByteCount::ZERO && done.freed > ByteCount::ZERO, "{done:?}");
    assert!(done.hosts.iter().any(|host| host.host == node && host.left > 0 && host.detail.is_some()));
    world.guest(&node).set(Mode::Up);
    world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    assert!(world.guest(&node).host.space().live < before);
    let nothing = remove(&world, &RemoveRequest::default()).await.unwrap();
    assert_eq!(nothing.left, ByteCount::ZERO);
    assert_eq!(world.download("b.bin").await.unwrap(), noise(BYTES, "b.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_machine_deletes_what_it_recovered_and_stores_again() {
    let mut world = stored().await;
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    let before = live(&world);
    let done = remove(&world, &these(&["a.bin"])).await.unwrap();
    assert_eq!((done.left, done.segments), (ByteCount::ZERO, 3), "{done:?}");
    assert!(live(&world) <= before - SHARDS + 3);
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    world.upload(&world.file("c.bin", BYTES), &keeping(2, 3)).await.unwrap();
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened, "its agreements can be used again");
    assert_eq!(world.download("b.bin").await.unwrap(), noise(BYTES, "b.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replacing_a_file_again_and_again_takes_no_more_room() {
    let world = World::new(3, 64);
    let mut most = 0;
    for version in 0..6u8 {
        let path = world.file("same.bin", BYTES);
        std::fs::write(&path, noise(BYTES, &format!("version {version}"))).unwrap();
        world.upload(&path, &keeping(2, 3)).await.unwrap();
        remove(&world, &RemoveRequest::default()).await.unwrap();
        most = most.max(live(&world));
    }
    assert!(most <= SHARDS + 3 * 3, "{most} sectors");
    assert_eq!(world.download("same.bin").await.unwrap(), noise(BYTES, "version 5"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_confesses_loses_only_what_it_lost() {
    let world = stored().await;
    let node = world.all()[0].node;
    let view =
        |views: Vec<layr_owner::AgreementView>| views.into_iter().find(|one| one.host == node).unwrap();
    let before = view(world.owner.agreements().await.unwrap());
    let guest = world.guest(&node);
    guest.sectors.rot(layr_host::ports::Slot(0), 99);
    while guest.host.scrub_on(64).await.unwrap().next.is_some() {}
    let round = world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    assert!(round.acts.is_empty(), "nobody is challenged: {round:?}");
    let after = view(world.owner.agreements().await.unwrap());
    assert_eq!(after.stored.0, before.stored.0 - SECTOR_BYTES as u64, "the lost sector is given up");
    let risk = |view: &layr_owner::AgreementView| view.newest.as_ref().unwrap().risk;
    assert!(risk(&after) < risk(&before) && risk(&after) > Stroops::ZERO);
    assert_eq!(after.audits_bad, before.audits_bad, "no audit had to find it");
    for name in ["a.bin", "b.bin"] {
        assert_eq!(world.download(name).await.unwrap(), noise(BYTES, name));
    }
    assert!(world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap().all_passed());
    books_hold(&world, 0);
}
