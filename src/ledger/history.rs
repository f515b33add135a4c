//! An account's money over a range of ledgers: payments, fees, and what passed between it and the escrow contract.
//!
//! Since protocol 23 every movement of lumens is an event of their contract, whoever caused it (CAP-67), fees
//! included; so one filtered question shows everything. What the escrow contract did in the same transaction says
//! what a movement was for. Endpoints forget after days: a statement says from which ledger on it is complete, and
//! is never to be taken for the whole past.

use crate::accounts::PaymentMemo;
use crate::client::LedgerClient;
use crate::error::LedgerError;
use crate::escrow::{Escrow, EscrowEvent, read_event};
use crate::receipt;
use crate::rpc_types::{EventAnswer, FoundStatus};
use crate::time::rfc3339;
use crate::xdr::{self, from, to};
use core::fmt;
use layr_types::{AccountKey, AgreementId, ContractId, Stroops, TxHash, UnixSeconds};
use serde_json::json;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use stellar_xdr::ScVal;

/// Events asked for at once.
const PAGE: usize = 200;
/// Most entries a statement holds; what is older comes first.
const MAX_ENTRIES: usize = 100_000;

/// What a movement of money was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// Between two accounts; the first one a new account gets, too.
    Payment,
    /// The network's fee, rent included, refunds deducted.
    Fee,
    /// Locked by opening agreements.
    Escrowed,
    /// Back from agreements that ended.
    Settled,
    /// The difference between agreements that ended and their successors.
    Renewed,
    /// Put into the free balance of a host key.
    Deposited,
    /// Taken from the free balance of a host key.
    Withdrawn,
    /// Locked as a challenge's bond.
    ChallengeBond,
    /// Paid by a host that gave notice.
    ExitFee,
    /// Paid out after a transfer had failed earlier.
    CreditPaid,
    /// Between the account and another contract.
    Contract,
}

impl EntryKind {
    /// Its name in lists and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Fee => "fee",
            Self::Escrowed => "escrowed",
            Self::Settled => "settled",
            Self::Renewed => "renewed",
            Self::Deposited => "deposited",
            Self::Withdrawn => "withdrawn",
            Self::ChallengeBond => "challenge_bond",
            Self::ExitFee => "exit_fee",
            Self::CreditPaid => "credit_paid",
            Self::Contract => "contract",
        }
    }
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who is on the other side of a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counterparty {
    /// An account.
    Account(AccountKey),
    /// A contract.
    Contract(ContractId),
    /// The network itself, which takes fees.
    Network,
}

impl fmt::Display for Counterparty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(account) => f.write_str(&layr_identity::account_address(account)),
            Self::Contract(contract) => f.write_str(&layr_identity::contract_address(contract)),
            Self::Network => f.write_str("network"),
        }
    }
}

/// One movement of an account's lumens.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StatementEntry {
    /// The ledger it happened in.
    pub ledger: u32,
    /// When that ledger closed.
    pub time: UnixSeconds,
    /// The transaction that caused it.
    pub transaction: TxHash,
    /// What it was for.
    pub kind: EntryKind,
    /// What came in; what went out is negative.
    pub amount: Stroops,
    /// Who gave or got it.
    pub counterparty: Counterparty,
    /// The memo it carried.
    pub memo: Option<PaymentMemo>,
    /// The agreements it was about.
    pub agreements: Vec<AgreementId>,
}

/// An account's movements in a range of ledgers, in the ledger's order.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Statement {
    /// The movements.
    pub entries: Vec<StatementEntry>,
    /// The first ledger it covers: later than asked for where the endpoint has forgotten earlier ones.
    pub from: u32,
    /// The last ledger it covers.
    pub to: u32,
}

