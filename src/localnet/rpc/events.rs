//! `getEvents`: contract events in order, filtered by kind, contract and topics.

use serde::Deserialize;
use serde_json::{Value, json};
use stellar_xdr::{ContractEvent, ContractEventBody, ContractEventType, ScVal, TransactionEventStage};

use super::params::{RpcError, decode, encode, parse};
use super::transactions::Pagination;
use crate::cursor::{EventCursor, Toid};
use crate::engine::Engine;
use crate::history::{LedgerRecord, TransactionRecord};
use crate::time::rfc3339;

const MAX_FILTERS: usize = 5;
const MAX_PER_FILTER: usize = 5;
const MAX_SEGMENTS: usize = 4;
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 10_000;
/// Ledgers one question looks through; the answer's cursor says where to go on.
const SCAN_LEDGERS: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    start_ledger: Option<u32>,
    end_ledger: Option<u32>,
    #[serde(default)]
    filters: Vec<FilterParams>,
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterParams {
    #[serde(rename = "type", default)]
    kinds: String,
    #[serde(default)]
    contract_ids: Vec<String>,
    #[serde(default)]
    topics: Vec<Vec<String>>,
}

pub(super) fn get(engine: &mut Engine, params: Value) -> Result<Value, RpcError> {
    let params: Params = parse(params)?;
    if params.filters.len() > MAX_FILTERS {
        return Err(RpcError::params(format!("maximum {MAX_FILTERS} filters per request")));
    }
    let filters = params.filters.iter().map(Filter::new).collect::<Result<Vec<_>, _>>()?;
    let limit = params.pagination.as_ref().and_then(|page| page.limit).unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(RpcError::params(format!("limit must not exceed {MAX_LIMIT}")));
    }
    let (after, end) = window(engine, &params)?;
    let mut found = Vec::new();
    let mut cursor = EventCursor::end_of_ledger(end.saturating_sub(1));
    'scan: for ledger in engine.ledgers_since(after.toid.ledger()).take_while(|ledger| ledger.sequence < end)
    {
        for (position, record, event) in positions(ledger) {
            if position <= after || !matches(&filters, event) {
                continue;
            }
            found.push(describe(record, position, event)?);
            if found.len() == limit {
                cursor = position;
                break 'scan;
            }
        }
    }
    let (oldest, oldest_time) = engine.oldest();
    Ok(json!({
        "events": found,
        "cursor": cursor.to_string(),
        "latestLedger": engine.sequence(),
        "latestLedgerCloseTime": engine.close_time().to_string(),
        "oldestLedger": oldest,
        "oldestLedgerCloseTime": oldest_time.to_string(),
    }))
}

/// The position to start after, and the first ledger not to look at.
fn window(engine: &Engine, params: &Params) -> Result<(EventCursor, u32), RpcError> {
    let latest = engine.sequence();
    let (oldest, _) = engine.oldest();
    let cursor = params.pagination.as_ref().and_then(|page| page.cursor.as_ref());
    let after = match (cursor, params.start_ledger.unwrap_or(0)) {
        (Some(_), start) if start != 0 || params.end_ledger.is_some() => {
            return Err(RpcError::params("ledger ranges and cursor cannot both be set"));
        }
        (Some(text), _) => EventCursor::parse(text).ok_or_else(|| RpcError::params("invalid cursor"))?,
        (None, 0) => return Err(RpcError::params("startLedger must be positive")),
        (None, start) if start < oldest || start > latest => {
            return Err(RpcError {
                code: -32_600,
                message: format!("startLedger must be within the ledger range: {oldest} - {latest}"),
            });
        }
        (None, start) => EventCursor::before_ledger(start)
            .ok_or_else(|| RpcError::params("startLedger must be positive"))?,
    };
    let scan_end = engine.ledgers_since(after.toid.ledger()).nth(SCAN_LEDGERS).map(|ledger| ledger.sequence);
    let scan_end = scan_end.unwrap_or(u32::MAX);
    let wanted_end = params.end_ledger.filter(|end| *end != 0).unwrap_or(u32::MAX);
    Ok((after, latest.saturating_add(1).min(scan_end).min(wanted_end)))
}

type Positioned<'a> = (EventCursor, &'a TransactionRecord, &'a ContractEvent);

/// Events of a ledger in order: the fees taken first, what each operation did, what came back of the fees.
fn positions(ledger: &LedgerRecord) -> impl Iterator<Item = Positioned<'_>> {
    let records = || ledger.transactions.iter().map(|record| &**record);
    let operations = records().flat_map(|record| {
        (0_u32..).zip(record.events()).map(move |(index, (operation, event))| {
            let toid = Toid::new(record.ledger, record.application_order, operation);
            (EventCursor { toid, event: index }, record, event)
        })
    });
    let of_stage = move |transaction: u32, before: bool| {
        let staged = records().flat_map(move |record| {
            let chosen = record.transaction_events().iter();
            chosen
                .filter(move |given| (given.stage == TransactionEventStage::BeforeAllTxs) == before)
                .map(move |given| (record, &given.event))
        });
        (0_u32..).zip(staged).map(move |(index, (record, event))| {
            let toid = Toid::new(ledger.sequence, transaction, 0);
            (EventCursor { toid, event: index }, record, event)
        })
    };
    of_stage(0, true).chain(operations).chain(of_stage(u32::MAX, false))
}

