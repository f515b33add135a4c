//! `redeem`: the largest voucher counts, up to the voucher part, and only by the owner's word.

use super::accounts::call;
use super::deal::{Deal, bytes};
use super::world::{DEPOSIT, World};
use crate::Error;
use layr_market::SoftwareSha256;
use layr_types::Stroops;
use soroban_sdk::{BytesN, IntoVal as _, Val};

#[test]
fn the_largest_voucher_is_paid_at_the_settlement() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let owner = deal.owner.clone();
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

#[test]
fn only_the_hosts_account_brings_a_voucher() {
    let world = World::new();
    let env = &world.env;
    let mut deal = Deal::new(&world, 0).open(&world);
    let (owner, voucher) = (deal.owner.clone(), deal.voucher(5));
    let args: [Val; 1] = [BytesN::from_array(env, &voucher.digest(&SoftwareSha256)).into_val(env)];
    let call = call(env, &world.escrow.address, "redeem", (&args, &[]));
    env.set_auths(&[]);
    assert_eq!(deal.try_redeem(&world, &voucher, &owner), Err(0));
    env.set_auths(&[world.owner.authorize(env, 1, call.clone())]);
    assert_eq!(deal.try_redeem(&world, &voucher, &owner), Err(0));
    env.set_auths(&[world.host().authorize(env, 2, call)]);
    deal.try_redeem(&world, &voucher, &owner).unwrap();
}

#[test]
fn a_host_without_an_account_cannot_redeem() {
    let world = World::bare(1);
    world.env.mock_all_auths();
    let host = world.host().clone();
    world.escrow.deposit(&host.address(&world.env), &world.key(&host), &world.token, &10_000_000);
    let mut deal = Deal::new(&world, 0).open(&world);
    let owner = deal.owner.clone();
    let refused = deal.try_redeem(&world, &deal.voucher(5), &owner);
    assert_eq!(refused, Err(Error::NotRegistered as u32));
}
