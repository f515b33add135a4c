//! Methods that take transactions in and tell what became of them.

use serde::Deserialize;
use serde_json::{Value, json};
use stellar_xdr::{TransactionEnvelope, TransactionMeta};

use super::params::{RpcError, decode, encode, hash, parse};
use crate::cursor::Toid;
use crate::engine::{Engine, Submission};
use crate::history::TransactionRecord;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

#[derive(Deserialize)]
struct SendParams {
    transaction: String,
}

pub(super) fn send(engine: &mut Engine, params: Value) -> Result<Value, RpcError> {
    let params: SendParams = parse(params)?;
    let envelope: TransactionEnvelope = decode(&params.transaction, "the transaction")?;
    let hash = envelope.hash(engine.network_id())?;
    let submission = engine.submit(envelope).map_err(|error| RpcError::internal(error.to_string()))?;
    let status = match &submission {
        Submission::Pending => "PENDING",
        Submission::Duplicate => "DUPLICATE",
        Submission::TryAgainLater => "TRY_AGAIN_LATER",
        Submission::Refused(_) => "ERROR",
    };
    let mut answer = json!({
        "status": status,
        "hash": hex::encode(hash),
        "latestLedger": engine.sequence(),
        "latestLedgerCloseTime": engine.close_time().to_string(),
    });
    if let (Submission::Refused(result), Some(fields)) = (&submission, answer.as_object_mut()) {
        fields.insert("errorResultXdr".to_owned(), json!(encode(&**result)?));
    }
    Ok(answer)
}

#[derive(Deserialize)]
struct GetParams {
    hash: String,
}

pub(super) fn get(engine: &mut Engine, params: Value) -> Result<Value, RpcError> {
    let params: GetParams = parse(params)?;
    let record = engine.transaction(&hash(&params.hash)?);
    let (oldest, oldest_time) = engine.oldest();
    let mut answer = match &record {
        Some(record) => details(record)?,
        None => {
            json!({ "status": "NOT_FOUND", "txHash": params.hash, "applicationOrder": 0, "feeBump": false, "ledger": 0 })
        }
    };
    let created = record.map_or(0, |record| record.close_time);
    if let Some(fields) = answer.as_object_mut() {
        fields.insert("createdAt".to_owned(), json!(created.to_string()));
        fields.insert("latestLedger".to_owned(), json!(engine.sequence()));
        fields.insert("latestLedgerCloseTime".to_owned(), json!(engine.close_time().to_string()));
        fields.insert("oldestLedger".to_owned(), json!(oldest));
        fields.insert("oldestLedgerCloseTime".to_owned(), json!(oldest_time.to_string()));
    }
    Ok(answer)
}

fn details(record: &TransactionRecord) -> Result<Value, RpcError> {
    let mut contract_events = Vec::new();
    let mut diagnostics = Vec::new();
    if let TransactionMeta::V4(meta) = &record.applied.tx_apply_processing {
        for operation in meta.operations.iter() {
            let events = operation.events.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
            contract_events.push(events);
        }
        for event in meta.diagnostic_events.iter() {
            diagnostics.push(encode(event)?);
        }
    }
    let transaction_events = record.transaction_events().iter().map(encode).collect::<Result<Vec<_>, _>>()?;
    let mut answer = json!({
        "status": if record.succeeded { "SUCCESS" } else { "FAILED" },
        "txHash": hex::encode(record.hash),
        "applicationOrder": record.application_order,
        "feeBump": record.fee_bump,
        "envelopeXdr": encode(&record.envelope)?,
        "resultXdr": encode(&record.applied.result.result)?,
        "resultMetaXdr": encode(&record.applied.tx_apply_processing)?,
        "ledger": record.ledger,
        "events": {
            "diagnosticEventsXdr": diagnostics,
            "transactionEventsXdr": transaction_events,
            "contractEventsXdr": contract_events,
        },
    });
    if let (false, Some(fields)) = (diagnostics.is_empty(), answer.as_object_mut()) {
        fields.insert("diagnosticEventsXdr".to_owned(), json!(diagnostics));
    }
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListParams {
    start_ledger: Option<u32>,
    pagination: Option<Pagination>,
}

/// Where to go on, and how far.
#[derive(Deserialize)]
pub(super) struct Pagination {
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

pub(super) fn list(engine: &mut Engine, params: Value) -> Result<Value, RpcError> {
    let params: ListParams = parse(params)?;
    let (oldest, oldest_time) = engine.oldest();
    let (cursor, limit) = match params.pagination {
        Some(pagination) => (pagination.cursor, pagination.limit.unwrap_or(DEFAULT_LIMIT)),
        None => (None, DEFAULT_LIMIT),
    };
    if limit == 0 || limit > MAX_LIMIT {
        return Err(RpcError::params(format!("limit must not exceed {MAX_LIMIT}")));
    }
    let after = match (cursor, params.start_ledger) {
        (Some(_), Some(start)) if start != 0 => {
            return Err(RpcError::params("startLedger and cursor cannot both be set"));
        }
        (Some(text), _) => Toid::parse(&text).ok_or_else(|| RpcError::params("invalid cursor"))?,
        (None, Some(start)) if (oldest..=engine.sequence()).contains(&start) => Toid::before_ledger(start),
        (None, _) => {
            let latest = engine.sequence();
            return Err(RpcError::params(format!(
                "start ledger must be between the oldest ledger: {oldest} and the latest ledger: {latest} for this rpc instance."
            )));
        }
    };
    let mut last = after;
    let mut listed = Vec::new();
    let records = engine.ledgers_since(after.ledger()).flat_map(|ledger| &ledger.transactions);
    for record in records.filter(|record| Toid::of_transaction(record) > after).take(limit) {
        let mut value = details(record)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("createdAt".to_owned(), json!(record.close_time));
        }
        last = Toid::of_transaction(record);
        listed.push(value);
    }
    Ok(json!({
        "transactions": listed,
        "latestLedger": engine.sequence(),
        "latestLedgerCloseTimestamp": engine.close_time(),
        "oldestLedger": oldest,
        "oldestLedgerCloseTimestamp": oldest_time,
        "cursor": last.to_string(),
    }))
}
