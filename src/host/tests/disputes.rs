//! Disputes in mid-term: challenges answered in time, what is earned made safe, notice, rotation, and everything
//! that others do on the ledger.

use super::*;
use crate::ports::{OnLedger, Response, Slot};
use crate::{AgreementState, Planned};
use layr_market::{
    Challenge as Demand, ChallengeKind, Notice, Outcome as Ended, Party, Phase, Rotation, Settled,
    named_leaves_hash, settle,
};
use layr_protocol::{CoSigned, Prepared, PreparedCall, PreparedError, PreparedProof, SignedVoucher};

const DAY: u64 = 86_400;

/// A world with one agreement that holds three sectors.
pub(super) async fn stored() -> (World, Owner) {
    let world = World::new(8);
    let mut owner = Owner::open(&world, 1, 4).await;
    owner.store(&world, &[1, 2, 3], START).await.expect("stored");
    (world, owner)
}

/// The agreement as the ledger has it now.
pub(super) fn on_ledger(world: &World, owner: &Owner) -> OnLedger {
    let state = world.ledger.told(&owner.id).unwrap_or_else(|| SlotState::opening(&owner.terms));
    OnLedger { terms: owner.terms.clone(), state }
}

async fn latest(world: &World, owner: &Owner) -> CoSigned {
    world.host.latest(owner.key, owner.id).await.expect("told").expect("signed")
}

pub(super) async fn published_by_owner(world: &World, owner: &Owner) {
    let newest = latest(world, owner).await;
    world.ledger.publish_by_owner(&on_ledger(world, owner), &newest).expect("taken");
}

fn demand(world: &World, owner: &Owner, named: &[u64]) -> (Demand, Vec<u8>) {
    let state = on_ledger(world, owner).state;
    let list: Vec<u8> = named.iter().flat_map(|leaf| leaf.to_be_bytes()).collect();
    let random = named.is_empty();
    let demand = Demand {
        id: owner.id,
        n: state.n,
        count: state.challenge.count,
        kind: if random { ChallengeKind::Random } else { ChallengeKind::Named },
        by: Party::Owner,
        bond: owner.terms.disclosure_price,
        leaves_hash: if random { [0; 32] } else { named_leaves_hash(&SoftwareSha256, &list) },
        expires: owner.terms.end,
    };
    (demand, list)
}

/// The owner publishes and challenges: named leaves, or at random.
pub(super) async fn challenged(world: &World, owner: &Owner, named: &[u64]) {
    if on_ledger(world, owner).state.n == 0 {
        published_by_owner(world, owner).await;
    }
    let (demand, list) = demand(world, owner, named);
    world.ledger.open_challenge(&on_ledger(world, owner), &demand, &list).expect("taken");
}

pub(super) fn calls_of_host(world: &World) -> Vec<&'static str> {
    let others = ["owner's publish", "challenge", "notice", "start_rotation", "finish_rotation"];
    world.ledger.calls().into_iter().filter(|call| !others.contains(call)).collect()
}

#[tokio::test]
async fn a_named_challenge_is_answered_at_once_and_the_bond_is_the_hosts() {
    let (world, owner) = stored().await;
    let before = world.ledger.deposited();
    challenged(&world, &owner, &[0, 1_500, 3_071, 9_999_999]).await;
    world.at(START.plus(60)).await;
    assert_eq!(calls_of_host(&world), ["respond"]);
    assert_eq!(on_ledger(&world, &owner).state.phase, Phase::Active);
    assert_eq!(world.ledger.deposited() - before, owner.terms.disclosure_price);
    world.at(START.plus(120)).await;
    assert_eq!(calls_of_host(&world), ["respond"], "once");
}

#[tokio::test]
async fn a_random_challenge_waits_for_its_round_and_vests_what_was_earned() {
    let (world, owner) = stored().await;
    world.ledger.set_now(START.plus(DAY));
    challenged(&world, &owner, &[]).await;
    let state = on_ledger(&world, &owner).state;
    let frozen = state.challenge.freezes_at(&owner.terms);
    world.at(START.plus(DAY + 60)).await;
    assert!(calls_of_host(&world).is_empty(), "its round does not exist yet");
    world.at(frozen.plus(3_700)).await;
    assert_eq!(calls_of_host(&world), ["post_beacon", "respond"]);
    let earned = owner.newest.paid + owner.newest.earned_since(&owner.terms, frozen).expect("fits");
    assert_eq!(on_ledger(&world, &owner).state.floor, earned);
    assert!(earned > owner.terms.base_fee);
}

