//! Money at rest: registration, deposits, withdrawals, and transfers that fail.

use super::accounts::{Party, contract_id};
use super::deal::Deal;
use super::refusal;
use super::std::panic::{AssertUnwindSafe, catch_unwind};
use super::std::{format, string::String};
use super::world::{DEPOSIT, FUNDS, World, config, deploy};
use crate::{Config, Credited, Error};
use layr_types::ContractId;
use soroban_sdk::testutils::{Address as _, Events as _};
use soroban_sdk::token::StellarAssetClient;
use soroban_sdk::{Address, BytesN, Event as _, Vec, vec};

#[test]
fn a_host_deposits_and_withdraws_to_its_account() {
    let world = World::new();
    let (host, key) = (world.host().address(&world.env), world.key(world.host()));
    assert_eq!(world.free(world.host()), DEPOSIT);
    world.escrow.withdraw(&key, &world.token, &400);
    assert_eq!(world.free(world.host()), DEPOSIT - 400);
    assert_eq!(world.lumens(&host), i128::from(FUNDS) - DEPOSIT + 400);
    world.escrow.withdraw(&key, &world.token, &(DEPOSIT - 400));
    assert_eq!(world.lumens(&world.escrow.address), 0);
}

#[test]
fn a_withdrawal_never_exceeds_the_free_balance() {
    let world = World::new();
    let key = world.key(world.host());
    let deal = Deal::new(&world, 0).open(&world);
    let free = DEPOSIT - deal.terms.collateral.0;
    let code = Error::BalanceTooSmall as u32;
    assert_eq!(refusal(world.escrow.try_withdraw(&key, &world.token, &(free + 1))), code);
    assert_eq!(refusal(world.escrow.try_withdraw(&key, &world.other, &1)), code);
    world.escrow.withdraw(&key, &world.token, &free);
}

#[test]
fn only_positive_amounts_of_listed_tokens_move() {
    let world = World::new();
    let (host, key) = (world.host().address(&world.env), world.key(world.host()));
    for amount in [0, -1, i128::MIN] {
        let code = Error::AmountNotPositive as u32;
        assert_eq!(refusal(world.escrow.try_deposit(&host, &key, &world.token, &amount)), code);
        assert_eq!(refusal(world.escrow.try_withdraw(&key, &world.token, &amount)), code);
    }
    let stranger = Address::generate(&world.env);
    let code = Error::TokenNotAllowed as u32;
    assert_eq!(refusal(world.escrow.try_deposit(&host, &key, &stranger, &1)), code);
    assert_eq!(refusal(world.escrow.try_withdraw(&key, &stranger, &1)), code);
}

#[test]
fn an_unregistered_key_has_nowhere_to_be_paid() {
    let world = World::new();
    let key = world.key(&world.owner);
    world.escrow.deposit(&world.owner_address(), &key, &world.token, &5);
    let result = world.escrow.try_withdraw(&key, &world.token, &5);
    assert_eq!(refusal(result), Error::NotRegistered as u32);
    assert_eq!(world.escrow.account(&key), None);
}

#[test]
fn only_the_host_key_binds_itself_and_only_to_an_account() {
    let world = World::bare(2);
    world.env.mock_all_auths();
    let (first, second) = (&world.hosts[0], &world.hosts[1]);
    let by_other = world.registration(second, first);
    let address = first.address(&world.env);
    assert_eq!(refusal(world.escrow.try_register(&address, &world.key(first), &by_other)), 0);
    let for_other = world.registration(first, second);
    assert_eq!(refusal(world.escrow.try_register(&address, &world.key(first), &for_other)), 0);
    let contract = Address::generate(&world.env);
    let result = world.escrow.try_register(&contract, &world.key(first), &for_other);
    assert_eq!(refusal(result), Error::WrongAccount as u32);
    world.register(first);
    assert_eq!(world.escrow.account(&world.key(first)), Some(address));
}

#[test]
fn a_key_can_move_to_another_account() {
    let world = World::with_hosts(2);
    let (host, next) = (world.host(), &world.hosts[1]);
    let signature = world.registration(host, next);
    world.escrow.register(&next.address(&world.env), &world.key(host), &signature);
    world.escrow.withdraw(&world.key(host), &world.token, &7);
    assert_eq!(world.lumens(&next.address(&world.env)), i128::from(FUNDS) - DEPOSIT + 7);
}

