//! The escrow contract, as typed calls, reads and events.
//!
//! Every entry point is a method that returns a [`Call`]: nothing has happened yet; [`Call::quote`] prices it,
//! [`Call::submit`] carries it out. Reads go straight to the contract's ledger entries and cost nothing. What
//! the contract stores, and under which keys, stands in `contracts/escrow/README.md`.

mod args;
mod call;
mod disputes;
mod entry_points;
mod error;
mod event;
mod views;

pub use args::{Accusation, Closing, EscrowConfig, Opening, Publication, Renewal};
pub use call::{Call, Outcome};
pub use disputes::Standing;
pub use error::EscrowError;
pub(crate) use event::read_event;
pub use event::{EscrowEvent, EventPage, Involved, LoggedEvent};
pub use views::{Bond, Folder};

use crate::client::LedgerClient;
use layr_market::Context;
use layr_types::ContractId;

/// One deployed escrow contract. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Escrow {
    client: LedgerClient,
    contract: ContractId,
}

impl LedgerClient {
    /// The escrow contract at this address. Nothing is asked of the network.
    #[must_use]
    pub fn escrow(&self, contract: ContractId) -> Escrow {
        Escrow { client: self.clone(), contract }
    }
}

impl Escrow {
    /// The contract's address.
    #[must_use]
    pub const fn contract(&self) -> ContractId {
        self.contract
    }

    /// The client it is reached through.
    #[must_use]
    pub const fn client(&self) -> &LedgerClient {
        &self.client
    }

    /// What offers, terms and registrations signed for this contract carry.
    #[must_use]
    pub fn context(&self) -> Context {
        Context { network: self.client.network(), contract: self.contract }
    }
}
