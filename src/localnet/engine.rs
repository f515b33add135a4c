//! The network itself, without any server: submit, close, advance, ask.
//!
//! Everything committed is a replay of journaled ledger metadata; executing only produces such metadata. So the
//! state after a restart is the state before it, by construction. Nothing here sleeps or spawns: whoever drives
//! the engine decides when ledgers close.

use std::path::Path;
use std::sync::Arc;

use soroban_env_host::budget::Budget;
use soroban_env_host::storage::{SnapshotSource, Storage};
use soroban_env_host::{Host, HostError, ModuleCache};
use stellar_xdr::{
    LedgerCloseMetaV2, LedgerEntryData, LedgerHeaderHistoryEntry, TransactionEnvelope, TransactionResult,
    TransactionResultResult,
};

use crate::apply;
use crate::beacon::Beacon;
use crate::check::{Moment, Stage, check, check_bump};
use crate::clock::Clock;
use crate::close::{Parent, assemble, execute, select};
use crate::error::EngineError;
use crate::evict;
use crate::frame::Frame;
use crate::genesis::{genesis, ledger_info, network_id};
use crate::history::{History, TransactionRecord};
use crate::invoke::World;
use crate::queue::{Congestion, Place, place};
use crate::record::{Birth, FORMAT};
use crate::settings::{PROTOCOL_VERSION, Settings};
use crate::simulate::Snapshot;
use crate::state::State;
use crate::store::Store;

/// What a network is made of, fixed when it is born except for the clock and the retention.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Name of the network, bound into every signature.
    pub passphrase: String,
    /// Seed of the beacon's key; drawn at random when `None`. Only used at birth.
    pub seed: Option<[u8; 32]>,
    /// Source of time.
    pub clock: Clock,
    /// Ledgers whose transactions and events stay retrievable.
    pub retention_ledgers: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            passphrase: STANDALONE_PASSPHRASE.to_owned(),
            seed: None,
            clock: Clock::Wall,
            retention_ledgers: 17_280,
        }
    }
}

/// Passphrase stand-alone Stellar networks use.
pub const STANDALONE_PASSPHRASE: &str = "Standalone Network ; February 2017";

/// Answer to a submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submission {
    /// Will be in one of the next ledgers.
    Pending,
    /// Is waiting, or was applied lately.
    Duplicate,
    /// The account has another transaction waiting; submit again after the next ledger.
    TryAgainLater,
    /// Cannot be applied; nothing was charged.
    Refused(Box<TransactionResult>),
}

/// Answer to a transaction submitted and seen through.
#[derive(Clone, Debug)]
pub enum Application {
    /// In a ledger; its record says whether it succeeded there.
    Applied(Arc<TransactionRecord>),
    /// Not taken, for the reason given; never [`Submission::Pending`].
    NotApplied(Submission),
}

/// How far to move the ledger in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Advance {
    /// Seconds added to the clock.
    pub seconds: u64,
    /// Ledgers the sequence number moves by; zero and one are the same.
    pub ledgers: u32,
}

/// One local network.
pub struct Engine {
    pub(crate) config: EngineConfig,
    pub(crate) birth: Birth,
    pub(crate) network_id: [u8; 32],
    pub(crate) state: Arc<State>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) latest: LedgerCloseMetaV2,
    pub(crate) history: History,
    pub(crate) pending: Vec<Frame>,
    pub(crate) congestion: Option<Congestion>,
    pub(crate) offset: i64,
    cache: ModuleCache,
    pub(crate) beacon: Arc<Beacon>,
    store: Option<Store>,
    pub(crate) stopped: bool,
}

/// What is read back, or made, before an engine can run.
#[derive(Default)]
pub(crate) struct Past {
    pub state: State,
    pub history: History,
    pub latest: Option<LedgerCloseMetaV2>,
    pub offset: i64,
}

impl Past {
    /// Commits a ledger.
    pub(crate) fn replay(&mut self, meta: LedgerCloseMetaV2, offset: i64, retention: usize) {
        commit(&mut self.state, &meta);
        self.history.add(&meta, retention);
        self.offset = offset;
        self.latest = Some(meta);
    }
}