#[tokio::test]
async fn a_random_challenge_is_re_aimed_at_the_newest_revision_before_it_freezes() {
    let (world, mut owner) = stored().await;
    published_by_owner(&world, &owner).await;
    owner.store(&world, &[4], START).await.expect("stored");
    challenged(&world, &owner, &[]).await;
    for hour in 0..30 {
        world.at(START.plus(60 + hour * 3_600)).await;
    }
    assert_eq!(calls_of_host(&world), ["publish", "post_beacon", "respond"]);
    assert_eq!(on_ledger(&world, &owner).state.n, 2);
}

#[tokio::test]
async fn what_was_earned_is_made_safe_when_the_owner_falls_silent_and_not_before() {
    let mut config = World::new(8).config;
    config.offer.rate = 500_000_000;
    let ledger = Arc::new(MemoryLedger::new(context(), START, Stroops::from_xlm(1_000_000)));
    let world = World::over(config, MemoryRecords::default(), MemorySectors::new(8), ledger);
    let mut owner = Owner::open(&world, 1, 4).await;
    owner.store(&world, &[1, 2, 3], START).await.expect("stored");
    for day in 1..=2 {
        let now = START.plus(day * DAY);
        world.at(now).await;
        let ack = owner.audit(&world, u8::try_from(day).expect("small"), now).await.expect("answered");
        world.host.acknowledge(owner.key, ack.clone()).await.map(drop).expect("countersigned");
        owner.newest = ack.revision;
        let ack = owner.audit(&world, 100, now).await.expect("answered");
        world.host.acknowledge(owner.key, ack.clone()).await.map(drop).expect("countersigned");
        owner.newest = ack.revision;
    }
    world.at(START.plus(4 * DAY)).await;
    assert!(world.ledger.calls().is_empty(), "an owner that acknowledges is never challenged");
    for hour in 0..60 {
        world.at(START.plus(5 * DAY + hour * 3_600)).await;
    }
    assert_eq!(world.ledger.calls(), ["publish", "challenge", "post_beacon", "respond"]);
    let floor = on_ledger(&world, &owner).state.floor;
    assert!(floor > owner.newest.paid, "vested {floor} of {}", owner.newest.paid);
    (0..3).for_each(|slot| world.sectors.break_slot(Slot(slot)));
    for hour in 0..80 {
        world.at(owner.terms.end.plus(hour * 3_600)).await;
    }
    let paid = world.ledger.paid()[0].settlement;
    assert!(paid.host >= floor + owner.terms.collateral - owner.newest.risk, "and it is paid after a loss");
}

#[tokio::test]
async fn a_voucher_is_redeemed_before_the_settlement_when_no_split_is_signed() {
    let (mut world, owner) = stored().await;
    let voucher = layr_market::Voucher { id: owner.id, amount: VOUCHER_PART, bytes: ByteCount(7) };
    let signature = owner.signer.sign(&voucher.digest(&SoftwareSha256));
    world.host.voucher(owner.key, SignedVoucher { voucher, signature }).await.expect("taken");
    world.config.offer.redeem_above = Stroops(1);
    let world = world.restart();
    let (end, terms) = (owner.terms.end, &owner.terms);
    for hour in 0..40 {
        world.at(end.plus(hour * 3_600)).await;
    }
    assert_eq!(world.ledger.calls(), ["publish", "redeem", "post_beacon", "prove"]);
    let settled = Settled { voucher: VOUCHER_PART, ..Settled::default() };
    let expected = settle(terms, settled, end, Ended::Proved(&owner.newest)).expect("fits");
    assert_eq!(world.ledger.paid()[0].settlement, expected);
}

#[tokio::test]
async fn a_voucher_below_the_fee_is_left_alone() {
    let (world, owner) = stored().await;
    let voucher = layr_market::Voucher { id: owner.id, amount: VOUCHER_PART, bytes: ByteCount(7) };
    let signature = owner.signer.sign(&voucher.digest(&SoftwareSha256));
    world.host.voucher(owner.key, SignedVoucher { voucher, signature }).await.expect("taken");
    for hour in 0..40 {
        world.at(owner.terms.end.plus(hour * 3_600)).await;
    }
    assert_eq!(world.ledger.calls(), ["publish", "post_beacon", "prove"]);
}

