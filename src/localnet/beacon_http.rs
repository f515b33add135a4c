//! The beacon's HTTP face, shaped as drand's: `/beacon/info` and `/beacon/public/{round}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::beacon::{BEACON_ID, PERIOD_SECONDS, SCHEME};
use crate::server::Shared;

type Answer = (StatusCode, Json<Value>);

/// The chain's parameters.
pub(crate) async fn info(State(shared): State<Arc<Shared>>) -> Answer {
    let Ok(beacon) = shared.with(|engine| Arc::clone(engine.beacon())).await else { return lost() };
    let body = json!({
        "public_key": hex::encode(beacon.public_key()),
        "period": PERIOD_SECONDS,
        "genesis_time": beacon.genesis_time(),
        "hash": hex::encode(beacon.chain_hash()),
        "groupHash": hex::encode(beacon.group_hash()),
        "schemeID": SCHEME,
        "metadata": { "beaconID": BEACON_ID },
    });
    (StatusCode::OK, Json(body))
}

/// One round by number, or `latest`. Rounds whose time has not come answer 425, as drand's relays do.
pub(crate) async fn round(State(shared): State<Arc<Shared>>, Path(which): Path<String>) -> Answer {
    let Ok((beacon, now)) = shared.with(|engine| (Arc::clone(engine.beacon()), engine.now())).await else {
        return lost();
    };
    let number = match which.as_str() {
        "latest" => beacon.round_at(now),
        digits => match digits.parse() {
            Ok(number) => number,
            Err(_) => return (StatusCode::BAD_REQUEST, Json(json!({ "error": "round is not a number" }))),
        },
    };
    match beacon.round(number, now) {
        Some(round) => {
            let body = json!({
                "round": round.number,
                "randomness": hex::encode(round.randomness),
                "signature": hex::encode(round.signature),
            });
            (StatusCode::OK, Json(body))
        }
        None if number == 0 => (StatusCode::NOT_FOUND, Json(json!({ "error": "there is no such round" }))),
        None => (StatusCode::TOO_EARLY, Json(json!({ "error": "the round is in the future" }))),
    }
}

fn lost() -> Answer {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({ "error": "the request was lost" })))
}
