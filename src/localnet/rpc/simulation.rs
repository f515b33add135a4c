//! `simulateTransaction`: a dry run off the engine's lock, in the public RPC's shape.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stellar_xdr::TransactionEnvelope;

use super::params::{RpcError, decode, encode, parse};
use crate::server::Shared;
use crate::simulate::{AuthMode, Simulation, SimulationOptions};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    transaction: String,
    resource_config: Option<ResourceConfig>,
    #[serde(default)]
    auth_mode: String,
    #[serde(default)]
    use_upgraded_auth: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceConfig {
    #[serde(default)]
    instruction_leeway: u64,
}

pub(super) async fn simulate(shared: &Arc<Shared>, params: Value) -> Result<Value, RpcError> {
    let params: Params = parse(params)?;
    let envelope: TransactionEnvelope = decode(&params.transaction, "the transaction")?;
    let auth = match params.auth_mode.as_str() {
        "" => AuthMode::Automatic,
        "enforce" => AuthMode::Enforce,
        "record" => AuthMode::Record,
        "record_allow_nonroot" => AuthMode::RecordNonRoot,
        _ => return Err(RpcError::params("unknown authMode")),
    };
    let leeway = params.resource_config.map_or(0, |config| config.instruction_leeway);
    let options = SimulationOptions {
        auth,
        auth_v2: params.use_upgraded_auth,
        instruction_leeway: u32::try_from(leeway)
            .map_err(|_| RpcError::params("instructionLeeway is too large"))?,
    };
    let lost = |_| RpcError::internal("the request was lost");
    let view = shared.with(|engine| engine.view()).await.map_err(lost)?;
    let sequence = view.sequence();
    let run = tokio::task::spawn_blocking(move || view.simulate(&envelope, options));
    let simulation = run.await.map_err(|_| RpcError::internal("the request was lost"))?;
    let simulation = simulation.map_err(|error| RpcError::internal(error.to_string()))?;
    describe(&simulation, sequence)
}

fn describe(simulation: &Simulation, sequence: u32) -> Result<Value, RpcError> {
    let mut answer = Map::new();
    answer.insert("latestLedger".to_owned(), json!(sequence));
    if !simulation.events.is_empty() {
        let events = simulation.events.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        answer.insert("events".to_owned(), json!(events));
    }
    if let Some(error) = &simulation.error {
        answer.insert("error".to_owned(), json!(error));
        return Ok(Value::Object(answer));
    }
    if let Some(data) = &simulation.data {
        answer.insert("transactionData".to_owned(), json!(encode(data)?));
        answer.insert("minResourceFee".to_owned(), json!(data.resource_fee.to_string()));
        let cost = json!({ "cpuInsns": simulation.instructions.to_string(), "memBytes": simulation.memory.to_string() });
        answer.insert("cost".to_owned(), cost);
    }
    if let Some(value) = &simulation.value {
        let auth = simulation.auth.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        answer.insert("results".to_owned(), json!([{ "auth": auth, "xdr": encode(value)? }]));
    }
    if !simulation.changes.is_empty() {
        let changes = simulation.changes.iter().filter_map(|(before, after)| {
            let (kind, key) = match (before, after) {
                (None, Some(after)) => ("created", after.to_key()),
                (Some(_), Some(after)) => ("updated", after.to_key()),
                (Some(before), None) => ("deleted", before.to_key()),
                (None, None) => return None,
            };
            let side = |entry: &Option<_>| entry.as_ref().map(encode).transpose();
            Some((|| {
                Ok::<_, RpcError>(json!({
                    "type": kind, "key": encode(&key)?, "before": side(before)?, "after": side(after)?,
                }))
            })())
        });
        answer.insert("stateChanges".to_owned(), json!(changes.collect::<Result<Vec<_>, _>>()?));
    }
    Ok(Value::Object(answer))
}