#[tokio::test]
async fn a_host_that_leaves_gives_notice_once_and_the_earlier_end_is_followed() {
    let (world, owner) = stored().await;
    world.host.leave(None).expect("written down");
    world.at(START.plus(60)).await;
    let world = world.crash(0);
    world.at(START.plus(120)).await;
    world.at(START.plus(180)).await;
    assert_eq!(world.ledger.calls(), ["start_close"]);
    let ending = on_ledger(&world, &owner).state.ending_at;
    assert!(ending < START.plus(u64::from(owner.terms.notice) + 3_600));
    for hour in 0..60 {
        world.at(ending.plus(hour * 3_600)).await;
    }
    assert_eq!(world.ledger.calls(), ["start_close", "publish", "post_beacon", "prove"]);
    let expected = settle(&owner.terms, Settled::default(), ending, Ended::Proved(&owner.newest));
    assert_eq!(Ok(world.ledger.paid()[0].settlement), expected);
}

#[tokio::test]
async fn an_owners_notice_is_followed_and_split_by_consent_at_the_earlier_end() {
    let (world, owner) = stored().await;
    let ending_at = START.plus(u64::from(owner.terms.notice) + 100);
    let notice = Notice { id: owner.id, by: Party::Owner, ending_at };
    world.ledger.notice(&on_ledger(&world, &owner), &notice).expect("taken");
    world.at(START.plus(60)).await;
    world.ledger.set_now(ending_at.plus(1));
    let state = on_ledger(&world, &owner).state;
    let ending = Ending { terms: &owner.terms, newest: &owner.newest, state: &state, voucher: Stroops::ZERO };
    let split = ending.fair_split(FinalReason::TermOver).expect("fits");
    let finish = Finish { signature: owner.signer.sign(&split.digest(&SoftwareSha256)), split };
    world.host.finish(owner.key, finish).await.expect("signed");
    world.at(ending_at.plus(700)).await;
    assert_eq!(calls_of_host(&world), ["close"]);
}

#[tokio::test]
async fn what_only_the_old_key_signed_is_on_record_before_a_rotation_takes_effect() {
    let (world, owner) = stored().await;
    let to = NodeKey(signer(55).public());
    let rotation = Rotation { id: owner.id, party: Party::Owner, from: owner.key, to };
    world.ledger.start_rotation(&on_ledger(&world, &owner), &rotation).expect("taken");
    world.at(START.plus(60)).await;
    assert_eq!(calls_of_host(&world), ["publish"]);
    let (append, _) = owner.append(&[root_of(&sector(1))], START.plus(60));
    assert_eq!(world.host.append(owner.key, append).await, Err(Refusal::Rotating));
    let effective = on_ledger(&world, &owner).state.rotation.expect("pending").effective;
    world.ledger.set_now(effective);
    world.ledger.finish_rotation(&on_ledger(&world, &owner), &rotation).expect("taken");
    world.at(effective.plus(60)).await;
    let mut owner = Owner { signer: signer(55), key: to, ..owner };
    owner.store(&world, &[4], effective.plus(60)).await.expect("the new key signs from now on");
}

#[tokio::test]
async fn an_old_revision_published_by_the_owner_is_beaten_by_the_newer_one_at_once() {
    let (world, mut owner) = stored().await;
    let old = latest(&world, &owner).await;
    owner.store(&world, &[4], START).await.expect("stored");
    let ended = owner.terms.end.plus(5);
    world.ledger.set_now(ended);
    world.ledger.publish_by_owner(&on_ledger(&world, &owner), &old).expect("taken");
    world.at(ended.plus(5)).await;
    assert_eq!(calls_of_host(&world), ["publish"], "long before it would have published by itself");
    assert_eq!(on_ledger(&world, &owner).state.n, 2);
}

