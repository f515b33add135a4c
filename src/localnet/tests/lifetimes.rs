//! Lifetimes of contract data: expiry, archival, restoring by hand and on use, and extending.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use common::*;
use serde_json::json;
use stellar_xdr::*;

const PERSISTENT: ContractDataDurability = ContractDataDurability::Persistent;
const TEMPORARY: ContractDataDurability = ContractDataDurability::Temporary;
const MIN_PERSISTENT: u32 = 2_073_600;

async fn keeper_with(net: &Net, name: &str) -> ContractId {
    net.fund(&key(1)).await;
    let contract = net.deploy_keeper(&key(1)).await;
    let put = invoke(&contract, "put", vec![symbol(name), ScVal::U32(41)]);
    assert_eq!(net.run(&key(1), put).await["status"], "SUCCESS");
    contract
}

async fn live_until(net: &Net, key: &LedgerKey) -> u64 {
    let (_, entry) = net.entry(key).await.expect("the entry");
    entry["liveUntilLedgerSeq"].as_u64().expect("a lifetime")
}

fn footprint_transaction(sequence: i64, body: OperationBody, keys: Vec<LedgerKey>) -> Transaction {
    let mut tx = transaction(&key(1), sequence, body.clone());
    let keys = keys.try_into().unwrap();
    let footprint = match body {
        OperationBody::RestoreFootprint(_) => {
            LedgerFootprint { read_only: VecM::default(), read_write: keys }
        }
        _ => LedgerFootprint { read_only: keys, read_write: VecM::default() },
    };
    tx.ext = TransactionExt::V1(SorobanTransactionData {
        ext: SorobanTransactionDataExt::V0,
        resources: SorobanResources { footprint, instructions: 0, disk_read_bytes: 0, write_bytes: 0 },
        resource_fee: 0,
    });
    tx
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_keeps_what_it_was_given_and_gives_it_back() {
    let net = Net::start().await;
    let contract = keeper_with(&net, "a").await;
    let found = net.run(&key(1), invoke(&contract, "get", vec![symbol("a")])).await;
    assert_eq!(return_value(&found), ScVal::U32(41));
    let missing = net.simulate(&transaction(&key(1), 1, invoke(&contract, "get", vec![symbol("b")]))).await;
    assert!(missing["error"].as_str().unwrap().contains("Error(Storage, MissingValue)"), "{missing}");
    let trapped = net.simulate(&transaction(&key(1), 1, invoke(&contract, "fail", vec![]))).await;
    assert!(trapped["error"].as_str().unwrap().contains("Error(WasmVm, InvalidAction)"), "{trapped}");
    let endless = net.simulate(&transaction(&key(1), 1, invoke(&contract, "spin", vec![]))).await;
    assert!(endless["error"].as_str().unwrap().contains("Error(Budget, ExceededLimit)"), "{endless}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_extension_prolongs_a_life_and_pays_rent() {
    let net = Net::start().await;
    let contract = keeper_with(&net, "a").await;
    let kept = kept_key(&contract, "a", PERSISTENT);
    let before = live_until(&net, &kept).await;
    let extend = OperationBody::ExtendFootprintTtl(ExtendFootprintTtlOp {
        ext: ExtensionPoint::V0,
        extend_to: 3_000_000,
    });
    let tx = footprint_transaction(net.next_sequence(&key(1)).await, extend, vec![kept.clone()]);
    let found = net.settle(&sign(net.prepared(tx).await, &[&key(1)])).await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    let ledger = found["ledger"].as_u64().unwrap();
    assert_eq!(live_until(&net, &kept).await, ledger + 3_000_000);
    assert!(before < ledger + 3_000_000);
    let SorobanTransactionMetaExt::V1(fees) = meta_of(&found).soroban_meta.unwrap().ext else {
        panic!("fees")
    };
    assert!(fees.rent_fee_charged > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_entry_is_refused_until_restored() {
    let net = Net::start().await;
    let contract = keeper_with(&net, "a").await;
    let kept = kept_key(&contract, "a", PERSISTENT);
    let get = invoke(&contract, "get", vec![symbol("a")]);
    let stale = net.prepared(transaction(&key(1), net.next_sequence(&key(1)).await, get)).await;
    let (status, moved) = net.advance(json!({ "ledgers": MIN_PERSISTENT + 10 })).await;
    assert_eq!(status, 200);
    assert!(live_until(&net, &kept).await < moved["ledger"].as_u64().unwrap());

    let found = net.settle(&sign(stale, &[&key(1)])).await;
    assert_eq!(invoke_result(&found), InvokeHostFunctionResult::EntryArchived);

    let code = LedgerKey::ContractCode(LedgerKeyContractCode { hash: wasm_hash(&wasm::keeper()) });
    let instance = LedgerKey::ContractData(LedgerKeyContractData {
        contract: ScAddress::Contract(contract.clone()),
        key: ScVal::LedgerKeyContractInstance,
        durability: PERSISTENT,
    });
    let restore = OperationBody::RestoreFootprint(RestoreFootprintOp { ext: ExtensionPoint::V0 });
    let mut keys = vec![kept.clone(), code, instance];
    keys.sort();
    let tx = footprint_transaction(net.next_sequence(&key(1)).await, restore, keys);
    let found = net.settle(&sign(net.prepared(tx).await, &[&key(1)])).await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    let ledger = found["ledger"].as_u64().unwrap();
    assert_eq!(live_until(&net, &kept).await, ledger + u64::from(MIN_PERSISTENT) - 1);
    let restored = meta_of(&found).operations[0]
        .changes
        .0
        .iter()
        .filter(|change| matches!(change, LedgerEntryChange::Restored(_)))
        .count();
    assert_eq!(restored, 6, "three entries and their lifetimes");

    let found = net.run(&key(1), invoke(&contract, "get", vec![symbol("a")])).await;
    assert_eq!(return_value(&found), ScVal::U32(41));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_simulated_on_archived_entries_restores_them_on_the_way() {
    let net = Net::start().await;
    let contract = keeper_with(&net, "a").await;
    net.advance(json!({ "ledgers": MIN_PERSISTENT + 10 })).await;
    let found = net.run(&key(1), invoke(&contract, "put", vec![symbol("a"), ScVal::U32(42)])).await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    let found = net.run(&key(1), invoke(&contract, "get", vec![symbol("a")])).await;
    assert_eq!(return_value(&found), ScVal::U32(42));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn temporary_data_is_gone_when_its_time_is_over() {
    let net = Net::start().await;
    let contract = keeper_with(&net, "a").await;
    let put = || invoke(&contract, "put_temp", vec![symbol("t"), ScVal::U32(1)]);
    assert_eq!(net.run(&key(1), put()).await["status"], "SUCCESS");
    let kept = kept_key(&contract, "t", TEMPORARY);
    assert!(net.entry(&kept).await.is_some());
    net.advance(json!({ "ledgers": 17_280 + 100 })).await;
    assert!(net.entry(&kept).await.is_none());
    net.advance(json!({ "ledgers": 64 })).await;
    assert_eq!(net.run(&key(1), put()).await["status"], "SUCCESS", "a dead entry can be written anew");
    assert!(net.entry(&kept).await.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn advancing_moves_clock_and_sequence_and_contracts_see_it() {
    let net = Net::start().await;
    let (_, first) = net.advance(json!({ "seconds": 0 })).await;
    let (_, second) = net.advance(json!({ "seconds": 86_400 })).await;
    assert_eq!(second["close_time"].as_u64().unwrap(), first["close_time"].as_u64().unwrap() + 86_400);
    assert_eq!(second["ledger"].as_u64().unwrap(), first["ledger"].as_u64().unwrap() + 1);
    let latest = net.call("getLatestLedger", json!({})).await;
    assert_eq!(latest["closeTime"], (START + 86_400).to_string());
    for request in [json!({ "seconds": u64::MAX }), json!({ "ledgers": u32::MAX })] {
        assert_eq!(net.advance(request).await.0, 400);
    }
    assert_eq!(net.advance(json!({ "hours": 1 })).await.0, 422);
    assert_eq!(net.call("getLatestLedger", json!({})).await["sequence"], latest["sequence"]);
}
