//! What calls cost by the network's own meter, and that the largest ones stay inside its limits.
//!
//! `cargo test -p layr-escrow cost -- --nocapture` prints the table of the README.

use super::deal::{Deal, bytes};
use super::std::{format, println, string::String, vec::Vec};
use super::world::{self, World, beacon_secret, network, sign_round};
use crate::storage::keys_of;
use layr_types::{ByteCount, GIB};
use soroban_sdk::testutils::Ledger as _;
use soroban_sdk::testutils::storage::Persistent as _;
use soroban_sdk::xdr::ToXdr as _;
use soroban_sdk::{BytesN, IntoVal, Val, Vec as HostVec};

/// The network's limit on instructions of one transaction.
const MAX_INSTRUCTIONS: i64 = 400_000_000;
/// On a transaction's size in bytes.
const MAX_BYTES: u32 = 132_096;
/// On its events and return value.
const MAX_EVENTS: u32 = 16_384;
/// On the entries it writes, and their bytes.
const MAX_WRITES: (u32, u32) = (200, 132_096);
/// Stroops per KiB of a transaction: 4,059 for history and 406 for bandwidth.
const SIZE_FEE: i64 = 4_465;
/// An envelope without arguments: source, fee, sequence, resources, one signature; then an account's
/// authorisation, where there is one; then per footprint key.
const ENVELOPE_BYTES: u32 = 300;
const AUTHORISATION_BYTES: u32 = 400;
const KEY_BYTES: u32 = 108;

struct Meter {
    rows: Vec<String>,
}

impl Meter {
    /// Notes what the last call cost, given its arguments; returns the fee in stroops without rent.
    fn note(&mut self, world: &World, name: &str, args: Val) -> i64 {
        let used = world.env.cost_estimate().resources();
        let fee = world.env.cost_estimate().fee();
        let args: soroban_sdk::Bytes = args.to_xdr(&world.env);
        let keys = used.memory_read_entries + used.disk_read_entries;
        let signed = if world.env.auths().is_empty() { 0 } else { AUTHORISATION_BYTES };
        let size = ENVELOPE_BYTES + signed + args.len() + keys * KEY_BYTES;
        let rent = fee.persistent_entry_rent + fee.temporary_entry_rent;
        let total = fee.total - rent + i64::from(size) * SIZE_FEE / 1_024;
        self.rows.push(format!(
            "| {name} | {}.{:02} M | {size} | {} | {total} | {rent} |",
            used.instructions / 1_000_000,
            used.instructions / 10_000 % 100,
            used.contract_events_size_bytes,
        ));
        assert!(used.instructions < MAX_INSTRUCTIONS, "{name}: {} instructions", used.instructions);
        assert!(size < MAX_BYTES, "{name}: {size} bytes");
        assert!(used.contract_events_size_bytes < MAX_EVENTS, "{name}: events");
        assert!(used.write_entries < MAX_WRITES.0 && used.write_bytes < MAX_WRITES.1, "{name}: writes");
        total
    }
}

/// Terms like the others, of an agreement as full as 1 GiB.
fn deals(world: &World, count: u8) -> Vec<Deal> {
    (0..count)
        .map(|i| {
            Deal::with(world, &world.hosts[usize::from(i)], |t| {
                t.slot = i;
                t.capacity = ByteCount(GIB);
            })
        })
        .collect()
}

/// What putting the code on the ledger costs, rent for its first 120 days included.
fn upload() -> String {
    let env = network();
    let wasm = world::WASM;
    env.deployer().upload_contract_wasm(wasm);
    let fee = env.cost_estimate().fee().persistent_entry_rent;
    format!("uploading {} bytes: {fee} stroops of rent", wasm.len())
}

