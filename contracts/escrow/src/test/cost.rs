//! What calls cost by the network's own meter, and that happy path and disputes stay inside their budgets.
//!
//! `cargo test -p layr-escrow cost -- --nocapture` prints the table of the README.

use super::accounts::Party as Person;
use super::deal::{DAY, Deal, bytes, round_for};
use super::meter::Meter;
use super::moves::list;
use super::std::{format, println, string::String, vec::Vec};
use super::world::{self, World, beacon_secret, network, sign_round};
use crate::storage::keys_of;
use layr_market::{Party, Revision};
use layr_types::Stroops;
use soroban_sdk::testutils::Ledger as _;
use soroban_sdk::testutils::storage::Persistent as _;
use soroban_sdk::{BytesN, IntoVal as _, Vec as HostVec};

/// Leaves that a host's terms ask for by default: `layr-host`'s configuration.
const SAMPLES: u8 = 4;
/// Stroops that a happy path may cost an agreement, in batches of 20: 0.003 lumens.
const HAPPY: i64 = 30_000;
/// Stroops that a dispute may cost: 0.01 lumens.
const DISPUTE: i64 = 100_000;

/// What putting the code on the ledger costs, rent for its first 120 days included.
fn upload() -> String {
    let env = network();
    let wasm = world::WASM;
    env.deployer().upload_contract_wasm(wasm);
    let fee = env.cost_estimate().fee().persistent_entry_rent;
    format!("uploading {} bytes: {fee} stroops of rent", wasm.len())
}

/// Agreements of 1 GiB with as many different hosts: the dearest case.
fn open(meter: &mut Meter, count: u8) -> (World, Vec<Deal>, i64) {
    let world = World::with_hosts(count);
    let deal = |i: u8| {
        let host = &world.hosts[usize::from(i)];
        Deal::with(&world, host, |t| (t.slot, t.samples, t.exit_fee) = (i, SAMPLES, Stroops(10)))
    };
    let deals: Vec<Deal> = (0..count).map(deal).collect();
    world.owner.sends(&world.env);
    let batch = HostVec::from_iter(&world.env, deals.iter().map(|deal| deal.opening(&world)));
    world.escrow.open(&world.owner_address(), &batch);
    let fee = meter.note(&world, &format!("open({count})"), batch.into_val(&world.env));
    (world, deals, fee)
}

fn close(meter: &mut Meter, world: &World, deals: &[Deal]) -> i64 {
    let closings = deals.iter().map(|deal| deal.closing(world, &deal.split(0, 1_000)));
    let batch = HostVec::from_iter(&world.env, closings);
    world.escrow.close(&batch);
    meter.note(world, &format!("close({})", deals.len()), batch.into_val(&world.env))
}

fn renew(meter: &mut Meter, world: &World, deals: &[Deal]) -> i64 {
    let renewal = |deal: &Deal| deal.renewal(world, &deal.successor(world), &deal.renewal_split(0, 1_000));
    let batch = HostVec::from_iter(&world.env, deals.iter().map(renewal));
    world.escrow.renew(&world.owner_address(), &batch);
    meter.note(world, &format!("renew({})", deals.len()), batch.into_val(&world.env))
}

fn publish(meter: &mut Meter, world: &World, deal: &mut Deal, revision: &Revision) -> i64 {
    let publication = deal.publication(world, revision);
    deal.publish(world, revision);
    meter.note(world, "publish", publication.into_val(&world.env))
}

fn post_beacon(meter: &mut Meter, world: &World, round: u64) -> i64 {
    let signature = BytesN::from_array(&world.env, &sign_round(&beacon_secret(), round).serialize());
    world.escrow.post_beacon(&round, &signature);
    meter.note(world, "post_beacon", signature.into_val(&world.env))
}

/// Proves the deal at its end.
fn prove(meter: &mut Meter, world: &World, deal: &Deal, revision: &Revision) -> i64 {
    let (terms, state) = (deal.terms_bytes(world), deal.state_bytes(world));
    let (encoded, proofs) = (bytes(world, &revision.encode()), bytes(world, &deal.proofs(revision)));
    world.escrow.prove(&terms, &state, &encoded, &proofs);
    let args = (terms, state, encoded, proofs).into_val(&world.env);
    meter.note(world, &format!("prove, {} leaves", deal.terms.samples), args)
}

