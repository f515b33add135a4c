//! Bonds: they come from the free balance, leave slowly, and a deployment may ask for one.

use super::deal::Deal;
use super::outcome;
use super::world::{DEPOSIT, World};
use crate::{BOND_DELAY_SECONDS, Bond, Error};
use soroban_sdk::{Address, BytesN, Vec as HostVec};

fn key(world: &World) -> (BytesN<32>, Address) {
    (world.key(world.host()), world.token.clone())
}

#[test]
fn a_bond_leaves_the_free_balance_and_comes_back_after_fifteen_days() {
    let world = World::new();
    let (key, token) = key(&world);
    assert_eq!(world.escrow.bonded(&key, &token), Bond { amount: 0, free_at: 0, leaving: 0 });
    world.escrow.bond(&key, &token, &700);
    assert_eq!(world.escrow.bonded(&key, &token), Bond { amount: 700, free_at: 0, leaving: 0 });
    assert_eq!(world.free(world.host()), DEPOSIT - 700);
    world.escrow.unbond(&key, &token, &300);
    let free_at = world.now().0 + BOND_DELAY_SECONDS;
    assert_eq!(world.escrow.bonded(&key, &token), Bond { amount: 400, free_at, leaving: 300 });
    world.pass(BOND_DELAY_SECONDS - 1);
    let early = outcome(world.escrow.try_release(&key, &token));
    assert_eq!(early, Err(Error::BondLeaving as u32));
    world.pass(1);
    world.escrow.release(&key, &token);
    assert_eq!(world.escrow.bonded(&key, &token), Bond { amount: 400, free_at: 0, leaving: 0 });
    assert_eq!(world.free(world.host()), DEPOSIT - 400);
    let again = outcome(world.escrow.try_release(&key, &token));
    assert_eq!(again, Err(Error::AmountNotPositive as u32));
}

#[test]
fn more_that_leaves_restarts_the_delay_for_all_of_it() {
    let world = World::new();
    let (key, token) = key(&world);
    world.escrow.bond(&key, &token, &700);
    world.escrow.unbond(&key, &token, &300);
    world.pass(BOND_DELAY_SECONDS - 1);
    world.escrow.unbond(&key, &token, &400);
    world.pass(1);
    assert_eq!(outcome(world.escrow.try_release(&key, &token)), Err(Error::BondLeaving as u32));
    world.pass(BOND_DELAY_SECONDS - 1);
    world.escrow.release(&key, &token);
    assert_eq!(world.free(world.host()), DEPOSIT);
}

#[test]
fn nothing_is_bonded_or_unbonded_that_is_not_there() {
    let world = World::new();
    let (key, token) = key(&world);
    let bond = |token: &Address, amount: i128| outcome(world.escrow.try_bond(&key, token, &amount));
    let unbond = |amount: i128| outcome(world.escrow.try_unbond(&key, &token, &amount));
    assert_eq!(bond(&token, DEPOSIT + 1), Err(Error::BalanceTooSmall as u32));
    assert_eq!(bond(&world.escrow.address, 1), Err(Error::TokenNotAllowed as u32));
    for amount in [0, -1, i128::MIN] {
        assert_eq!(bond(&token, amount), Err(Error::AmountNotPositive as u32));
        assert_eq!(unbond(amount), Err(Error::AmountNotPositive as u32));
    }
    assert_eq!(unbond(1), Err(Error::BondTooSmall as u32));
    let stranger = world.key(&world.owner);
    let result = outcome(world.escrow.try_bond(&stranger, &token, &1));
    assert_eq!(result, Err(Error::NotRegistered as u32));
}

#[test]
fn only_the_registered_account_moves_a_bond() {
    let world = World::new();
    let (key, token) = key(&world);
    world.escrow.bond(&key, &token, &700);
    world.escrow.unbond(&key, &token, &300);
    world.pass(BOND_DELAY_SECONDS);
    world.env.set_auths(&[]);
    assert_eq!(outcome(world.escrow.try_bond(&key, &token, &1)), Err(0));
    assert_eq!(outcome(world.escrow.try_unbond(&key, &token, &1)), Err(0));
    assert_eq!(outcome(world.escrow.try_release(&key, &token)), Err(0));
}

#[test]
fn where_a_bond_is_asked_for_only_bonded_hosts_are_opened() {
    let world = World::deployed(1, |config| config.min_bond = 1_000);
    let (key, token) = key(&world);
    let deal = Deal::new(&world, 0);
    let open = || {
        let batch = HostVec::from_array(&world.env, [deal.opening(&world)]);
        outcome(world.escrow.try_open(&world.owner_address(), &batch))
    };
    assert_eq!(open(), Err(Error::BondTooSmall as u32));
    world.escrow.bond(&key, &token, &999);
    assert_eq!(open(), Err(Error::BondTooSmall as u32));
    world.escrow.bond(&key, &token, &2);
    world.escrow.unbond(&key, &token, &2);
    assert_eq!(open(), Err(Error::BondTooSmall as u32), "what is leaving does not count");
    world.escrow.bond(&key, &token, &1);
    open().unwrap();
}
