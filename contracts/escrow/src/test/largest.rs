//! The largest allowed call of every entry point, in the metered host: each fits a transaction of the network by
//! every limit it has ([`Meter::note`] checks them all).
//!
//! Largest means: full batches; every agreement of another owner, host and folder, in the folder's last slot; owners
//! whose trust line is frozen, so that every payment also writes a credit and tells of it; agreements of 1 PiB with
//! 32 samples; deployments that ask for bonds; authorisations by accounts other than the transaction's.

use super::accounts::{Party as Person, contract_id};
use super::deal::{Deal, bytes, round_for, seed_of, stored};
use super::meter::{MAX_EVENTS, Meter};
use super::moves::{auditor, list};
use super::std::{format, vec, vec::Vec};
use super::world::{DEPOSIT, FUNDS, World, beacon_secret, sign_round};
use crate::{BOND_DELAY_SECONDS, MAX_CLOSE, MAX_OPEN, MAX_RENEW};
use layr_market::{MAX_CAPACITY, Party, Revision, SoftwareSha256, Terms, leaf_index};
use layr_merkle::{Digest, Peaks, record_hash};
use layr_types::{AgreementRoot, ContractId, NodeKey, Stroops, UnixSeconds};
use soroban_sdk::{BytesN, IntoVal as _, Vec as HostVec};

/// A world that asks for bonds; every host has one of either token.
fn bonded(hosts: u8) -> World {
    let world = World::deployed(hosts, |config| config.min_bond = 1);
    for host in &world.hosts {
        let (account, key) = (host.address(&world.env), world.key(host));
        world.escrow.deposit(&account, &key, &world.other, &(DEPOSIT / 2));
        world.escrow.bond(&key, &world.other, &5);
        world.escrow.bond(&key, &world.token, &5);
    }
    world
}

/// The largest terms with the `at`th host, in a folder of their own.
fn large(world: &World, at: u8, alter: impl FnOnce(&mut Terms)) -> Deal {
    Deal::with(world, &world.hosts[usize::from(at)], |t| {
        (t.folder, t.slot) = (at.into(), 63);
        t.token = ContractId(contract_id(&world.other));
        t.samples = 32;
        t.exit_fee = Stroops(9);
        t.auditor_key = NodeKey(auditor().node_key());
        alter(t);
    })
}

/// Freezes the owner's trust line: nothing can be paid to it.
fn freeze(world: &World, owner: &Person) {
    owner.trust(&world.env, &world.other_asset, (FUNDS, false));
}

/// What [`stored`]'s first sector is, 2^30 times: an agreement as large as they come.
struct Pebibyte {
    /// The root of 2^level such sectors, by level.
    levels: Vec<Digest>,
}

impl Pebibyte {
    fn new() -> Self {
        let mut levels = vec![record_hash(&stored().root(0))];
        for _ in 0..MAX_CAPACITY.whole_sectors().ilog2() {
            levels.push(join(levels.last().unwrap()));
        }
        Self { levels }
    }

    fn revision(&self, deal: &Deal) -> Revision {
        Revision {
            n: u64::MAX,
            root: AgreementRoot(*self.levels.last().unwrap()),
            sectors: MAX_CAPACITY.whole_sectors(),
            risk: deal.terms.collateral,
            ..Revision::opening(&deal.terms, deal.id)
        }
    }

    /// The proofs of the leaves chosen where the root froze at `frozen`.
    fn proofs(&self, deal: &Deal, revision: &Revision, frozen: UnixSeconds) -> Vec<u8> {
        let seed = seed_of(round_for(frozen));
        let path = self.levels.split_last().unwrap().1;
        let name = (&deal.id, revision.n);
        (0..u32::from(deal.terms.samples))
            .flat_map(|i| {
                let leaf = leaf_index(&SoftwareSha256, &seed, name, i, revision.leaves()).unwrap();
                stored().proof(0, leaf.within_sector(), path)
            })
            .collect()
    }
}

/// The node over two equal ones: the root of a tree whose peaks they are.
fn join(node: &Digest) -> Digest {
    let mut encoded = 3u64.to_be_bytes().to_vec();
    encoded.extend([*node, *node].as_flattened());
    Peaks::decode(&encoded).unwrap().root().0
}

fn pebibyte(world: &World, meter: &mut Meter) -> (Deal, Revision, Pebibyte) {
    let all = Pebibyte::new();
    let mut deal = large(world, 0, |t| {
        t.capacity = MAX_CAPACITY;
        t.rate = 0;
    });
    deal = deal.open(world);
    let revision = all.revision(&deal);
    let publication = deal.publication(world, &revision);
    deal.publish(world, &revision);
    meter.note(world, "publish", publication.into_val(&world.env));
    (deal, revision, all)
}

