//! `prove`: the leaves the beacon chose, in the window, against the published root.

use super::deal::{Deal, bytes, stored};
use super::refusal;
use super::std::vec::Vec;
use super::world::{DEPOSIT, FUNDS, World};
use crate::Error;
use layr_market::{Outcome, Revision, Settled, settle};
use layr_types::{LeafIndex, Stroops};

/// A deal whose revision is published, its root frozen and its round posted.
fn frozen(world: &World) -> (Deal, Revision) {
    let mut deal = Deal::new(world, 0).open(world);
    let revision = deal.revision();
    deal.publish(world, &revision);
    world.pass_until(deal.frozen());
    world.post_round_of(&deal);
    (deal, revision)
}

fn prove(world: &World, deal: &Deal, revision: &Revision, proofs: &[u8]) -> Result<(), u32> {
    let result = world.escrow.try_prove(
        &deal.terms_bytes(world),
        &deal.state_bytes(world),
        &bytes(world, &revision.encode()),
        &bytes(world, proofs),
    );
    match result {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

#[test]
fn a_host_that_has_the_leaves_is_paid_what_accrued() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    prove(&world, &deal, &revision, &deal.proofs(&revision)).unwrap();
    let share = settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Proved(&revision)).unwrap();
    assert!(share.host.0 > (deal.terms.collateral + deal.terms.base_fee).0, "it earned something");
    assert_eq!(world.free(world.host()), DEPOSIT - deal.terms.collateral.0 + share.host.0);
    let paid_in = (deal.terms.escrow + deal.terms.voucher_part).0;
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - paid_in + share.owner.0);
    assert_eq!(prove(&world, &deal, &revision, &deal.proofs(&revision)), Err(Error::SlotMismatch as u32));
}

#[test]
fn proofs_count_only_between_freeze_and_deadline() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    world.post_round_of(&deal);
    let proofs = deal.proofs(&revision);
    let early = Err(Error::WrongStage as u32);
    assert_eq!(prove(&world, &deal, &revision, &proofs), early);
    world.pass_until(deal.terms.end);
    assert_eq!(prove(&world, &deal, &revision, &proofs), early);
    world.pass_until(deal.deadline());
    let posted_again = world.escrow.beacon(&deal.round()).is_none();
    if posted_again {
        world.post_round_of(&deal);
    }
    prove(&world, &deal, &revision, &proofs).unwrap();
}

#[test]
fn a_second_after_the_deadline_is_too_late() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    world.pass_until(deal.deadline().plus(1));
    let late = prove(&world, &deal, &revision, &deal.proofs(&revision));
    assert_eq!(late, Err(Error::WrongStage as u32));
}

#[test]
fn without_the_round_nothing_is_proved() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    world.pass_until(deal.frozen());
    let proofs = deal.proofs(&revision);
    assert_eq!(prove(&world, &deal, &revision, &proofs), Err(Error::BeaconMissing as u32));
    world.post_round_of(&deal);
    prove(&world, &deal, &revision, &proofs).unwrap();
}

#[test]
fn only_the_published_revision_can_be_proved() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    let other = Revision { n: revision.n + 1, ..revision.clone() };
    assert_eq!(prove(&world, &deal, &other, &deal.proofs(&other)), Err(Error::WrongRevision as u32));
    let unpublished = Deal::new(&world, 1);
    assert_eq!(
        prove(&world, &deal, &unpublished.revision(), &deal.proofs(&revision)),
        Err(Error::WrongAgreement as u32)
    );
}

#[test]
fn an_agreement_without_a_published_revision_cannot_be_proved() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    world.pass_until(deal.frozen());
    world.post_round_of(&deal);
    let result = prove(&world, &deal, &deal.revision(), &deal.proofs(&deal.revision()));
    assert_eq!(result, Err(Error::WrongRevision as u32));
}

#[test]
fn a_changed_byte_anywhere_spoils_the_proof() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    let good = deal.proofs(&revision);
    // One byte in each part of the first and the last proof: sector path, leaf, path length, agreement path.
    let length = good.len() / 10;
    for at in [0, 319, 320, 700, 1_343, 1_344, 1_345, length * 9 + 500, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(prove(&world, &deal, &revision, &bad), Err(Error::ProofInvalid as u32), "byte {at}");
    }
}

#[test]
fn other_leaves_than_the_chosen_prove_nothing() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    let chosen = deal.leaves(&revision);
    let neighbours: Vec<_> = chosen.iter().map(|leaf| LeafIndex(leaf.0 ^ 1)).collect();
    let shifted: Vec<_> = chosen.iter().map(|leaf| LeafIndex((leaf.0 + 1_024) % revision.leaves())).collect();
    let mut swapped = chosen.clone();
    swapped.swap(0, 1);
    for wrong in [neighbours, shifted, swapped] {
        assert_ne!(wrong, chosen);
        let result = prove(&world, &deal, &revision, &stored().proofs(&wrong));
        assert_eq!(result, Err(Error::ProofInvalid as u32));
    }
}

#[test]
fn too_few_proofs_and_too_many_are_refused() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    let good = deal.proofs(&revision);
    let nine = stored().proofs(&deal.leaves(&revision)[..9]);
    for few in [&nine[..], &good[..good.len() - 1], &[]] {
        assert_eq!(prove(&world, &deal, &revision, few), Err(Error::ProofInvalid as u32));
    }
    let mut many = good.clone();
    many.push(0);
    assert_eq!(prove(&world, &deal, &revision, &many), Err(Error::ProofSurplus as u32));
}

#[test]
fn a_root_over_twice_the_sectors_is_not_proved() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let lying = Revision { sectors: 512, ..deal.revision() };
    deal.publish(&world, &lying);
    world.pass_until(deal.frozen());
    world.post_round_of(&deal);
    let result = prove(&world, &deal, &lying, &deal.proofs(&lying));
    assert_eq!(result, Err(Error::ProofInvalid as u32));
}

#[test]
fn an_agreement_that_held_nothing_needs_no_proof_and_no_round() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let revision = deal.empty_revision();
    deal.publish(&world, &revision);
    world.pass_until(deal.frozen());
    assert_eq!(prove(&world, &deal, &revision, &[0]), Err(Error::ProofSurplus as u32));
    prove(&world, &deal, &revision, &[]).unwrap();
    assert_eq!(world.free(world.host()), DEPOSIT + deal.terms.base_fee.0);
}

#[test]
fn accrual_ends_with_the_term_however_late_the_proof() {
    let world = World::new();
    let (deal, revision) = frozen(&world);
    world.pass(3_000);
    prove(&world, &deal, &revision, &deal.proofs(&revision)).unwrap();
    let accrued = revision.earned_since(&deal.terms, deal.terms.end).unwrap();
    assert!(accrued > Stroops(0));
    assert_eq!(world.free(world.host()), DEPOSIT + (revision.paid + revision.due + accrued).0);
}