impl Escrow {
    /// What came to and went from `account`, in lumens, in these ledgers; movements between it and this contract are
    /// told by what they were for.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn statement(
        &self,
        account: &AccountKey,
        ledgers: RangeInclusive<u32>,
    ) -> Result<Statement, LedgerError> {
        let client = self.client();
        let health = client.health().await?;
        let from = (*ledgers.start()).max(health.oldest_ledger).max(1);
        let to = (*ledgers.end()).min(health.latest_ledger);
        let mut entries = Vec::new();
        if from <= to {
            let lumens = client.native_token();
            let topics = topics(account)?;
            let filters = json!([{
                "type": "contract",
                "contractIds": [layr_identity::contract_address(&lumens)],
                "topics": topics,
            }]);
            for event in client.events_between(filters, from, to).await? {
                entries.extend(movement(account, &event));
            }
        }
        let mut entries = net_fees(entries);
        self.explain(account, &mut entries).await?;
        Ok(Statement { entries, from, to })
    }

    /// Says what movements between the account and this contract were for.
    async fn explain(&self, account: &AccountKey, entries: &mut [StatementEntry]) -> Result<(), LedgerError> {
        let here = Counterparty::Contract(self.contract());
        let mut known: HashMap<TxHash, Vec<EscrowEvent>> = HashMap::new();
        for entry in entries {
            let ours = entry.counterparty == here || entry.kind == EntryKind::Fee;
            if !ours {
                continue;
            }
            let events = match known.get(&entry.transaction) {
                Some(events) => events,
                None => {
                    let events = self.events_of(&entry.transaction).await?;
                    known.entry(entry.transaction).or_insert(events)
                }
            };
            entry.agreements = events.iter().filter_map(EscrowEvent::agreement).collect();
            entry.agreements.sort_unstable();
            entry.agreements.dedup();
            if entry.counterparty == here {
                entry.kind = purpose(account, events, entry.amount);
            }
        }
        Ok(())
    }

    /// What this contract told in one transaction; nothing where the endpoint has forgotten it.
    async fn events_of(&self, transaction: &TxHash) -> Result<Vec<EscrowEvent>, LedgerError> {
        let (found, _) = self.client().rpc().transaction(transaction).await?;
        if found.status != FoundStatus::Success {
            return Ok(Vec::new());
        }
        let told =
            receipt::events(&found).into_iter().filter(|event| event.contract == Some(self.contract()));
        Ok(told.filter_map(|event| read_event(&event.topics, &event.data)).collect())
    }
}

impl LedgerClient {
    /// Every event in these ledgers that passes the filters, page by page.
    pub(crate) async fn events_between(
        &self,
        filters: serde_json::Value,
        from: u32,
        to: u32,
    ) -> Result<Vec<EventAnswer>, LedgerError> {
        let mut query = json!({ "startLedger": from, "filters": filters, "pagination": { "limit": PAGE } });
        let mut found = Vec::new();
        let mut last = String::new();
        loop {
            let (page, _) = self.rpc().events(query).await?;
            let full = page.events.len() >= PAGE;
            let beyond = page.events.iter().any(|event| event.ledger > to);
            found.extend(page.events.into_iter().filter(|event| (from..=to).contains(&event.ledger)));
            let cursor = page.cursor.unwrap_or_default();
            let ended = !full && ledger_of(&cursor).is_none_or(|at| at >= to.min(page.latest_ledger));
            if beyond || ended || cursor == last || found.len() >= MAX_ENTRIES {
                return Ok(found);
            }
            query = json!({ "filters": filters, "pagination": { "cursor": cursor, "limit": PAGE } });
            last = cursor;
        }
    }
}

/// The ledger a cursor stands in: the upper half of its first number.
fn ledger_of(cursor: &str) -> Option<u32> {
    let position: u64 = cursor.split_once('-')?.0.parse().ok()?;
    u32::try_from(position >> 32).ok()
}

/// What came to the account, went from it, or was taken as a fee.
fn topics(account: &AccountKey) -> Result<serde_json::Value, LedgerError> {
    let symbol = |text| xdr::encode(&ScVal::Symbol(to::symbol(text)?));
    let (transfer, fee) = (symbol("transfer")?, symbol("fee")?);
    let account = xdr::encode(&to::account(account))?;
    Ok(json!([[transfer, account, "*", "*"], [transfer, "*", account, "*"], [fee, account]]))
}

