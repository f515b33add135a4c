//! Disputes: hosts that lost data or vanished, honest hosts that are challenged, and owners that come back.

use crate::watching::stored;
use crate::world::{FEE, FUNDS, Guest, Mode, START, World, keeping, noise, open};
use layr_host::ports::Slot;
use layr_market::{MoveError, Outcome, Settled, settle};
use layr_owner::error::SettleCause;
use layr_owner::twins::MemoryRecords;
use layr_owner::views::{AgreementStage, SettleStep};
use layr_owner::{
    AgreementView, Ask, CloseRequest, CloseStep, DisputeRequest, DueBy, DueStep, SettleOptions, Silent,
    Suspicion, WatchAct, WatchPolicy, WatchReport,
};
use layr_types::{DAY_SECONDS, Stroops, UnixSeconds};
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn watch(world: &World) -> WatchReport {
    world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.unwrap()
}

async fn agreement_with(world: &World, guest: &Guest) -> AgreementView {
    let views = world.owner.agreements().await.unwrap();
    views.into_iter().find(|view| view.host == guest.node).unwrap()
}

fn lose_everything(guest: &Guest) {
    (0..40).for_each(|slot| (0..1024).for_each(|leaf| guest.sectors.rot(Slot(slot), leaf * 1024)));
}

