//! `redeem`: the largest voucher counts, up to the voucher part, and only by the owner's word.

use super::deal::{Deal, bytes};
use super::world::{DEPOSIT, World};
use crate::Error;
use layr_types::Stroops;

#[test]
fn the_largest_voucher_is_paid_at_the_settlement() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let owner = deal.owner.clone();
    world.env.set_auths(&[]);
    for amount in [1, 4_000] {
        deal.try_redeem(&world, &deal.voucher(amount), &owner).unwrap();
        deal.assert_held(&world);
    }
    for old in [4_000, 3_999, 0, -1] {
        let refused = deal.try_redeem(&world, &deal.voucher(old), &owner);
        assert_eq!(refused, Err(Error::VoucherUnfit as u32), "{old}");
    }
    world.pass_until(deal.deadline().plus(1));
    let none = bytes(&world, &[]);
    world.escrow.expire(&deal.terms_bytes(&world), &deal.state_bytes(&world), &none);
    assert_eq!(world.free(world.host()), DEPOSIT + (deal.terms.base_fee + Stroops(4_000)).0);
}

#[test]
fn no_voucher_spends_more_than_the_voucher_part() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let (owner, most) = (deal.owner.clone(), deal.terms.voucher_part.0);
    let refused = deal.try_redeem(&world, &deal.voucher(most + 1), &owner);
    assert_eq!(refused, Err(Error::VoucherUnfit as u32));
    deal.try_redeem(&world, &deal.voucher(most), &owner).unwrap();
}

#[test]
fn only_the_owner_promises_and_only_for_this_agreement() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let (owner, host) = (deal.owner.clone(), deal.host.clone());
    assert_eq!(deal.try_redeem(&world, &deal.voucher(5), &host), Err(0));
    let other = Deal::new(&world, 1).open(&world);
    let refused = deal.try_redeem(&world, &other.voucher(5), &owner);
    assert_eq!(refused, Err(Error::WrongAgreement as u32));
}
