//! The end of an agreement, by consent, by proof, by sleeping, and through crashes.

use super::*;
use crate::AgreementState;
use crate::ports::Slot;
use layr_market::{Outcome as Ended, Settled, settle};

/// A world with one agreement that holds three sectors.
async fn stored() -> (World, Owner) {
    let world = World::new(8);
    let mut owner = Owner::open(&world, 1, 4).await;
    owner.store(&world, &[1, 2, 3], START).await.expect("stored");
    (world, owner)
}

/// After the settlement every slot is free again once the trash has been emptied.
async fn assert_all_free(world: &World, from: UnixSeconds) {
    world.at(from).await;
    world.assert_books();
    world.at(from.plus(world.config.trash_life + 1)).await;
    world.assert_books();
    let space = world.host.space();
    assert_eq!((space.free, space.reserved, space.live, space.trash), (8, 0, 0, 0));
    let status = world.host.status().await.expect("readable");
    assert_eq!((status.agreements.len(), status.closed), (0, 1));
}

#[tokio::test]
async fn an_end_by_consent_pays_what_settle_says_and_frees_the_space() {
    let (world, owner) = stored().await;
    world.ledger.set_now(owner.terms.end.plus(1));
    let finish = owner.finish(FinalReason::TermOver);
    let signature = world.host.finish(owner.key, finish.clone()).await.expect("signed");
    assert_eq!(world.host.finish(owner.key, finish.clone()).await, Ok(signature), "the same split again");
    let (append, _) = owner.append(&[root_of(&sector(1))], owner.terms.end);
    assert_eq!(world.host.append(owner.key, append).await, Err(Refusal::Ended));
    let after = world.crash(0);
    after.at(owner.terms.end.plus(700)).await;
    assert_eq!(after.ledger.calls(), ["close"], "the owner did not close it, so the host does");
    let expected = settle(&owner.terms, Settled::default(), owner.terms.end, Ended::Proved(&owner.newest));
    assert_eq!(Ok(after.ledger.paid()[0].settlement), expected);
    after.at(owner.terms.end.plus(800)).await;
    let income = expected.expect("fits").host - owner.terms.collateral;
    assert_eq!(after.host.status().await.expect("readable").paid, income);
    assert_all_free(&after, owner.terms.end.plus(900)).await;
}

#[tokio::test]
async fn no_other_split_is_signed() {
    let (world, owner) = stored().await;
    let early = owner.finish(FinalReason::TermOver);
    assert_eq!(
        world.host.finish(owner.key, early).await,
        Err(Refusal::SplitMismatch),
        "the term is not over"
    );
    world.ledger.set_now(owner.terms.end.plus(1));
    let fair = owner.finish(FinalReason::TermOver);
    for shift in [-1i128, 1, 1_000_000] {
        let mut split = fair.split;
        split.host += Stroops(shift);
        split.owner -= Stroops(shift);
        let finish = Finish { signature: owner.signer.sign(&split.digest(&SoftwareSha256)), split };
        assert_eq!(world.host.finish(owner.key, finish).await, Err(Refusal::SplitMismatch));
    }
    let mut stale = fair.split;
    stale.n = 0;
    let finish = Finish { signature: owner.signer.sign(&stale.digest(&SoftwareSha256)), split: stale };
    assert_eq!(world.host.finish(owner.key, finish).await, Err(Refusal::Stale { newest: 1 }));
    let forged = Finish { signature: Signature([3; 64]), ..fair.clone() };
    assert_eq!(world.host.finish(owner.key, forged).await, Err(Refusal::BadSignature));
    assert!(world.host.finish(owner.key, fair).await.is_ok());
}

