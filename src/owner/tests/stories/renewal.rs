//! New terms take over slot, money and contents, whatever happens on the way.

use crate::world::{Mishap, Mode, START, World, keeping, noise, open};
use layr_owner::error::SettleCause;
use layr_owner::twins::MemoryRecords;
use layr_owner::{
    AuditTarget, DownloadRequest, RenewPolicy, RenewRequest, SettleOptions, Silent, Target, WatchPolicy,
};
use layr_types::{AgreementId, DAY_SECONDS, Stroops, UnixSeconds};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const LATE: UnixSeconds = UnixSeconds(START.0 + 25 * DAY_SECONDS);

async fn stored(hosts: u8, k: u8, n: u8) -> World {
    let world = World::new(hosts, 64);
    world.upload(&world.file("a.bin", 3_000_000), &keeping(k, n)).await.unwrap();
    world.ledger.chain.set_now(LATE);
    world
}

async fn running(world: &World) -> Vec<AgreementId> {
    let views = world.owner.agreements().await.unwrap();
    views.iter().filter(|view| view.refunded.is_none()).map(|view| view.id).collect()
}

fn these(ids: &[AgreementId]) -> RenewRequest {
    RenewRequest { ids: Some(ids.to_vec()), ..RenewRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_moves_no_data_and_everything_is_found_under_the_new_agreements() {
    let mut world = stored(4, 2, 4).await;
    let old = running(&world).await;
    let (puts, before) = (world.puts(), world.owner.wallet().await.unwrap());
    let dry = RenewRequest { dry_run: true, ..these(&old) };
    let told = world.owner.renew(&dry, Arc::new(Silent)).await.unwrap();
    assert_eq!((told.renewed.len(), told.txs.len(), running(&world).await), (4, 0, old.clone()));
    let report = world.owner.renew(&these(&old), Arc::new(Silent)).await.unwrap();
    assert_eq!((report.renewed.len(), report.txs.len(), report.failed.len()), (4, 1, 0), "{report:?}");
    assert!(world.puts() - puts <= 4, "only the catalogue's head travels");
    let after = world.owner.wallet().await.unwrap();
    assert_eq!(before.balance - after.balance, report.net + report.fees);
    let now = running(&world).await;
    assert!(now.len() == 4 && now.iter().all(|id| !old.contains(id)));
    let end = LATE.plus(30 * DAY_SECONDS);
    assert_eq!(world.owner.list("").unwrap()[0].expires, Some(end));
    assert_eq!(world.download("a.bin").await.unwrap(), noise(3_000_000, "a.bin"));
    assert!(world.owner.audit(AuditTarget::All, Arc::new(Silent)).await.unwrap().all_passed());
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    assert_eq!(world.download("a.bin").await.unwrap(), noise(3_000_000, "a.bin"));
    world.ledger.chain.set_now(end.plus(60));
    let settled = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    assert_eq!((settled.agreements.len(), world.ledger.chain.paid().len()), (4, 8), "{settled:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_of_a_renewal_renews_once_and_loses_nothing() {
    for at in 1.. {
        let mut world = stored(3, 2, 3).await;
        let old = running(&world).await;
        let from = world.records.writes();
        world.records.refuse_when(move |number, _| number >= from + at - 1);
        let done =
            world.owner.renew(&these(&old), Arc::new(Silent)).await.is_ok_and(|done| done.failed.is_empty());
        // Whoever restores another machine now finds everything too, wherever the first one stopped.
        let rows = Arc::new(MemoryRecords::new());
        let other = open(&world.identity, &world.net, &world.ledger, &rows);
        other.recover(Arc::new(Silent)).await.unwrap_or_else(|error| panic!("write {at}: {error:?}"));
        let path = world.folder.path().join("other");
        let target = Target::File { path: path.clone(), force: true };
        let request = DownloadRequest { name: "a.bin".into(), range: None, target, max_cost: None };
        other
            .download(request, Arc::new(Silent))
            .await
            .unwrap_or_else(|error| panic!("write {at}: {error:?}"));
        assert_eq!(std::fs::read(path).unwrap(), noise(3_000_000, "a.bin"), "write {at}");
        world.restart();
        let again = world.owner.renew(&these(&old), Arc::new(Silent)).await;
        let again = again.unwrap_or_else(|error| panic!("write {at}: {error:?}"));
        assert!(again.failed.is_empty(), "write {at}: {again:?}");
        let renewed = world.ledger.renewed.load(Ordering::SeqCst);
        assert_eq!((renewed, running(&world).await.len()), (3, 3), "write {at}: {again:?}");
        assert_eq!(world.download("a.bin").await.unwrap(), noise(3_000_000, "a.bin"), "write {at}");
        let policy = WatchPolicy { audit_every: None, ..WatchPolicy::default() };
        world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        world.second_machine();
        world.owner.recover(Arc::new(Silent)).await.unwrap();
        assert_eq!(running(&world).await.len(), 3, "write {at}");
        if done {
            assert!(at > 8, "a renewal has many writes, not {at}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_the_ledger_never_renews_twice() {
    for mishap in [Mishap::AnswerLost, Mishap::NeverApplied, Mishap::Down] {
        let mut world = stored(3, 2, 3).await;
        let old = running(&world).await;
        *world.ledger.mishap.lock().unwrap() = Some(mishap);
        world.owner.renew(&these(&old), Arc::new(Silent)).await.unwrap_err();
        world.restart();
        let again = world.owner.renew(&these(&old), Arc::new(Silent)).await.unwrap();
        assert!(again.failed.is_empty(), "{mishap:?}: {again:?}");
        assert_eq!(world.ledger.renewed.load(Ordering::SeqCst), 3, "{mishap:?}");
        assert_eq!(running(&world).await.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_dear_or_unsound_is_not_renewed_and_the_rest_is() {
    let world = stored(4, 2, 4).await;
    let old = running(&world).await;
    let tight = RenewRequest { max_cost: Some(Stroops(1)), ..these(&old) };
    let error = world.owner.renew(&tight, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::OverBudget { .. }), "{error:?}");
    assert_eq!(running(&world).await.len(), 4);
    let cheap = RenewRequest { max_rate: Some(1), ids: None, ..RenewRequest::default() };
    world.ledger.chain.set_now(LATE.plus(DAY_SECONDS));
    let report = world.owner.renew(&cheap, Arc::new(Silent)).await.unwrap();
    assert_eq!((report.renewed.len(), report.failed.len()), (0, 4), "{report:?}");
    world.all()[0].set(Mode::Dead);
    let report = world.owner.renew(&these(&old), Arc::new(Silent)).await.unwrap();
    assert_eq!((report.renewed.len(), report.failed.len()), (3, 1), "{report:?}");
    assert_eq!(world.download("a.bin").await.unwrap(), noise(3_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watching_owner_renews_near_the_end_within_its_budget_and_sleeps_until_then() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 3)).await.unwrap();
    let policy =
        WatchPolicy { audit_every: None, renew: Some(RenewPolicy::default()), ..WatchPolicy::default() };
    world.ledger.chain.set_now(START.plus(23 * DAY_SECONDS - 3_600));
    let early = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    assert!(early.renewed.is_none(), "{early:?}");
    assert_eq!(early.next, START.plus(23 * DAY_SECONDS));
    world.ledger.chain.set_now(early.next);
    let poor = RenewPolicy { budget: Stroops(1), ..RenewPolicy::default() };
    let refused = WatchPolicy { renew: Some(poor), ..policy.clone() };
    assert!(world.owner.watch_once(&refused, Arc::new(Silent)).await.is_err(), "a budget is a budget");
    let done = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    assert_eq!(done.renewed.map(|renewed| renewed.renewed.len()), Some(3));
    let after = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    assert!(after.renewed.is_none(), "once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_the_ledger_refuses_is_sent_one_by_one() {
    let world = stored(3, 2, 3).await;
    let old = running(&world).await;
    world.ledger.picky.store(true, Ordering::SeqCst);
    let report = world.owner.renew(&these(&old), Arc::new(Silent)).await.unwrap();
    assert_eq!((report.renewed.len(), report.txs.len(), report.failed.len()), (3, 3, 0), "{report:?}");
    world.ledger.chain.set_now(LATE.plus(30 * DAY_SECONDS + 60));
    let settled = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    assert!(settled.agreements.iter().all(|view| view.step == layr_owner::views::SettleStep::Closed));
    assert_eq!(world.ledger.chain.paid().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_deleting_a_renewal_agrees_on_less_and_what_is_let_expire_is_not_renewed() {
    let world = World::new(3, 128);
    world.upload(&world.file("a.bin", 20_000_000), &keeping(1, 3)).await.unwrap();
    world.upload(&world.file("b.bin", 1_000_000), &keeping(1, 3)).await.unwrap();
    let names = vec!["a.bin".to_owned()];
    let delete = layr_owner::RemoveRequest { names, ..layr_owner::RemoveRequest::default() };
    world.owner.remove(&delete, Arc::new(Silent)).await.unwrap();
    world.ledger.chain.set_now(LATE);
    let old = running(&world).await;
    let capacity = |views: &[layr_owner::AgreementView], id: &AgreementId| {
        views.iter().find(|view| view.id == *id).unwrap().capacity
    };
    let before = world.owner.agreements().await.unwrap();
    let shrunk = RenewRequest { shrink: true, ..these(&old[..1]) };
    let done = world.owner.renew(&shrunk, Arc::new(Silent)).await.unwrap();
    let after = world.owner.agreements().await.unwrap();
    let new = done.renewed[0].new.unwrap();
    assert!(capacity(&after, &new) < capacity(&before, &old[0]), "{done:?}");
    assert_eq!(world.download("b.bin").await.unwrap(), noise(1_000_000, "b.bin"));

    world.owner.let_expire(&old[1..2], true).unwrap();
    let policy =
        WatchPolicy { renew: Some(RenewPolicy::default()), audit_every: None, ..WatchPolicy::default() };
    let round = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    let renewed: Vec<AgreementId> = round.renewed.unwrap().renewed.iter().map(|one| one.old).collect();
    assert_eq!(renewed, old[2..3], "neither the one just renewed nor the one let go");
    let ahead = world.owner.outlook(30 * DAY_SECONDS).await.unwrap();
    assert_eq!(ahead.ends.first().map(|end| (end.agreement, end.let_expire)), Some((old[1], true)));
    world.owner.let_expire(&old[1..2], false).unwrap();
    let round = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    assert_eq!(round.renewed.unwrap().renewed.len(), 1);
}
