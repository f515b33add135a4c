//! JSON-RPC 2.0 with the public Stellar RPC's methods, field names and shapes.
//!
//! Every method is a function from parameters and an engine to a JSON value; this file only frames them. Requests
//! are strangers' bytes: sizes are bounded by the server, nesting and lengths of XDR here.

mod events;
mod ledger;
mod params;
mod simulation;
mod transactions;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::server::Shared;
use params::RpcError;

#[derive(Deserialize)]
struct Request {
    jsonrpc: Option<String>,
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Value,
}

/// Answers one call, or a batch of them in order.
pub(crate) async fn handle(State(shared): State<Arc<Shared>>, body: Bytes) -> Json<Value> {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return Json(failure(&Value::Null, &RpcError::parse("parse error")));
    };
    match value {
        Value::Array(calls) if !calls.is_empty() => {
            let mut answers = Vec::with_capacity(calls.len());
            for call in calls {
                answers.push(answer(&shared, call).await);
            }
            Json(Value::Array(answers))
        }
        call => Json(answer(&shared, call).await),
    }
}

async fn answer(shared: &Arc<Shared>, call: Value) -> Value {
    let Ok(request) = serde_json::from_value::<Request>(call) else {
        return failure(&Value::Null, &RpcError::request("invalid request"));
    };
    if request.jsonrpc.as_deref().is_some_and(|version| version != "2.0") {
        return failure(&request.id, &RpcError::request("only JSON-RPC 2.0 is spoken"));
    }
    match dispatch(shared, &request.method, request.params).await {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": request.id, "result": result }),
        Err(error) => failure(&request.id, &error),
    }
}

fn failure(id: &Value, error: &RpcError) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": { "code": error.code, "message": error.message } })
}

type Method = fn(&mut Engine, Value) -> Result<Value, RpcError>;

async fn dispatch(shared: &Arc<Shared>, method: &str, params: Value) -> Result<Value, RpcError> {
    if method == "simulateTransaction" {
        return simulation::simulate(shared, params).await;
    }
    let function: Method = match method {
        "getHealth" => ledger::health,
        "getNetwork" => {
            let friendbot = shared.friendbot_url();
            return run(shared, move |engine| Ok(ledger::network(engine, &friendbot))).await;
        }
        "getVersionInfo" => ledger::version_info,
        "getLatestLedger" => ledger::latest_ledger,
        "getLedgerEntries" => ledger::entries,
        "getFeeStats" => ledger::fee_stats,
        "sendTransaction" => {
            let sent = run(shared, move |engine| transactions::send(engine, params)).await?;
            shared.wake_closer();
            return Ok(sent);
        }
        "getTransaction" => transactions::get,
        "getTransactions" => transactions::list,
        "getEvents" => events::get,
        _ => return Err(RpcError { code: -32_601, message: "method not found".to_owned() }),
    };
    run(shared, move |engine| function(engine, params)).await
}

async fn run(
    shared: &Arc<Shared>,
    work: impl FnOnce(&mut Engine) -> Result<Value, RpcError> + Send + 'static,
) -> Result<Value, RpcError> {
    shared.with(work).await.map_err(|_| RpcError::internal("the request was lost"))?
}
