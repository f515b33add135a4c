//! The contract's events: what happened to agreements and balances, for whoever watches.
//!
//! Endpoints forget events after about a week; truth lies in slots and balances, events only explain it.

use super::Escrow;
use crate::error::{Cause, LedgerError, Stage};
use crate::xdr::{self, from};
use layr_market::{Revision, Settlement, SlotState};
use layr_types::{AccountKey, AgreementId, ContractId, NodeKey, Stroops, TxHash};
use serde_json::{Value, json};
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

impl Escrow {
    /// The contract's events from ledger `from` on, or those after `cursor` where one is given.
    ///
    /// # Errors
    /// [`Cause::Refused`] where `from` lies before what the endpoint remembers; what reading can meet.
    pub async fn events(&self, from: u32, cursor: Option<&str>) -> Result<EventPage, LedgerError> {
        let contract = layr_identity::contract_address(&self.contract);
        let filters = json!([{ "type": "contract", "contractIds": [contract] }]);
        let query = match cursor {
            Some(cursor) => json!({ "filters": filters, "pagination": { "cursor": cursor, "limit": PAGE } }),
            None => json!({ "startLedger": from, "filters": filters, "pagination": { "limit": PAGE } }),
        };
        self.event_page(query).await
    }

    async fn event_page(&self, query: Value) -> Result<EventPage, LedgerError> {
        let (answer, endpoint) = self.client.rpc().events(query).await?;
        let malformed = || {
            let cause = Cause::Malformed { endpoint: endpoint.clone(), what: "an event" };
            LedgerError::new(Stage::Read, cause)
        };
        let mut events = Vec::new();
        for given in &answer.events {
            let topics: Option<Vec<ScVal>> = given.topic.iter().map(|topic| xdr::decode(topic)).collect();
            let data: ScVal = xdr::decode(&given.value).ok_or_else(malformed)?;
            let transaction = xdr::tx_hash(&given.tx_hash).ok_or_else(malformed)?;
            if let Some(event) = read_event(&topics.ok_or_else(malformed)?, &data) {
                events.push(LoggedEvent { ledger: given.ledger, transaction, event });
            }
        }
        Ok(EventPage { events, cursor: answer.cursor, latest_ledger: answer.latest_ledger })
    }
}

/// Reads one event; `None` for kinds of later versions.
pub(crate) fn read_event(topics: &[ScVal], data: &ScVal) -> Option<EscrowEvent> {
    let (name, topics) = topics.split_first()?;
    let first = topics.first()?;
    Some(match from::symbol(name)? {
        b"registered" => EscrowEvent::Registered {
            host_key: NodeKey(from::array(first)?),
            account: from::account(from::field(data, "account")?)?,
        },
        b"deposited" => {
            let (token, amount) = transfer(data)?;
            EscrowEvent::Deposited { key: NodeKey(from::array(first)?), token, amount }
        }
        b"withdrawn" => {
            let (token, amount) = transfer(data)?;
            EscrowEvent::Withdrawn { key: NodeKey(from::array(first)?), token, amount }
        }
        b"opened" => EscrowEvent::Opened {
            owner: from::account(first)?,
            host_key: NodeKey(from::array(topics.get(1)?)?),
            id: AgreementId(from::array(from::field(data, "id")?)?),
        },
        b"published" => EscrowEvent::Published {
            id: AgreementId(from::array(first)?),
            revision: Box::new(Revision::decode(from::bytes(from::field(data, "revision")?)?).ok()?),
            state: Box::new(SlotState::decode(from::bytes(from::field(data, "state")?)?).ok()?),
        },
        b"closed" => {
            EscrowEvent::Closed { id: AgreementId(from::array(first)?), settlement: settlement(data)? }
        }
        b"proved" => {
            EscrowEvent::Proved { id: AgreementId(from::array(first)?), settlement: settlement(data)? }
        }
        b"expired" => {
            EscrowEvent::Expired { id: AgreementId(from::array(first)?), settlement: settlement(data)? }
        }
        b"beacon_posted" => EscrowEvent::BeaconPosted {
            round: from::u64(first)?,
            randomness: from::array(from::field(data, "randomness")?)?,
        },
        b"credited" => {
            let (token, amount) = transfer(data)?;
            EscrowEvent::Credited { owner: from::account(first)?, token, amount }
        }
        _ => return None,
    })
}

fn transfer(data: &ScVal) -> Option<(ContractId, Stroops)> {
    let token = from::contract(from::field(data, "token")?)?;
    Some((token, Stroops(from::amount(from::field(data, "amount")?)?)))
}

fn settlement(data: &ScVal) -> Option<Settlement> {
    let part = |name| from::field(data, name).and_then(from::amount).map(Stroops);
    Some(Settlement { host: part("host")?, owner: part("owner")?, burn: part("burn")? })
}
