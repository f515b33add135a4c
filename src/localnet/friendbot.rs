//! The faucet: ten thousand lumens for any address that has no account yet.
//!
//! A payment from the root account like any other transaction, one at a time, answered once it is in a ledger.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use ed25519_dalek::Signer;
use serde::Deserialize;
use serde_json::{Value, json};
use stellar_xdr::{
    AccountId, CreateAccountOp, DecoratedSignature, Limits, Memo, MuxedAccount, Operation, OperationBody,
    Preconditions, PublicKey, SequenceNumber, Signature, SignatureHint, Transaction, TransactionEnvelope,
    TransactionExt, TransactionV1Envelope, Uint256, WriteXdr,
};

use crate::engine::{Engine, Submission};
use crate::error::EngineError;
use crate::history::TransactionRecord;
use crate::server::Shared;
use crate::settings::BASE_FEE;

/// Stroops given: 10,000 XLM.
pub const STARTING_BALANCE: i64 = 100_000_000_000;
/// Ledgers a grant is waited for.
const PATIENCE_LEDGERS: u32 = 3;
/// Longest wait for one of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who asks.
#[derive(Deserialize)]
pub(crate) struct Request {
    addr: String,
}

type Answer = (StatusCode, Json<Value>);

/// `GET` or `POST /friendbot?addr=G…`.
pub(crate) async fn by_query(State(shared): State<Arc<Shared>>, Query(request): Query<Request>) -> Answer {
    let Ok(stellar_strkey::ed25519::PublicKey(key)) = request.addr.parse() else {
        return refuse(StatusCode::BAD_REQUEST, "addr is not an account address (G…)");
    };
    let account = AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(key)));
    // One transaction of the root account per ledger.
    let _turn = shared.faucet.lock().await;
    let mut ledgers = shared.follow();
    let hash = match shared.with(move |engine| grant(engine, &account)).await {
        Ok(Ok(Ok(hash))) => hash,
        Ok(Ok(Err(Refusal::Funded))) => {
            return refuse(StatusCode::BAD_REQUEST, "account already funded to starting balance");
        }
        Ok(Ok(Err(Refusal::Busy))) => return refuse(StatusCode::SERVICE_UNAVAILABLE, "try again"),
        Ok(Err(error)) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        Err(_) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the request was lost"),
    };
    shared.wake_closer();
    for _ in 0..PATIENCE_LEDGERS {
        let closed = tokio::time::timeout(PATIENCE, ledgers.changed()).await;
        if !matches!(closed, Ok(Ok(()))) {
            break;
        }
        if let Ok(Some(record)) = shared.with(move |engine| engine.transaction(&hash)).await {
            return granted(&record);
        }
    }
    refuse(StatusCode::GATEWAY_TIMEOUT, "the grant did not get into a ledger")
}

enum Refusal {
    Funded,
    Busy,
}

fn grant(engine: &mut Engine, account: &AccountId) -> Result<Result<[u8; 32], Refusal>, EngineError> {
    if engine.account(account).is_some() {
        return Ok(Err(Refusal::Funded));
    }
    let envelope = grant_envelope(engine, account)?;
    let hash = envelope.hash(engine.network_id())?;
    Ok(match engine.submit(envelope)? {
        Submission::Pending | Submission::Duplicate => Ok(hash),
        Submission::TryAgainLater | Submission::Refused(_) => Err(Refusal::Busy),
    })
}

/// The signed transaction that creates `account` with the starting balance.
///
/// # Errors
/// Never in practice; the encoder's refusal is passed on.
pub fn grant_envelope(engine: &Engine, account: &AccountId) -> Result<TransactionEnvelope, EngineError> {
    let root = engine.root_key();
    let public = root.verifying_key().to_bytes();
    let sequence = engine.account(&engine.root_account()).map_or(0, |(_, sequence)| sequence);
    let create = CreateAccountOp { destination: account.clone(), starting_balance: STARTING_BALANCE };
    let tx = Transaction {
        source_account: MuxedAccount::Ed25519(Uint256(public)),
        fee: BASE_FEE,
        seq_num: SequenceNumber(sequence.saturating_add(1)),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: vec![Operation { source_account: None, body: OperationBody::CreateAccount(create) }]
            .try_into()?,
        ext: TransactionExt::V0,
    };
    let signature = root.sign(&tx.hash(engine.network_id())?).to_bytes().to_vec();
    let hint = SignatureHint([public[28], public[29], public[30], public[31]]);
    let signatures = vec![DecoratedSignature { hint, signature: Signature(signature.try_into()?) }];
    Ok(TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures: signatures.try_into()? }))
}

/// The fields of the public faucet's answer that clients read.
fn granted(record: &TransactionRecord) -> Answer {
    let hash = hex::encode(record.hash);
    let encoded = || {
        Ok::<_, stellar_xdr::Error>((
            record.envelope.to_xdr_base64(Limits::none())?,
            record.applied.result.result.to_xdr_base64(Limits::none())?,
            record.applied.tx_apply_processing.to_xdr_base64(Limits::none())?,
        ))
    };
    let Ok((envelope, result, meta)) = encoded() else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "the grant could not be encoded");
    };
    let status = if record.succeeded { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    let body = json!({
        "id": hash,
        "hash": hash,
        "successful": record.succeeded,
        "ledger": record.ledger,
        "envelope_xdr": envelope,
        "result_xdr": result,
        "result_meta_xdr": meta,
    });
    (status, Json(body))
}

fn refuse(status: StatusCode, detail: &str) -> Answer {
    (status, Json(json!({ "status": status.as_u16(), "title": "funding refused", "detail": detail })))
}
