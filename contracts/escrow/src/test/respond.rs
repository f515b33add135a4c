//! `respond`: the leaves shown in time give the host the bond, and a random challenge vests what was earned.

use super::deal::{Deal, round_for, stored};
use super::std::vec::Vec;
use super::world::World;
use crate::Error;
use layr_market::{Party, Revision};
use layr_types::{LeafIndex, Stroops, UnixSeconds};

/// A published deal whose owner asks for these leaves; random where there are none.
fn challenged(world: &World, leaves: &[u64]) -> (Deal, Revision) {
    let (mut deal, revision) = Deal::published(world, 0);
    deal.challenged(world, Party::Owner, leaves);
    (deal, revision)
}

#[test]
fn named_leaves_shown_give_the_host_the_bond_and_nothing_else_changes() {
    let world = World::new();
    let leaves = [3, 1_048_575, 3];
    let (mut deal, revision) = challenged(&world, &leaves);
    let (free, price) = (world.free(world.host()), deal.terms.disclosure_price.0);
    let proofs = deal.answer(&revision, &leaves);
    world.env.set_auths(&[]);
    deal.try_respond(&world, &revision, (&leaves, &proofs)).unwrap();
    deal.assert_held(&world);
    assert_eq!(world.free(world.host()), free + price);
    assert_eq!((deal.state.floor, deal.state.challenge.bond), (Stroops(0), Stroops(0)));
    let again = deal.try_respond(&world, &revision, (&leaves, &proofs));
    assert_eq!(again, Err(Error::NoChallenge as u32));
}

#[test]
fn a_random_challenge_waits_for_its_round_and_vests_what_was_earned() {
    let world = World::new();
    let (mut deal, revision) = challenged(&world, &[]);
    let (frozen, free) = (deal.challenge_freezes(), world.free(world.host()));
    world.post_round(round_for(frozen));
    let proofs = deal.answer(&revision, &[]);
    let early = deal.try_respond(&world, &revision, (&[], &proofs));
    assert_eq!(early, Err(Error::WrongStage as u32), "the root has not frozen");
    world.pass_until(frozen);
    deal.try_respond(&world, &revision, (&[], &proofs)).unwrap();
    deal.assert_held(&world);
    let earned = revision.paid + revision.due + revision.earned_since(&deal.terms, frozen).unwrap();
    assert_eq!(deal.state.floor, earned);
    assert_eq!(world.free(world.host()), free + deal.terms.disclosure_price.0);
}

#[test]
fn what_vested_is_paid_even_after_a_miss() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    deal.challenged(&world, Party::Host, &[]);
    world.pass_until(deal.challenge_freezes());
    world.post_round(round_for(deal.challenge_freezes()));
    let proofs = deal.answer(&revision, &[]);
    deal.try_respond(&world, &revision, (&[], &proofs)).unwrap();
    assert!(deal.state.floor > revision.paid);
    world.pass_until(deal.deadline().plus(1));
    let before = world.free(world.host());
    let encoded = super::deal::bytes(&world, &revision.encode());
    world.escrow.expire(&deal.terms_bytes(&world), &deal.state_bytes(&world), &encoded);
    let rest = deal.terms.collateral - revision.risk;
    assert_eq!(world.free(world.host()) - before, (deal.state.floor + rest).0);
}

#[test]
fn without_its_round_a_random_challenge_is_not_answered() {
    let world = World::new();
    let (mut deal, revision) = challenged(&world, &[]);
    let proofs = deal.answer(&revision, &[]);
    world.pass_until(deal.challenge_freezes());
    let missing = deal.try_respond(&world, &revision, (&[], &proofs));
    assert_eq!(missing, Err(Error::BeaconMissing as u32));
}

#[test]
fn an_answer_counts_until_the_deadline() {
    for (late, expected) in [(0, Ok(())), (1, Err(Error::WrongStage as u32))] {
        let world = World::new();
        let (mut deal, revision) = challenged(&world, &[9]);
        let proofs = deal.answer(&revision, &[9]);
        world.pass_until(deal.challenge_deadline().plus(late));
        assert_eq!(deal.try_respond(&world, &revision, (&[9], &proofs)), expected, "{late} s late");
    }
}

