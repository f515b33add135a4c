//! Repair: what hosts lost comes back on other hosts without the source file, whatever fails meanwhile.

use crate::world::{Guest, Mode, START, World, keeping, noise};
use layr_owner::views::AgreementStage;
use layr_owner::{RepairReport, RepairRequest, RepairTarget, RepairWatch, Silent, UploadError, WatchPolicy};
use layr_placement::Condition;
use layr_types::{DAY_SECONDS, NodeKey, Stroops};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Four segments at 2/4, the last one nearly full: none of them has a smaller code.
pub const BYTES: usize = 8_200_000;

async fn repair(world: &World, request: &RepairRequest) -> Result<RepairReport, UploadError> {
    world.owner.repair(request, Arc::new(Silent)).await
}

pub fn all() -> RepairRequest {
    RepairRequest::default()
}

/// The hosts that hold the file's shards, in order.
fn holders(world: &World, name: &str) -> Vec<NodeKey> {
    let shown = world.owner.show(name).unwrap();
    let mut nodes: Vec<NodeKey> = shown.hosts.iter().map(|host| host.node).collect();
    nodes.sort_unstable();
    nodes
}

pub fn kill(world: &World, nodes: &[NodeKey]) {
    nodes.iter().for_each(|node| world.guest(node).set(Mode::Dead));
}

/// A world with this file on four of its nine hosts at 2/4; the file itself is gone.
pub async fn stored() -> (World, Vec<NodeKey>) {
    let world = World::new(9, 64);
    let path = world.file("film", BYTES);
    world.upload(&path, &keeping(2, 4)).await.unwrap();
    std::fs::remove_file(path).unwrap();
    let nodes = holders(&world, "film");
    (world, nodes)
}

