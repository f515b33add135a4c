//! What a host needs from the world: records, sector bytes, a ledger, and a reader of owners' notes.
//!
//! The host declares these; the doors (store, ledger, net) implement them, and `twins` (feature `testing`) has an
//! in-memory twin of each. Records and sectors are blocking calls on purpose: the host decides which thread
//! waits for a disk. Only durability is awaited, because many callers share one flush.

use futures::future::BoxFuture;
use layr_market::{BeaconSchedule, Challenge, FinalSplit, Notice, Revision, Settlement, SlotState, Terms};
use layr_protocol::{CoSigned, SignedVoucher};
use layr_types::{
    AccountKey, AgreementId, ContractId, GROUP_BYTES, SECTOR_BYTES, Signature, Stroops, UnixSeconds,
};
use std::io;
use thiserror::Error;

/// One sorted table of the host's records. The numbers are persistent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Table {
    /// Single values: the space ledger.
    Meta = 0,
    /// Agreement id → its record.
    Agreements = 1,
    /// (moment, agreement id) → nothing: when the watcher looks at it next.
    Due = 2,
    /// (agreement id, position) → sector root: what an agreement's tree is made of.
    Contents = 3,
    /// (agreement id, sector root) → how the agreement holds it.
    Holdings = 4,
    /// (moment, agreement id, sector root) → nothing: stored, not appended yet.
    Pending = 5,
    /// Sector root → slot and the number of agreements that hold it.
    Sectors = 6,
    /// Sector root → the hashes of its groups (2 KiB).
    Outboards = 7,
    /// (moment, slot) → sector root: freed at that moment.
    Trash = 8,
    /// (agreement id, n) → co-signed revision.
    Revisions = 9,
    /// (agreement id, number) → audit record.
    History = 10,
    /// Owner's record key → the record.
    OwnerRecords = 11,
    /// Peer → the owner's record key it filled.
    OwnerRecordsByPeer = 12,
    /// Agreement id → its last record, once everything of it is over.
    Closed = 13,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 14] = [
        Self::Meta,
        Self::Agreements,
        Self::Due,
        Self::Contents,
        Self::Holdings,
        Self::Pending,
        Self::Sectors,
        Self::Outboards,
        Self::Trash,
        Self::Revisions,
        Self::History,
        Self::OwnerRecords,
        Self::OwnerRecordsByPeer,
        Self::Closed,
    ];

    /// The table's persistent name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "host.meta",
            Self::Agreements => "host.agreements",
            Self::Due => "host.due",
            Self::Contents => "host.contents",
            Self::Holdings => "host.holdings",
            Self::Pending => "host.pending",
            Self::Sectors => "host.sectors",
            Self::Outboards => "host.outboards",
            Self::Trash => "host.trash",
            Self::Revisions => "host.revisions",
            Self::History => "host.history",
            Self::OwnerRecords => "host.owner_records",
            Self::OwnerRecordsByPeer => "host.owner_records_by_peer",
            Self::Closed => "host.closed",
        }
    }
}

/// One change of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub table: Table,
    /// Under which key.
    pub key: Vec<u8>,
    /// The new value; `None` deletes.
    pub value: Option<Vec<u8>>,
}

/// Rows of a table in key order, a page at a time.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// Only keys that start so.
    pub prefix: &'a [u8],
    /// Only keys after this one; empty for the first page.
    pub after: &'a [u8],
    /// Most rows returned.
    pub limit: usize,
}

/// Why records cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The disk is full.
    #[error("the disk that holds the records is full")]
    DiskFull,
    /// The database reports damage; the text is its own.
    #[error("the records are damaged: {detail}")]
    Corrupt {
        /// The database's words.
        detail: String,
    },
    /// Any other fault of the database or the disk under it.
    #[error("the records cannot be reached")]
    Io(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An earlier flush failed: nothing written since is known to be on disk, so nothing more is taken.
    #[error("an earlier write to the records failed; the node must be restarted")]
    Poisoned,
}

