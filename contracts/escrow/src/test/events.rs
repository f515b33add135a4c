//! What watchers are told: every transition, with what the next call needs.

use super::deal::{Deal, bytes};
use super::std::vec::Vec;
use super::world::{DEPOSIT, World, beacon_secret, sign_round};
use crate::{BeaconPosted, Closed, Deposited, Expired, Opened, Proved, Published, Registered, Withdrawn};
use layr_market::{Outcome, Settled, Settlement, settle};
use soroban_sdk::testutils::Events as _;
use soroban_sdk::{BytesN, Event, Vec as HostVec};

/// Checks that the last call told exactly these events of the contract's.
fn told(world: &World, events: &[&dyn Event]) {
    let contract = &world.escrow.address;
    let expected: Vec<_> = events.iter().map(|event| event.to_xdr(&world.env, contract)).collect();
    assert_eq!(world.env.events().all().filter_by_contract(contract).events(), expected.as_slice());
}

fn id(world: &World, deal: &Deal) -> BytesN<32> {
    BytesN::from_array(&world.env, &deal.id.0)
}

#[test]
fn moving_free_balances_is_told() {
    let world = World::bare(1);
    world.env.mock_all_auths();
    let (host, key) = (world.host().address(&world.env), world.key(world.host()));
    world.register(world.host());
    told(&world, &[&Registered { host_key: key.clone(), account: host.clone() }]);
    world.escrow.deposit(&host, &key, &world.token, &DEPOSIT);
    told(&world, &[&Deposited { key: key.clone(), amount: DEPOSIT, token: world.token.clone() }]);
    world.escrow.withdraw(&key, &world.token, &9);
    told(&world, &[&Withdrawn { key, amount: 9, token: world.token.clone() }]);
}

#[test]
fn opening_and_closing_are_told_for_each_agreement() {
    let world = World::new();
    let deals = [Deal::new(&world, 0), Deal::new(&world, 1)];
    let openings = deals.iter().map(|deal| deal.opening(&world));
    world.escrow.open(&world.owner_address(), &HostVec::from_iter(&world.env, openings));
    let opened = |deal: &Deal| Opened {
        owner: world.owner_address(),
        host_key: world.key(world.host()),
        id: id(&world, deal),
    };
    told(&world, &[&opened(&deals[0]), &opened(&deals[1])]);
    world.pass(601);
    let closings = deals.iter().map(|deal| deal.closing(&world, &deal.split(0, 77)));
    world.escrow.close(&HostVec::from_iter(&world.env, closings));
    let closed = |deal: &Deal| {
        let split = deal.split(0, 77);
        Closed { id: id(&world, deal), burn: 0, host: split.host.0, owner: split.owner.0 }
    };
    told(&world, &[&closed(&deals[0]), &closed(&deals[1])]);
}

#[test]
fn a_publication_tells_what_prove_and_expire_will_want() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    let (encoded, state) = (bytes(&world, &revision.encode()), deal.state_bytes(&world));
    told(&world, &[&Published { id: id(&world, &deal), revision: encoded.clone(), state: state.clone() }]);
    world.pass_until(deal.frozen());
    world.post_round_of(&deal);
    let randomness = BytesN::from_array(&world.env, &deal.seed());
    told(&world, &[&BeaconPosted { round: deal.round(), randomness }]);
    let again = sign_round(&beacon_secret(), deal.round()).serialize();
    world.escrow.post_beacon(&deal.round(), &BytesN::from_array(&world.env, &again));
    told(&world, &[]);
    let proofs = bytes(&world, &deal.proofs(&revision));
    world.escrow.prove(&deal.terms_bytes(&world), &state, &encoded, &proofs);
    let Settlement { host, owner, burn } =
        settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Proved(&revision)).unwrap();
    told(&world, &[&Proved { id: id(&world, &deal), burn: burn.0, host: host.0, owner: owner.0 }]);
}

#[test]
fn an_expiry_tells_the_split() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    world.pass_until(deal.deadline().plus(1));
    world.escrow.expire(&deal.terms_bytes(&world), &deal.state_bytes(&world), &bytes(&world, &[]));
    let Settlement { host, owner, burn } =
        settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Unused).unwrap();
    told(&world, &[&Expired { id: id(&world, &deal), burn: burn.0, host: host.0, owner: owner.0 }]);
}
