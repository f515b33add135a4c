//! Closing a ledger: which pending transactions go in, and the header and metadata that come out.
//!
//! Pure in the sense that nothing is written: the result is the ledger's metadata, in the network's own
//! `LedgerCloseMeta` form, which the engine journals and then replays like any reader of the stream would.

use sha2::{Digest, Sha256};
use stellar_xdr::{
    Error, GeneralizedTransactionSet, Hash, LedgerCloseMetaExt, LedgerCloseMetaV2, LedgerHeader,
    LedgerHeaderExt, LedgerHeaderHistoryEntry, LedgerHeaderHistoryEntryExt, LedgerKey, Limits, StellarValue,
    StellarValueExt, TimePoint, TransactionEnvelope, TransactionPhase, TransactionResultMetaV1,
    TransactionResultSet, TransactionSetV1, TxSetComponent, TxSetComponentTxsMaybeDiscountedFee, WriteXdr,
};

use crate::apply::{apply, charge};
use crate::fees::{count, disk_reads};
use crate::frame::Frame;
use crate::invoke::World;
use crate::settings::{BASE_FEE, MAX_CLASSIC_OPERATIONS, PROTOCOL_VERSION, Settings};
use crate::state::{Entries, Layer};

/// Room left in the ledger being filled.
struct Room<'a> {
    settings: &'a Settings,
    instructions: i64,
    read_entries: u32,
    read_bytes: u32,
    write_entries: u32,
    write_bytes: u32,
    tx_bytes: u32,
    transactions: u32,
    operations: u32,
}

impl<'a> Room<'a> {
    fn empty(settings: &'a Settings) -> Self {
        Self {
            settings,
            instructions: 0,
            read_entries: 0,
            read_bytes: 0,
            write_entries: 0,
            write_bytes: 0,
            tx_bytes: 0,
            transactions: 0,
            operations: 0,
        }
    }

    /// Takes the room `frame` needs; false when it does not fit any more.
    fn take(&mut self, frame: &Frame) -> bool {
        let Some(data) = frame.soroban() else {
            self.operations = self.operations.saturating_add(count(frame.tx.operations.len()));
            return self.operations <= MAX_CLASSIC_OPERATIONS;
        };
        let (resources, limits) = (&data.resources, &self.settings.cost);
        self.instructions = self.instructions.saturating_add(i64::from(resources.instructions));
        self.read_entries = self.read_entries.saturating_add(disk_reads(data));
        self.read_bytes = self.read_bytes.saturating_add(resources.disk_read_bytes);
        self.write_entries = self.write_entries.saturating_add(count(resources.footprint.read_write.len()));
        self.write_bytes = self.write_bytes.saturating_add(resources.write_bytes);
        self.tx_bytes = self.tx_bytes.saturating_add(frame.size);
        self.transactions = self.transactions.saturating_add(1);
        let clusters = i64::from(self.settings.clusters.max(1));
        self.instructions <= self.settings.compute.ledger_max_instructions.saturating_mul(clusters)
            && self.read_entries <= limits.ledger_max_disk_read_entries
            && self.read_bytes <= limits.ledger_max_disk_read_bytes
            && self.write_entries <= limits.ledger_max_write_ledger_entries
            && self.write_bytes <= limits.ledger_max_write_bytes
            && self.tx_bytes <= self.settings.bandwidth.ledger_max_txs_size_bytes
            && self.transactions <= self.settings.max_transactions
    }
}

/// Splits `pending` into what fits the next ledger and what waits; order is kept.
pub(crate) fn select(pending: Vec<Frame>, settings: &Settings) -> (Vec<Frame>, Vec<Frame>) {
    let mut contract = Room::empty(settings);
    let mut classic = Room::empty(settings);
    pending.into_iter().partition(|frame| {
        let room = if frame.soroban().is_some() { &mut contract } else { &mut classic };
        room.take(frame)
    })
}

/// The ledger a new one follows.
pub(crate) struct Parent<'a> {
    pub header: &'a LedgerHeader,
    pub hash: [u8; 32],
}

/// Executes `frames` on top of `entries`.
pub(crate) fn execute(
    frames: &[Frame],
    entries: &dyn Entries,
    world: &World<'_>,
) -> Result<Vec<TransactionResultMetaV1>, Error> {
    let mut ledger = Layer::above(entries);
    let mut charged = Vec::with_capacity(frames.len());
    for frame in frames {
        charged.push(charge(frame, &mut ledger, world.info.sequence_number)?);
    }
    let runs = frames.iter().zip(charged);
    runs.map(|(frame, charged)| apply(frame, charged, &mut ledger, world)).collect()
}