/// Challenges and answers; returns both fees.
fn challenge(
    meter: &mut Meter,
    (world, deal, revision): (&World, &mut Deal, &Revision),
    by: Party,
    leaves: &[u64],
) -> [i64; 2] {
    let by_whom = if by == Party::Host { "the host" } else { "the owner" };
    let (asked, count) = match leaves.len() {
        0 => ("random", format!("random, {} leaves", deal.terms.samples)),
        _ => ("8 named leaves", format!("{} named leaves", leaves.len())),
    };
    let challenge = deal.challenge(world, by, leaves);
    let accusation = deal.accusation(world, &challenge, leaves);
    deal.try_challenge(world, &challenge, leaves).unwrap();
    let name = format!("challenge by {by_whom}, {asked}");
    let opened = meter.note(world, &name, accusation.into_val(&world.env));
    if leaves.is_empty() {
        world.pass_until(deal.challenge_freezes());
        world.post_round(round_for(deal.challenge_freezes()));
    }
    let (terms, state) = (deal.terms_bytes(world), deal.state_bytes(world));
    let answer = deal.answer(revision, leaves);
    let args =
        (terms, state, bytes(world, &revision.encode()), bytes(world, &list(leaves)), bytes(world, &answer));
    deal.try_respond(world, revision, (leaves, &answer)).unwrap();
    let bond = if by == Party::Host { ", no bond" } else { "" };
    [opened, meter.note(world, &format!("respond, {count}{bond}"), args.into_val(&world.env))]
}

/// The calls that end nothing, each noted.
fn moves(meter: &mut Meter, world: &World, deal: &mut Deal) {
    let (owner, host) = (deal.owner.clone(), deal.host.clone());
    let before = (deal.terms_bytes(world), deal.state_bytes(world));
    let mut note = |name: &str, size: usize, signatures: usize| {
        let args = (before.clone(), bytes(world, &[0].repeat(size + 64 * signatures)));
        meter.note(world, name, args.into_val(&world.env));
    };
    host.sends(&world.env);
    deal.try_redeem(world, &deal.voucher(5), &owner).unwrap();
    note("redeem", 57, 1);
    let rotation = deal.rotation(Party::Host, &Person::new(98));
    deal.try_start_rotation(world, &rotation).unwrap();
    note("start_rotation", 98, 0);
    deal.owner.sends(&world.env);
    world.pass_until(deal.state.rotation.unwrap().effective);
    deal.try_finish_rotation(world, &rotation).unwrap();
    note("finish_rotation", 98, 0);
    deal.host = Person::new(98);
    let back = deal.rotation(Party::Host, &host);
    deal.try_rotate(world, &back, [&owner, &Person::new(98)]).unwrap();
    note("rotate", 98, 2);
    deal.host = host.clone();
    let notice = deal.notice(Party::Host, world.now().plus(4 * DAY));
    deal.try_notice(world, &notice, &host).unwrap();
    note("start_close by the host", 42, 1);
}

/// What a host does with its own money.
fn hosts_money(meter: &mut Meter) {
    let world = World::bare(1);
    world.env.mock_all_auths();
    world.host().sends(&world.env);
    let (host, key) = (world.host().address(&world.env), world.key(world.host()));
    let args = |world: &World| (host.clone(), key.clone(), world.token.clone(), 900i128).into_val(&world.env);
    world.register(world.host());
    meter.note(&world, "register", (host.clone(), key.clone(), bytes(&world, &[0; 64])).into_val(&world.env));
    world.escrow.deposit(&host, &key, &world.token, &900);
    meter.note(&world, "deposit", args(&world));
    world.escrow.bond(&key, &world.token, &700);
    meter.note(&world, "bond", args(&world));
    world.escrow.unbond(&key, &world.token, &700);
    meter.note(&world, "unbond", args(&world));
    world.pass(crate::BOND_DELAY_SECONDS);
    world.escrow.release(&key, &world.token);
    meter.note(&world, "release", args(&world));
    world.escrow.withdraw(&key, &world.token, &900);
    meter.note(&world, "withdraw", args(&world));
}