#[tokio::test]
async fn an_early_end_pays_the_notice_and_never_less_than_until_now() {
    let (world, mut owner) = stored().await;
    let late = START.plus(u64::from(owner.terms.notice) + 100);
    world.ledger.set_now(late);
    let stale = owner.finish(FinalReason::Early);
    assert_eq!(world.host.finish(owner.key, stale).await, Err(Refusal::SplitMismatch), "paid until the past");
    let ack = owner.audit(&world, 1, late).await.expect("answered");
    world.host.acknowledge(owner.key, ack.clone()).await.map(drop).expect("countersigned");
    owner.newest = ack.revision;
    let early = owner.finish(FinalReason::Early);
    let until = late.plus(u64::from(owner.terms.notice));
    let expected =
        settle(&owner.terms, Settled::default(), until, Ended::Proved(&owner.newest)).expect("fits");
    assert_eq!(early.split.host, expected.host);
    assert!(world.host.finish(owner.key, early).await.is_ok());
}

#[tokio::test]
async fn a_host_whose_owner_vanished_publishes_proves_and_is_paid_in_full() {
    let (world, owner) = stored().await;
    let (end, terms) = (owner.terms.end, &owner.terms);
    world.at(end.plus(10)).await;
    assert!(world.ledger.calls().is_empty(), "it waits a while for the owner");
    world.at(end.plus(u64::from(terms.publish_window) / 4)).await;
    assert_eq!(world.ledger.calls(), ["publish"]);
    world.at(end.plus(u64::from(terms.publish_window) / 2)).await;
    assert_eq!(world.ledger.calls(), ["publish"], "once");
    let frozen = terms.freezes_at(end);
    world.at(frozen.plus(3_700)).await;
    assert_eq!(world.ledger.calls(), ["publish", "post_beacon", "prove"]);
    let expected = settle(terms, Settled::default(), end, Ended::Proved(&owner.newest)).expect("fits");
    assert_eq!(world.ledger.paid()[0].settlement, expected);
    assert!(expected.host > terms.collateral + terms.base_fee);
    assert_all_free(&world, frozen.plus(3_800)).await;
}

#[tokio::test]
async fn an_agreement_that_was_never_used_returns_the_collateral_and_the_base_fee() {
    let world = World::new(8);
    let owner = Owner::open(&world, 1, 4).await;
    let over = owner.terms.proof_deadline(owner.terms.end).plus(1);
    world.at(owner.terms.end.plus(50_000)).await;
    world.at(over).await;
    assert_eq!(world.ledger.calls(), ["expire"]);
    let paid = world.ledger.paid()[0].settlement;
    assert_eq!(paid.host, owner.terms.base_fee + owner.terms.collateral);
    assert_all_free(&world, over.plus(100)).await;
}

#[tokio::test]
async fn a_host_that_lost_the_data_cannot_prove_and_loses_only_what_it_risked() {
    let (world, owner) = stored().await;
    world.at(owner.terms.end.plus(u64::from(owner.terms.publish_window) / 4)).await;
    (0..3).for_each(|slot| world.sectors.break_slot(Slot(slot)));
    let frozen = owner.terms.freezes_at(owner.terms.end);
    let tick = world.at(frozen.plus(3_700)).await;
    assert_eq!(tick.failed, 1, "the proof does not hold");
    let over = owner.terms.proof_deadline(owner.terms.end).plus(1);
    world.at(over).await;
    let expected =
        settle(&owner.terms, Settled::default(), over, Ended::Missed(&owner.newest)).expect("fits");
    assert_eq!(world.ledger.paid()[0].settlement, expected);
    assert_all_free(&world, over.plus(100)).await;
}

#[tokio::test]
async fn crashing_after_every_step_settles_exactly_once() {
    for kept in [0, 1, 100] {
        let (mut world, owner) = stored().await;
        let frozen = owner.terms.freezes_at(owner.terms.end);
        let quarter = u64::from(owner.terms.publish_window) / 4;
        let moments = [owner.terms.end.plus(quarter), owner.terms.end.plus(2 * quarter), frozen.plus(3_700)];
        for moment in moments.into_iter().chain((1..6).map(|i| frozen.plus(3_700 + i * 700))) {
            world.at(moment).await;
            world = world.crash(kept);
            world.at(moment).await;
            world.assert_books();
        }
        let paid = world.ledger.paid();
        assert_eq!(paid.len(), 1, "paid once, whatever the crash kept ({kept})");
        assert_eq!(world.ledger.calls(), ["publish", "post_beacon", "prove"]);
        let space = world.host.space();
        assert_eq!((space.free, space.live, space.trash), (8, 0, 0));
    }
}

