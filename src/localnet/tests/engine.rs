//! The network as a plain value, without a server: how contract tests use it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use std::sync::Arc;

use common::*;
use ed25519_dalek::SigningKey;
use layr_localnet::{
    Advance, Application, Clock, Engine, EngineConfig, SimulationOptions, Submission, TransactionRecord,
    grant_envelope,
};
use stellar_xdr::*;

fn engine() -> Engine {
    let config = EngineConfig { seed: Some([5; 32]), clock: Clock::Manual(START), ..EngineConfig::default() };
    let mut engine = Engine::in_memory(config).unwrap();
    for number in 1..4 {
        let grant = grant_envelope(&engine, &account_id(&key(number))).unwrap();
        assert!(applied(&mut engine, grant).succeeded);
    }
    engine
}

fn applied(engine: &mut Engine, envelope: TransactionEnvelope) -> Arc<TransactionRecord> {
    match engine.apply(envelope).unwrap() {
        Application::Applied(record) => record,
        Application::NotApplied(why) => panic!("not applied: {why:?}"),
    }
}

fn next(engine: &Engine, key: &SigningKey) -> i64 {
    engine.account(&account_id(key)).unwrap().1 + 1
}

/// The transaction of one contract call by `source`, with what its dry run found.
fn prepared(engine: &Engine, source: &SigningKey, body: OperationBody) -> Transaction {
    let tx = transaction(source, next(engine, source), body);
    let found = engine.simulate(&sign(tx.clone(), &[]), SimulationOptions::default()).unwrap();
    assert_eq!(found.error, None);
    prepare(tx, found.data.unwrap(), found.auth)
}

fn run(engine: &mut Engine, source: &SigningKey, body: OperationBody) -> Arc<TransactionRecord> {
    let tx = prepared(engine, source, body);
    applied(engine, sign(tx, &[source]))
}

fn total(engine: &Engine) -> i64 {
    let holders = (1..4).map(|number| account_id(&key(number))).chain([engine.root_account()]);
    let held: i64 = holders.map(|id| engine.account(&id).unwrap().0).sum();
    held + engine.header().header.fee_pool
}

#[test]
fn contracts_can_be_driven_in_process_and_no_lumen_is_lost() {
    let mut engine = engine();
    let alice = key(1);
    let wasm = wasm::keeper();
    let hash = wasm_hash(&wasm);
    assert!(run(&mut engine, &alice, upload(wasm)).succeeded);
    let created = run(&mut engine, &alice, create_contract(&alice, hash, 9));
    let Some(ScVal::Address(ScAddress::Contract(contract))) = created.return_value() else {
        panic!("no contract")
    };
    let put = run(&mut engine, &alice, invoke(contract, "put", vec![symbol("x"), ScVal::U32(3)]));
    let events: Vec<_> = put.events().collect();
    assert_eq!(events.len(), 1);
    let ContractEventBody::V0(body) = &events[0].1.body;
    assert_eq!((body.topics.len(), &body.data), (0, &ScVal::U32(3)));
    assert_eq!(total(&engine), layr_localnet::TOTAL_COINS);

    let mut starved = prepared(&engine, &alice, invoke(contract, "get", vec![symbol("x")]));
    if let TransactionExt::V1(data) = &mut starved.ext {
        data.resources.instructions = 20_000;
    }
    assert!(!applied(&mut engine, sign(starved, &[&alice])).succeeded);
    assert!(run(&mut engine, &alice, native_transfer(&alice, &key(2), 77)).succeeded);
    assert_eq!(total(&engine), layr_localnet::TOTAL_COINS);
    engine.advance(Advance { seconds: 60, ledgers: 2_100_000 }).unwrap();
    assert!(run(&mut engine, &alice, invoke(contract, "put", vec![symbol("x"), ScVal::U32(4)])).succeeded);
    assert_eq!(total(&engine), layr_localnet::TOTAL_COINS);
}

#[test]
fn a_full_ledger_makes_the_rest_wait_for_the_next() {
    let mut engine = engine();
    for number in 1..4 {
        let (from, to) = (key(number), key(number % 3 + 1));
        let mut tx = prepared(&engine, &from, native_transfer(&from, &to, 1));
        if let TransactionExt::V1(data) = &mut tx.ext {
            data.resources.instructions = 400_000_000;
            data.resource_fee += 400_000;
            tx.fee += 400_000;
        }
        assert_eq!(engine.submit(sign(tx, &[&from])).unwrap(), Submission::Pending);
    }
    engine.close().unwrap();
    let first = engine.latest_ledgers().next().unwrap().transactions.len();
    assert_eq!((first, engine.has_pending()), (2, true), "two clusters of 580 million instructions");
    engine.close().unwrap();
    assert_eq!(
        (engine.latest_ledgers().next().unwrap().transactions.len(), engine.has_pending()),
        (1, false)
    );
}