/// Assembles the metadata of a ledger from what was executed in it.
pub(crate) fn assemble(
    frames: &[Frame],
    executed: Vec<TransactionResultMetaV1>,
    parent: &Parent<'_>,
    (sequence, close_time): (u32, u64),
    evicted: Vec<LedgerKey>,
) -> Result<LedgerCloseMetaV2, Error> {
    let tx_set = transaction_set(frames, parent.hash)?;
    let results: Vec<_> = executed.iter().map(|one| one.result.clone()).collect();
    let fees = results.iter().map(|pair| pair.result.fee_charged).fold(0_i64, i64::saturating_add);
    let results = TransactionResultSet { results: results.try_into()? };
    let tx_processing = executed.try_into()?;
    let mut meta = LedgerCloseMetaV2 {
        ext: LedgerCloseMetaExt::V0,
        ledger_header: LedgerHeaderHistoryEntry {
            hash: Hash([0; 32]),
            header: parent.header.clone(),
            ext: LedgerHeaderHistoryEntryExt::V0,
        },
        tx_set,
        tx_processing,
        upgrades_processing: Vec::new().try_into()?,
        scp_info: Vec::new().try_into()?,
        total_byte_size_of_live_soroban_state: 0,
        evicted_keys: evicted.try_into()?,
    };
    let header = &mut meta.ledger_header.header;
    header.previous_ledger_hash = Hash(parent.hash);
    header.scp_value = StellarValue {
        tx_set_hash: sha(&meta.tx_set)?,
        close_time: TimePoint(close_time),
        upgrades: Vec::new().try_into()?,
        ext: StellarValueExt::Basic,
    };
    header.tx_set_result_hash = sha(&results)?;
    header.bucket_list_hash =
        running_hash(&parent.header.bucket_list_hash, &meta.tx_processing, &meta.evicted_keys)?;
    header.ledger_seq = sequence;
    header.fee_pool = header.fee_pool.saturating_add(fees);
    meta.ledger_header.hash = sha(header)?;
    Ok(meta)
}

/// Header before anything happened.
pub(crate) fn blank_header() -> LedgerHeader {
    LedgerHeader {
        ledger_version: PROTOCOL_VERSION,
        previous_ledger_hash: Hash([0; 32]),
        scp_value: StellarValue {
            tx_set_hash: Hash([0; 32]),
            close_time: TimePoint(0),
            upgrades: Default::default(),
            ext: StellarValueExt::Basic,
        },
        tx_set_result_hash: Hash([0; 32]),
        bucket_list_hash: Hash([0; 32]),
        ledger_seq: 0,
        total_coins: crate::settings::TOTAL_COINS,
        fee_pool: 0,
        inflation_seq: 0,
        id_pool: 0,
        base_fee: BASE_FEE,
        base_reserve: crate::settings::BASE_RESERVE,
        max_tx_set_size: MAX_CLASSIC_OPERATIONS,
        skip_list: [Hash([0; 32]), Hash([0; 32]), Hash([0; 32]), Hash([0; 32])],
        ext: LedgerHeaderExt::V0,
    }
}

/// Transactions of a set in the order they were applied.
pub(crate) fn envelopes(set: &GeneralizedTransactionSet) -> impl Iterator<Item = &TransactionEnvelope> {
    let GeneralizedTransactionSet::V1(set) = set;
    set.phases
        .iter()
        .flat_map(|phase| match phase {
            TransactionPhase::V0(components) => components.as_slice(),
            TransactionPhase::V1(_) => &[],
        })
        .flat_map(|component| {
            let TxSetComponent::TxsetCompTxsMaybeDiscountedFee(component) = component;
            component.txs.iter()
        })
}

/// One phase with one component: the order in it is the order of application.
fn transaction_set(frames: &[Frame], parent: [u8; 32]) -> Result<GeneralizedTransactionSet, Error> {
    let txs: Vec<_> = frames.iter().map(|frame| frame.envelope.clone()).collect();
    let component =
        TxSetComponentTxsMaybeDiscountedFee { base_fee: Some(i64::from(BASE_FEE)), txs: txs.try_into()? };
    let components = vec![TxSetComponent::TxsetCompTxsMaybeDiscountedFee(component)];
    let phases = vec![TransactionPhase::V0(components.try_into()?)];
    Ok(GeneralizedTransactionSet::V1(TransactionSetV1 {
        previous_ledger_hash: Hash(parent),
        phases: phases.try_into()?,
    }))
}

/// Stands in the header where a public network has its bucket list's hash: a hash chain over all changes.
fn running_hash(previous: &Hash, changes: &impl WriteXdr, evicted: &impl WriteXdr) -> Result<Hash, Error> {
    let mut hasher = Sha256::new();
    hasher.update(previous.0);
    hasher.update(changes.to_xdr(Limits::none())?);
    hasher.update(evicted.to_xdr(Limits::none())?);
    Ok(Hash(hasher.finalize().into()))
}

fn sha(value: &impl WriteXdr) -> Result<Hash, Error> {
    Ok(Hash(Sha256::digest(value.to_xdr(Limits::none())?).into()))
}