fn describe(
    record: &TransactionRecord,
    position: EventCursor,
    event: &ContractEvent,
) -> Result<Value, RpcError> {
    let ContractEventBody::V0(body) = &event.body;
    let contract = event.contract_id.as_ref().map(|id| stellar_strkey::Contract(id.0.0).to_string());
    Ok(json!({
        "type": kind_name(event.type_),
        "ledger": record.ledger,
        "ledgerClosedAt": rfc3339(record.close_time),
        "contractId": contract.unwrap_or_default().as_str(),
        "id": position.to_string(),
        "operationIndex": 0,
        "transactionIndex": record.application_order,
        "inSuccessfulContractCall": record.succeeded,
        "txHash": hex::encode(record.hash),
        "topic": body.topics.iter().map(encode).collect::<Result<Vec<_>, _>>()?,
        "value": encode(&body.data)?,
    }))
}

fn kind_name(kind: ContractEventType) -> &'static str {
    match kind {
        ContractEventType::System => "system",
        ContractEventType::Contract => "contract",
        ContractEventType::Diagnostic => "diagnostic",
    }
}

fn matches(filters: &[Filter], event: &ContractEvent) -> bool {
    filters.is_empty() || filters.iter().any(|filter| filter.matches(event))
}

/// One alternative: everything set must match, each by one of its values.
struct Filter {
    kinds: Vec<String>,
    contracts: Vec<[u8; 32]>,
    topics: Vec<TopicFilter>,
}

/// Topics position by position; `rest` allows more to follow.
struct TopicFilter {
    segments: Vec<Segment>,
    rest: bool,
}

enum Segment {
    Any,
    Exactly(Box<ScVal>),
}

impl Filter {
    fn new(params: &FilterParams) -> Result<Self, RpcError> {
        if params.contract_ids.len() > MAX_PER_FILTER || params.topics.len() > MAX_PER_FILTER {
            return Err(RpcError::params(format!(
                "maximum {MAX_PER_FILTER} contract IDs and topics per filter"
            )));
        }
        let kinds: Vec<String> =
            params.kinds.split(',').filter(|kind| !kind.is_empty()).map(str::to_owned).collect();
        if kinds.iter().any(|kind| !matches!(kind.as_str(), "system" | "contract")) {
            return Err(RpcError::params(
                "filter type invalid: if set, type must be either 'system' or 'contract'",
            ));
        }
        let contracts = params.contract_ids.iter().map(|text| {
            let id: Result<stellar_strkey::Contract, _> = text.parse();
            id.map(|id| id.0).map_err(|_| RpcError::params("contract ID invalid"))
        });
        Ok(Self {
            kinds,
            contracts: contracts.collect::<Result<_, _>>()?,
            topics: params.topics.iter().map(|topic| TopicFilter::new(topic)).collect::<Result<_, _>>()?,
        })
    }

    fn matches(&self, event: &ContractEvent) -> bool {
        let ContractEventBody::V0(body) = &event.body;
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == kind_name(event.type_));
        let contract = self.contracts.is_empty()
            || event.contract_id.as_ref().is_some_and(|id| self.contracts.contains(&id.0.0));
        let topics =
            self.topics.is_empty() || self.topics.iter().any(|filter| filter.matches(body.topics.as_slice()));
        kind && contract && topics
    }
}

impl TopicFilter {
    fn new(texts: &[String]) -> Result<Self, RpcError> {
        let rest = texts.last().is_some_and(|text| text == "**");
        let fixed = if rest { &texts[..texts.len().saturating_sub(1)] } else { texts };
        if texts.is_empty() || fixed.len() > MAX_SEGMENTS {
            return Err(RpcError::params(format!("topic must have 1 to {MAX_SEGMENTS} segments")));
        }
        let segments = fixed.iter().map(|text| match text.as_str() {
            "*" => Ok(Segment::Any),
            "**" => Err(RpcError::params("wildcard '**' is only allowed as the last segment")),
            value => Ok(Segment::Exactly(Box::new(decode(value, "a topic")?))),
        });
        Ok(Self { segments: segments.collect::<Result<_, _>>()?, rest })
    }

    fn matches(&self, topics: &[ScVal]) -> bool {
        let length =
            if self.rest { topics.len() >= self.segments.len() } else { topics.len() == self.segments.len() };
        length
            && self.segments.iter().zip(topics).all(|(segment, topic)| match segment {
                Segment::Any => true,
                Segment::Exactly(value) => **value == *topic,
            })
    }
}
