//! The contract's events: what happened to agreements and balances, for whoever watches.
//!
//! Endpoints forget events after about a week; truth lies in slots and balances, events only explain it.

use super::Escrow;
use crate::error::{Cause, LedgerError, Stage};
use crate::rpc_types::EventAnswer;
use crate::time::rfc3339;
use crate::xdr::{self, from, to};
use layr_market::{Revision, Rotation, Settlement, SlotState};
use layr_types::{AccountKey, AgreementId, ContractId, LeafIndex, NodeKey, Stroops, TxHash, UnixSeconds};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use stellar_xdr::ScVal;

/// Events asked for at once.
const PAGE: u32 = 200;

/// One event of the escrow contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EscrowEvent {
    /// A host key was bound to an account.
    Registered {
        /// The host key.
        host_key: NodeKey,
        /// Where it is paid.
        account: AccountKey,
    },
    /// A free balance grew.
    Deposited {
        /// Whose.
        key: NodeKey,
        /// Of which asset.
        token: ContractId,
        /// By how much.
        amount: Stroops,
    },
    /// A free balance was paid out.
    Withdrawn {
        /// Whose.
        key: NodeKey,
        /// Of which asset.
        token: ContractId,
        /// How much.
        amount: Stroops,
    },
    /// An agreement was opened; its state is `SlotState::opening` of its terms.
    Opened {
        /// Who escrowed.
        owner: AccountKey,
        /// Who stores.
        host_key: NodeKey,
        /// The agreement.
        id: AgreementId,
    },
    /// A newer revision is on record.
    Published {
        /// The agreement.
        id: AgreementId,
        /// The revision.
        revision: Box<Revision>,
        /// The state the slot now holds.
        state: Box<SlotState>,
    },
    /// An agreement ended by consent.
    Closed {
        /// The agreement.
        id: AgreementId,
        /// Who got what.
        settlement: Settlement,
    },
    /// A challenge was opened.
    Challenged {
        /// The agreement.
        id: AgreementId,
        /// The state the slot now holds.
        state: Box<SlotState>,
        /// The leaves a named challenge asks for.
        leaves: Vec<LeafIndex>,
    },
    /// A challenge was answered; its bond went to the host.
    Answered {
        /// The agreement.
        id: AgreementId,
        /// The state the slot now holds.
        state: Box<SlotState>,
    },
    /// An agreement ended because its challenge was not answered.
    Defaulted {
        /// The agreement.
        id: AgreementId,
        /// Who got what, the bond aside.
        settlement: Settlement,
        /// The challenge's bond, which went back to the owner.
        bond: Stroops,
    },
    /// A party gave notice: the agreement ends early.
    NoticeGiven {
        /// The agreement.
        id: AgreementId,
        /// The state the slot now holds.
        state: Box<SlotState>,
    },
    /// A voucher for bytes read was put on record.
    Redeemed {
        /// The agreement.
        id: AgreementId,
        /// The state the slot now holds.
        state: Box<SlotState>,
    },
    /// One side's key changed.
    Rotated {
        /// The agreement.
        id: AgreementId,
        /// The state the slot now holds.
        state: Box<SlotState>,
    },
    /// One side asked alone for a new key.
    RotationStarted {
        /// The agreement.
        id: AgreementId,
        /// The rotation that waits.
        rotation: Rotation,
        /// The state the slot now holds.
        state: Box<SlotState>,
    },
    /// A host's bond grew.
    Bonded {
        /// Whose.
        key: NodeKey,
        /// Of which asset.
        token: ContractId,
        /// By how much.
        amount: Stroops,
    },
    /// Some of a host's bond is on its way out.
    Unbonding {
        /// Whose.
        key: NodeKey,
        /// Of which asset.
        token: ContractId,
        /// How much was taken now.
        amount: Stroops,
        /// When all that leaves is free.
        free_at: UnixSeconds,
    },
    /// What had left a bond was added to the free balance.
    Released {
        /// Whose.
        key: NodeKey,
        /// Of which asset.
        token: ContractId,
        /// How much.
        amount: Stroops,
    },
    /// An agreement ended by the host's proof.
    Proved {
        /// The agreement.
        id: AgreementId,
        /// Who got what.
        settlement: Settlement,
    },
    /// An agreement ended because nobody proved.
    Expired {
        /// The agreement.
        id: AgreementId,
        /// Who got what.
        settlement: Settlement,
    },
    /// A beacon round was verified.
    BeaconPosted {
        /// Which.
        round: u64,
        /// Its randomness.
        randomness: [u8; 32],
    },
    /// A transfer failed; the amount waits for `owner_withdraw`.
    Credited {
        /// For whom.
        owner: AccountKey,
        /// Of which asset.
        token: ContractId,
        /// How much.
        amount: Stroops,
    },
}