#[test]
fn an_operation_of_another_account_needs_that_accounts_signature() {
    let mut engine = engine();
    let (alice, bob) = (key(1), key(2));
    let mut tx = transaction(&alice, next(&engine, &alice), payment(&alice, 500));
    let operation = Operation { source_account: Some(muxed(&bob)), body: payment(&alice, 500) };
    tx.operations = vec![operation].try_into().unwrap();
    let Application::NotApplied(Submission::Refused(refused)) =
        engine.apply(sign(tx.clone(), &[&alice])).unwrap()
    else {
        panic!("applied without bob")
    };
    let TransactionResultResult::TxFailed(results) = refused.result else { panic!("another reason") };
    assert_eq!(results[0], OperationResult::OpBadAuth);
    assert!(applied(&mut engine, sign(tx, &[&alice, &bob])).succeeded);
    assert_eq!(engine.account(&account_id(&bob)).unwrap().0, 100_000_000_000 - 500);
}

#[test]
fn several_operations_take_effect_together_or_not_at_all() {
    let mut engine = engine();
    let (alice, bob) = (key(1), key(2));
    let operation = |body| Operation { source_account: None, body };
    let mut tx = transaction(&alice, next(&engine, &alice), payment(&bob, 1));
    tx.fee = 200;
    tx.operations =
        vec![operation(payment(&bob, 1_000)), operation(payment(&key(9), 1_000))].try_into().unwrap();
    let record = applied(&mut engine, sign(tx, &[&alice]));
    assert!(!record.succeeded);
    assert_eq!(engine.account(&account_id(&bob)).unwrap().0, 100_000_000_000);
    assert_eq!(engine.account(&account_id(&alice)).unwrap().0, 100_000_000_000 - 200);
}

#[test]
fn preconditions_beyond_time_are_honoured() {
    let mut engine = engine();
    let alice = key(1);
    let with = |engine: &mut Engine, sequence: i64, change: &dyn Fn(&mut PreconditionsV2)| {
        let mut conditions = PreconditionsV2::default();
        change(&mut conditions);
        let mut tx = transaction(&alice, sequence, payment(&key(2), 1));
        tx.cond = Preconditions::V2(conditions);
        match engine.apply(sign(tx, &[&alice])).unwrap() {
            Application::Applied(record) => record.applied.result.result.result.clone(),
            Application::NotApplied(Submission::Refused(result)) => result.result,
            Application::NotApplied(other) => panic!("{other:?}"),
        }
    };
    let sequence = next(&engine, &alice);
    let early = |conditions: &mut PreconditionsV2| {
        conditions.ledger_bounds = Some(LedgerBounds { min_ledger: 1_000, max_ledger: 0 });
    };
    assert_eq!(with(&mut engine, sequence, &early), TransactionResultResult::TxTooEarly);
    let late = |conditions: &mut PreconditionsV2| {
        conditions.ledger_bounds = Some(LedgerBounds { min_ledger: 0, max_ledger: 2 });
    };
    assert_eq!(with(&mut engine, sequence, &late), TransactionResultResult::TxTooLate);
    let first = engine.account(&account_id(&alice)).unwrap().1;
    let jump = |conditions: &mut PreconditionsV2| conditions.min_seq_num = Some(SequenceNumber(first));
    let jumped = with(&mut engine, sequence + 20, &jump);
    assert!(matches!(jumped, TransactionResultResult::TxSuccess(_)), "{jumped:?}");
    let aged = |conditions: &mut PreconditionsV2| conditions.min_seq_age = Duration(3_600);
    let young = with(&mut engine, sequence + 21, &aged);
    assert_eq!(young, TransactionResultResult::TxBadMinSeqAgeOrGap);
    engine.advance(Advance { seconds: 3_600, ledgers: 0 }).unwrap();
    assert!(matches!(with(&mut engine, sequence + 21, &aged), TransactionResultResult::TxSuccess(_)));
}

#[test]
fn the_same_history_gives_the_same_ledgers() {
    let play = || {
        let mut engine = engine();
        run(&mut engine, &key(1), upload(wasm::keeper()));
        engine.advance(Advance { seconds: 5, ledgers: 0 }).unwrap();
        engine.header().hash.clone()
    };
    assert_eq!(play(), play());
}