/// Moves `state` by the changes in a ledger's metadata.
fn commit(state: &mut State, meta: &LedgerCloseMetaV2) {
    for upgrade in meta.upgrades_processing.iter() {
        state.replay(&upgrade.changes);
    }
    for applied in meta.tx_processing.iter() {
        state.replay(&applied.fee_processing);
    }
    for applied in meta.tx_processing.iter() {
        if let stellar_xdr::TransactionMeta::V4(meta) = &applied.tx_apply_processing {
            state.replay(&meta.tx_changes_before);
            for operation in meta.operations.iter() {
                state.replay(&operation.changes);
            }
            state.replay(&meta.tx_changes_after);
        }
        state.replay(&applied.post_tx_apply_fee_processing);
    }
    for key in meta.evicted_keys.iter() {
        state.remove(key);
    }
}

impl Engine {
    /// A network that lives in memory only.
    ///
    /// # Errors
    /// When the genesis ledger cannot be made.
    pub fn in_memory(config: EngineConfig) -> Result<Self, EngineError> {
        let birth = new_birth(&config)?;
        let mut past = Past::default();
        let first = genesis(network_id(&birth.passphrase), birth.time)?;
        past.replay(first, 0, config.retention_ledgers);
        Self::assemble(config, birth, past, None)
    }

    /// The network kept in `directory`, born there when there is none.
    ///
    /// # Errors
    /// When the directory is in use by another process, or its journal is damaged or another network's.
    pub fn open(config: EngineConfig, directory: &Path) -> Result<Self, EngineError> {
        let (mut store, found) = Store::open(directory, &config.passphrase, config.retention_ledgers)?;
        let (birth, mut past) = match found {
            Some(found) => found,
            None => (new_birth(&config)?, Past::default()),
        };
        if past.latest.is_none() {
            let first = genesis(network_id(&birth.passphrase), birth.time)?;
            store.begin(&birth, &first)?;
            past.replay(first, 0, config.retention_ledgers);
        }
        Self::assemble(config, birth, past, Some(store))
    }

    fn assemble(
        config: EngineConfig,
        birth: Birth,
        past: Past,
        store: Option<Store>,
    ) -> Result<Self, EngineError> {
        let settings = Arc::new(Settings::load(&past.state)?);
        let cache = module_cache(&settings)?;
        let beacon = Arc::new(Beacon::new(&birth.seed, birth.time)?);
        let network_id = network_id(&birth.passphrase);
        let latest = match past.latest {
            Some(latest) => latest,
            None => genesis(network_id, birth.time)?,
        };
        let engine = Self {
            config,
            network_id,
            state: Arc::new(past.state),
            settings,
            latest,
            history: past.history,
            pending: Vec::new(),
            congestion: None,
            offset: past.offset,
            cache,
            beacon,
            store,
            stopped: false,
            birth,
        };
        for (_, entry) in engine.state.iter() {
            engine.cache_code(&entry.data);
        }
        Ok(engine)
    }

    /// Judges a transaction and queues it for the next ledger.
    ///
    /// # Errors
    /// When the envelope cannot be encoded again to be hashed, or the engine stopped.
    pub fn submit(&mut self, envelope: TransactionEnvelope) -> Result<Submission, EngineError> {
        if self.stopped {
            return Err(EngineError::Stopped);
        }
        let frame = Frame::new(envelope, self.network_id)?;
        if self.is_known(&frame.hash) {
            return Ok(Submission::Duplicate);
        }
        let moment = Moment {
            sequence: self.sequence().saturating_add(1),
            close_time: self.now(),
            settings: &self.settings,
        };
        let refusal = match check_bump(&frame, &*self.state, Stage::Submission) {
            Err(outer) => Some(apply::plain_result(crate::fees::least_bid(&frame), outer)),
            Ok(()) => check(&frame, &*self.state, &moment, Stage::Submission)
                .err()
                .map(|outcome| apply::result(&frame, crate::fees::least_bid(&frame), outcome)),
        };
        let place = place(&self.pending, &frame);
        match place {
            Place::Later => return Ok(Submission::TryAgainLater),
            Place::Duplicate => return Ok(Submission::Duplicate),
            Place::Underbid(needed) => return Ok(underbid(needed)),
            Place::Last | Place::InsteadOf(_) => {}
        }
        if let Some(result) = refusal {
            return Ok(Submission::Refused(Box::new(result)));
        }
        if let Some(rush) = self.congestion.filter(|rush| rush.queue_full && !rush.admits(&frame)) {
            return Ok(underbid(rush.price(&frame)));
        }
        match place {
            Place::InsteadOf(position) if position < self.pending.len() => {
                let _ = std::mem::replace(&mut self.pending[position], frame);
            }
            _ => self.pending.push(frame),
        }
        Ok(Submission::Pending)
    }