/// An event with its place on the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    /// The ledger it happened in.
    pub ledger: u32,
    /// When that ledger closed.
    pub time: UnixSeconds,
    /// The transaction that caused it.
    pub transaction: TxHash,
    /// What happened.
    pub event: EscrowEvent,
}

/// Some events in order, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events this program understands.
    pub events: Vec<LoggedEvent>,
    /// Pass this to get what follows; `None` where the endpoint gave none.
    pub cursor: Option<String>,
    /// The newest ledger when this was asked.
    pub latest_ledger: u32,
}

impl EscrowEvent {
    /// The agreement it is about; `None` for what concerns balances and beacons.
    #[must_use]
    pub const fn agreement(&self) -> Option<AgreementId> {
        match self {
            Self::Opened { id, .. }
            | Self::Published { id, .. }
            | Self::Closed { id, .. }
            | Self::Proved { id, .. }
            | Self::Expired { id, .. }
            | Self::Challenged { id, .. }
            | Self::Answered { id, .. }
            | Self::Defaulted { id, .. }
            | Self::NoticeGiven { id, .. }
            | Self::Redeemed { id, .. }
            | Self::Rotated { id, .. }
            | Self::RotationStarted { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// The host key whose balance or registration it is about, or with which an agreement was opened.
    #[must_use]
    pub const fn host_key(&self) -> Option<NodeKey> {
        match self {
            Self::Registered { host_key, .. } | Self::Opened { host_key, .. } => Some(*host_key),
            Self::Deposited { key, .. }
            | Self::Withdrawn { key, .. }
            | Self::Bonded { key, .. }
            | Self::Unbonding { key, .. }
            | Self::Released { key, .. } => Some(*key),
            _ => None,
        }
    }

    /// The owner's account it names.
    #[must_use]
    pub const fn owner(&self) -> Option<AccountKey> {
        match self {
            Self::Opened { owner, .. } | Self::Credited { owner, .. } => Some(*owner),
            _ => None,
        }
    }
}

/// Whose events are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Involved {
    /// As an owner.
    pub account: AccountKey,
    /// As a host.
    pub host_key: NodeKey,
    /// Agreements opened before the ledgers asked about. Those opened in them are found by themselves.
    pub agreements: BTreeSet<AgreementId>,
}

impl Escrow {
    /// Everything that happened to one owner or host in these ledgers, in order, and the first ledger this is
    /// complete from: endpoints forget.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn history(
        &self,
        who: &Involved,
        ledgers: RangeInclusive<u32>,
    ) -> Result<(Vec<LoggedEvent>, u32), LedgerError> {
        let health = self.client.health().await?;
        let first = (*ledgers.start()).max(health.oldest_ledger).max(1);
        let last = (*ledgers.end()).min(health.latest_ledger);
        let mut known = who.agreements.clone();
        let mut events = Vec::new();
        if first <= last {
            for given in self.client.events_between(self.filters(), first, last).await? {
                let Some(logged) = read_logged(&given).ok_or_else(|| malformed("the network"))? else {
                    continue;
                };
                let event = &logged.event;
                let named = event.owner() == Some(who.account) || event.host_key() == Some(who.host_key);
                known.extend(event.agreement().filter(|_| named));
                if named || event.agreement().is_some_and(|id| known.contains(&id)) {
                    events.push(logged);
                }
            }
        }
        Ok((events, first))
    }

    /// What happened to one agreement after its opening, in order, as far back as the endpoint remembers.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn story(&self, id: &AgreementId) -> Result<Vec<LoggedEvent>, LedgerError> {
        let health = self.client.health().await?;
        let filters = json!([{
            "type": "contract",
            "contractIds": [layr_identity::contract_address(&self.contract)],
            "topics": [["*", xdr::encode(&to::bytes(&id.0)?)?]],
        }]);
        let (first, last) = (health.oldest_ledger.max(1), health.latest_ledger);
        let mut events = Vec::new();
        for given in self.client.events_between(filters, first, last).await? {
            let logged = read_logged(&given).ok_or_else(|| malformed("the network"))?;
            events.extend(logged.filter(|logged| logged.event.agreement() == Some(*id)));
        }
        Ok(events)
    }