#[tokio::test]
async fn a_lost_answer_never_makes_the_host_repeat_what_happened() {
    let (mut world, owner) = stored().await;
    world.ledger.set_mute(true);
    let frozen = owner.terms.freezes_at(owner.terms.end);
    let publish_at = owner.terms.end.plus(u64::from(owner.terms.publish_window) / 4);
    for moment in [publish_at, frozen.plus(3_700)] {
        for later in 0..40 {
            world.at(moment.plus(later * 60)).await;
            world = world.restart();
        }
    }
    assert_eq!(world.ledger.calls(), ["publish", "post_beacon", "prove"]);
    assert_eq!(world.ledger.tries(), 2, "the slot told it that both had happened");
    let income = world.ledger.paid()[0].settlement.host - owner.terms.collateral;
    assert_eq!(world.host.status().await.expect("readable").paid, income);
}

#[tokio::test]
async fn a_ledger_that_refuses_is_asked_ever_more_rarely() {
    let (world, owner) = stored().await;
    world.ledger.set_refusing(true);
    let publish_at = owner.terms.end.plus(u64::from(owner.terms.publish_window) / 4);
    let mut tries = Vec::new();
    for minute in 0..240 {
        world.at(publish_at.plus(minute * 60)).await;
        if minute % 60 == 59 {
            tries.push(world.ledger.tries());
        }
    }
    assert!(tries[0] <= 9, "in the first hour: {tries:?}");
    assert!(tries[3] - tries[2] <= 4, "in the fourth: {tries:?}");
    assert!(tries[3] > tries[2], "but it goes on: {tries:?}");
    world.ledger.set_refusing(false);
    world.at(publish_at.plus(5 * 3_600)).await;
    assert_eq!(world.ledger.calls(), ["publish"]);
}

#[tokio::test]
async fn an_unreachable_ledger_is_asked_again_and_nothing_is_lost() {
    let (world, owner) = stored().await;
    let publish_at = owner.terms.end.plus(u64::from(owner.terms.publish_window) / 4);
    world.ledger.set_now(publish_at);
    world.ledger.set_down(true);
    world.host.tick().await.expect_err("the clock cannot be read");
    world.ledger.set_down(false);
    world.at(publish_at.plus(60)).await;
    assert_eq!(world.ledger.calls(), ["publish"]);
}

#[tokio::test]
async fn the_status_tells_space_income_and_money_at_risk() {
    let (world, owner) = stored().await;
    world.ledger.set_now(START.plus(86_400));
    world.host.tick().await.expect("a round");
    let status = world.host.status().await.expect("readable");
    let one = &status.agreements[0];
    assert_eq!((one.state, one.stored), (AgreementState::Open, ByteCount::from_sectors(3).expect("small")));
    assert_eq!(status.at_risk, owner.newest.risk);
    assert!(status.accrued > owner.terms.base_fee && status.paid == Stroops::ZERO);
    assert_eq!((status.space.live, status.space.reserved, status.space.free), (3, 1, 4));
}

#[tokio::test(start_paused = true)]
async fn the_watcher_wakes_by_itself_and_stops_when_told() {
    let world = World::new(4);
    let owner = Owner::proposed(&world, 1, 2).await.expect("agreed");
    let stop = tokio_util::sync::CancellationToken::new();
    let every = Duration::from_secs(5);
    let watching = tokio::spawn(crate::run_watcher(Arc::clone(&world.host), every, stop.clone()));
    let scrubbing = tokio::spawn(crate::run_scrub(Arc::clone(&world.host), Some(every), stop.clone()));
    world.ledger.set_now(owner.terms.offer_expiry.plus(1));
    while world.host.space().reserved > 0 {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    stop.cancel();
    watching.await.expect("the watcher ends");
    scrubbing.await.expect("the scrub ends");
}
