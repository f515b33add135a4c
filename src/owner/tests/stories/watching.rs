//! A watching owner: what it does of itself, what others do to it, and what it misses while it is away.

use crate::world::{START, World, keeping};
use layr_host::ports::{HostLedger as _, OnLedger};
use layr_market::SlotState;
use layr_owner::views::SettleStep;
use layr_owner::{HostNet as _, Silent, WatchAct, WatchPolicy};
use layr_protocol::CoSigned;
use layr_types::{AgreementId, DAY_SECONDS, NodeKey};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub async fn stored() -> World {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 3)).await.unwrap();
    world
}

/// The newest revision a host holds, with both signatures.
pub async fn latest(world: &World, node: NodeKey, id: AgreementId) -> CoSigned {
    let client = world.net.rpc(node).await.unwrap();
    let mut context = tarpc::context::current();
    context.deadline = Instant::now() + Duration::from_secs(3);
    client.latest(context, id).await.unwrap().unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watching_owner_audits_daily_and_says_when_to_look_again() {
    let world = stored().await;
    let policy = WatchPolicy::default();
    let first = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    assert_eq!((first.audits.len(), first.acts.len()), (0, 0), "audited at the upload: {first:?}");
    let tenth = DAY_SECONDS / 10;
    assert!(first.next.0.abs_diff(START.plus(DAY_SECONDS).0) <= tenth, "a day, give or take a tenth");
    world.ledger.chain.set_now(START.plus(DAY_SECONDS + tenth));
    let second = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    assert_eq!(second.audits.len(), 3);
    assert!(second.next > first.next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_revision_published_by_the_host_is_published_over() {
    let world = stored().await;
    let view = world.owner.agreements().await.unwrap().remove(0);
    let old = latest(&world, view.host, view.id).await;
    world.ledger.chain.set_now(START.plus(DAY_SECONDS * 11 / 10));
    world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    let newest = latest(&world, view.host, view.id).await;
    assert!(newest.revision.n > old.revision.n);
    let at = OnLedger { terms: view.terms.clone(), state: SlotState::opening(&view.terms) };
    world.ledger.chain.publish(at, old.clone()).await.unwrap();
    let shown = world.owner.agreements().await.unwrap();
    let shown = shown.iter().find(|shown| shown.id == view.id).unwrap();
    assert_eq!((shown.published, shown.revision), (old.revision.n, newest.revision.n));
    let report = world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    assert_eq!(report.acts.len(), 1, "{report:?}");
    assert_eq!((report.acts[0].act, report.acts[0].agreement), (WatchAct::Published, view.id));
    assert!(report.acts[0].tx.is_some());
    let again = world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    assert!(again.acts.is_empty(), "once is enough: {again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_away_for_a_whole_window_is_told_what_became_of_its_money() {
    let world = stored().await;
    let before = world.owner.agreements().await.unwrap();
    let view = &before[0];
    let old = latest(&world, view.host, view.id).await;
    // The owner moves on, then is away; the host shows the ledger an older revision, and never proves it.
    world.ledger.chain.set_now(START.plus(DAY_SECONDS));
    world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    let at = OnLedger { terms: view.terms.clone(), state: SlotState::opening(&view.terms) };
    world.ledger.chain.publish(at, old.clone()).await.unwrap();
    let over = view.terms.proof_deadline(view.terms.end).plus(DAY_SECONDS);
    world.ledger.chain.set_now(over);
    let report = world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap();
    let settled = report.settled.unwrap();
    assert_eq!(settled.agreements.len(), 3);
    for known in &before {
        let found = settled.agreements.iter().find(|found| found.id == known.id).unwrap();
        assert_eq!(found.step, SettleStep::Expired, "{found:?}");
        let (settled, end) = (layr_market::Settled::default(), known.terms.end);
        let outcome = match known.id == view.id {
            // Frozen as the host left it: the newer one is worth nothing any more, the older one still counts.
            true => layr_market::Outcome::Missed(&old.revision),
            // Nobody published anything: all but the base fee comes back, and the claim to collateral is lost.
            false => layr_market::Outcome::Unused,
        };
        let shares = layr_market::settle(&known.terms, settled, end, outcome).unwrap();
        assert_eq!((found.to_owner, found.burned), (Some(shares.owner), Some(shares.burn)));
        let newest = known.newest.as_ref().unwrap();
        let claim = layr_market::settle(&known.terms, settled, end, layr_market::Outcome::Missed(newest));
        let lost = claim.unwrap().owner - shares.owner;
        assert_eq!(found.forgone.is_some(), lost > layr_types::Stroops::ZERO, "{found:?} {lost}");
    }
    assert!(report.timeline.is_empty(), "nothing is at risk any more");
}