#[tokio::test]
async fn a_half_signed_revision_kept_by_the_host_is_worth_no_more_than_the_owner_agreed_to() {
    let (world, owner) = stored().await;
    let now = START.plus(DAY);
    world.ledger.set_now(now);
    let ack = owner.audit(&world, 1, now).await.expect("answered");
    let kept = &ack.revision;
    // The host keeps the half-signed copy, signs it in secret and publishes it: that is all it can do with it.
    let host = signer(200).sign(&kept.digest(&SoftwareSha256));
    let signed = CoSigned { revision: kept.clone(), owner: ack.signature, host };
    world.ledger.publish_by_owner(&on_ledger(&world, &owner), &signed).expect("both have signed it");
    let end = owner.terms.end;
    let with = settle(&owner.terms, Settled::default(), end, Ended::Proved(kept)).expect("fits");
    let without = settle(&owner.terms, Settled::default(), end, Ended::Proved(&owner.newest)).expect("fits");
    assert!(with.host <= without.host, "it earns what the data earns, signed or not");
    let tampered = Revision { paid: kept.paid + Stroops(1), n: kept.n + 1, ..kept.clone() };
    let host = signer(200).sign(&tampered.digest(&SoftwareSha256));
    let forged = CoSigned { revision: tampered, owner: ack.signature, host };
    world
        .ledger
        .publish_by_owner(&on_ledger(&world, &owner), &forged)
        .expect_err("the owner never signed that");
}

#[tokio::test]
async fn a_move_submitted_twice_happens_once() {
    let (world, owner) = stored().await;
    challenged(&world, &owner, &[7]).await;
    world.ledger.set_mute(true);
    let mut world = world;
    for minute in 1..30 {
        world.at(START.plus(minute * 60)).await;
        world = world.restart();
    }
    assert_eq!(calls_of_host(&world), ["respond"]);
    assert_eq!(world.ledger.tries(), 1, "the slot told it that it had happened");
}

#[tokio::test]
async fn a_crash_at_every_step_of_a_dispute_answers_exactly_once() {
    for kept in [0, 1, 2, 100] {
        let (mut world, owner) = stored().await;
        world.ledger.set_now(START.plus(DAY));
        challenged(&world, &owner, &[]).await;
        let frozen = on_ledger(&world, &owner).state.challenge.freezes_at(&owner.terms);
        for moment in
            [START.plus(DAY + 60), frozen, frozen.plus(3_700), frozen.plus(3_800), frozen.plus(5_000)]
        {
            world.at(moment).await;
            world = world.crash(kept);
            world.at(moment).await;
            world.assert_books();
        }
        assert_eq!(calls_of_host(&world), ["post_beacon", "respond"], "whatever the crash kept ({kept})");
        let record = world.host.agreement(&owner.id).expect("readable").expect("there");
        assert_eq!(record.slot, on_ledger(&world, &owner).state);
    }
}

#[tokio::test]
async fn an_endpoint_whose_clock_runs_back_makes_nothing_happen_twice_or_early() {
    let (world, owner) = stored().await;
    let quarter = owner.terms.end.plus(u64::from(owner.terms.publish_window) / 4);
    world.at(quarter).await;
    for back in [600, 86_400, 20 * DAY] {
        world.at(UnixSeconds(quarter.0 - back)).await;
    }
    assert_eq!(world.ledger.calls(), ["publish"]);
    let frozen = owner.terms.freezes_at(owner.terms.end);
    world.at(UnixSeconds(frozen.0 - 1)).await;
    assert_eq!(world.ledger.calls(), ["publish"], "no proof before its time");
    world.at(frozen.plus(3_700)).await;
    assert_eq!(world.ledger.calls(), ["publish", "post_beacon", "prove"]);
}

#[tokio::test]
async fn a_revision_dated_by_a_wrong_clock_is_refused_with_the_hosts_time() {
    let (world, owner) = stored().await;
    let now = START.plus(DAY);
    world.ledger.set_now(now);
    for wrong in [now.plus(61), UnixSeconds(now.0 - 61), now.plus(DAY)] {
        let (append, _) = owner.append(&[root_of(&sector(1))], wrong);
        assert_eq!(world.host.append(owner.key, append).await, Err(Refusal::ClockSkew { now }));
    }
    let (append, _) = owner.append(&[root_of(&sector(1))], now.plus(59));
    world.host.append(owner.key, append).await.expect("within a minute");
}