#[test]
fn opening_closing_and_renewing_full_batches_fits() {
    let mut meter = Meter::new();
    let count = u8::try_from(MAX_OPEN).unwrap();
    let world = bonded(count);
    let tokens = [&world.token, &world.other].map(|token| ContractId(contract_id(token)));
    let deal = |at: u8| large(&world, at, |t| t.token = tokens[usize::from(at % 2)]);
    let deals: Vec<Deal> = (0..count).map(deal).collect();
    let batch = HostVec::from_iter(&world.env, deals.iter().map(|deal| deal.opening(&world)));
    world.escrow.open(&world.owner_address(), &batch);
    meter.note(&world, &format!("open({count})"), batch.into_val(&world.env));
    world.pass(3_601);
    let renewal = |deal: &Deal| deal.renewal(&world, &deal.successor(&world), &deal.renewal_split(0, 1_000));
    let many = usize::try_from(MAX_RENEW).unwrap();
    let batch = HostVec::from_iter(&world.env, deals[..many].iter().map(renewal));
    world.escrow.renew(&world.owner_address(), &batch);
    meter.note(&world, &format!("renew({MAX_RENEW})"), batch.into_val(&world.env));
    meter.print();
}

#[test]
fn closing_a_full_batch_of_strangers_who_cannot_be_paid_fits() {
    let mut meter = Meter::new();
    let count = u8::try_from(MAX_CLOSE).unwrap();
    let mut world = bonded(count);
    let mut deals = Vec::new();
    for at in 0..count {
        world.owner = Person::new(100 + at);
        world.owner.fund(&world.env, FUNDS);
        world.owner.trust(&world.env, &world.other_asset, (FUNDS, true));
        let mut deal = large(&world, at, |_| ()).open(&world);
        let revision = Revision { n: 1, ..Revision::opening(&deal.terms, deal.id) };
        deal.publish(&world, &revision);
        world.pass(3_601);
        deal.challenged(&world, Party::Owner, &[1]);
        freeze(&world, &world.owner);
        deals.push(deal);
    }
    // The test's own bookkeeping of authorisations shares the budget; the meter holds the call to the limits.
    world.env.cost_estimate().budget().reset_unlimited();
    let closing = |deal: &Deal| deal.closing(&world, &deal.split(1, 1_000));
    let batch = HostVec::from_iter(&world.env, deals.iter().map(closing));
    world.escrow.close(&batch);
    meter.note(&world, &format!("close({count})"), batch.into_val(&world.env));
    assert_eq!(
        world.escrow.credit(&world.owner_address(), &world.other),
        (deals[0].terms.escrow + deals[0].terms.voucher_part + deals[0].terms.disclosure_price).0 - 1_000
    );
    meter.print();
}

#[test]
fn a_proof_over_a_pebibyte_fits() {
    let mut meter = Meter::new();
    let world = bonded(1);
    let (deal, revision, all) = pebibyte(&world, &mut meter);
    world.pass_until(deal.frozen());
    let round = deal.round();
    let signature = BytesN::from_array(&world.env, &sign_round(&beacon_secret(), round).serialize());
    world.escrow.post_beacon(&round, &signature);
    meter.note(&world, "post_beacon", (round, signature).into_val(&world.env));
    freeze(&world, &world.owner);
    let args = (
        deal.terms_bytes(&world),
        deal.state_bytes(&world),
        bytes(&world, &revision.encode()),
        bytes(&world, &all.proofs(&deal, &revision, deal.frozen())),
    );
    world.escrow.prove(&args.0, &args.1, &args.2, &args.3);
    meter.note(&world, "prove", args.into_val(&world.env));
    world.owner.trust(&world.env, &world.other_asset, (FUNDS, true));
    world.escrow.owner_withdraw(&world.owner_address(), &world.other);
    meter.note(&world, "owner_withdraw", (world.owner_address(), world.other.clone()).into_val(&world.env));
    meter.print();
}

#[test]
fn a_challenge_over_a_pebibyte_its_answer_and_its_default_fit() {
    let mut meter = Meter::new();
    let world = bonded(1);
    let (mut deal, revision, all) = pebibyte(&world, &mut meter);
    let eight: Vec<u64> = (u64::MAX - 7..=u64::MAX).collect();
    let challenge = deal.challenge(&world, Party::Auditor, &eight);
    let accusation = deal.accusation(&world, &challenge, &eight);
    deal.try_challenge(&world, &challenge, &eight).unwrap();
    meter.note(&world, "challenge, 8 named", accusation.into_val(&world.env));
    deal.try_respond(&world, &revision, (&eight, &[])).unwrap();
    world.pass(86_400);
    deal.challenged(&world, Party::Owner, &[]);
    let frozen = deal.challenge_freezes();
    world.pass_until(frozen);
    world.post_round(round_for(frozen));
    let proofs = all.proofs(&deal, &revision, frozen);
    let args = (
        deal.terms_bytes(&world),
        deal.state_bytes(&world),
        bytes(&world, &revision.encode()),
        bytes(&world, &list(&[])),
        bytes(&world, &proofs),
    );
    deal.try_respond(&world, &revision, (&[], &proofs)).unwrap();
    meter.note(&world, "respond, random", args.into_val(&world.env));
    world.pass(86_400);
    deal.challenged(&world, Party::Owner, &eight);
    world.pass_until(deal.challenge_deadline().plus(1));
    freeze(&world, &world.owner);
    let args = (deal.terms_bytes(&world), deal.state_bytes(&world), bytes(&world, &revision.encode()));
    deal.try_default(&world, &revision).unwrap();
    meter.note(&world, "default", args.into_val(&world.env));
    meter.print();
}