#[test]
fn other_leaves_and_spoilt_proofs_are_no_answer() {
    let world = World::new();
    let (mut deal, revision) = challenged(&world, &[4, 5]);
    let good = deal.answer(&revision, &[4, 5]);
    let mut spoilt = good.clone();
    spoilt[400] ^= 1;
    let swapped = stored().proofs(&[LeafIndex(5), LeafIndex(4)]);
    let invalid = Err(Error::ProofInvalid as u32);
    for bad in [&spoilt[..], &swapped, &good[..good.len() - 1], &[]] {
        assert_eq!(deal.try_respond(&world, &revision, (&[4, 5], bad)), invalid);
    }
    let mut long = good.clone();
    long.push(0);
    let surplus = deal.try_respond(&world, &revision, (&[4, 5], &long));
    assert_eq!(surplus, Err(Error::ProofSurplus as u32));
    let fewer = deal.try_respond(&world, &revision, (&[4], &good));
    assert_eq!(fewer, Err(Error::WrongLeaves as u32));
    deal.try_respond(&world, &revision, (&[4, 5], &good)).unwrap();
}

#[test]
fn a_leaf_that_both_gave_up_needs_no_proof() {
    let world = World::new();
    let beyond = [2, 1_048_576, u64::MAX];
    let (mut deal, revision) = challenged(&world, &beyond);
    let proofs = stored().proofs(&[LeafIndex(2)]);
    deal.try_respond(&world, &revision, (&beyond, &proofs)).unwrap();
}

#[test]
fn a_newer_revision_re_aims_a_challenge_until_its_root_freezes() {
    let world = World::new();
    let (mut deal, revision) = challenged(&world, &[]);
    let newer = Revision { n: revision.n + 1, ..revision.clone() };
    world.pass_until(UnixSeconds(deal.challenge_freezes().0 - 1));
    deal.publish(&world, &newer);
    let old = deal.try_respond(&world, &revision, (&[], &[]));
    assert_eq!(old, Err(Error::WrongRevision as u32));
    world.pass(1);
    let newest = Revision { n: revision.n + 2, ..revision };
    let late = world.escrow.try_publish(&deal.publication(&world, &newest));
    assert_eq!(super::refusal(late), Error::WrongStage as u32);
    world.post_round(round_for(deal.challenge_freezes()));
    let proofs = deal.answer(&newer, &[]);
    deal.try_respond(&world, &newer, (&[], &proofs)).unwrap();
}

#[test]
fn a_revision_that_holds_nothing_answers_any_challenge() {
    for leaves in [&[][..], &[0, 1]] {
        let world = World::new();
        let mut deal = Deal::new(&world, 0).open(&world);
        let empty = deal.empty_revision();
        deal.publish(&world, &empty);
        deal.challenged(&world, Party::Owner, leaves);
        world.pass_until(deal.state.challenge.opened.plus(86_400));
        let surplus = deal.try_respond(&world, &empty, (leaves, &[0]));
        assert_eq!(surplus, Err(Error::ProofSurplus as u32));
        deal.try_respond(&world, &empty, (leaves, &[])).unwrap();
    }
}

#[test]
fn while_a_challenge_is_open_the_agreement_neither_proves_nor_expires() {
    let world = World::new();
    let (deal, revision) = challenged(&world, &[1]);
    let (terms, state) = (deal.terms_bytes(&world), deal.state_bytes(&world));
    let encoded = super::deal::bytes(&world, &revision.encode());
    let none = super::deal::bytes(&world, &Vec::new());
    world.pass_until(deal.frozen());
    let open = Error::ChallengeOpen as u32;
    assert_eq!(super::refusal(world.escrow.try_prove(&terms, &state, &encoded, &none)), open);
    world.pass_until(deal.deadline().plus(1));
    assert_eq!(super::refusal(world.escrow.try_expire(&terms, &state, &encoded)), open);
    deal.try_default(&world, &revision).unwrap();
}
