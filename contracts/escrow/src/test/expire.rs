//! `expire`: a missed proof refunds the owner and burns, an unused agreement costs its base fee.

use super::accounts::contract_id;
use super::deal::{Deal, bytes};
use super::refusal;
use super::std::vec::Vec;
use super::world::{DEPOSIT, FUNDS, World};
use crate::Error;
use layr_market::{Outcome, Revision, Settled, settle};
use layr_types::Stroops;

fn expire(world: &World, deal: &Deal, revision: &[u8]) -> Result<(), u32> {
    let result =
        world.escrow.try_expire(&deal.terms_bytes(world), &deal.state_bytes(world), &bytes(world, revision));
    match result {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

/// A published deal whose proof window is over; its risk is this part of the collateral.
fn missed(world: &World, percent: i128) -> (Deal, Revision) {
    let mut deal = Deal::new(world, 0).open(world);
    let risk = Stroops(deal.terms.collateral.0 * percent / 100);
    let revision = Revision { risk, ..deal.revision() };
    deal.publish(world, &revision);
    world.pass_until(deal.deadline().plus(1));
    (deal, revision)
}

#[test]
fn a_missed_proof_pays_the_owner_and_burns_the_rest_of_the_risk() {
    for percent in [0, 10, 50, 80, 100] {
        let world = World::new();
        let (deal, revision) = missed(&world, percent);
        expire(&world, &deal, &revision.encode()).unwrap();
        let share =
            settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Missed(&revision)).unwrap();
        let burn = world.escrow.constants().burn;
        assert_eq!(world.lumens(&burn), share.burn.0, "{percent} %");
        assert_eq!(share.burn > Stroops(0), percent > 50, "half the collateral repairs, the rest burns");
        assert_eq!(world.free(world.host()), DEPOSIT - deal.terms.collateral.0 + share.host.0);
        let paid_in = (deal.terms.escrow + deal.terms.voucher_part).0;
        assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - paid_in + share.owner.0);
        assert_eq!(world.lumens(&world.escrow.address), world.free(world.host()));
    }
}

#[test]
fn the_burn_address_is_a_contract_nobody_can_deploy() {
    let world = World::new();
    let burn = world.escrow.constants().burn;
    assert!(!burn.exists());
    let id = contract_id(&burn);
    use layr_market::Sha256 as _;
    assert_eq!(id, layr_market::SoftwareSha256.sha256(&[b"layr burn address v1"]));
}

#[test]
fn an_unused_agreement_costs_its_base_fee() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    world.pass_until(deal.deadline().plus(1));
    expire(&world, &deal, &[]).unwrap();
    assert_eq!(world.free(world.host()), DEPOSIT + deal.terms.base_fee.0);
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - deal.terms.base_fee.0);
    assert_eq!(expire(&world, &deal, &[]), Err(Error::SlotMismatch as u32));
}

#[test]
fn nothing_expires_before_the_proof_window_is_over() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    for moment in [deal.terms.end, deal.frozen(), deal.deadline()] {
        assert_eq!(expire(&world, &deal, &[]), Err(Error::WrongStage as u32));
        world.pass_until(moment);
    }
    assert_eq!(expire(&world, &deal, &[]), Err(Error::WrongStage as u32));
    world.pass(1);
    expire(&world, &deal, &[]).unwrap();
}

#[test]
fn a_published_revision_cannot_be_left_out_or_replaced() {
    let world = World::new();
    let (deal, revision) = missed(&world, 100);
    assert_eq!(expire(&world, &deal, &[]), Err(Error::Malformed as u32));
    let kinder = Revision { risk: Stroops(0), ..revision.clone() };
    assert_eq!(expire(&world, &deal, &kinder.encode()), Err(Error::WrongRevision as u32));
    expire(&world, &deal, &revision.encode()).unwrap();
}

#[test]
fn an_unpublished_revision_cannot_be_brought_in() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    world.pass_until(deal.deadline().plus(1));
    assert_eq!(expire(&world, &deal, &deal.revision().encode()), Err(Error::WrongRevision as u32));
}

#[test]
fn agreements_of_one_folder_expire_each_on_their_own() {
    let world = World::new();
    let deals: Vec<_> = (0..3).map(|slot| Deal::new(&world, slot).open(&world)).collect();
    world.pass_until(deals[0].deadline().plus(1));
    expire(&world, &deals[1], &[]).unwrap();
    for (slot, free) in [(0, false), (1, true), (2, false)] {
        let held = world.escrow.slot(&world.owner_address(), &0, &slot).to_array();
        assert_eq!(held == [0; 32], free, "slot {slot}");
    }
}
