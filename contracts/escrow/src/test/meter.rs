//! The network's own meter: what the last call used, what it costs, and whether it fits a transaction.
//!
//! Limits are the main network's (stellar.org's table of July 2026); the fees are the SDK's snapshot of the
//! same date. A transaction's size is estimated, since the meter sees a call and no envelope.

use super::std::{format, println, string::String, vec::Vec};
use super::world::World;
use soroban_sdk::Val;
use soroban_sdk::xdr::ToXdr as _;

/// Instructions of one transaction.
pub const MAX_INSTRUCTIONS: i64 = 400_000_000;
/// Bytes of memory: 40 MiB.
pub const MAX_MEMORY: i64 = 41_943_040;
/// Bytes of a transaction.
pub const MAX_BYTES: u32 = 132_096;
/// Bytes of its events and return value.
pub const MAX_EVENTS: u32 = 16_384;
/// Entries in its footprint.
pub const MAX_FOOTPRINT: u32 = 400;
/// Entries it reads from disk (accounts, trust lines), and their bytes.
pub const MAX_DISK_READS: (u32, u32) = (200, 200_000);
/// Entries it writes, and their bytes.
pub const MAX_WRITES: (u32, u32) = (200, 132_096);
/// Stroops per KiB of a transaction: 4,059 for history and 406 for bandwidth.
const SIZE_FEE: i64 = 4_465;
/// An envelope without arguments: source, fee, sequence, resources, one signature; then for each account that
/// authorises; then for each footprint key.
pub const ENVELOPE_BYTES: u32 = 300;
const AUTHORISATION_BYTES: u32 = 400;
pub const KEY_BYTES: u32 = 108;

/// A table of calls, as it is printed and as the documents have it.
pub struct Meter {
    rows: Vec<String>,
    documented: Vec<String>,
}

impl Meter {
    pub const fn new() -> Self {
        Self { rows: Vec::new(), documented: Vec::new() }
    }

    /// Notes what the last call cost, given its arguments, and refuses one that no transaction holds; returns
    /// the fee in stroops without rent.
    pub fn note(&mut self, world: &World, name: &str, args: Val) -> i64 {
        let used = world.env.cost_estimate().resources();
        let fee = world.env.cost_estimate().fee();
        let signed = u32::try_from(world.env.auths().len()).unwrap() * AUTHORISATION_BYTES;
        let args: soroban_sdk::Bytes = args.to_xdr(&world.env);
        let keys = used.memory_read_entries + used.disk_read_entries;
        let size = ENVELOPE_BYTES + signed + args.len() + keys * KEY_BYTES;
        let rent = fee.persistent_entry_rent + fee.temporary_entry_rent;
        let total = fee.total - rent + i64::from(size) * SIZE_FEE / 1_024;
        let (told, writes) = (used.contract_events_size_bytes, used.write_entries);
        let instructions =
            format!("{}.{:02} M", used.instructions / 1_000_000, used.instructions / 10_000 % 100);
        self.rows.push(format!(
            "| {name} | {instructions} | {size} | {told} | {keys} / {writes} | {total} | {rent} |"
        ));
        self.documented.push(format!(
            "| {name} | {instructions} | {} | {} | {}",
            grouped(size.into()),
            grouped(told.into()),
            grouped(total)
        ));
        assert!(used.instructions < MAX_INSTRUCTIONS, "{name}: {} instructions", used.instructions);
        assert!(used.mem_bytes < MAX_MEMORY, "{name}: {} bytes of memory", used.mem_bytes);
        assert!(size < MAX_BYTES, "{name}: {size} bytes");
        assert!(used.contract_events_size_bytes < MAX_EVENTS, "{name}: events");
        assert!(keys < MAX_FOOTPRINT, "{name}: {keys} entries");
        let disk = (used.disk_read_entries, used.disk_read_bytes);
        assert!(disk.0 < MAX_DISK_READS.0 && disk.1 < MAX_DISK_READS.1, "{name}: {disk:?} read");
        let written = (used.write_entries, used.write_bytes);
        assert!(written.0 < MAX_WRITES.0 && written.1 < MAX_WRITES.1, "{name}: {written:?} written");
        total
    }

    /// Checks that a document's table says what was measured.
    pub fn assert_documented(&self, document: &str) {
        let told = |row: &String| {
            document.lines().any(|line| {
                line.strip_prefix(row.as_str())
                    .is_some_and(|rest| !rest.starts_with(|c| "0123456789,".contains(c)))
            })
        };
        let missing: Vec<&String> = self.documented.iter().filter(|row| !told(row)).collect();
        assert!(missing.is_empty(), "measured, and not in the document:\n{missing:#?}");
    }

    /// Prints the table.
    pub fn print(&self) {
        println!(
            "| call | instructions | transaction bytes | event bytes | entries read / written | fee | rent |"
        );
        println!("|---|---|---|---|---|---|---|");
        self.rows.iter().for_each(|row| println!("{row}"));
    }
}

/// Digits in groups of three.
fn grouped(number: i64) -> String {
    match number {
        0..1_000 => format!("{number}"),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}
