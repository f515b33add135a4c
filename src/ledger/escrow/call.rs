//! A call that has not been made yet: price it, or make it.

use super::event::{EscrowEvent, read_event};
use crate::client::LedgerClient;
use crate::envelope::Payer;
use crate::error::{Cause, LedgerError, MoneyEffect, Stage};
use crate::fees::CallQuote;
use crate::prepare::Work;
use crate::receipt::Receipt;
use layr_types::{AccountKey, ContractId};
use stellar_xdr::{HostFunction, ScVal};

/// A contract call, ready to be priced or made. `T` is what it returns.
#[must_use = "a call does nothing until it is submitted"]
#[derive(Debug, Clone)]
pub struct Call<T> {
    pub(super) client: LedgerClient,
    pub(super) contract: ContractId,
    pub(super) function: HostFunction,
    pub(super) read: fn(&ScVal) -> Option<T>,
}

/// What a call did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome<T> {
    /// What it returned.
    pub value: T,
    /// The contract's events, in order.
    pub events: Vec<EscrowEvent>,
    /// What it cost.
    pub receipt: Receipt,
}

impl<T> Call<T> {
    /// What the call costs at most if `payer` makes it now. Simulates: a call that would be refused is refused
    /// here, for nothing.
    ///
    /// # Errors
    /// The contract's refusal ([`LedgerError::escrow`]); what reading can meet.
    pub async fn quote(&self, payer: &AccountKey) -> Result<CallQuote, LedgerError> {
        Ok(self.client.prepare(payer, &Work::Call(self.function.clone())).await?.quote)
    }

    /// Makes the call and waits until the ledger has applied it.
    ///
    /// # Errors
    /// The contract's refusal, before anything is spent where simulation shows it; what sending can meet.
    pub async fn submit(&self, payer: &Payer) -> Result<Outcome<T>, LedgerError> {
        let applied = self.client.carry_out(payer, &Work::Call(self.function.clone())).await?;
        let events = applied
            .events
            .iter()
            .filter(|event| event.contract == Some(self.contract))
            .filter_map(|event| read_event(&event.topics, &event.data))
            .collect();
        let value = applied.value.as_ref().and_then(|value| (self.read)(value)).ok_or_else(|| {
            let cause = Cause::Malformed { endpoint: "the network".to_owned(), what: "a returned value" };
            LedgerError::new(Stage::Follow, cause).with_effect(MoneyEffect::Applied(applied.receipt.hash))
        })?;
        Ok(Outcome { value, events, receipt: applied.receipt })
    }
}