/// A row: key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// The host's records: sorted tables, changed in atomic batches, applied in the order of the calls.
pub trait HostRecords: Send + Sync + 'static {
    /// The value under `key`.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError>;

    /// A page of rows.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn scan(&self, table: Table, scan: Scan<'_>) -> Result<Vec<Row>, RecordsError>;

    /// Applies all of `batch` or nothing of it. Visible at once; durable after the next [`Self::sync`]. After a
    /// crash a prefix of the applied batches remains, never a later one without an earlier one.
    ///
    /// # Errors
    /// [`RecordsError`].
    fn apply(&self, batch: Vec<Change>) -> Result<(), RecordsError>;

    /// Returns once everything applied before the call is durable. Concurrent calls share one flush.
    fn sync(&self) -> BoxFuture<'_, Result<(), RecordsError>>;
}

/// A place for one sector in the host's slot files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Why sector bytes cannot be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SectorError {
    /// The disk is full.
    #[error("the disk that holds the sectors is full")]
    DiskFull,
    /// The slot has never been written: its volume does not exist or is too short.
    #[error("slot {0:?} does not exist")]
    NoSuchSlot(Slot),
    /// The disk holds the slot and cannot read it back: the sector is lost.
    #[error("slot {slot:?} cannot be read back from the disk")]
    Unreadable {
        /// Which.
        slot: Slot,
        /// The disk's words.
        #[source]
        source: io::Error,
    },
    /// Any other fault of the disk; it may pass.
    #[error("the slot files cannot be reached")]
    Io(#[from] io::Error),
    /// An earlier flush failed: nothing written since is known to be on disk, so nothing more is taken.
    #[error("an earlier write to the slot files failed; the node must be restarted")]
    Poisoned,
}

/// Sector bytes by slot. Knows nothing of roots, agreements or whether a slot is in use.
pub trait SectorStore: Send + Sync + 'static {
    /// Sets disk space aside for the first `slots` slots.
    ///
    /// # Errors
    /// [`SectorError::DiskFull`], with nothing changed that a later call would not find.
    fn reserve(&self, slots: u32) -> Result<(), SectorError>;

    /// Writes one sector. Durable after the next [`Self::sync`].
    ///
    /// # Errors
    /// [`SectorError`].
    fn write(&self, slot: Slot, sector: &[u8; SECTOR_BYTES]) -> Result<(), SectorError>;

    /// Reads consecutive groups from position `first` (0 to 63) of the slot until `out` is full.
    ///
    /// # Errors
    /// [`SectorError`]; whatever was ever written or set aside can be read.
    fn read(&self, slot: Slot, first: usize, out: &mut [[u8; GROUP_BYTES]]) -> Result<(), SectorError>;

    /// Returns once every sector written before the call is durable. Concurrent calls share one flush.
    fn sync(&self) -> BoxFuture<'_, Result<(), SectorError>>;
}

/// Where an agreement's 32 bytes lie on the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SlotPlace {
    /// The owner's account.
    pub owner: AccountKey,
    /// Which of its folders.
    pub folder: u32,
    /// Which of the folder's 64 slots.
    pub slot: u8,
}

impl SlotPlace {
    /// Where these terms say.
    #[must_use]
    pub const fn of(terms: &Terms) -> Self {
        Self { owner: terms.owner_account, folder: terms.folder, slot: terms.slot }
    }
}

/// A final split and both signatures over its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedSplit {
    /// Who gets what.
    pub split: FinalSplit,
    /// The owner's signature, given first.
    pub owner: Signature,
    /// The host's.
    pub host: Signature,
}

/// An agreement as the contract wants to be reminded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnLedger {
    /// Its terms.
    pub terms: Terms,
    /// Its state now, whose commitment the slot holds.
    pub state: SlotState,
}

/// A proof that the host still holds what the published revision says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The published revision.
    pub revision: Revision,
    /// The deciding beacon round.
    pub round: u64,
    /// As many leaf proofs as the terms' samples, one after the other (`layr_merkle::LeafProof`).
    pub leaves: Vec<u8>,
}

/// An answer to an open challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The published revision.
    pub revision: Revision,
    /// A named challenge's list, 8 bytes a leaf; empty for a random one.
    pub named: Vec<u8>,
    /// One leaf proof after the other, in the list's or the round's order; of a named list, only of the leaves that
    /// exist.
    pub leaves: Vec<u8>,
}