    /// Pretends that the network is busy, until told otherwise or opened anew.
    pub fn congest(&mut self, congestion: Congestion) {
        self.congestion = Some(congestion).filter(|rush| rush.inclusion_fee > 0);
    }

    /// Submits a transaction and closes ledgers until it is in one.
    ///
    /// # Errors
    /// As [`Engine::submit`] and [`Engine::close`].
    pub fn apply(&mut self, envelope: TransactionEnvelope) -> Result<Application, EngineError> {
        let hash = envelope.hash(self.network_id)?;
        match self.submit(envelope)? {
            Submission::Pending => {}
            other => return Ok(Application::NotApplied(other)),
        }
        loop {
            self.close()?;
            if let Some(record) = self.transaction(&hash) {
                return Ok(Application::Applied(record));
            }
        }
    }

    /// Closes a ledger with what is pending, as far as it fits.
    ///
    /// # Errors
    /// When the ledger cannot be made durable; the engine then refuses to go on.
    pub fn close(&mut self) -> Result<&LedgerHeaderHistoryEntry, EngineError> {
        let next = self.sequence().checked_add(1).ok_or(EngineError::Overflow)?;
        self.close_at(next, self.offset)
    }

    /// Moves the clock and the sequence number, and closes a ledger there.
    ///
    /// # Errors
    /// As [`Engine::close`], and when clock or sequence would overflow (nothing changes then).
    pub fn advance(&mut self, by: Advance) -> Result<&LedgerHeaderHistoryEntry, EngineError> {
        let seconds = i64::try_from(by.seconds).map_err(|_| EngineError::Overflow)?;
        let offset = self.offset.checked_add(seconds).ok_or(EngineError::Overflow)?;
        let next = self.sequence().checked_add(by.ledgers.max(1)).ok_or(EngineError::Overflow)?;
        let reachable = i64::try_from(self.config.clock.shifted(offset)).is_ok();
        if !reachable || next > u32::MAX / 2 {
            return Err(EngineError::Overflow);
        }
        self.close_at(next, offset)
    }

    fn close_at(&mut self, sequence: u32, offset: i64) -> Result<&LedgerHeaderHistoryEntry, EngineError> {
        if self.stopped {
            return Err(EngineError::Stopped);
        }
        let time = self.config.clock.shifted(offset).max(self.close_time());
        let frames = self.take_ready(sequence, time);
        let meta = self.build(&frames, sequence, time)?;
        // Nothing has changed up to here. From here on, failing in between leaves memory behind the journal.
        self.stopped = true;
        if let Some(store) = &mut self.store {
            store.append(offset, &meta)?;
        }
        self.offset = offset;
        self.absorb(meta);
        self.stopped = false;
        self.compact_when_due();
        Ok(self.header())
    }

    /// Takes what goes into the next ledger from what waits. What can no longer be applied is dropped, as by
    /// public networks: it costs nothing.
    fn take_ready(&mut self, sequence: u32, close_time: u64) -> Vec<Frame> {
        let moment = Moment { sequence, close_time, settings: &self.settings };
        let valid = |frame: &Frame| {
            check_bump(frame, &*self.state, Stage::Submission).is_ok()
                && check(frame, &*self.state, &moment, Stage::Submission).is_ok()
        };
        let waiting = std::mem::take(&mut self.pending);
        let (admitted, held): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .filter(valid)
            .partition(|frame| self.congestion.is_none_or(|rush| rush.admits(frame)));
        let (frames, waiting) = select(admitted, &self.settings);
        self.pending = waiting;
        self.pending.extend(held);
        frames
    }

