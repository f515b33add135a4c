//! `challenge`: who may demand leaves, for which bond, how often, and when no more.

use super::deal::{DAY, Deal, bytes};
use super::moves::{auditor, list};
use super::std::vec::Vec;
use super::world::{FUNDS, World};
use super::{outcome, refusal};
use crate::{Accusation, Error};
use layr_market::{Challenge, ChallengeKind, Party};
use layr_types::{NodeKey, Stroops};

/// The code with which a challenge altered like this is refused, its party having signed it.
fn refused(world: &World, deal: &Deal, leaves: &[u64], alter: impl FnOnce(&mut Challenge)) -> u32 {
    let mut challenge = deal.challenge(world, Party::Owner, leaves);
    alter(&mut challenge);
    refusal(world.escrow.try_challenge(&deal.accusation(world, &challenge, leaves)))
}

#[test]
fn a_named_challenge_locks_its_bond_and_waits_for_an_answer() {
    let world = World::new();
    let (mut deal, _) = Deal::published(&world, 0);
    let (owner, held) = (world.lumens(&world.owner_address()), world.lumens(&world.escrow.address));
    deal.challenged(&world, Party::Owner, &[0, 7, 1_048_575]);
    deal.assert_held(&world);
    let bond = deal.terms.disclosure_price.0;
    assert_eq!(world.lumens(&world.owner_address()), owner - bond);
    assert_eq!(world.lumens(&world.escrow.address), held + bond);
    let again = refused(&world, &deal, &[1], |_| ());
    assert_eq!(again, Error::ChallengeOpen as u32, "one at a time");
}