/// Reads one event of the lumens' contract; nothing where it is none of the account's, or moves nothing.
fn movement(account: &AccountKey, event: &EventAnswer) -> Option<StatementEntry> {
    let topics: Vec<ScVal> = event.topic.iter().map(|topic| xdr::decode(topic)).collect::<Option<_>>()?;
    let data: ScVal = xdr::decode(&event.value)?;
    let amount = from::amount(&data).or_else(|| from::amount(from::field(&data, "amount")?))?;
    let party = |value: &ScVal| {
        let account = from::account(value).map(Counterparty::Account);
        account.or_else(|| from::contract(value).map(Counterparty::Contract))
    };
    let (kind, amount, counterparty) = match (from::symbol(topics.first()?)?, &topics[1..]) {
        (b"fee", [payer, ..]) if from::account(payer)? == *account => {
            (EntryKind::Fee, -amount, Counterparty::Network)
        }
        (b"transfer", [giver, taker, ..]) => {
            let (giver, taker) = (party(giver)?, party(taker)?);
            let own = Counterparty::Account(*account);
            match (giver == own, taker == own) {
                (true, false) => (EntryKind::Payment, -amount, taker),
                (false, true) => (EntryKind::Payment, amount, giver),
                _ => return None,
            }
        }
        _ => return None,
    };
    let between_accounts = !matches!(counterparty, Counterparty::Contract(_));
    Some(StatementEntry {
        ledger: event.ledger,
        time: rfc3339(&event.ledger_closed_at)?,
        transaction: xdr::tx_hash(&event.tx_hash)?,
        kind: if between_accounts { kind } else { EntryKind::Contract },
        amount: Stroops(amount),
        counterparty,
        memo: from::field(&data, "to_muxed_id").and_then(PaymentMemo::read),
        agreements: Vec::new(),
    })
}

/// One fee per transaction: what was taken before, less what came back after.
fn net_fees(entries: Vec<StatementEntry>) -> Vec<StatementEntry> {
    let mut at: HashMap<TxHash, usize> = HashMap::new();
    let mut netted: Vec<StatementEntry> = Vec::with_capacity(entries.len());
    for entry in entries {
        let earlier = (entry.kind == EntryKind::Fee).then(|| at.get(&entry.transaction).copied()).flatten();
        match earlier.and_then(|index| netted.get_mut(index)) {
            Some(taken) => taken.amount += entry.amount,
            None => {
                if entry.kind == EntryKind::Fee {
                    at.insert(entry.transaction, netted.len());
                }
                netted.push(entry);
            }
        }
    }
    netted
}

/// What a movement between the account and the contract was for, by what the contract did.
fn purpose(account: &AccountKey, events: &[EscrowEvent], amount: Stroops) -> EntryKind {
    use EscrowEvent as E;
    let any = |wanted: fn(&E) -> bool| events.iter().any(wanted);
    let opened = events.iter().any(|event| matches!(event, E::Opened { owner, .. } if owner == account));
    let ended = any(|event| {
        matches!(event, E::Closed { .. } | E::Proved { .. } | E::Expired { .. } | E::Defaulted { .. })
    });
    if opened && ended {
        EntryKind::Renewed
    } else if amount < Stroops::ZERO {
        match () {
            () if opened => EntryKind::Escrowed,
            () if any(|event| matches!(event, E::Deposited { .. })) => EntryKind::Deposited,
            () if any(|event| matches!(event, E::Challenged { .. })) => EntryKind::ChallengeBond,
            () => EntryKind::Contract,
        }
    } else {
        match () {
            () if ended => EntryKind::Settled,
            () if any(|event| matches!(event, E::Withdrawn { .. })) => EntryKind::Withdrawn,
            () if any(|event| matches!(event, E::NoticeGiven { .. })) => EntryKind::ExitFee,
            () => EntryKind::CreditPaid,
        }
    }
}
