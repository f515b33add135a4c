//! Who may do what, with real signatures of real accounts: nothing is mocked here.

use super::accounts::{Party, call};
use super::deal::Deal;
use super::refusal;
use super::std::vec;
use super::world::{DEPOSIT, FUNDS, World};
use layr_market::{Sha256 as _, SoftwareSha256};
use soroban_sdk::xdr::{SorobanAuthorizationEntry, SorobanAuthorizedInvocation};
use soroban_sdk::{Address, BytesN, IntoVal as _, Val, Vec};

/// The token transfer an account must also agree to.
fn transfer(world: &World, from: &Party, amount: i128) -> SorobanAuthorizedInvocation {
    let (env, to) = (&world.env, &world.escrow.address);
    let args: [Val; 3] = [from.address(env).into_val(env), to.into_val(env), amount.into_val(env)];
    call(env, &world.token, "transfer", (&args, &[]))
}

fn deposit_call(world: &World, from: &Party, amount: i128) -> SorobanAuthorizedInvocation {
    let env = &world.env;
    let args: [Val; 4] = [
        from.address(env).into_val(env),
        world.key(from).into_val(env),
        world.token.to_val(),
        amount.into_val(env),
    ];
    call(env, &world.escrow.address, "deposit", (&args, &[transfer(world, from, amount)]))
}

fn try_deposit(world: &World, from: &Party, auth: &[SorobanAuthorizationEntry]) -> bool {
    world.env.set_auths(auth);
    let address = from.address(&world.env);
    world.escrow.try_deposit(&address, &world.key(from), &world.token, &1_000).is_ok()
}

#[test]
fn a_deposit_needs_the_payers_signature_for_this_amount() {
    let world = World::bare(2);
    let (host, other) = (&world.hosts[0], &world.hosts[1]);
    assert!(!try_deposit(&world, host, &[]));
    let less = host.authorize(&world.env, 1, deposit_call(&world, host, 999));
    assert!(!try_deposit(&world, host, &[less]));
    let by_other = other.authorize(&world.env, 1, deposit_call(&world, host, 1_000));
    assert!(!try_deposit(&world, host, &[by_other]));
    let good = host.authorize(&world.env, 2, deposit_call(&world, host, 1_000));
    assert!(try_deposit(&world, host, core::slice::from_ref(&good)));
    assert!(!try_deposit(&world, host, &[good]), "an authorisation is used once");
    assert_eq!(world.free(host), 1_000);
}

fn register_call(world: &World, account: &Address, host: &Party, to: &Party) -> SorobanAuthorizedInvocation {
    let env = &world.env;
    let args: [Val; 3] =
        [account.into_val(env), world.key(host).into_val(env), world.registration(host, to).into_val(env)];
    call(env, &world.escrow.address, "register", (&args, &[]))
}

/// Registers `host`'s key for `to`, with these accounts' signatures.
fn try_register(world: &World, host: &Party, to: &Party, signers: &[&Party]) -> bool {
    let address = to.address(&world.env);
    let nonce = i64::from(world.env.ledger().sequence());
    world.pass(5);
    let auth: vec::Vec<_> = signers
        .iter()
        .map(|s| s.authorize(&world.env, nonce, register_call(world, &address, host, to)))
        .collect();
    world.env.set_auths(&auth);
    world.escrow.try_register(&address, &world.key(host), &world.registration(host, to)).is_ok()
}

#[test]
fn a_bound_key_moves_only_with_both_accounts_consent() {
    let world = World::bare(2);
    let (host, next) = (&world.hosts[0], &world.hosts[1]);
    assert!(!try_register(&world, host, host, &[]));
    assert!(!try_register(&world, host, host, &[next]));
    assert!(try_register(&world, host, host, &[host]));
    assert!(!try_register(&world, host, next, &[next]), "whoever has the node key cannot redirect its money");
    assert!(try_register(&world, host, next, &[host, next]));
    assert!(!try_register(&world, host, host, &[host]), "the old registration is not replayed");
    assert_eq!(world.escrow.account(&world.key(host)), Some(next.address(&world.env)));
}

