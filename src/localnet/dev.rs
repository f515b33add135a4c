//! `POST /dev/advance`: moving a development network's clock and ledger.
//!
//! `{"seconds": N}` adds N seconds to the ledger's clock for good and closes one ledger there: the sequence number
//! moves by one only. `{"ledgers": N}` moves the sequence number by N in one closed ledger (the ones between do
//! not exist), for tests of lifetimes. Both may be given together.
//!
//! `POST /dev/congestion`: `{"inclusion_fee": N}` pretends a rush in which only transactions that bid N stroops per
//! operation get into a ledger; with `"queue_full": true` lower bids are refused at once. `{}` ends it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Advance;
use crate::queue::Congestion;
use crate::server::Shared;

/// How far to move.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Request {
    seconds: u64,
    ledgers: u32,
}

/// Moves the network and tells where it is.
pub(crate) async fn advance(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<Request>,
) -> (StatusCode, Json<Value>) {
    let by = Advance { seconds: request.seconds, ledgers: request.ledgers };
    let moved = shared.with(move |engine| {
        let header = engine.advance(by).map_err(|error| error.to_string())?;
        Ok::<_, String>((header.header.ledger_seq, header.header.scp_value.close_time.0))
    });
    match moved.await {
        Ok(Ok((ledger, close_time))) => {
            shared.announce(ledger);
            (StatusCode::OK, Json(json!({ "ledger": ledger, "close_time": close_time })))
        }
        Ok(Err(error)) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "the request was lost" }))),
    }
}

/// A pretended rush.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Rush {
    inclusion_fee: u32,
    queue_full: bool,
}

/// Begins or ends a pretended rush.
pub(crate) async fn congestion(
    State(shared): State<Arc<Shared>>,
    Json(rush): Json<Rush>,
) -> (StatusCode, Json<Value>) {
    let congestion = Congestion { inclusion_fee: i64::from(rush.inclusion_fee), queue_full: rush.queue_full };
    match shared.with(move |engine| engine.congest(congestion)).await {
        Ok(()) => {
            shared.wake_closer();
            (StatusCode::OK, Json(json!({ "inclusion_fee": rush.inclusion_fee })))
        }
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "the request was lost" }))),
    }
}