pub async fn assert_whole(world: &World, gone: &[NodeKey]) {
    let shown = world.owner.show("film").unwrap();
    assert_eq!((shown.health.survivors, shown.health.made), (4, 4));
    assert!(shown.segments.iter().all(|segment| segment.survivors == segment.profile.n()));
    let nodes = holders(world, "film");
    assert!(nodes.iter().all(|node| !gone.contains(node)), "dead shards are forgotten");
    assert_eq!(world.download("film").await.unwrap(), noise(BYTES, "film"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_shards_come_back_on_other_hosts_and_those_alone_suffice() {
    let (world, nodes) = stored().await;
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    kill(&world, &nodes[..2]);
    let report = repair(&world, &all()).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!((report.rebuilt, report.unplaced, report.lost.len()), (report.wanted, 0, 0), "{report:?}");
    assert_eq!(report.gone, nodes[..2]);
    assert_eq!(report.opened.len(), 2);
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened + 2);
    assert!(report.catalogue_saved);
    assert_whole(&world, &nodes[..2]).await;
    kill(&world, &nodes[2..]);
    assert_eq!(world.download("film").await.unwrap(), noise(BYTES, "film"), "the rebuilt shards alone serve");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_machine_finds_what_was_repaired() {
    let (mut world, nodes) = stored().await;
    kill(&world, &nodes[..2]);
    repair(&world, &all()).await.unwrap();
    kill(&world, &nodes[2..3]);
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    assert_eq!(world.download("film").await.unwrap(), noise(BYTES, "film"));
    assert!(holders(&world, "film").iter().all(|node| !nodes[..2].contains(node)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_damaged_costs_nothing() {
    let (world, _) = stored().await;
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    let report = repair(&world, &all()).await.unwrap();
    assert!(report.is_whole());
    assert_eq!(
        (report.wanted, report.rebuilt, report.escrow, report.fees),
        (0, 0, Stroops::ZERO, Stroops::ZERO)
    );
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_quotes_and_a_limit_below_the_quote_opens_nothing() {
    let (world, nodes) = stored().await;
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    kill(&world, &nodes[..1]);
    let dry = repair(&world, &RepairRequest { dry_run: true, ..all() }).await.unwrap();
    let quote = dry.quote.expect("a host is needed");
    assert_eq!((dry.rebuilt, quote.hosts.len()), (0, 1));
    let limit = Some(Stroops(quote.total.0 - 1));
    let refused = repair(&world, &RepairRequest { max_cost: limit, ..all() }).await.unwrap_err();
    assert!(refused.to_string().contains("more than the limit"), "{refused}");
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened);
    let exact = RepairRequest { max_cost: Some(quote.total), ..all() };
    let report = repair(&world, &exact).await.unwrap();
    assert!(report.is_whole() && report.escrow + report.fees <= quote.total, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_a_living_host_has_lost_are_rebuilt_elsewhere() {
    let (world, nodes) = stored().await;
    let guest = world.guest(&nodes[0]);
    for slot in 0..64 {
        (0..1 << 20).step_by(1024).for_each(|byte| guest.sectors.rot(layr_host::ports::Slot(slot), byte));
    }
    let report = repair(&world, &all()).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_whole(&world, &nodes[..1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fewer_than_k_is_lost_by_name_without_waiting_or_paying() {
    let (world, nodes) = stored().await;
    world.upload(&world.file("small", 10), &keeping(1, 4)).await.unwrap();
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    kill(&world, &nodes[..3]);
    let began = Instant::now();
    let request = RepairRequest { target: RepairTarget::Named("film".into()), ..all() };
    let report = repair(&world, &request).await.unwrap();
    assert!(began.elapsed().as_secs() < 20, "nothing hangs");
    assert!(!report.is_whole() && report.after.lost == report.before.lost && report.before.lost > 0);
    let lost = &report.lost[0];
    assert_eq!((lost.files.as_slice(), lost.left, lost.needed), (["film".to_owned()].as_slice(), 1, 2));
    let gone: HashSet<NodeKey> = lost.gone.iter().copied().collect();
    assert!(gone.iter().all(|node| nodes[..3].contains(node)) && !gone.is_empty());
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened, "nothing is paid for what is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_destroyed_during_the_repair_are_replaced_and_survivors_are_enough() {
    let (world, nodes) = stored().await;
    kill(&world, &nodes[..1]);
    // One of those that stay dies after its audit, while it is read; every newcomer but the last two dies at its
    // second shard.
    let fresh: Vec<Arc<Guest>> =
        world.all().into_iter().filter(|guest| !nodes.contains(&guest.node)).collect();
    for guest in &fresh[..3] {
        guest.dies_after.store(1 << 20, Ordering::SeqCst);
    }
    let report = repair(&world, &all()).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_whole(&world, &nodes[..1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_no_host_left_the_report_says_so_and_more_hosts_later_help() {
    let (world, nodes) = stored().await;
    kill(&world, &nodes[..1]);
    let fresh: Vec<NodeKey> =
        world.all().iter().map(|guest| guest.node).filter(|node| !nodes.contains(node)).collect();
    kill(&world, &fresh);
    let refused = repair(&world, &all()).await.unwrap_err();
    assert!(refused.to_string().contains("hosts"), "{refused}");
    fresh.iter().for_each(|node| world.guest(node).set(Mode::Up));
    assert!(repair(&world, &all()).await.unwrap().is_whole());
}

/// Repairs with every write from number `at` on refused; true if it got through before that.
async fn crash(world: &World, at: usize) -> bool {
    world.records.refuse_when(move |number, _| number >= at);
    let done = repair(world, &all()).await.is_ok_and(|report| report.is_whole() && report.catalogue_saved);
    world.records.heal();
    done
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_of_a_repair_pays_nothing_twice_and_loses_nothing() {
    let mut at = 1;
    loop {
        let mut world = World::new(6, 64);
        let path: PathBuf = world.file("film", 3_000_000);
        world.upload(&path, &keeping(2, 3)).await.unwrap();
        let nodes = holders(&world, "film");
        let opened = world.ledger.opened.load(Ordering::SeqCst);
        kill(&world, &nodes[..1]);
        let done = crash(&world, at).await;
        world.restart();
        let report = repair(&world, &all()).await.unwrap_or_else(|error| panic!("write {at}: {error}"));
        assert!(report.is_whole(), "write {at}: {report:?}");
        assert_eq!(
            world.ledger.opened.load(Ordering::SeqCst),
            opened + 1,
            "write {at}: money was locked twice"
        );
        assert!(!holders(&world, "film").contains(&nodes[0]), "write {at}");
        assert_eq!(world.download("film").await.unwrap(), noise(3_000_000, "film"), "write {at}");
        let views = world.owner.agreements().await.unwrap();
        let locked: Stroops = views.iter().map(|view| view.terms.escrow).sum();
        assert_eq!(world.owner.wallet().await.unwrap().escrow, locked, "write {at}");
        if done {
            break;
        }
        at += 1;
    }
    assert!(at > 8, "a repair has many writes, not {at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_shards_with_one_operator_count_as_damage_and_move_once_there_is_another_host() {
    let world = World::new(6, 64);
    let guests = world.all();
    // An upload takes as many hosts of one operator as may fail together: two, and the two others.
    guests[..3].iter().for_each(|guest| "acme".clone_into(&mut guest.operator.lock().unwrap()));
    guests[5].set(Mode::Dead);
    world.upload(&world.file("film", BYTES), &keeping(2, 4)).await.unwrap();
    let acme = |nodes: &[NodeKey]| guests[..3].iter().filter(|guest| nodes.contains(&guest.node)).count();
    assert_eq!(acme(&holders(&world, "film")), 2);
    let shown = world.owner.show("film").unwrap();
    assert_eq!((shown.health.survivors, shown.health.condition), (4, Condition::AtRisk), "{shown:?}");
    let opened = world.ledger.opened.load(Ordering::SeqCst);
    let refused = repair(&world, &all()).await.unwrap_err();
    assert!(refused.to_string().contains("operator") || refused.to_string().contains("hosts"), "{refused}");
    assert_eq!(world.ledger.opened.load(Ordering::SeqCst), opened, "a third of the same helps nobody");

    guests[5].set(Mode::Up);
    let report = repair(&world, &all()).await.unwrap();
    assert!(report.is_whole(), "{report:?}");
    let shown = world.owner.show("film").unwrap();
    assert_eq!(shown.health.condition, Condition::Healthy, "no segment has two of them: {shown:?}");
    assert_whole(&world, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watching_owner_repairs_within_its_budget_once_silence_has_lasted() {
    let (world, nodes) = stored().await;
    kill(&world, &nodes[..1]);
    let budget = Stroops::from_xlm(10);
    let how = RepairWatch { budget, patience: DAY_SECONDS, ..RepairWatch::default() };
    let policy = WatchPolicy { challenge: false, repair: Some(how), ..WatchPolicy::default() };
    let end = Instant::now() + Duration::from_secs(30);
    let done = loop {
        let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        assert!(Instant::now() < end, "silence is noticed within a few days: {report:?}");
        match (report.repaired, report.repair_trouble) {
            (Some(done), None) => break done,
            (None, None) => world.ledger.chain.set_now(report.next),
            // Hosts have not seen yet how late it is: their offers have expired.
            (_, Some(_)) => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let passed = world.owner_now().await.since(START);
    // The first audit comes up to a tenth of a day early.
    assert!(passed >= DAY_SECONDS * 19 / 10, "offline is not lost: {passed} s");
    assert!(done.is_whole() && done.escrow + done.fees <= budget, "{done:?}");
    assert_whole(&world, &nodes[..1]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_money_of_a_lost_file_comes_back_from_hosts_that_vanished() {
    let (world, nodes) = stored().await;
    // One stays: where nobody at all answers, the fault is taken to be one's own.
    kill(&world, &nodes[..3]);
    let lost = repair(&world, &all()).await.unwrap();
    assert!(lost.after.lost > 0 && lost.lost.iter().all(|one| one.left == 1), "{lost:?}");
    let policy = WatchPolicy { repair: Some(RepairWatch::default()), ..WatchPolicy::default() };
    let mut rounds = 0;
    while world.owner.agreements().await.unwrap().iter().any(|view| view.stage != AgreementStage::Settled) {
        rounds += 1;
        assert!(rounds < 400, "the agreements of vanished hosts are settled");
        let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        let now = world.owner_now().await;
        world.ledger.chain.set_now(report.next.max(now.plus(3_600)));
    }
    assert_eq!(world.owner.wallet().await.unwrap().escrow, Stroops::ZERO);
    let refunded: Stroops =
        world.owner.agreements().await.unwrap().iter().filter_map(|view| view.refunded).sum();
    assert!(refunded > Stroops::ZERO, "what hosts did not earn comes back");
}