    fn filters(&self) -> Value {
        json!([{ "type": "contract", "contractIds": [layr_identity::contract_address(&self.contract)] }])
    }

    /// The contract's events from ledger `from` on, or those after `cursor` where one is given.
    ///
    /// # Errors
    /// [`Cause::Refused`] where `from` lies before what the endpoint remembers; what reading can meet.
    pub async fn events(&self, from: u32, cursor: Option<&str>) -> Result<EventPage, LedgerError> {
        let filters = self.filters();
        let query = match cursor {
            Some(cursor) => json!({ "filters": filters, "pagination": { "cursor": cursor, "limit": PAGE } }),
            None => json!({ "startLedger": from, "filters": filters, "pagination": { "limit": PAGE } }),
        };
        self.event_page(query).await
    }

    async fn event_page(&self, query: Value) -> Result<EventPage, LedgerError> {
        let (answer, endpoint) = self.client.rpc().events(query).await?;
        let mut events = Vec::new();
        for given in &answer.events {
            events.extend(read_logged(given).ok_or_else(|| malformed(&endpoint))?);
        }
        Ok(EventPage { events, cursor: answer.cursor, latest_ledger: answer.latest_ledger })
    }
}

/// Reads an endpoint's event: nothing where it is garbage, and nothing inside for kinds of later versions.
fn read_logged(given: &EventAnswer) -> Option<Option<LoggedEvent>> {
    let topics: Vec<ScVal> = given.topic.iter().map(|topic| xdr::decode(topic)).collect::<Option<_>>()?;
    let data: ScVal = xdr::decode(&given.value)?;
    let transaction = xdr::tx_hash(&given.tx_hash)?;
    let time = rfc3339(&given.ledger_closed_at)?;
    let event = read_event(&topics, &data);
    Some(event.map(|event| LoggedEvent { ledger: given.ledger, time, transaction, event }))
}

fn malformed(endpoint: &str) -> LedgerError {
    LedgerError::new(Stage::Read, Cause::Malformed { endpoint: endpoint.to_owned(), what: "an event" })
}