/// Watches day by day until a host is challenged; the report of that day.
async fn until_challenged(world: &World, guest: &Guest) -> WatchReport {
    for day in 1..12 {
        world.ledger.chain.set_now(START.plus(day * DAY_SECONDS));
        let report = watch(world).await;
        if let Some(act) = report.acts.first() {
            assert_eq!((act.host, act.tx.is_some()), (guest.node, true), "{report:?}");
            return report;
        }
    }
    panic!("never challenged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vanished_host_is_challenged_and_defaulted_and_the_owner_made_whole() {
    let world = stored().await;
    let gone = world.all()[0].clone();
    gone.set(Mode::Dead);
    let report = until_challenged(&world, &gone).await;
    assert_eq!(report.acts[0].act, WatchAct::Challenged(Suspicion::Vanished));
    let view = agreement_with(&world, &gone).await;
    assert_eq!((view.stage, view.published), (AgreementStage::Challenged, view.revision));
    let next = view.next.clone().unwrap();
    assert_eq!((next.step, next.by), (DueStep::Answer, DueBy::Host));
    let before = world.owner.wallet().await.unwrap().balance;
    world.ledger.chain.set_now(next.until.unwrap().plus(1));
    let due = world.owner.money_at_risk().await.unwrap();
    assert_eq!((due[0].agreement, due[0].step, due[0].by), (view.id, DueStep::Default, DueBy::Anyone));
    let policy = WatchPolicy { audit_every: None, ..WatchPolicy::default() };
    let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
    let settled = report.settled.unwrap();
    let ended = settled.agreements.iter().find(|ended| ended.id == view.id).unwrap();
    assert_eq!(ended.step, SettleStep::Defaulted, "{settled:?}");
    let outcome = Outcome::Missed(view.newest.as_ref().unwrap());
    let missed = settle(&view.terms, Settled::default(), view.end, outcome).unwrap();
    assert_eq!((ended.to_owner, ended.burned), (Some(missed.owner), Some(missed.burn)));
    let bond = view.terms.disclosure_price.max(Stroops(1));
    let after = world.owner.wallet().await.unwrap().balance;
    assert_eq!(after - before, missed.owner + bond - FEE, "the bond came back too");
    assert!(settled.agreements.iter().filter(|view| view.step == SettleStep::Running).count() == 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_lost_data_is_challenged_at_once_and_cannot_answer() {
    let world = stored().await;
    let cheater = world.all()[1].clone();
    lose_everything(&cheater);
    world.ledger.chain.set_now(START.plus(DAY_SECONDS * 11 / 10));
    let report = watch(&world).await;
    assert_eq!(report.acts.len(), 1, "{report:?}");
    assert_eq!(
        (report.acts[0].host, report.acts[0].act),
        (cheater.node, WatchAct::Challenged(Suspicion::Lost))
    );
    let view = agreement_with(&world, &cheater).await;
    let deadline = view.next.unwrap().until.unwrap();
    world.ledger.chain.set_now(UnixSeconds(deadline.0 - 60));
    let _cannot = cheater.host.tick().await;
    world.ledger.chain.set_now(deadline.plus(1));
    let settled = watch(&world).await.settled.unwrap();
    let ended = settled.agreements.iter().find(|ended| ended.id == view.id).unwrap();
    assert_eq!(ended.step, SettleStep::Defaulted);
    assert!(ended.burned.unwrap() > Stroops::ZERO);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_challenged_that_is_not_worth_it_or_beyond_the_limit() {
    let world = stored().await;
    lose_everything(&world.all()[1]);
    world.ledger.chain.set_now(START.plus(DAY_SECONDS * 11 / 10));
    for policy in [
        WatchPolicy { max_bond: Stroops::ZERO, ..WatchPolicy::default() },
        WatchPolicy { challenge: false, ..WatchPolicy::default() },
    ] {
        let report = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap();
        assert!(report.acts.is_empty(), "{report:?}");
    }
    let dry = WatchPolicy { dry_run: true, ..WatchPolicy::default() };
    let balance = world.owner.wallet().await.unwrap().balance;
    let report = world.owner.watch_once(&dry, Arc::new(Silent)).await.unwrap();
    assert_eq!((report.acts.len(), report.acts[0].tx), (1, None));
    assert_eq!(world.owner.wallet().await.unwrap().balance, balance);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_honest_host_answers_and_keeps_the_bond_and_what_it_vested() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 5_000_000), &keeping(2, 3)).await.unwrap();
    let guest = world.all()[2].clone();
    let view = agreement_with(&world, &guest).await;
    world.ledger.chain.set_now(START.plus(2 * DAY_SECONDS));
    for ask in [Ask::Random, Ask::File("a.bin".into())] {
        let request = DisputeRequest { id: view.id, ask, bond: None, max_cost: None, dry_run: true };
        let told = world.owner.dispute(request.clone(), Arc::new(Silent)).await.unwrap();
        assert_eq!((told.published, told.challenged), (None, None));
        assert_eq!(agreement_with(&world, &guest).await.stage, AgreementStage::Running, "nothing was sent");
        let request = DisputeRequest { dry_run: false, ..request };
        let done = world.owner.dispute(request.clone(), Arc::new(Silent)).await.unwrap();
        assert!(done.challenged.is_some() && done.if_silent.unwrap() > Stroops::ZERO);
        let error = world.owner.dispute(request, Arc::new(Silent)).await.unwrap_err();
        assert!(matches!(error.cause, SettleCause::Move(MoveError::Phase)), "one at a time: {error:?}");
        world.ledger.chain.set_now(UnixSeconds(done.deadline.0 - 600));
        for _ in 0..4 {
            guest.host.tick().await.unwrap();
            world.ledger.chain.set_now(UnixSeconds(world.owner_now().await.0 + 30));
        }
        let shown = agreement_with(&world, &guest).await;
        assert_eq!(shown.stage, AgreementStage::Running, "answered: {shown:?}");
        world.ledger.chain.set_now(done.deadline.plus(2 * DAY_SECONDS));
    }
    assert!(agreement_with(&world, &guest).await.vested > view.terms.base_fee, "the random one vested");
    let report = watch(&world).await;
    assert!(report.acts.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_ledgers_events_no_longer_tell_the_host_does() {
    let world = World::new(3, 64);
    world.upload(&world.file("a.bin", 5_000_000), &keeping(2, 3)).await.unwrap();
    let guest = world.all()[2].clone();
    let view = agreement_with(&world, &guest).await;
    world.ledger.chain.set_now(START.plus(2 * DAY_SECONDS));
    let request =
        DisputeRequest { id: view.id, ask: Ask::Random, bond: None, max_cost: None, dry_run: false };
    let done = world.owner.dispute(request, Arc::new(Silent)).await.unwrap();
    world.ledger.chain.set_now(UnixSeconds(done.deadline.0 - 600));
    for _ in 0..4 {
        guest.host.tick().await.unwrap();
        world.ledger.chain.set_now(UnixSeconds(world.owner_now().await.0 + 30));
    }
    // Nothing this owner knows explains the state that the answer led to.
    world.ledger.forgets.store(true, Ordering::SeqCst);
    guest.set(Mode::Dead);
    let settle = SettleOptions { dry_run: true, ..SettleOptions::default() };
    let report = world.owner.settle(settle, Arc::new(Silent)).await.unwrap();
    let found = report.agreements.iter().find(|found| found.id == view.id).unwrap();
    assert_eq!(found.step, SettleStep::Unexplained);
    guest.set(Mode::Up);
    let report = world.owner.settle(settle, Arc::new(Silent)).await.unwrap();
    let found = report.agreements.iter().find(|found| found.id == view.id).unwrap();
    assert_ne!(found.step, SettleStep::Unexplained, "the host tells, and the ledger's 32 bytes agree");
    assert!(agreement_with(&world, &guest).await.vested > view.terms.base_fee);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_that_the_contract_would_refuse_is_refused_before_anything_is_sent() {
    let world = stored().await;
    let view = world.owner.agreements().await.unwrap().remove(0);
    let request = |ask| DisputeRequest { id: view.id, ask, bond: None, max_cost: None, dry_run: false };
    let dear = DisputeRequest { max_cost: Some(Stroops(1)), ..request(Ask::Random) };
    let error = world.owner.dispute(dear, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::OverBudget { .. }), "{error:?}");
    let error = world.owner.dispute(request(Ask::Named(Vec::new())), Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::Leaves { named: 0, .. }), "{error:?}");
    let error = world.owner.dispute(request(Ask::File("b".into())), Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::NothingOfFile { .. }), "{error:?}");
    world.ledger.chain.set_now(UnixSeconds(view.end.0 - 600));
    let error = world.owner.dispute(request(Ask::Random), Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::Move(MoveError::Stage)), "too late: {error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_host_is_given_notice_and_the_agreement_ends_early() {
    let world = stored().await;
    let guest = world.all()[0].clone();
    let view = agreement_with(&world, &guest).await;
    world.ledger.chain.set_now(START.plus(2 * DAY_SECONDS));
    let close = CloseRequest { id: view.id, notice: true, dry_run: true };
    let told = world.owner.close(close, Arc::new(Silent)).await.unwrap();
    assert_eq!((told.step, told.to_owner.is_some()), (CloseStep::WouldClose, true));
    guest.set(Mode::Dead);
    let done = world.owner.close(CloseRequest { dry_run: false, ..close }, Arc::new(Silent)).await.unwrap();
    assert_eq!(done.step, CloseStep::Noticed, "{done:?}");
    let noticed = agreement_with(&world, &guest).await;
    assert_eq!((noticed.ending_at, noticed.stage), (done.at, AgreementStage::Running));
    assert!(noticed.ending_at < view.end);
    world.ledger.chain.set_now(done.at.plus(60));
    let policy = WatchPolicy { audit_every: None, challenge: false, ..WatchPolicy::default() };
    let settled = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap().settled.unwrap();
    let step = |steps: &layr_owner::SettleReport| {
        steps.agreements.iter().find(|one| one.id == view.id).unwrap().step
    };
    assert_eq!(step(&settled), SettleStep::Published);
    world.ledger.chain.set_now(view.terms.proof_deadline(done.at).plus(1));
    let settled = world.owner.watch_once(&policy, Arc::new(Silent)).await.unwrap().settled.unwrap();
    assert_eq!(step(&settled), SettleStep::Expired);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_willing_host_closes_early_by_consent_and_only_that_agreement() {
    let world = stored().await;
    let view = world.owner.agreements().await.unwrap().remove(0);
    let close = CloseRequest { id: view.id, notice: false, dry_run: false };
    let early = world.owner.close(close, Arc::new(Silent)).await.unwrap();
    assert_eq!(early.step, CloseStep::Waiting, "the same terms could still be opened again");
    world.ledger.chain.set_now(START.plus(2 * DAY_SECONDS));
    let done = world.owner.close(close, Arc::new(Silent)).await.unwrap();
    assert_eq!(done.step, CloseStep::Closed, "{done:?}");
    assert_eq!(world.ledger.chain.paid().len(), 1);
    let error = world.owner.close(close, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::NotOpen(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_file_restored_on_a_second_machine_goes_on_with_a_dispute() {
    let mut world = World::new(4, 64);
    world.upload(&world.file("a.bin", 1_000_000), &keeping(2, 4)).await.unwrap();
    let gone = world.all()[0].clone();
    // The host answers while the second machine restores itself, and proves nothing.
    lose_everything(&gone);
    world.ledger.chain.set_now(START.plus(DAY_SECONDS * 11 / 10));
    let report = watch(&world).await;
    assert_eq!(report.acts[0].host, gone.node);
    let known = agreement_with(&world, &gone).await;
    world.second_machine();
    world.owner.recover(Arc::new(Silent)).await.unwrap();
    let view = agreement_with(&world, &gone).await;
    assert_eq!((view.id, view.stage), (known.id, AgreementStage::Challenged));
    world.ledger.chain.set_now(view.next.unwrap().until.unwrap().plus(1));
    let settled = watch(&world).await.settled.unwrap();
    let ended = settled.agreements.iter().find(|ended| ended.id == view.id).unwrap();
    assert_eq!(ended.step, SettleStep::Defaulted);
    assert_eq!(world.download("a.bin").await.unwrap(), noise(1_000_000, "a.bin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_machines_that_submit_the_same_pay_once() {
    let world = stored().await;
    let end = world.owner.agreements().await.unwrap()[0].end;
    let records = Arc::new(MemoryRecords::new());
    let second = open(&world.identity, &world.net, &world.ledger, &records);
    second.recover(Arc::new(Silent)).await.unwrap();
    world.ledger.chain.set_now(end.plus(60));
    let (first, other) = futures::join!(
        world.owner.settle(SettleOptions::default(), Arc::new(Silent)),
        second.settle(SettleOptions::default(), Arc::new(Silent)),
    );
    let _ended = (first.unwrap(), other.unwrap());
    assert_eq!(world.ledger.chain.paid().len(), 3);
    for owner in [&world.owner, &second] {
        owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
        let views = owner.agreements().await.unwrap();
        assert!(views.iter().all(|view| view.stage == AgreementStage::Settled), "{views:?}");
    }
    let wallet = world.owner.wallet().await.unwrap();
    let back: Stroops = world.ledger.chain.paid().iter().map(|paid| paid.settlement.owner).sum();
    let escrow: Stroops = world.owner.agreements().await.unwrap().iter().map(|view| view.escrow).sum();
    assert!(FUNDS - escrow + back - wallet.balance <= Stroops(6 * FEE.0), "fees, and nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_write_of_a_dispute_challenges_once() {
    for at in 1.. {
        let mut world = stored().await;
        lose_everything(&world.all()[1]);
        world.ledger.chain.set_now(START.plus(DAY_SECONDS * 11 / 10));
        let from = world.records.writes();
        world.records.refuse_when(move |number, _| number >= from + at - 1);
        let done = world.owner.watch_once(&WatchPolicy::default(), Arc::new(Silent)).await.is_ok();
        world.restart();
        watch(&world).await;
        let view = agreement_with(&world, &world.all()[1]).await;
        assert_eq!(view.stage, AgreementStage::Challenged, "write {at}");
        let challenges = world.ledger.chain.calls().iter().filter(|call| **call == "challenge").count();
        assert_eq!(challenges, 1, "write {at}");
        if done {
            assert!(at > 6, "a dispute has several writes, not {at}");
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_away_when_a_long_absent_owner_returns_has_not_vanished() {
    let world = stored().await;
    let away = world.all()[0].clone();
    world.ledger.chain.set_now(START.plus(12 * DAY_SECONDS));
    away.set(Mode::Dead);
    let report = watch(&world).await;
    assert_eq!((report.audits.len(), report.acts.len()), (3, 0), "{report:?}");
    world.ledger.chain.set_now(START.plus(13 * DAY_SECONDS));
    away.set(Mode::Up);
    assert!(watch(&world).await.acts.is_empty());
    world.ledger.chain.set_now(START.plus(17 * DAY_SECONDS));
    away.set(Mode::Dead);
    assert!(watch(&world).await.acts.is_empty(), "it answered in between");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proof_that_a_host_prepared_is_brought_to_the_ledger_by_anybody() {
    let world = stored().await;
    let guest = world.all()[0].clone();
    let view = agreement_with(&world, &guest).await;
    guest.set(Mode::Dead);
    world.ledger.chain.set_now(view.end.plus(60));
    let settled = world.owner.settle(SettleOptions::default(), Arc::new(Silent)).await.unwrap();
    let step = settled.agreements.iter().find(|one| one.id == view.id).unwrap().step;
    assert_eq!(step, SettleStep::Published);
    let published = agreement_with(&world, &guest).await;
    world.ledger.chain.set_now(view.terms.freezes_at(view.end).plus(2 * 3_600));
    let proof = guest.host.export_proof(view.id).await.unwrap();
    let told = world.owner.submit_prepared(&proof, true, Arc::new(Silent)).await.unwrap();
    assert_eq!((told.tx, told.answer, told.cost), (None, false, None), "its beacon round is not posted yet");
    let mut torn = proof.clone();
    torn.context.contract = layr_types::ContractId([9; 32]);
    let error = world.owner.submit_prepared(&torn, false, Arc::new(Silent)).await.unwrap_err();
    assert!(matches!(error.cause, SettleCause::Prepared(_)), "{error:?}");
    let done = world.owner.submit_prepared(&proof, false, Arc::new(Silent)).await.unwrap();
    assert!(done.tx.is_some());
    let proved = Outcome::Proved(published.newest.as_ref().unwrap());
    let fair = settle(&view.terms, Settled::default(), view.end, proved).unwrap();
    let paid = world.ledger.chain.paid();
    assert_eq!(paid.iter().find(|paid| paid.id == view.id).map(|paid| paid.settlement), Some(fair));
    assert_eq!(agreement_with(&world, &guest).await.refunded, Some(fair.owner));
}
