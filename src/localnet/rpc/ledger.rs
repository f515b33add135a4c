//! Methods about the network and its state.

use serde::Deserialize;
use serde_json::{Value, json};
use stellar_xdr::{ContractDataDurability, LedgerCloseMeta, LedgerKey};

use super::params::{RpcError, decode, encode, parse};
use crate::engine::Engine;
use crate::settings::{BASE_FEE, PROTOCOL_VERSION};
use crate::state::durability;

/// Most keys one question may name.
const MAX_KEYS: usize = 200;
/// Ledgers the fee statistics look back.
const FEE_WINDOW: u32 = 50;

pub(super) fn health(engine: &mut Engine, _: Value) -> Result<Value, RpcError> {
    if engine.has_stopped() {
        return Err(RpcError::internal("the network stopped after a journal failure; start it again"));
    }
    let (oldest, oldest_time) = engine.oldest();
    Ok(json!({
        "status": "healthy",
        "latestLedger": engine.sequence(),
        "latestLedgerCloseTime": engine.close_time().to_string(),
        "oldestLedger": oldest,
        "oldestLedgerCloseTime": oldest_time.to_string(),
        "ledgerRetentionWindow": engine.retention(),
    }))
}

pub(super) fn network(engine: &Engine, friendbot: &str) -> Value {
    json!({
        "friendbotUrl": friendbot,
        "passphrase": engine.passphrase(),
        "protocolVersion": PROTOCOL_VERSION,
    })
}

pub(super) fn version_info(_: &mut Engine, _: Value) -> Result<Value, RpcError> {
    Ok(json!({
        "version": concat!("layr-localnet ", env!("CARGO_PKG_VERSION")),
        "commitHash": "",
        "buildTimestamp": "",
        "captiveCoreVersion": "none (soroban-env-host 30.0.0)",
        "protocolVersion": PROTOCOL_VERSION,
    }))
}

pub(super) fn latest_ledger(engine: &mut Engine, _: Value) -> Result<Value, RpcError> {
    let header = engine.header();
    let meta = LedgerCloseMeta::V2(engine.latest_meta().clone());
    Ok(json!({
        "id": hex::encode(header.hash.0),
        "protocolVersion": PROTOCOL_VERSION,
        "sequence": engine.sequence(),
        "closeTime": engine.close_time().to_string(),
        "headerXdr": encode(&header.header)?,
        "metadataXdr": encode(&meta)?,
    }))
}

#[derive(Deserialize)]
struct EntriesParams {
    keys: Vec<String>,
}

pub(super) fn entries(engine: &mut Engine, params: Value) -> Result<Value, RpcError> {
    let params: EntriesParams = parse(params)?;
    if params.keys.len() > MAX_KEYS {
        return Err(RpcError::params(format!(
            "key count ({}) exceeds maximum supported ({MAX_KEYS})",
            params.keys.len()
        )));
    }
    let mut found = Vec::with_capacity(params.keys.len());
    for text in &params.keys {
        let key: LedgerKey = decode(text, "a ledger key")?;
        if matches!(key, LedgerKey::Ttl(_)) {
            return Err(RpcError::params("ledger ttl entries cannot be queried directly"));
        }
        found.extend(entry(engine, &key, text)?);
    }
    Ok(json!({ "entries": found, "latestLedger": engine.sequence() }))
}

/// One entry, unless it is missing or temporary and over. Archived persistent entries come with the lifetime they
/// had, which then lies before the latest ledger.
fn entry(engine: &Engine, key: &LedgerKey, text: &str) -> Result<Option<Value>, RpcError> {
    let Some(entry) = engine.entry(key) else { return Ok(None) };
    let live_until = engine.live_until(key);
    let over = live_until.is_some_and(|until| until < engine.sequence());
    if over && durability(key) == Some(ContractDataDurability::Temporary) {
        return Ok(None);
    }
    let mut value = json!({
        "key": text,
        "xdr": encode(&entry.data)?,
        "lastModifiedLedgerSeq": entry.last_modified_ledger_seq,
        "extXdr": encode(&entry.ext)?,
    });
    if let (Some(until), Some(fields)) = (live_until, value.as_object_mut()) {
        fields.insert("liveUntilLedgerSeq".to_owned(), json!(until));
    }
    Ok(Some(value))
}

/// Statistics of a network whose ledgers are never full: the minimum is always enough.
pub(super) fn fee_stats(engine: &mut Engine, _: Value) -> Result<Value, RpcError> {
    let first = engine.sequence().saturating_sub(FEE_WINDOW);
    let mut contract = 0_u64;
    let mut classic = 0_u64;
    for record in engine.ledgers_since(first).flat_map(|ledger| &ledger.transactions) {
        let counter = if record.is_contract() { &mut contract } else { &mut classic };
        *counter = counter.saturating_add(1);
    }
    Ok(json!({
        "sorobanInclusionFee": distribution(contract),
        "inclusionFee": distribution(classic),
        "latestLedger": engine.sequence(),
    }))
}

fn distribution(transactions: u64) -> Value {
    let fee = BASE_FEE.to_string();
    let mut value = json!({ "transactionCount": transactions.to_string(), "ledgerCount": FEE_WINDOW });
    if let Some(fields) = value.as_object_mut() {
        for name in [
            "max", "min", "mode", "p10", "p20", "p30", "p40", "p50", "p60", "p70", "p80", "p90", "p95", "p99",
        ] {
            fields.insert(name.to_owned(), json!(fee));
        }
    }
    value
}