/// Reads one event; `None` for kinds of later versions.
pub(crate) fn read_event(topics: &[ScVal], data: &ScVal) -> Option<EscrowEvent> {
    let (name, topics) = topics.split_first()?;
    let (name, first) = (from::symbol(name)?, topics.first()?);
    match name {
        b"opened" => Some(EscrowEvent::Opened {
            owner: from::account(first)?,
            host_key: NodeKey(from::array(topics.get(1)?)?),
            id: AgreementId(from::array(from::field(data, "id")?)?),
        }),
        b"registered" => Some(EscrowEvent::Registered {
            host_key: NodeKey(from::array(first)?),
            account: from::account(from::field(data, "account")?)?,
        }),
        b"beacon_posted" => Some(EscrowEvent::BeaconPosted {
            round: from::u64(first)?,
            randomness: from::array(from::field(data, "randomness")?)?,
        }),
        b"credited" => {
            let (token, amount) = transfer(data)?;
            Some(EscrowEvent::Credited { owner: from::account(first)?, token, amount })
        }
        _ => match read_balance(name, first, data) {
            None => read_move(name, AgreementId(from::array(first)?), data),
            read => read,
        },
    }
}

/// What changed a host key's balance or bond.
fn read_balance(name: &[u8], key: &ScVal, data: &ScVal) -> Option<EscrowEvent> {
    let (token, amount) = transfer(data)?;
    let key = NodeKey(from::array(key)?);
    Some(match name {
        b"deposited" => EscrowEvent::Deposited { key, token, amount },
        b"withdrawn" => EscrowEvent::Withdrawn { key, token, amount },
        b"bonded" => EscrowEvent::Bonded { key, token, amount },
        b"unbonding" => {
            let free_at = UnixSeconds(from::u64(from::field(data, "free_at")?)?);
            EscrowEvent::Unbonding { key, token, amount, free_at }
        }
        b"released" => EscrowEvent::Released { key, token, amount },
        _ => return None,
    })
}

/// What changed an agreement, or ended it.
fn read_move(name: &[u8], id: AgreementId, data: &ScVal) -> Option<EscrowEvent> {
    Some(match name {
        b"published" => EscrowEvent::Published {
            id,
            revision: Box::new(Revision::decode(from::bytes(from::field(data, "revision")?)?).ok()?),
            state: state(data)?,
        },
        b"challenged" => EscrowEvent::Challenged { id, state: state(data)?, leaves: leaves(data)? },
        b"answered" => EscrowEvent::Answered { id, state: state(data)? },
        b"notice_given" => EscrowEvent::NoticeGiven { id, state: state(data)? },
        b"redeemed" => EscrowEvent::Redeemed { id, state: state(data)? },
        b"rotated" => EscrowEvent::Rotated { id, state: state(data)? },
        b"rotation_started" => EscrowEvent::RotationStarted {
            id,
            rotation: Rotation::decode(from::bytes(from::field(data, "rotation")?)?).ok()?,
            state: state(data)?,
        },
        b"closed" => EscrowEvent::Closed { id, settlement: settlement(data)? },
        b"proved" => EscrowEvent::Proved { id, settlement: settlement(data)? },
        b"expired" => EscrowEvent::Expired { id, settlement: settlement(data)? },
        b"defaulted" => EscrowEvent::Defaulted {
            id,
            settlement: settlement(data)?,
            bond: Stroops(from::amount(from::field(data, "bond")?)?),
        },
        _ => return None,
    })
}

fn transfer(data: &ScVal) -> Option<(ContractId, Stroops)> {
    let token = from::contract(from::field(data, "token")?)?;
    Some((token, Stroops(from::amount(from::field(data, "amount")?)?)))
}

fn state(data: &ScVal) -> Option<Box<SlotState>> {
    SlotState::decode(from::bytes(from::field(data, "state")?)?).ok().map(Box::new)
}

fn leaves(data: &ScVal) -> Option<Vec<LeafIndex>> {
    let (whole, rest) = from::bytes(from::field(data, "leaves")?)?.as_chunks::<8>();
    rest.is_empty().then(|| whole.iter().map(|leaf| LeafIndex(u64::from_be_bytes(*leaf))).collect())
}

fn settlement(data: &ScVal) -> Option<Settlement> {
    let part = |name| from::field(data, name).and_then(from::amount).map(Stroops);
    Some(Settlement { host: part("host")?, owner: part("owner")?, burn: part("burn")? })
}