    fn build(&self, frames: &[Frame], sequence: u32, time: u64) -> Result<LedgerCloseMetaV2, EngineError> {
        let info = ledger_info(&self.settings.network, self.network_id, sequence, time);
        let world = World { settings: &self.settings, cache: &self.cache, info };
        let executed = execute(frames, &*self.state, &world)?;
        let evicted = evict::due(&self.state, self.sequence(), sequence);
        let parent = Parent { header: &self.header().header, hash: self.header().hash.0 };
        Ok(assemble(frames, executed, &parent, (sequence, time), evicted)?)
    }

    fn absorb(&mut self, meta: LedgerCloseMetaV2) {
        commit(Arc::make_mut(&mut self.state), &meta);
        self.history.add(&meta, self.config.retention_ledgers);
        for applied in meta.tx_processing.iter() {
            let stellar_xdr::TransactionMeta::V4(meta) = &applied.tx_apply_processing else { continue };
            for change in meta.operations.iter().flat_map(|operation| operation.changes.0.iter()) {
                if let stellar_xdr::LedgerEntryChange::Created(entry) = change {
                    self.cache_code(&entry.data);
                }
            }
        }
        self.latest = meta;
    }

    /// A failed compaction loses nothing: the long journal goes on.
    fn compact_when_due(&mut self) {
        if !self.store.as_ref().is_some_and(Store::compaction_due) {
            return;
        }
        if let Err(error) = self.compact() {
            tracing::warn!(%error, "the ledger's journal could not be compacted");
            if let Some(store) = &mut self.store {
                store.postpone_compaction();
            }
        }
    }

    /// Rewrites the journal as a checkpoint of now; happens by itself when the journal has grown long.
    ///
    /// # Errors
    /// When the new journal cannot be written; the old one is then still good and in use.
    pub fn compact(&mut self) -> Result<(), EngineError> {
        match &mut self.store {
            Some(store) => store.compact(&self.birth, &self.state, &self.latest, self.offset),
            None => Ok(()),
        }
    }

    /// Parses new contract code once, as the network does, so that calls are not charged for it.
    fn cache_code(&self, data: &LedgerEntryData) {
        let LedgerEntryData::ContractCode(code) = data else { return };
        let parsed = bare_host(&self.settings).and_then(|host| {
            self.cache.parse_and_cache_module_simple(&host, PROTOCOL_VERSION, code.code.as_slice())
        });
        if let Err(error) = parsed {
            tracing::warn!(code = %hex::encode(code.hash.0), error = ?error.error, "contract code could not be parsed ahead");
        }
    }

    fn is_known(&self, hash: &[u8; 32]) -> bool {
        self.history.transaction(hash).is_some() || self.pending.iter().any(|frame| frame.hash == *hash)
    }
}

/// Refuses a bid with the fee that would have been enough.
fn underbid(needed: i64) -> Submission {
    let result = apply::plain_result(needed, TransactionResultResult::TxInsufficientFee);
    Submission::Refused(Box::new(result))
}

fn new_birth(config: &EngineConfig) -> Result<Birth, EngineError> {
    let seed = match config.seed {
        Some(seed) => seed,
        None => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|_| EngineError::Genesis)?;
            seed
        }
    };
    Ok(Birth { version: FORMAT, time: config.clock.read(), seed, passphrase: config.passphrase.clone() })
}

/// A host that can parse code but never runs any.
fn bare_host(settings: &Settings) -> Result<Host, HostError> {
    let (cpu, memory) = (&settings.network.cpu_cost_params, &settings.network.memory_cost_params);
    let budget = Budget::try_from_configs(u64::MAX, u64::MAX, cpu.clone(), memory.clone())?;
    let nothing: std::rc::Rc<dyn SnapshotSource> =
        std::rc::Rc::new(Snapshot::new(Arc::new(State::default())));
    Ok(Host::with_storage_and_budget(Storage::with_recording_footprint(nothing), budget))
}

fn module_cache(settings: &Settings) -> Result<ModuleCache, EngineError> {
    Ok(ModuleCache::new(&bare_host(settings)?)?)
}