fn open(meter: &mut Meter, count: u8) -> (World, Vec<Deal>, i64) {
    let world = World::with_hosts(count);
    let deals = deals(&world, count);
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

/// A proof of as many leaves as terms may want.
fn most_leaves(meter: &mut Meter) {
    let world = World::new();
    let mut deal = Deal::with(&world, world.host(), |t| t.samples = 32).open(&world);
    let revision = deal.revision();
    deal.publish(&world, &revision);
    world.pass_until(deal.frozen());
    world.post_round_of(&deal);
    let proofs = deal.proofs(&revision);
    let (terms, state) = (deal.terms_bytes(&world), deal.state_bytes(&world));
    let (encoded, proofs) = (bytes(&world, &revision.encode()), bytes(&world, &proofs));
    world.escrow.prove(&terms, &state, &encoded, &proofs);
    meter.note(&world, "prove, k = 32", (terms, state, encoded, proofs).into_val(&world.env));
}

/// The batch that touches most entries: every agreement in a folder of its own.
fn forty_folders(meter: &mut Meter) {
    let world = World::with_hosts(40);
    let deals = (0..40u8)
        .map(|i| Deal::with(&world, &world.hosts[usize::from(i)], |t| (t.folder, t.slot) = (i.into(), 63)));
    let batch = HostVec::from_iter(&world.env, deals.map(|deal| deal.opening(&world)));
    world.escrow.open(&world.owner_address(), &batch);
    meter.note(&world, "open(40), 40 folders", batch.into_val(&world.env));
}

#[test]
fn the_largest_proof_fits_a_transaction_whatever_the_capacity() {
    let sectors = layr_market::MAX_CAPACITY.whole_sectors();
    let longest = layr_merkle::leaf_proof_bytes(layr_types::LeafIndex(0), sectors).unwrap();
    let arguments = u32::try_from(32 * longest + 2_000).unwrap();
    assert!(arguments + ENVELOPE_BYTES + 20 * KEY_BYTES < MAX_BYTES);
}

#[test]
fn the_largest_calls_fit_the_network_and_batches_pay() {
    let mut meter = Meter { rows: Vec::new() };
    let (_, _, one) = open(&mut meter, 1);
    let (_, _, twenty) = open(&mut meter, 20);
    let (world, deals, forty) = open(&mut meter, 40);
    world.pass(3_601);
    let close_one = close(&mut meter, &world, &deals[39..]);
    let close_twenty = close(&mut meter, &world, &deals[..20]);

    let mut deal = deals[20].clone();
    let revision = deal.revision();
    let publication = deal.publication(&world, &revision);
    deal.publish(&world, &revision);
    let publish = meter.note(&world, "publish", publication.into_val(&world.env));
    world.pass_until(deal.frozen());
    let round = deal.round();
    let signature = BytesN::from_array(&world.env, &sign_round(&beacon_secret(), round).serialize());
    world.escrow.post_beacon(&round, &signature);
    let beacon = meter.note(&world, "post_beacon", signature.into_val(&world.env));
    let (terms, state) = (deal.terms_bytes(&world), deal.state_bytes(&world));
    let (encoded, proofs) = (bytes(&world, &revision.encode()), bytes(&world, &deal.proofs(&revision)));
    world.escrow.prove(&terms, &state, &encoded, &proofs);
    let args = (terms, state, encoded, proofs).into_val(&world.env);
    let prove = meter.note(&world, "prove, k = 10", args);
    let unused = &deals[21];
    world.pass_until(unused.deadline().plus(1));
    let (terms, state) = (unused.terms_bytes(&world), unused.state_bytes(&world));
    let none = bytes(&world, &[]);
    world.escrow.expire(&terms, &state, &none);
    meter.note(&world, "expire", (terms, state, none).into_val(&world.env));

    most_leaves(&mut meter);
    forty_folders(&mut meter);

    println!("| call | instructions | transaction bytes | event bytes | fee (stroops) | rent (stroops) |");
    println!("|---|---|---|---|---|---|");
    meter.rows.iter().for_each(|row| println!("{row}"));
    println!("{}", upload());
    println!("happy path in batches: {} per agreement", forty / 40 + close_twenty / 20);
    assert!(twenty / 20 < one && forty / 40 < one && close_twenty / 20 < close_one, "batches pay");
    println!("a dispute over 1 GiB: {} and a shared round of {beacon}", publish + prove);
    assert!(publish + prove <= 140_000, "a dispute: {publish} + {prove}");
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
