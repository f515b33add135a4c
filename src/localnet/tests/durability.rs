//! A network outlives its process: restarts, torn tails, damage, and two processes on one directory.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use std::fs;
use std::path::Path;

use common::*;
use layr_localnet::{
    Advance, Clock, Engine, EngineConfig, EngineError, JournalError, Submission, grant_envelope,
};
use stellar_xdr::*;

fn config() -> EngineConfig {
    EngineConfig { clock: Clock::Manual(START), ..EngineConfig::default() }
}

fn open(directory: &Path) -> Engine {
    Engine::open(config(), directory).expect("the network opens")
}

fn fund(engine: &mut Engine, number: u8) {
    let envelope = grant_envelope(engine, &account_id(&key(number))).unwrap();
    assert_eq!(engine.submit(envelope).unwrap(), Submission::Pending);
    engine.close().unwrap();
}

fn journal(directory: &Path) -> std::path::PathBuf {
    directory.join("ledger.journal")
}

/// What a client can see of a network.
#[derive(Debug, PartialEq)]
struct Picture {
    header: LedgerHeaderHistoryEntry,
    now: u64,
    beacon: [u8; 32],
    accounts: Vec<Option<(i64, i64)>>,
}

fn picture(engine: &Engine) -> Picture {
    Picture {
        header: engine.header().clone(),
        now: engine.now(),
        beacon: engine.beacon().chain_hash(),
        accounts: (1..4).map(|number| engine.account(&account_id(&key(number)))).collect(),
    }
}

#[test]
fn a_restart_finds_everything_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = open(directory.path());
    fund(&mut engine, 1);
    engine.advance(Advance { seconds: 1_000, ledgers: 500 }).unwrap();
    fund(&mut engine, 2);
    let hash = engine.latest_ledgers().next().unwrap().transactions[0].hash;
    let before = picture(&engine);
    let known = engine.transaction(&hash).unwrap();
    drop(engine);

    let mut engine = open(directory.path());
    assert_eq!(picture(&engine), before);
    let found = engine.transaction(&hash).expect("the transaction is remembered");
    assert_eq!((&found.applied, &found.envelope), (&known.applied, &known.envelope));
    assert_eq!(engine.submit(found.envelope.clone()).unwrap(), Submission::Duplicate);
    fund(&mut engine, 3);
    assert_eq!(engine.account(&account_id(&key(3))).unwrap().0, layr_localnet::STARTING_BALANCE);
}

#[test]
fn a_tail_torn_at_any_byte_loses_only_the_ledger_nobody_was_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = open(directory.path());
    fund(&mut engine, 1);
    let told = picture(&engine);
    let sound = fs::metadata(journal(directory.path())).unwrap().len();
    fund(&mut engine, 2);
    drop(engine);
    let bytes = fs::read(journal(directory.path())).unwrap();
    let sound = usize::try_from(sound).unwrap();
    let cuts = [0, 1, 7, 19, 20, 21, 100, bytes.len() - sound - 1];
    for cut in cuts {
        fs::write(journal(directory.path()), &bytes[..sound + cut]).unwrap();
        let mut engine = open(directory.path());
        assert_eq!(picture(&engine), told, "cut {cut} bytes into the last frame");
        fund(&mut engine, 2);
    }
    let mut padded = bytes[..sound].to_vec();
    padded.extend(vec![0; 5_000]);
    fs::write(journal(directory.path()), padded).unwrap();
    assert_eq!(picture(&open(directory.path())), told, "a tail of zeros");
}

#[test]
fn damage_before_the_tail_is_refused_and_never_skipped() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = open(directory.path());
    fund(&mut engine, 1);
    fund(&mut engine, 2);
    drop(engine);
    let bytes = fs::read(journal(directory.path())).unwrap();
    for at in [0, 4, 6, 9, 17, 25, 200, bytes.len() / 2] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x40;
        fs::write(journal(directory.path()), damaged).unwrap();
        match Engine::open(config(), directory.path()) {
            Err(EngineError::Journal(JournalError::Damaged { .. })) => {}
            Err(other) => panic!("byte {at}: {other}"),
            Ok(_) => panic!("byte {at}: damage was accepted"),
        }
    }
    fs::write(journal(directory.path()), &bytes).unwrap();
    assert!(open(directory.path()).account(&account_id(&key(2))).is_some());
}

#[test]
fn two_processes_cannot_run_one_network() {
    let directory = tempfile::tempdir().unwrap();
    let engine = open(directory.path());
    let second = Engine::open(config(), directory.path());
    assert!(matches!(second, Err(EngineError::Journal(JournalError::Locked { .. }))));
    drop(engine);
    open(directory.path());
}

#[test]
fn a_directory_belongs_to_one_passphrase() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    let other = EngineConfig { passphrase: "Another Network".to_owned(), ..config() };
    let refused = Engine::open(other, directory.path());
    assert!(matches!(refused, Err(EngineError::Journal(JournalError::Passphrase { .. }))));
}

#[test]
fn a_compacted_journal_is_shorter_and_says_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let mut engine = open(directory.path());
    fund(&mut engine, 1);
    for _ in 0..200 {
        engine.close().unwrap();
    }
    fund(&mut engine, 2);
    let hash = engine.latest_ledgers().next().unwrap().transactions[0].hash;
    let before = picture(&engine);
    let long = fs::metadata(journal(directory.path())).unwrap().len();
    engine.compact().unwrap();
    let short = fs::metadata(journal(directory.path())).unwrap().len();
    assert!(short < long, "{short} is not shorter than {long}");
    fund(&mut engine, 3);
    drop(engine);
    let engine = open(directory.path());
    assert_eq!(engine.account(&account_id(&key(3))).unwrap().0, layr_localnet::STARTING_BALANCE);
    assert_eq!(engine.sequence(), before.header.header.ledger_seq + 1);
    assert!(engine.transaction(&hash).is_some());
}

#[test]
fn ledgers_are_a_hash_chain_and_lumens_are_conserved() {
    let mut engine = Engine::in_memory(config()).unwrap();
    let mut parent = engine.header().hash.clone();
    for number in 1..4 {
        fund(&mut engine, number);
        assert_eq!(engine.header().header.previous_ledger_hash, parent);
        parent = engine.header().hash.clone();
    }
    let holders = (1..4).map(|number| account_id(&key(number))).chain([engine.root_account()]);
    let held: i64 = holders.map(|id| engine.account(&id).unwrap().0).sum();
    assert_eq!(held + engine.header().header.fee_pool, layr_localnet::TOTAL_COINS);
}
