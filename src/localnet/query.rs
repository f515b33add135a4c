//! What can be asked of a network without changing it.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use stellar_xdr::{
    AccountId, LedgerCloseMetaV2, LedgerEntry, LedgerHeaderHistoryEntry, LedgerKey, TransactionEnvelope,
};

use crate::beacon::Beacon;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::frame::Frame;
use crate::genesis::{account_of, ledger_info, native_contract, root_key};
use crate::history::{LedgerRecord, TransactionRecord};
use crate::settings::Settings;
use crate::simulate::{Simulation, SimulationOptions, simulate};
use crate::state::{Entries, State};

impl Engine {
    /// Dry-runs a contract transaction on the latest ledger.
    ///
    /// # Errors
    /// When the envelope cannot be encoded again to be hashed.
    pub fn simulate(
        &self,
        envelope: &TransactionEnvelope,
        options: SimulationOptions,
    ) -> Result<Simulation, EngineError> {
        self.view().simulate(envelope, options)
    }

    /// A read-only picture of now, usable while the engine goes on.
    #[must_use]
    pub fn view(&self) -> View {
        View {
            state: Arc::clone(&self.state),
            settings: Arc::clone(&self.settings),
            network_id: self.network_id,
            sequence: self.sequence(),
            now: self.now(),
        }
    }

    /// Entry under `key`, archived or not.
    #[must_use]
    pub fn entry(&self, key: &LedgerKey) -> Option<Arc<LedgerEntry>> {
        self.state.entry(key)
    }

    /// Last ledger the entry under `key` lives in.
    #[must_use]
    pub fn live_until(&self, key: &LedgerKey) -> Option<u32> {
        self.state.live_until(key)
    }

    /// Balance in stroops and current sequence number of an account.
    #[must_use]
    pub fn account(&self, id: &AccountId) -> Option<(i64, i64)> {
        crate::account::load(&*self.state, id).map(|account| (account.balance, account.seq_num.0))
    }

    /// An applied transaction that is still remembered.
    #[must_use]
    pub fn transaction(&self, hash: &[u8; 32]) -> Option<Arc<TransactionRecord>> {
        self.history.transaction(hash).cloned()
    }

    /// Remembered ledgers from sequence `first` on.
    pub fn ledgers_since(&self, first: u32) -> impl Iterator<Item = &LedgerRecord> {
        self.history.since(first)
    }

    /// Remembered ledgers, newest first.
    pub fn latest_ledgers(&self) -> impl Iterator<Item = &LedgerRecord> {
        self.history.ledgers().rev()
    }

    /// Sequence and close time of the oldest remembered ledger.
    #[must_use]
    pub fn oldest(&self) -> (u32, u64) {
        self.history
            .oldest()
            .map_or((self.sequence(), self.close_time()), |ledger| (ledger.sequence, ledger.close_time))
    }

    /// Sequence number of the latest ledger.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.header().header.ledger_seq
    }

    /// Close time of the latest ledger, Unix seconds.
    #[must_use]
    pub fn close_time(&self) -> u64 {
        self.header().header.scp_value.close_time.0
    }

    /// The ledger's clock now, never before the latest close.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.config.clock.shifted(self.offset).max(self.close_time())
    }

    /// Header of the latest ledger with its hash.
    #[must_use]
    pub fn header(&self) -> &LedgerHeaderHistoryEntry {
        &self.latest.ledger_header
    }

    /// Metadata of the latest ledger.
    #[must_use]
    pub fn latest_meta(&self) -> &LedgerCloseMetaV2 {
        &self.latest
    }

    /// Whether an earlier journal failure keeps the engine from going on.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// Ledgers whose transactions and events stay retrievable.
    #[must_use]
    pub fn retention(&self) -> usize {
        self.config.retention_ledgers
    }

    /// Whether transactions wait that the next ledger would take.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.pending.iter().any(|frame| self.congestion.is_none_or(|rush| rush.admits(frame)))
    }

    /// The beacon of this network.
    #[must_use]
    pub fn beacon(&self) -> &Arc<Beacon> {
        &self.beacon
    }

    /// Hash of the passphrase.
    #[must_use]
    pub fn network_id(&self) -> [u8; 32] {
        self.network_id
    }

    /// Name of the network.
    #[must_use]
    pub fn passphrase(&self) -> &str {
        &self.birth.passphrase
    }

    /// Key of the account holding the supply.
    #[must_use]
    pub fn root_key(&self) -> SigningKey {
        root_key(&self.network_id)
    }

    /// Account holding the supply.
    #[must_use]
    pub fn root_account(&self) -> AccountId {
        account_of(&self.root_key())
    }

    /// Contract of the native asset.
    ///
    /// # Errors
    /// Never in practice; the encoder's refusal is passed on.
    pub fn native_contract(&self) -> Result<stellar_xdr::ContractId, EngineError> {
        Ok(native_contract(self.network_id)?)
    }
}

/// A read-only picture of one moment.
#[derive(Clone)]
pub struct View {
    state: Arc<State>,
    settings: Arc<Settings>,
    network_id: [u8; 32],
    sequence: u32,
    now: u64,
}

impl View {
    /// Sequence number of the ledger pictured.
    #[must_use]
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Dry-runs a contract transaction.
    ///
    /// # Errors
    /// When the envelope cannot be encoded again to be hashed.
    pub fn simulate(
        &self,
        envelope: &TransactionEnvelope,
        options: SimulationOptions,
    ) -> Result<Simulation, EngineError> {
        let frame = Frame::new(envelope.clone(), self.network_id)?;
        let next = self.sequence.saturating_add(1);
        let info = ledger_info(&self.settings.network, self.network_id, next, self.now);
        Ok(simulate(&frame, &self.state, &self.settings, &info, options))
    }
}