#[tokio::test]
async fn a_host_that_slept_through_the_publish_window_takes_what_is_left_and_says_what_was_lost() {
    let (world, owner) = stored().await;
    let frozen = owner.terms.freezes_at(owner.terms.end);
    world.at(frozen.plus(100)).await;
    assert!(world.ledger.calls().is_empty(), "there is nothing left to publish");
    let line = &world.host.at_risk().await.expect("readable")[0];
    let proved = settle(&owner.terms, Settled::default(), owner.terms.end, Ended::Proved(&owner.newest));
    let kept = owner.terms.base_fee + owner.terms.collateral;
    assert_eq!(line.lost, proved.expect("fits").host - kept, "what it had earned");
    let over = owner.terms.proof_deadline(owner.terms.end).plus(1);
    world.at(over).await;
    assert_eq!(world.ledger.calls(), ["expire"]);
    assert_eq!(world.ledger.paid()[0].settlement.host, kept);
}

#[tokio::test]
async fn a_host_that_slept_through_a_challenge_settles_the_default_and_saves_the_rest() {
    let (world, owner) = stored().await;
    challenged(&world, &owner, &[7]).await;
    let deadline = on_ledger(&world, &owner).state.challenge.deadline(&owner.terms);
    world.at(deadline.plus(1)).await;
    assert!(calls_of_host(&world).is_empty(), "the owner goes first");
    let line = &world.host.at_risk().await.expect("readable")[0];
    assert!(line.lost > Stroops::ZERO);
    world.at(deadline.plus(DAY + 60)).await;
    world.at(deadline.plus(DAY + 120)).await;
    assert_eq!(calls_of_host(&world), ["default"]);
    let missed = settle(&owner.terms, Settled::default(), owner.terms.end, Ended::Missed(&owner.newest));
    assert_eq!(Ok(world.ledger.paid()[0].settlement), missed);
    let income = missed.expect("fits").host - owner.terms.collateral;
    assert_eq!(world.host.status().await.expect("readable").paid, income);
}

#[tokio::test]
async fn a_key_restored_on_a_second_machine_in_mid_dispute_answers_and_signs_nothing_stale() {
    let (first, mut owner) = stored().await;
    let (records, sectors) = (first.records.crash(0), first.sectors.crash());
    owner.store(&first, &[4], START).await.expect("stored on the first machine");
    published_by_owner(&first, &owner).await;
    let second = World::over(first.config.clone(), records, sectors, Arc::clone(&first.ledger));
    challenged(&first, &owner, &[2]).await;
    drop(first);
    second.at(START.plus(60)).await;
    let state = on_ledger(&second, &owner).state;
    assert_eq!(state.n, 2, "the newer revision, which the second machine has no record of");
    let (append, _) = Owner { newest: latest(&second, &owner).await.revision, ..owner.clone() }
        .append(&[root_of(&sector(1))], START);
    let refused = second.host.append(owner.key, append).await;
    assert_eq!(refused, Err(Refusal::Stale { newest: 2 }), "never two revisions under one number");
    let record = second.host.agreement(&owner.id).expect("readable").expect("there");
    assert_eq!((record.state, record.slot), (AgreementState::Open, state));
}

#[tokio::test]
async fn a_slot_no_event_explains_is_left_alone() {
    let (world, owner) = stored().await;
    challenged(&world, &owner, &[7]).await;
    world.ledger.forget_events();
    let tick = world.at(START.plus(60)).await;
    assert_eq!((tick.failed, calls_of_host(&world).len()), (0, 0));
}

#[tokio::test]
async fn an_agreement_closed_and_replaced_in_its_slot_is_known_to_be_over() {
    let (world, owner) = stored().await;
    let end = owner.terms.end;
    world.ledger.set_now(end.plus(1));
    let finish = owner.finish(FinalReason::TermOver);
    let host = world.host.finish(owner.key, finish.clone()).await.expect("signed");
    let signed = crate::ports::SignedSplit { split: finish.split, owner: finish.signature, host };
    HostLedger::close(&*world.ledger, on_ledger(&world, &owner), signed).await.expect("closed");
    let next = Terms { start: end, end: end.plus(TERM), offer_expiry: end.plus(600), ..owner.terms.clone() };
    world.ledger.open(&next).expect("the slot is free again");
    world.at(end.plus(60)).await;
    world.at(end.plus(1_000)).await;
    world.assert_books();
    assert_eq!(world.host.status().await.expect("readable").closed, 1);
}