#[test]
fn a_frozen_owner_cannot_block_a_settlement_and_keeps_its_money() {
    let world = World::new();
    let key = world.key(world.host());
    world.escrow.deposit(&world.host().address(&world.env), &key, &world.other, &DEPOSIT);
    let other = ContractId(contract_id(&world.other));
    let deal = Deal::with(&world, world.host(), |t| t.token = other).open(&world);
    world.owner.trust(&world.env, &world.other_asset, (5, false));
    world.pass_until(deal.deadline().plus(1));
    let none = soroban_sdk::Bytes::new(&world.env);
    world.escrow.expire(&deal.terms_bytes(&world), &deal.state_bytes(&world), &none);
    let share = (deal.terms.escrow + deal.terms.voucher_part - deal.terms.base_fee).0;
    let owner = world.owner_address();
    let credited = Credited { owner: owner.clone(), amount: share, token: world.other.clone() };
    let told = world.env.events().all().filter_by_contract(&world.escrow.address);
    assert!(told.events().contains(&credited.to_xdr(&world.env, &world.escrow.address)));
    assert_eq!(world.escrow.credit(&owner, &world.other), share);
    assert_eq!(world.escrow.balance(&key, &world.other), DEPOSIT + deal.terms.base_fee.0);
    assert!(world.escrow.try_owner_withdraw(&owner, &world.other).is_err(), "still frozen");
    assert_eq!(world.escrow.credit(&owner, &world.other), share);
    world.owner.trust(&world.env, &world.other_asset, (5, true));
    assert_eq!(world.escrow.owner_withdraw(&owner, &world.other), share);
    assert_eq!(world.escrow.credit(&owner, &world.other), 0);
    assert_eq!(StellarAssetClient::new(&world.env, &world.other).balance(&owner), 5 + share);
    let again = world.escrow.try_owner_withdraw(&owner, &world.other);
    assert_eq!(refusal(again), Error::AmountNotPositive as u32);
}

/// Why deploying with this configuration fails, as the host tells it; nothing if it does not.
fn refused(world: &World, alter: impl FnOnce(&mut Config)) -> String {
    let mut config = config(&world.env, vec![&world.env, world.token.clone()]);
    alter(&mut config);
    match catch_unwind(AssertUnwindSafe(|| deploy(&world.env, config))) {
        Ok(_) => String::new(),
        Err(panic) => *panic.downcast().unwrap(),
    }
}

#[test]
fn a_configuration_that_could_not_work_is_not_deployed() {
    let world = World::new();
    let tokens = |n: u32| Vec::from_iter(&world.env, (0..n).map(|_| Address::generate(&world.env)));
    let code = format!("#{}", Error::BadConfig as u32);
    assert_eq!(refused(&world, |c| c.tokens = tokens(4)), "");
    assert!(refused(&world, |c| c.tokens = tokens(5)).contains(&code));
    assert!(refused(&world, |c| c.tokens = tokens(0)).contains(&code));
    assert!(refused(&world, |c| c.tokens.push_back(world.token.clone())).contains(&code));
    assert!(refused(&world, |c| c.beacon_period = 0).contains(&code));
    assert!(refused(&world, |c| c.min_bond = -1).contains(&code));
    let no_point = BytesN::from_array(&world.env, &[1; 192]);
    assert!(refused(&world, |c| c.beacon_key = no_point).contains("Crypto, InvalidInput"));
}

#[test]
fn the_configuration_and_the_constants_can_be_read() {
    let world = World::new();
    let expected = config(&world.env, vec![&world.env, world.token.clone(), world.other.clone()]);
    assert_eq!(world.escrow.config(), expected);
    let constants = world.escrow.constants();
    assert_eq!((constants.max_open, constants.max_close, constants.slots), (40, 20, 64));
    assert_eq!((constants.opening_slack, constants.version), (3_600, 1));
    assert_eq!((constants.max_renew, constants.bond_delay), (20, 15 * 86_400));
}

#[test]
fn a_stranger_never_gets_another_owners_credit() {
    let world = World::new();
    let stranger = Party::new(77).address(&world.env);
    let result = world.escrow.try_owner_withdraw(&stranger, &world.token);
    assert_eq!(refusal(result), Error::AmountNotPositive as u32);
}