#[test]
fn a_withdrawal_needs_the_registered_accounts_signature() {
    let world = World::new();
    let (env, host) = (&world.env, world.host());
    let key = world.key(host);
    let args: [Val; 3] = [key.clone().into_val(env), world.token.to_val(), 50i128.into_val(env)];
    let withdraw = call(env, &world.escrow.address, "withdraw", (&args, &[]));
    let attempts = [
        (vec![], false),
        (vec![world.owner.authorize(env, 1, withdraw.clone())], false),
        (vec![host.authorize(env, 1, withdraw)], true),
    ];
    for (auth, allowed) in attempts {
        env.set_auths(&auth);
        let result = world.escrow.try_withdraw(&key, &world.token, &50);
        assert_eq!(result.is_ok(), allowed);
    }
    assert_eq!(world.lumens(&host.address(env)), i128::from(FUNDS) - DEPOSIT + 50);
}

#[test]
fn opening_needs_the_owners_signature_for_this_batch() {
    let world = World::new();
    let env = &world.env;
    let (deal, other) = (Deal::new(&world, 0), Deal::new(&world, 1));
    let due = (deal.terms.escrow + deal.terms.voucher_part).0;
    let batch = |deal: &Deal| Vec::from_array(env, [deal.opening(&world)]);
    let open = |deal: &Deal| {
        let digest = SoftwareSha256.sha256(&[&deal.id.0]);
        let args: [Val; 1] = [BytesN::from_array(env, &digest).into_val(env)];
        call(env, &world.escrow.address, "open", (&args, &[transfer(&world, &world.owner, due)]))
    };
    let attempts = [
        (vec![], false),
        (vec![world.owner.authorize(env, 1, open(&other))], false),
        (vec![world.host().authorize(env, 1, open(&deal))], false),
        (vec![world.owner.authorize(env, 1, open(&deal))], true),
    ];
    for (auth, allowed) in attempts {
        env.set_auths(&auth);
        let result = world.escrow.try_open(&world.owner_address(), &batch(&deal));
        assert_eq!(result.is_ok(), allowed);
    }
    assert_eq!(world.lumens(&world.owner_address()), i128::from(FUNDS) - due);
}

#[test]
fn everything_else_needs_nobodys_leave() {
    let world = World::with_hosts(1);
    let mut deals: vec::Vec<_> = (0..4).map(|slot| Deal::new(&world, slot).open(&world)).collect();
    world.env.set_auths(&[]);
    let revision = deals[0].revision();
    deals[0].publish(&world, &revision);
    let kept = deals[1].revision();
    deals[1].publish(&world, &kept);
    world.pass(601);
    let closing = deals[2].closing(&world, &deals[2].split(0, 0));
    world.escrow.close(&Vec::from_array(&world.env, [closing]));
    world.pass_until(deals[0].frozen());
    world.post_round_of(&deals[0]);
    let revision_bytes = super::deal::bytes(&world, &revision.encode());
    let proofs = super::deal::bytes(&world, &deals[0].proofs(&revision));
    let (terms, state) = (deals[0].terms_bytes(&world), deals[0].state_bytes(&world));
    world.escrow.prove(&terms, &state, &revision_bytes, &proofs);
    world.pass_until(deals[1].deadline().plus(1));
    let kept = super::deal::bytes(&world, &kept.encode());
    world.escrow.expire(&deals[1].terms_bytes(&world), &deals[1].state_bytes(&world), &kept);
    world.escrow.bump(&world.owner_address(), &0, &100);
    let none = super::deal::bytes(&world, &[]);
    world.escrow.expire(&deals[3].terms_bytes(&world), &deals[3].state_bytes(&world), &none);
    let withdrawal = world.escrow.try_withdraw(&world.key(world.host()), &world.token, &1);
    assert_eq!(refusal(withdrawal), 0);
}
