//! Stellar's JSON-RPC, the methods this program uses, over any of several endpoints.
//!
//! Answers are data of strangers: bodies are bounded (`http.rs`), XDR is decoded with limits (`xdr.rs`), and an
//! answer that cannot be read counts as that endpoint's failure, so that the next one is asked. An endpoint must
//! first show that it serves the configured network, and an answer older than what was known when its question was
//! asked is not taken: the ledger never goes back in time.

use crate::error::{Cause, Fault, LedgerError, Stage};
use crate::http::{Answer, Ask, Endpoints, Gate, HttpLimits, Unanswered, Verdict};
use crate::rpc_types::{
    Dated, Envelope, Events, FeeStats, Found, Health, LatestHeader, LedgerEntries, NetworkInfo, Sent,
    Simulation,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Most characters of a stranger's message repeated to a person.
const MAX_MESSAGE: usize = 400;
/// JSON-RPC "internal error": worth asking another endpoint.
const INTERNAL_ERROR: i64 = -32603;
/// JSON-RPC "parse error" to "invalid params": our request is at fault.
const REQUEST_ERRORS: std::ops::RangeInclusive<i64> = -32700..=-32600;

/// The number of the question what network an endpoint serves.
const GATE_ID: u64 = 0;

/// A JSON-RPC client.
pub(crate) struct Rpc {
    endpoints: Endpoints,
    /// The passphrase every endpoint must serve, where one is configured.
    wanted: Option<String>,
    /// The number of the next request.
    next_id: AtomicU64,
    /// The newest ledger any endpoint has told of.
    newest: AtomicU32,
}

/// A send's answer, and whether an earlier attempt may have got through unseen.
#[derive(Debug)]
pub(crate) struct SendAnswer {
    pub(crate) sent: Sent,
    pub(crate) endpoint: String,
    pub(crate) maybe_delivered_before: bool,
}

impl Rpc {
    /// Asks only endpoints that serve `wanted`; any, where it is `None`.
    pub(crate) fn new(
        urls: &[String],
        limits: HttpLimits,
        wanted: Option<String>,
    ) -> Result<Self, LedgerError> {
        let mut endpoints = Endpoints::new(urls, limits)?;
        if let Some(passphrase) = wanted.clone() {
            let ask = Ask::Post(Arc::new(request(GATE_ID, "getNetwork", Value::Null)));
            let admits = Box::new(move |answer: &Answer| admit(answer, &passphrase));
            endpoints = endpoints.behind(Gate { ask, admits });
        }
        Ok(Self { endpoints, wanted, next_id: AtomicU64::new(GATE_ID + 1), newest: AtomicU32::new(0) })
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

    async fn read<T: DeserializeOwned + Dated>(&self, method: &str, params: Value) -> Result<T, LedgerError> {
        let answer = self.call(method, params).await;
        answer.map(|(value, _)| value).map_err(|e| LedgerError::new(Stage::Read, e.cause))
    }

    async fn call<T: DeserializeOwned + Dated>(
        &self,
        method: &str,
        params: Value,
    ) -> Result<(T, Answer), Unanswered> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let known = self.newest.load(Ordering::Relaxed);
        let ask = Ask::Post(Arc::new(request(id, method, params)));
        let judge = |answer: &Answer| {
            let value = accept::<T>(answer, id)?;
            match value.ledger() {
                Some(ledger) if ledger < known => Err(Verdict::TryNext(Fault::Stale { ledger, seen: known })),
                Some(ledger) => {
                    self.newest.fetch_max(ledger, Ordering::Relaxed);
                    Ok(value)
                }
                None => Ok(value),
            }
        };
        self.endpoints.ask(&ask, judge).await.map_err(|unanswered| self.in_one_word(unanswered))
    }

    /// Where every endpoint serves another network, that is the matter.
    fn in_one_word(&self, unanswered: Unanswered) -> Unanswered {
        let Cause::Unreachable(faults) = &unanswered.cause else { return unanswered };
        let foreign = faults.iter().map(|failed| match &failed.fault {
            Fault::WrongNetwork(found) => Some((failed.endpoint.clone(), found.clone())),
            _ => None,
        });
        let Some(Some((endpoint, found))) =
            foreign.collect::<Option<Vec<_>>>().map(|all| all.first().cloned())
        else {
            return unanswered;
        };
        let wanted = self.wanted.clone().unwrap_or_default();
        Unanswered { cause: Cause::WrongNetwork { endpoint, found, wanted }, ..unanswered }
    }
}

fn request(id: u64, method: &str, params: Value) -> Vec<u8> {
    let mut request = json!({ "jsonrpc": "2.0", "id": id, "method": method });
    if let (false, Some(object)) = (params.is_null(), request.as_object_mut()) {
        object.insert("params".to_owned(), params);
    }
    request.to_string().into_bytes()
}

fn admit(answer: &Answer, passphrase: &str) -> Result<(), Verdict> {
    let info: NetworkInfo = accept(answer, GATE_ID)?;
    if info.passphrase == passphrase {
        return Ok(());
    }
    tracing::warn!(endpoint = %answer.endpoint, "a ledger endpoint serves another network");
    Err(Verdict::TryNext(Fault::WrongNetwork(shorten(&info.passphrase))))
}

fn accept<T: DeserializeOwned>(answer: &Answer, id: u64) -> Result<T, Verdict> {
    let envelope: Envelope<T> =
        serde_json::from_slice(&answer.body).map_err(|_| Verdict::TryNext(Fault::Garbage))?;
    if envelope.result.is_none() && envelope.error.is_none() {
        return Err(Verdict::TryNext(Fault::Garbage));
    }
    // A server that could not read a request's number answers without one.
    if envelope.id != json!(id) && !(envelope.id.is_null() && envelope.error.is_some()) {
        return Err(Verdict::TryNext(Fault::WrongId));
    }
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