#[tokio::test]
async fn a_prepared_proof_is_submitted_by_a_stranger_while_the_host_is_away() {
    let (world, owner) = stored().await;
    challenged(&world, &owner, &[0, 2_000]).await;
    world.host.listen(START.plus(60)).await.expect("heard");
    let prepared = world.host.export_proof(owner.id).await.expect("prepared");
    let text = serde_json::to_vec(&prepared).expect("small");
    assert!(text.len() <= layr_protocol::MAX_PREPARED_BYTES);
    let read: PreparedProof = serde_json::from_slice(&text).expect("as written");
    assert_eq!(read, prepared);
    assert_eq!(read.call, PreparedCall::Respond);
    let Prepared { terms, state, revision } = read.open(&SoftwareSha256).expect("its parts belong together");
    let response = Response { revision, named: read.leaves.0, leaves: read.proofs.0 };
    let at = OnLedger { terms, state };
    HostLedger::respond(&*world.ledger, at, response).await.expect("anybody may answer");
    let end = owner.terms.end;
    world.ledger.set_now(end);
    let early = world.host.export_proof(owner.id).await;
    assert!(matches!(early, Err(crate::ExportError::TooEarly { .. })), "{early:?}");
    world.ledger.set_now(owner.terms.freezes_at(end).plus(3_700));
    let proof = world.host.export_proof(owner.id).await.expect("prepared");
    let Prepared { terms, state, revision } = proof.open(&SoftwareSha256).expect("its parts belong together");
    let round = proof.round.expect("a round decides");
    HostLedger::post_beacon(&*world.ledger, round).await.expect("anybody may post it");
    let sent = crate::ports::Proof { revision, round, leaves: proof.proofs.0 };
    HostLedger::prove(&*world.ledger, OnLedger { terms, state }, sent).await.expect("anybody may prove");
    world.at(owner.terms.freezes_at(end).plus(3_800)).await;
    assert_eq!(world.ledger.paid().len(), 1);
}

#[tokio::test]
async fn a_prepared_proof_whose_parts_do_not_belong_together_is_refused() {
    let (world, owner) = stored().await;
    challenged(&world, &owner, &[0]).await;
    world.host.listen(START.plus(60)).await.expect("heard");
    let good = world.host.export_proof(owner.id).await.expect("prepared");
    let with = |change: fn(&mut PreparedProof)| {
        let mut other = good.clone();
        change(&mut other);
        other.open(&SoftwareSha256)
    };
    assert_eq!(with(|p| p.version = 9), Err(PreparedError::Version { found: 9 }));
    assert_eq!(with(|p| p.terms.0.truncate(9)), Err(PreparedError::Unreadable { part: "terms" }));
    assert_eq!(with(|p| p.agreement = AgreementId([1; 32])), Err(PreparedError::Mismatch));
    assert_eq!(with(|p| p.revision.0[40] ^= 1), Err(PreparedError::Mismatch));
    assert_eq!(with(|p| p.leaves.0 = vec![0; 72]), Err(PreparedError::TooLarge));
    for garbage in ["{}", "[]", "{\"version\":1}", "nonsense"] {
        serde_json::from_str::<PreparedProof>(garbage).expect_err("not a prepared proof");
    }
}

#[tokio::test]
async fn the_timeline_names_the_next_deadline_and_what_is_at_stake() {
    let (world, owner) = stored().await;
    let line = world.host.at_risk().await.expect("readable")[0].clone();
    let frozen = owner.terms.freezes_at(owner.terms.end);
    assert_eq!((line.planned, line.deadline, line.lost), (Planned::Publish, frozen, Stroops::ZERO));
    assert!(line.at_stake > Stroops::ZERO);
    challenged(&world, &owner, &[3]).await;
    world.host.listen(START).await.expect("heard");
    world
        .host
        .look_at_slot(&world.host.agreement(&owner.id).expect("readable").expect("there"))
        .await
        .expect("seen");
    let line = world.host.at_risk().await.expect("readable")[0].clone();
    let deadline = on_ledger(&world, &owner).state.challenge.deadline(&owner.terms);
    assert_eq!((line.planned, line.deadline), (Planned::Respond, deadline));
    assert!(line.at_stake >= owner.newest.risk, "the collateral at risk is at stake");
    world.at(START.plus(60)).await;
    world.at(frozen.plus(1)).await;
    let line = world.host.at_risk().await.expect("readable")[0].clone();
    let until = owner.terms.proof_deadline(owner.terms.end);
    assert_eq!((line.planned, line.deadline), (Planned::Prove, until));
}