/// What an event of the contract tells of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It goes on, in this state.
    State {
        /// The state its slot holds from then on.
        state: Box<SlotState>,
        /// The revision that was published, if this tells of one.
        revision: Option<Box<Revision>>,
        /// The leaves of the named challenge that was opened, 8 bytes each; empty otherwise.
        named: Vec<u8>,
    },
    /// It is over.
    Over {
        /// Who got what.
        settlement: Settlement,
    },
}

/// Some of the contract's events, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct News {
    /// What they tell, about anybody's agreements.
    pub told: Vec<(AgreementId, Told)>,
    /// Where to go on; `None` if nothing has ever happened.
    pub cursor: Option<String>,
    /// Whether there is more already.
    pub more: bool,
}

/// Why the ledger did not do it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Nobody answers, or not in time; the call may or may not have happened.
    #[error("the ledger cannot be reached: {detail}")]
    Unavailable {
        /// The transport's words.
        detail: String,
    },
    /// The ledger answered no; asking the same again gives the same answer.
    #[error("the ledger refused: {detail}")]
    Refused {
        /// The ledger's words.
        detail: String,
    },
}

/// The host's view of the ledger. Every call may be repeated: the contract's slot is looked at first.
pub trait HostLedger: Send + Sync + 'static {
    /// The ledger's clock: the newest closed ledger's time.
    fn now(&self) -> BoxFuture<'_, Result<UnixSeconds, LedgerError>>;

    /// The clock of the beacon the contract believes.
    fn beacon_schedule(&self) -> BoxFuture<'_, Result<BeaconSchedule, LedgerError>>;

    /// The 32 bytes a slot holds; `None` while it is empty.
    fn slot(&self, place: SlotPlace) -> BoxFuture<'_, Result<Option<[u8; 32]>, LedgerError>>;

    /// What the host has deposited for collateral and no agreement has locked.
    fn free_collateral(&self, token: ContractId) -> BoxFuture<'_, Result<Stroops, LedgerError>>;

    /// Publishes a revision newer than the ledger's.
    fn publish(&self, at: OnLedger, newest: CoSigned) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// The seed of a round somebody has already posted.
    fn posted_beacon(&self, round: u64) -> BoxFuture<'_, Result<Option<[u8; 32]>, LedgerError>>;

    /// Fetches a round from the beacon and posts it; a round already posted is success. Returns its seed.
    fn post_beacon(&self, round: u64) -> BoxFuture<'_, Result<[u8; 32], LedgerError>>;

    /// Settles by proof.
    fn prove(&self, at: OnLedger, proof: Proof) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Settles an agreement whose proof window is over; `published` is the revision the state names.
    fn expire(&self, at: OnLedger, published: Option<Revision>) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// What the contract's events tell after `cursor`; without one, or where it has been forgotten, from the
    /// oldest event the ledger remembers.
    fn news(&self, cursor: Option<String>) -> BoxFuture<'_, Result<News, LedgerError>>;

    /// The seed of a round the beacon has published, whether or not anybody has posted it.
    fn beacon(&self, round: u64) -> BoxFuture<'_, Result<[u8; 32], LedgerError>>;

    /// Opens a challenge of the host's own.
    fn challenge(
        &self,
        at: OnLedger,
        challenge: Challenge,
        signature: Signature,
    ) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Answers the open challenge.
    fn respond(&self, at: OnLedger, response: Response) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Settles an agreement whose challenge was not answered in time; `published` is the revision the state names.
    fn settle_default(&self, at: OnLedger, published: Revision) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Puts a voucher on record.
    fn redeem(&self, at: OnLedger, voucher: SignedVoucher) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Gives the host's notice.
    fn start_close(
        &self,
        at: OnLedger,
        notice: Notice,
        signature: Signature,
    ) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// Settles by consent.
    fn close(&self, at: OnLedger, split: SignedSplit) -> BoxFuture<'_, Result<(), LedgerError>>;
}

/// Who signed an owner's note, and which one it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerNote {
    /// The key it is signed by and kept under.
    pub owner: [u8; 32],
    /// The highest is the newest.
    pub sequence: u64,
}

/// Reads owners' signed notes, whose format belongs to the network room.
pub trait OwnerNotes: Send + Sync + 'static {
    /// Who signed these bytes; `None` unless everything about them is right.
    fn check(&self, bytes: &[u8]) -> Option<OwnerNote>;
}