#[test]
fn owner_host_and_the_named_auditor_may_challenge_and_nobody_else() {
    let world = World::new();
    for by in [Party::Owner, Party::Host] {
        let slot = by as u8;
        let (mut deal, _) = Deal::published(&world, slot);
        let challenge = deal.challenge(&world, by, &[]);
        let theirs = deal.accusation(&world, &challenge, &[]);
        let forged = Accusation {
            sig: world.signature(&auditor().sign(&challenge.digest(&layr_market::SoftwareSha256))),
            ..theirs
        };
        assert_eq!(refusal(world.escrow.try_challenge(&forged)), 0, "{by:?}");
        deal.challenged(&world, by, &[]);
    }
    let (deal, _) = Deal::published(&world, 2);
    let unnamed = refused(&world, &deal, &[1], |c| c.by = Party::Auditor);
    assert_eq!(unnamed, Error::NotParty as u32, "these terms name no auditor");
    let named = |t: &mut layr_market::Terms| {
        t.slot = 3;
        t.auditor_key = NodeKey(auditor().node_key());
    };
    let mut deal = Deal::with(&world, world.host(), named).open(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    deal.challenged(&world, Party::Auditor, &[5]);
}

#[test]
fn a_host_challenges_itself_only_at_random_and_without_a_bond() {
    let world = World::new();
    let (mut deal, _) = Deal::published(&world, 0);
    let named = refused(&world, &deal, &[1], |c| (c.by, c.bond) = (Party::Host, Stroops(0)));
    assert_eq!(named, Error::NotParty as u32);
    assert_eq!(refused(&world, &deal, &[], |c| c.by = Party::Host), Error::BondUnfit as u32);
    world.env.set_auths(&[]);
    deal.challenged(&world, Party::Host, &[]);
    assert_eq!(world.lumens(&world.escrow.address), world.free(world.host()) + deal.terms.locked().0);
}

#[test]
fn a_bond_below_the_disclosure_price_is_refused_and_it_is_never_nothing() {
    let world = World::new();
    let (deal, _) = Deal::published(&world, 0);
    let price = deal.terms.disclosure_price;
    for bond in [Stroops(0), Stroops(-1), price - Stroops(1)] {
        assert_eq!(refused(&world, &deal, &[1], |c| c.bond = bond), Error::BondUnfit as u32, "{bond:?}");
    }
    let free = |t: &mut layr_market::Terms| (t.slot, t.disclosure_price) = (1, Stroops(0));
    let mut free = Deal::with(&world, world.host(), free).open(&world);
    let revision = free.revision();
    free.publish(&world, &revision);
    assert_eq!(refused(&world, &free, &[1], |c| c.bond = Stroops(0)), Error::BondUnfit as u32);
}

#[test]
fn the_bond_needs_the_authorisation_of_whoever_pays_it() {
    let world = World::new();
    let (deal, _) = Deal::published(&world, 0);
    world.env.set_auths(&[]);
    assert_eq!(refused(&world, &deal, &[1], |_| ()), 0);
    assert_eq!(world.lumens(&world.owner_address()), {
        i128::from(FUNDS) - (deal.terms.escrow + deal.terms.voucher_part).0
    });
    deal.assert_held(&world);
}

#[test]
fn the_list_is_the_one_the_challenge_commits_to() {
    let world = World::new();
    let (deal, _) = Deal::published(&world, 0);
    let nine: Vec<u64> = (0..9).collect();
    let code = Error::WrongLeaves as u32;
    assert_eq!(refused(&world, &deal, &nine, |_| ()), code, "at most eight");
    let challenge = deal.challenge(&world, Party::Owner, &[1, 2]);
    let good = deal.accusation(&world, &challenge, &[1, 2]);
    for wrong in [list(&[2, 1]), list(&[1]), list(&[1, 2])[..15].to_vec(), Vec::new()] {
        let bad = Accusation { leaves: bytes(&world, &wrong), ..good.clone() };
        assert_eq!(refusal(world.escrow.try_challenge(&bad)), code);
    }
    let random = deal.challenge(&world, Party::Owner, &[]);
    let listed = deal.accusation(&world, &random, &[1]);
    assert_eq!(refusal(world.escrow.try_challenge(&listed)), code, "a random one names none");
    let mixed = refused(&world, &deal, &[1], |c| c.kind = ChallengeKind::Random);
    assert_eq!(mixed, Error::NotParty as u32);
    outcome(world.escrow.try_challenge(&good)).unwrap();
}

#[test]
fn challenges_are_counted_and_spaced_as_the_terms_say() {
    let world = World::new();
    let two = |t: &mut layr_market::Terms| (t.max_challenges, t.challenge_gap) = (2, 5 * 86_400);
    let mut deal = Deal::with(&world, world.host(), two).open(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    let code = Error::TooManyChallenges as u32;
    assert_eq!(refused(&world, &deal, &[1], |c| c.count = 1), code, "not the next one");
    deal.challenged(&world, Party::Owner, &[1]);
    let proofs = deal.answer(&revision, &[1]);
    deal.try_respond(&world, &revision, (&[1], &proofs)).unwrap();
    world.pass(5 * DAY - 1);
    assert_eq!(refused(&world, &deal, &[1], |_| ()), code, "a second too early");
    world.pass(1);
    assert_eq!(refused(&world, &deal, &[1], |c| c.count = 0), code, "a signature counts once");
    deal.challenged(&world, Party::Owner, &[1]);
    let proofs = deal.answer(&revision, &[1]);
    deal.try_respond(&world, &revision, (&[1], &proofs)).unwrap();
    world.pass(6 * DAY);
    assert_eq!(refused(&world, &deal, &[1], |_| ()), code, "the terms allow two");
}

#[test]
fn only_what_is_published_can_be_challenged() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    assert_eq!(refused(&world, &deal, &[1], |_| ()), Error::NotPublished as u32);
    let (deal, revision) = Deal::published(&world, 1);
    let newer = refused(&world, &deal, &[1], |c| c.n = revision.n + 1);
    assert_eq!(newer, Error::NotPublished as u32);
    let (other, _) = Deal::published(&world, 2);
    assert_eq!(refused(&world, &deal, &[1], |c| c.id = other.id), Error::WrongAgreement as u32);
}

#[test]
fn a_challenge_is_over_before_the_agreement_ends_or_it_is_not_opened() {
    let world = World::new();
    let (mut deal, _) = Deal::published(&world, 0);
    let windows = u64::from(deal.terms.publish_window + deal.terms.proof_window);
    world.pass_until(layr_types::UnixSeconds(deal.terms.end.0 - windows));
    assert_eq!(refused(&world, &deal, &[], |_| ()), Error::WrongStage as u32);
    deal.challenged(&world, Party::Owner, &[1]);
    let (late, _) = {
        let world = World::new();
        let (deal, revision) = Deal::published(&world, 0);
        world.pass_until(deal.terms.end);
        assert_eq!(refused(&world, &deal, &[1], |_| ()), Error::WrongStage as u32);
        (deal, revision)
    };
    assert!(deal.challenge_deadline() < late.terms.end);
}

#[test]
fn a_lapsed_signature_opens_nothing() {
    let world = World::new();
    let (mut deal, _) = Deal::published(&world, 0);
    let challenge = deal.challenge(&world, Party::Owner, &[1]);
    world.pass(601);
    assert_eq!(deal.try_challenge(&world, &challenge, &[1]), Err(Error::SignatureLapsed as u32));
}

#[test]
fn bytes_that_are_no_challenge_are_malformed() {
    let world = World::new();
    let (deal, _) = Deal::published(&world, 0);
    let challenge = deal.challenge(&world, Party::Owner, &[1]);
    let good = deal.accusation(&world, &challenge, &[1]);
    let code = Error::Malformed as u32;
    for (at, value) in [(0, 2), (43, 2), (44, 3)] {
        let mut raw = challenge.encode();
        raw[at] = value;
        let bad = Accusation { challenge: bytes(&world, &raw), ..good.clone() };
        assert_eq!(refusal(world.escrow.try_challenge(&bad)), code, "byte {at}");
    }
    let long = Accusation { challenge: bytes(&world, &[1; 102]), ..good };
    assert_eq!(refusal(world.escrow.try_challenge(&long)), code);
}
