//! Stellar's JSON-RPC, the methods this program uses, over any of several endpoints.
//!
//! Answers are data of strangers: bodies are bounded (`http.rs`), XDR is decoded with limits (`xdr.rs`), and an
//! answer that cannot be read counts as that endpoint's failure, so that the next one is asked.

use crate::error::{Cause, Fault, LedgerError, Stage};
use crate::http::{Answer, Ask, Endpoints, HttpLimits, Unanswered, Verdict};
use crate::rpc_types::{
    Envelope, Events, FeeStats, Found, Health, LatestHeader, LedgerEntries, NetworkInfo, Sent, Simulation,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;

/// Most characters of a stranger's message repeated to a person.
const MAX_MESSAGE: usize = 400;
/// JSON-RPC "internal error": worth asking another endpoint.
const INTERNAL_ERROR: i64 = -32603;
/// JSON-RPC "parse error" to "invalid params": our request is at fault.
const REQUEST_ERRORS: std::ops::RangeInclusive<i64> = -32700..=-32600;

/// A JSON-RPC client.
pub(crate) struct Rpc {
    endpoints: Endpoints,
}

/// A send's answer, and whether an earlier attempt may have got through unseen.
#[derive(Debug)]
pub(crate) struct SendAnswer {
    pub(crate) sent: Sent,
    pub(crate) endpoint: String,
    pub(crate) maybe_delivered_before: bool,
}

impl Rpc {
    pub(crate) fn new(urls: &[String], limits: HttpLimits) -> Result<Self, LedgerError> {
        Ok(Self { endpoints: Endpoints::new(urls, limits)? })
    }

    pub(crate) async fn health(&self) -> Result<Health, LedgerError> {
        self.read("getHealth", Value::Null).await
    }

    pub(crate) async fn network(&self) -> Result<(NetworkInfo, String), LedgerError> {
        let (info, answer) =
            self.call("getNetwork", Value::Null).await.map_err(|e| LedgerError::new(Stage::Read, e.cause))?;
        Ok((info, answer.endpoint))
    }

    /// The newest ledger's header, base64 XDR.
    pub(crate) async fn latest_header(&self) -> Result<String, LedgerError> {
        let latest: LatestHeader = self.read("getLatestLedger", Value::Null).await?;
        Ok(latest.header_xdr)
    }

    pub(crate) async fn fee_stats(&self) -> Result<FeeStats, LedgerError> {
        self.read("getFeeStats", Value::Null).await
    }

    pub(crate) async fn ledger_entries(&self, keys: &[String]) -> Result<LedgerEntries, LedgerError> {
        self.read("getLedgerEntries", json!({ "keys": keys })).await
    }

    pub(crate) async fn simulate(&self, envelope: &str) -> Result<(Simulation, String), LedgerError> {
        let (simulation, answer) = self
            .call("simulateTransaction", json!({ "transaction": envelope }))
            .await
            .map_err(|e| LedgerError::new(Stage::Simulate, e.cause))?;
        Ok((simulation, answer.endpoint))
    }

    /// Hands a signed transaction in. Doing so twice is harmless: the network knows it by its hash.
    pub(crate) async fn send(&self, envelope: &str) -> Result<SendAnswer, Unanswered> {
        let (sent, answer) = self.call::<Sent>("sendTransaction", json!({ "transaction": envelope })).await?;
        let Answer { endpoint, maybe_delivered_before, .. } = answer;
        Ok(SendAnswer { sent, endpoint, maybe_delivered_before })
    }

    pub(crate) async fn transaction(
        &self,
        hash: &layr_types::TxHash,
    ) -> Result<(Found, String), LedgerError> {
        let (found, answer) = self
            .call("getTransaction", json!({ "hash": hash.to_string() }))
            .await
            .map_err(|e| LedgerError::new(Stage::Follow, e.cause))?;
        Ok((found, answer.endpoint))
    }

    pub(crate) async fn events(&self, query: Value) -> Result<(Events, String), LedgerError> {
        let (events, answer) =
            self.call("getEvents", query).await.map_err(|e| LedgerError::new(Stage::Read, e.cause))?;
        Ok((events, answer.endpoint))
    }

    async fn read<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, LedgerError> {
        let answer = self.call(method, params).await;
        answer.map(|(value, _)| value).map_err(|e| LedgerError::new(Stage::Read, e.cause))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<(T, Answer), Unanswered> {
        let mut request = json!({ "jsonrpc": "2.0", "id": 1, "method": method });
        if let (false, Some(object)) = (params.is_null(), request.as_object_mut()) {
            object.insert("params".to_owned(), params);
        }
        let ask = Ask::Post(Arc::new(request.to_string().into_bytes()));
        self.endpoints.ask(&ask, accept::<T>).await
    }
}

fn accept<T: DeserializeOwned>(answer: &Answer) -> Result<T, Verdict> {
    let envelope: Envelope<T> =
        serde_json::from_slice(&answer.body).map_err(|_| Verdict::TryNext(Fault::Garbage))?;
    match (envelope.result, envelope.error) {
        (_, Some(fault)) if fault.code != INTERNAL_ERROR && REQUEST_ERRORS.contains(&fault.code) => {
            Err(Verdict::Final(Cause::Refused {
                endpoint: answer.endpoint.clone(),
                code: fault.code,
                message: shorten(&fault.message),
            }))
        }
        (Some(result), None) => Ok(result),
        _ => Err(Verdict::TryNext(Fault::Garbage)),
    }
}

/// A stranger's text made fit to show: bounded, printable, one line.
pub(crate) fn shorten(text: &str) -> String {
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = printable.take(MAX_MESSAGE).collect();
    if text.chars().nth(MAX_MESSAGE).is_some() {
        short.push('…');
    }
    short
}