#[test]
fn every_move_that_ends_nothing_and_an_expiry_fit() {
    let mut meter = Meter::new();
    let world = bonded(1);
    let env = &world.env;
    let mut deal = large(&world, 0, |_| ()).open(&world);
    let revision = Revision { risk: deal.terms.collateral, ..deal.revision() };
    deal.publish(&world, &revision);
    let (owner, host) = (deal.owner.clone(), deal.host.clone());
    let args = |deal: &Deal, rest: usize| {
        (deal.terms_bytes(&world), deal.state_bytes(&world), bytes(&world, &vec![0; rest])).into_val(env)
    };
    let voucher = deal.voucher(deal.terms.voucher_part.0);
    deal.try_redeem(&world, &voucher, &owner).unwrap();
    meter.note(&world, "redeem", args(&deal, 57 + 64));
    let rotation = deal.rotation(Party::Host, &Person::new(98));
    deal.try_start_rotation(&world, &rotation).unwrap();
    meter.note(&world, "start_rotation", args(&deal, 98));
    world.pass_until(deal.state.rotation.unwrap().effective);
    deal.try_finish_rotation(&world, &rotation).unwrap();
    meter.note(&world, "finish_rotation", args(&deal, 98));
    let back = deal.rotation(Party::Host, &host);
    deal.try_rotate(&world, &back, [&owner, &Person::new(98)]).unwrap();
    meter.note(&world, "rotate", args(&deal, 98 + 128));
    freeze(&world, &world.owner);
    let notice = deal.notice(Party::Host, world.now().plus(4 * 86_400));
    deal.try_notice(&world, &notice, &host).unwrap();
    meter.note(&world, "start_close", args(&deal, 42 + 64));
    world.pass_until(deal.deadline().plus(1));
    let (terms, state) = (deal.terms_bytes(&world), deal.state_bytes(&world));
    world.escrow.expire(&terms, &state, &bytes(&world, &revision.encode()));
    meter.note(&world, "expire", args(&deal, 185));
    meter.print();
}

#[test]
fn moving_a_hosts_money_and_every_view_fit() {
    let mut meter = Meter::new();
    let world = bonded(2);
    let (env, host) = (&world.env, world.host());
    large(&world, 0, |_| ()).open(&world);
    let (account, next, key) = (host.address(env), world.hosts[1].address(env), world.key(host));
    let moved = || (account.clone(), key.clone(), world.other.clone(), i128::MAX).into_val(env);
    world.escrow.deposit(&account, &key, &world.other, &3);
    meter.note(&world, "deposit", moved());
    world.escrow.bond(&key, &world.other, &3);
    meter.note(&world, "bond", moved());
    world.escrow.unbond(&key, &world.other, &3);
    meter.note(&world, "unbond", moved());
    world.pass(BOND_DELAY_SECONDS);
    world.escrow.release(&key, &world.other);
    meter.note(&world, "release", moved());
    world.escrow.withdraw(&key, &world.other, &3);
    meter.note(&world, "withdraw", moved());
    world.escrow.register(&next, &key, &world.registration(host, &world.hosts[1]));
    meter.note(&world, "register", (next, key.clone(), bytes(&world, &[0; 64])).into_val(env));
    world.escrow.bump(&world.owner_address(), &0, &u32::MAX);
    meter.note(&world, "bump", moved());
    let all = world.escrow.folder(&world.owner_address(), &0);
    assert_eq!(all.len(), 2_048);
    assert!(all.len() < MAX_EVENTS, "a return value counts as events do");
    meter.note(&world, "folder", moved());
    let _ = world.escrow.slot(&world.owner_address(), &0, &63);
    meter.note(&world, "slot", moved());
    let _ = (world.escrow.balance(&key, &world.other), meter.note(&world, "balance", moved()));
    let _ = (world.escrow.bonded(&key, &world.other), meter.note(&world, "bonded", moved()));
    let _ = (world.escrow.credit(&account, &world.other), meter.note(&world, "credit", moved()));
    let _ = (world.escrow.account(&key), meter.note(&world, "account", moved()));
    let _ = (world.escrow.beacon(&1), meter.note(&world, "beacon", moved()));
    let _ = (world.escrow.config(), meter.note(&world, "config", moved()));
    let _ = (world.escrow.constants(), meter.note(&world, "constants", moved()));
    meter.print();
}
