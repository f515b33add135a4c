//! What watchers are told: every transition, with what the next call needs.

use super::deal::{Deal, bytes};
use super::std::vec::Vec;
use super::world::{DEPOSIT, World, beacon_secret, sign_round};
use crate::{
    Answered, BOND_DELAY_SECONDS, BeaconPosted, Bonded, Challenged, Closed, Defaulted, Deposited, Expired,
    NoticeGiven, Opened, Proved, Published, Redeemed, Registered, Released, Rotated, RotationStarted,
    Unbonding, Withdrawn,
};
use layr_market::{Outcome, Party, Settled, Settlement, settle};
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
    let randomness = BytesN::from_array(&world.env, &super::deal::seed_of(deal.round()));
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

#[test]
fn a_challenge_its_answer_and_a_default_are_told() {
    let world = World::new();
    let (mut deal, revision) = Deal::published(&world, 0);
    let of = id(&world, &deal);
    deal.challenged(&world, Party::Owner, &[6, 7]);
    let leaves = bytes(&world, &super::moves::list(&[6, 7]));
    told(&world, &[&Challenged { id: of.clone(), leaves, state: deal.state_bytes(&world) }]);
    let proofs = deal.answer(&revision, &[6, 7]);
    deal.try_respond(&world, &revision, (&[6, 7], &proofs)).unwrap();
    told(&world, &[&Answered { id: of.clone(), state: deal.state_bytes(&world) }]);
    world.pass(86_400);
    deal.challenged(&world, Party::Owner, &[]);
    let (leaves, bond) = (bytes(&world, &[]), deal.state.challenge.bond.0);
    told(&world, &[&Challenged { id: of.clone(), leaves, state: deal.state_bytes(&world) }]);
    world.pass_until(deal.challenge_deadline().plus(1));
    deal.try_default(&world, &revision).unwrap();
    let Settlement { host, owner, burn } =
        settle(&deal.terms, Settled::default(), deal.terms.end, Outcome::Missed(&revision)).unwrap();
    told(&world, &[&Defaulted { id: of, bond, burn: burn.0, host: host.0, owner: owner.0 }]);
}

#[test]
fn notices_vouchers_and_rotations_are_told_with_the_new_state() {
    let world = World::new();
    let mut deal = Deal::new(&world, 0).open(&world);
    let (of, owner, host) = (id(&world, &deal), deal.owner.clone(), deal.host.clone());
    let notice = deal.notice(Party::Owner, world.now().plus(9 * 86_400));
    deal.try_notice(&world, &notice, &owner).unwrap();
    told(&world, &[&NoticeGiven { id: of.clone(), state: deal.state_bytes(&world) }]);
    deal.try_redeem(&world, &deal.voucher(5), &owner).unwrap();
    told(&world, &[&Redeemed { id: of.clone(), state: deal.state_bytes(&world) }]);
    let alone = deal.rotation(Party::Host, &super::accounts::Party::new(98));
    deal.try_start_rotation(&world, &alone).unwrap();
    let rotation = bytes(&world, &alone.encode());
    told(&world, &[&RotationStarted { id: of.clone(), rotation, state: deal.state_bytes(&world) }]);
    world.pass_until(deal.state.rotation.unwrap().effective);
    deal.try_finish_rotation(&world, &alone).unwrap();
    told(&world, &[&Rotated { id: of.clone(), state: deal.state_bytes(&world) }]);
    deal.host = super::accounts::Party::new(98);
    let both = deal.rotation(Party::Host, &host);
    deal.try_rotate(&world, &both, [&owner, &deal.host.clone()]).unwrap();
    told(&world, &[&Rotated { id: of, state: deal.state_bytes(&world) }]);
}

#[test]
fn a_renewal_is_told_as_an_end_and_a_beginning() {
    let world = World::new();
    let old = Deal::new(&world, 0).open(&world);
    world.pass(86_400);
    let (new, split) = (old.successor(&world), old.renewal_split(0, 77));
    let batch = HostVec::from_array(&world.env, [old.renewal(&world, &new, &split)]);
    world.escrow.renew(&world.owner_address(), &batch);
    let closed = Closed { id: id(&world, &old), burn: 0, host: split.host.0, owner: split.owner.0 };
    let host_key = world.key(world.host());
    told(&world, &[&closed, &Opened { owner: world.owner_address(), host_key, id: id(&world, &new) }]);
}

#[test]
fn a_bonds_ways_are_told() {
    let world = World::new();
    let (key, token) = (world.key(world.host()), world.token.clone());
    world.escrow.bond(&key, &token, &700);
    told(&world, &[&Bonded { key: key.clone(), amount: 700, token: token.clone() }]);
    world.escrow.unbond(&key, &token, &300);
    let free_at = world.now().0 + BOND_DELAY_SECONDS;
    told(&world, &[&Unbonding { key: key.clone(), amount: 300, free_at, token: token.clone() }]);
    world.pass(BOND_DELAY_SECONDS);
    world.escrow.release(&key, &token);
    told(&world, &[&Released { key, amount: 300, token }]);
}