#[test]
fn happy_path_and_disputes_stay_inside_their_budgets_and_batches_pay() {
    let mut meter = Meter::new();
    hosts_money(&mut meter);
    let (_, _, one) = open(&mut meter, 1);
    let (_, _, twenty) = open(&mut meter, 20);
    let (world, mut deals, forty) = open(&mut meter, 40);
    world.pass(3_601);
    let close_one = close(&mut meter, &world, &deals[39..]);
    let close_twenty = close(&mut meter, &world, &deals[..20]);
    let renew_one = renew(&mut meter, &world, &deals[38..39]);
    let renew_many = renew(&mut meter, &world, &deals[28..38]);

    let mut deal = deals[20].clone();
    let revision = deal.revision();
    let published = publish(&mut meter, &world, &mut deal, &revision);
    moves(&mut meter, &world, &mut deals[22]);
    let at_random = challenge(&mut meter, (&world, &mut deal, &revision), Party::Owner, &[]);
    world.pass(DAY);
    let by_host = challenge(&mut meter, (&world, &mut deal, &revision), Party::Host, &[]);
    world.pass(DAY);
    let named: Vec<u64> = (0..8).map(|i| i * 100_003).collect();
    challenge(&mut meter, (&world, &mut deal, &revision), Party::Owner, &named);
    world.pass(DAY);
    deal.challenged(&world, Party::Owner, &named);
    world.pass_until(deal.challenge_deadline().plus(1));
    let args = (deal.terms_bytes(&world), deal.state_bytes(&world), bytes(&world, &revision.encode()));
    deal.try_default(&world, &revision).unwrap();
    meter.note(&world, "default", args.into_val(&world.env));

    let mut last = deals[23].clone();
    let revision = last.revision();
    last.publish(&world, &revision);
    world.pass_until(last.frozen());
    let beacon = post_beacon(&mut meter, &world, last.round());
    let proved = prove(&mut meter, &world, &last, &revision);
    let unused = &deals[21];
    world.pass_until(unused.deadline().plus(1));
    let args = (unused.terms_bytes(&world), unused.state_bytes(&world), bytes(&world, &[]));
    world.escrow.expire(&args.0, &args.1, &args.2);
    meter.note(&world, "expire", args.into_val(&world.env));
    world.escrow.bump(&world.owner_address(), &0, &u32::MAX);
    meter.note(&world, "bump", (world.owner_address(), 0u32, 9u32).into_val(&world.env));

    meter.print();
    println!("{}", upload());
    let happy = twenty / 20 + close_twenty / 20;
    println!("happy path in batches of 20: {happy} per agreement");
    println!("a dispute at the end over 1 GiB: {} and a shared round of {beacon}", published + proved);
    println!("a challenge and its answer: {at_random:?}, by the host {by_host:?}, after {published}");
    if !world::is_native() {
        meter.assert_documented(include_str!("../../README.md"));
        meter.assert_documented(include_str!("../../../../docs/settlement.md"));
    }
    assert!(twenty / 20 < one && forty / 40 < one && close_twenty / 20 < close_one, "batches pay");
    assert!(renew_many / 10 < renew_one && renew_one < one + close_one, "renewing pays");
    assert!(happy <= HAPPY, "happy path: {happy}");
    assert!(published + proved <= DISPUTE, "a dispute: {published} + {proved}");
    for [opened, answered] in [at_random, by_host] {
        assert!(published + opened + answered <= DISPUTE, "{published} + {opened} + {answered}");
    }
}

#[test]
fn opening_keeps_folder_and_balance_alive_beyond_the_last_dispute() {
    let world = World::bare(1);
    // The test network's lives: 7 days unless extended.
    world.env.ledger().with_mut(|info| info.min_persistent_entry_ttl = 120_960);
    world.env.mock_all_auths();
    let host = world.host().clone();
    world.escrow.deposit(&host.address(&world.env), &world.key(&host), &world.token, &10_000_000);
    let deal = Deal::new(&world, 0).open(&world);
    let windows = u64::from(deal.terms.publish_window + deal.terms.proof_window);
    let seconds = deal.terms.seconds() + 2 * windows;
    let wanted = u32::try_from(seconds * 2 / 5).unwrap();
    let lives: Vec<u32> = world.env.as_contract(&world.escrow.address, || {
        let keys = keys_of(&world.owner_address(), (&world.key(&host), &world.token));
        keys.iter().map(|key| world.env.storage().persistent().get_ttl(key)).collect()
    });
    assert_eq!(lives, [wanted, wanted]);
    world.escrow.bump(&world.owner_address(), &0, &u32::MAX);
    let longest = world.env.as_contract(&world.escrow.address, || {
        let keys = keys_of(&world.owner_address(), (&world.key(&host), &world.token));
        world.env.storage().persistent().get_ttl(&keys[0])
    });
    assert_eq!(longest, 3_110_400 - 1);
}
