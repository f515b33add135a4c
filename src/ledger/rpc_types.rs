//! Answers of Stellar's JSON-RPC, as far as this program reads them. Unknown fields are ignored: servers of
//! different versions add their own.

use serde::{Deserialize, Deserializer};

/// A JSON-RPC answer: exactly one of the two.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    #[serde(default)]
    pub(crate) id: serde_json::Value,
    pub(crate) result: Option<T>,
    pub(crate) error: Option<RpcFault>,
}

/// An answer that may say how new it is.
pub(crate) trait Dated {
    /// The newest ledger the endpoint knew when it answered; `None` where that does not matter.
    fn ledger(&self) -> Option<u32> {
        None
    }
}

impl Dated for Health {}
impl Dated for NetworkInfo {}
impl Dated for Sent {}

impl Dated for LedgerEntries {
    fn ledger(&self) -> Option<u32> {
        Some(self.latest_ledger)
    }
}

impl Dated for FeeStats {
    fn ledger(&self) -> Option<u32> {
        self.latest_ledger
    }
}

impl Dated for Simulation {
    fn ledger(&self) -> Option<u32> {
        self.latest_ledger
    }
}

impl Dated for Found {
    fn ledger(&self) -> Option<u32> {
        Some(self.latest_ledger)
    }
}

impl Dated for Events {
    fn ledger(&self) -> Option<u32> {
        Some(self.latest_ledger)
    }
}

impl Dated for LatestHeader {
    fn ledger(&self) -> Option<u32> {
        self.sequence
    }
}

/// A JSON-RPC error.
#[derive(Debug, Deserialize)]
pub(crate) struct RpcFault {
    pub(crate) code: i64,
    #[serde(default)]
    pub(crate) message: String,
}

/// `getHealth`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `healthy` where all is well.
    pub status: String,
    /// Newest ledger known to the endpoint.
    #[serde(default)]
    pub latest_ledger: u32,
    /// Oldest ledger the endpoint remembers.
    #[serde(default)]
    pub oldest_ledger: u32,
}

/// `getNetwork`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInfo {
    /// The network's passphrase.
    pub passphrase: String,
    /// Protocol version.
    #[serde(default, deserialize_with = "number")]
    pub protocol_version: u64,
    /// Its faucet, where it has one.
    #[serde(default)]
    pub friendbot_url: Option<String>,
}

/// `getLedgerEntries`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LedgerEntries {
    #[serde(default)]
    pub(crate) entries: Option<Vec<EntryAnswer>>,
    pub(crate) latest_ledger: u32,
}

/// One ledger entry.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryAnswer {
    pub(crate) key: String,
    pub(crate) xdr: String,
    #[serde(default)]
    pub(crate) live_until_ledger_seq: Option<u32>,
}

/// `getFeeStats`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FeeStats {
    pub(crate) soroban_inclusion_fee: FeeDistribution,
    pub(crate) inclusion_fee: FeeDistribution,
    #[serde(default)]
    pub(crate) latest_ledger: Option<u32>,
}

/// Inclusion fees recently paid, stroops.
#[derive(Debug, Deserialize)]
pub(crate) struct FeeDistribution {
    #[serde(deserialize_with = "number")]
    pub(crate) p90: u64,
    #[serde(default, deserialize_with = "optional_number")]
    pub(crate) p99: Option<u64>,
}

/// `simulateTransaction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Simulation {
    #[serde(default)]
    pub(crate) error: Option<String>,
    #[serde(default)]
    pub(crate) latest_ledger: Option<u32>,
    #[serde(default)]
    pub(crate) transaction_data: Option<String>,
    #[serde(default, deserialize_with = "optional_number")]
    pub(crate) min_resource_fee: Option<u64>,
    #[serde(default)]
    pub(crate) results: Option<Vec<SimulatedResult>>,
    #[serde(default)]
    pub(crate) restore_preamble: Option<RestorePreamble>,
    /// The call's events with the host's own remarks, base64.
    #[serde(default)]
    pub(crate) events: Option<Vec<String>>,
}

/// What a simulated call returned and which authorisations it asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct SimulatedResult {
    #[serde(default)]
    pub(crate) xdr: Option<String>,
    #[serde(default)]
    pub(crate) auth: Option<Vec<String>>,
}

/// What must be restored from the archive before the call.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RestorePreamble {
    pub(crate) transaction_data: String,
    #[serde(deserialize_with = "number")]
    pub(crate) min_resource_fee: u64,
}

/// `sendTransaction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sent {
    pub(crate) status: SendStatus,
    #[serde(default)]
    pub(crate) error_result_xdr: Option<String>,
}

/// What the network's door said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum SendStatus {
    Pending,
    Duplicate,
    TryAgainLater,
    Error,
}

/// `getTransaction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Found {
    pub(crate) status: FoundStatus,
    pub(crate) latest_ledger: u32,
    #[serde(deserialize_with = "number")]
    pub(crate) latest_ledger_close_time: u64,
    #[serde(default, deserialize_with = "optional_number")]
    pub(crate) oldest_ledger_close_time: Option<u64>,
    #[serde(default)]
    pub(crate) ledger: Option<u32>,
    #[serde(default, deserialize_with = "optional_number")]
    pub(crate) created_at: Option<u64>,
    #[serde(default)]
    pub(crate) envelope_xdr: Option<String>,
    #[serde(default)]
    pub(crate) result_xdr: Option<String>,
    #[serde(default)]
    pub(crate) result_meta_xdr: Option<String>,
    #[serde(default)]
    pub(crate) diagnostic_events_xdr: Option<Vec<String>>,
}

/// A transaction's fate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum FoundStatus {
    Success,
    Failed,
    NotFound,
}

/// `getEvents`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Events {
    pub(crate) events: Vec<EventAnswer>,
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    pub(crate) latest_ledger: u32,
}

/// One contract event.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventAnswer {
    pub(crate) ledger: u32,
    #[serde(default)]
    pub(crate) ledger_closed_at: String,
    pub(crate) tx_hash: String,
    pub(crate) topic: Vec<String>,
    pub(crate) value: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(u64),
    Text(String),
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match NumberOrText::deserialize(deserializer)? {
        NumberOrText::Number(number) => Ok(number),
        NumberOrText::Text(text) => text.parse().map_err(serde::de::Error::custom),
    }
}

fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Option::<NumberOrText>::deserialize(deserializer)? {
        None => Ok(None),
        Some(NumberOrText::Number(number)) => Ok(Some(number)),
        Some(NumberOrText::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// The newest ledger, of which only the header is of interest.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LatestHeader {
    #[serde(default)]
    pub(crate) sequence: Option<u32>,
    pub(crate) header_xdr: String,
}
