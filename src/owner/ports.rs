//! What an owner needs of the world, said by the one who needs it. Doors implement these; nothing here does.
//!
//! | Port | Who implements it | Twin |
//! |---|---|---|
//! | [`HostNet`] | the node, over the network door | in `tests/stories/world.rs`, with real hosts behind it |
//! | [`OwnerLedger`] | the node, over the ledger client | in `tests/stories/world.rs`, over the hosts' twin |
//! | [`OwnerRecords`] | the store (RocksDB) | [`crate::twins::MemoryRecords`] |
//! | [`crate::Progress`] | the command line | [`crate::Silent`] |

use crate::error::{LedgerFault, NetFault, RecordsFault};
use futures::future::BoxFuture;
use layr_market::{BeaconSchedule, Context, FinalSplit, SlotState, Terms};
use layr_placement::HostCard;
use layr_protocol::{CoSigned, HostApiClient};
use layr_types::{AccountKey, ContractId, NodeKey, Signature, Stroops, TxHash, UnixSeconds};
use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream to one host, authenticated by the network door.
pub trait LaneStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> LaneStream for T {}

/// A lane as the port hands it out.
pub type Lane = Box<dyn LaneStream>;

/// Finding hosts and talking to them. Implementations put their own deadlines on connecting.
pub trait HostNet: Send + Sync {
    /// Hosts whose verified, unexpired records lie nearest to `point`, nearest first, at most `limit`.
    fn closest_hosts(&self, point: [u8; 32], limit: usize) -> BoxFuture<'_, Result<Vec<HostCard>, NetFault>>;

    /// A client of the host's service, its transport driven in the background.
    fn rpc(&self, node: NodeKey) -> BoxFuture<'_, Result<HostApiClient, NetFault>>;

    /// A fresh lane to the host.
    fn lane(&self, node: NodeKey) -> BoxFuture<'_, Result<Lane, NetFault>>;

    /// The public key the owner's mutable record is signed by and found under.
    fn record_key(&self) -> NodeKey;

    /// Signs a mutable record for this owner; the bytes as hosts and the network keep them.
    ///
    /// # Errors
    /// [`NetFault::Record`] for a payload beyond the record's bound.
    fn sign_record(&self, sequence: u64, payload: &[u8]) -> Result<Vec<u8>, NetFault>;

    /// Reads a record back: its sequence number and payload.
    ///
    /// # Errors
    /// [`NetFault::Record`] unless it is this owner's, intact and of this network.
    fn read_record(&self, bytes: &[u8]) -> Result<(u64, Vec<u8>), NetFault>;

    /// Spreads a signed record in the network's table.
    fn publish_record(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), NetFault>>;

    /// The newest record of this owner the network's table has, if any.
    fn find_record(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, NetFault>>;
}

/// One agreement to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenItem {
    /// The terms.
    pub terms: Terms,
    /// The host's signature over the agreement id.
    pub host: Signature,
}

/// One agreement to close by consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseItem {
    /// The terms.
    pub terms: Terms,
    /// What its slot holds.
    pub state: SlotState,
    /// Who gets what.
    pub split: FinalSplit,
    /// The owner's signature over the split.
    pub owner: Signature,
    /// The host's.
    pub host: Signature,
}

/// A call of the escrow contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EscrowCall {
    /// Lock money for these agreements, all or none; at most [`crate::MAX_OPEN_BATCH`].
    Open(Vec<OpenItem>),
    /// Pay these agreements out by consent; at most [`crate::MAX_CLOSE_BATCH`].
    Close(Vec<CloseItem>),
    /// Show the ledger a co-signed revision.
    Publish {
        /// The terms.
        terms: Box<Terms>,
        /// What its slot holds now.
        state: Box<SlotState>,
        /// The revision both signed.
        revision: Box<CoSigned>,
    },
    /// End an agreement whose proof window is over.
    Expire {
        /// The terms.
        terms: Box<Terms>,
        /// What its slot holds now.
        state: Box<SlotState>,
        /// The published revision; `None` where none was published.
        revision: Option<Box<CoSigned>>,
    },
}

/// A signed transaction, written down before it is sent, so that it can be followed and never repeated.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PendingTx {
    /// Its hash.
    pub hash: TxHash,
    /// Whatever the ledger's client needs to follow it (the signed envelope).
    pub envelope: Vec<u8>,
    /// The most it can cost in ledger fees.
    pub fee_bound: Stroops,
}

/// A transaction that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AppliedTx {
    /// Its hash.
    pub hash: TxHash,
    /// Ledger fees and rent it cost.
    pub fee: Stroops,
}

/// What became of a transaction that was written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TxOutcome {
    /// It took effect.
    Applied(AppliedTx),
    /// It never will.
    Dead {
        /// What it cost nevertheless.
        fee: Stroops,
    },
    /// Not known yet; ask again.
    Pending,
}

/// Writes a transaction down; called after signing, before the first byte is sent. If it fails, nothing is sent.
/// Called again where the network certainly refused a transaction and it is built anew (another hash).
pub type TxJournal = std::sync::Arc<dyn Fn(&PendingTx) -> Result<(), RecordsFault> + Send + Sync>;

/// What does not change while the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerInfo {
    /// Network and escrow contract.
    pub context: Context,
    /// The asset paid in.
    pub token: ContractId,
    /// The account that pays.
    pub account: AccountKey,
    /// The beacon's clock.
    pub beacon: BeaconSchedule,
}

/// A verified round of the public beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BeaconRound {
    /// Its number.
    pub round: u64,
    /// Its randomness: SHA-256 of the round's signature.
    pub randomness: [u8; 32],
}

/// The ledger as an owner uses it.
pub trait OwnerLedger: Send + Sync {
    /// What does not change.
    fn info(&self) -> LedgerInfo;

    /// The ledger's clock.
    fn now(&self) -> BoxFuture<'_, Result<UnixSeconds, LedgerFault>>;

    /// What the account can spend.
    fn balance(&self) -> BoxFuture<'_, Result<Stroops, LedgerFault>>;

    /// The newest beacon round, its signature checked.
    fn beacon(&self) -> BoxFuture<'_, Result<BeaconRound, LedgerFault>>;

    /// The 64 slots of one of the owner's folders; all zero for an empty slot.
    fn slots(&self, folder: u32) -> BoxFuture<'_, Result<Vec<[u8; 32]>, LedgerFault>>;

    /// The most a call opening this many agreements costs in fees and rent, without signing or sending.
    fn open_fee_bound(&self, agreements: usize) -> BoxFuture<'_, Result<Stroops, LedgerFault>>;

    /// Signs, journals, sends, and waits until the call took effect.
    fn send(&self, call: EscrowCall, journal: TxJournal) -> BoxFuture<'_, Result<AppliedTx, LedgerFault>>;

    /// What became of a journaled transaction. Sends it again if it may still be applied.
    fn follow<'a>(&'a self, tx: &'a PendingTx) -> BoxFuture<'a, Result<TxOutcome, LedgerFault>>;
}

/// The kinds of records an owner keeps, each a key space of its own. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Space {
    /// Counters and the version of the format.
    Meta = 1,
    /// Agreements with their newest revision, by agreement id.
    Agreements = 2,
    /// Files, by file id.
    Files = 3,
    /// Segments and where their shards are, by segment id.
    Segments = 4,
    /// Chunks of stored files, by chunk id.
    Chunks = 5,
    /// Unfinished and finished jobs, by job id.
    Jobs = 6,
    /// Acknowledged shards of unfinished jobs, by job, segment and shard.
    Acks = 7,
    /// Transactions sent and not yet known to have taken effect, by hash.
    Transactions = 8,
    /// Experience with hosts, by node key.
    Hosts = 9,
    /// Audits' outcomes, by agreement and time.
    Audits = 10,
}

impl Space {
    /// All spaces.
    pub const ALL: [Self; 10] = [
        Self::Meta,
        Self::Agreements,
        Self::Files,
        Self::Segments,
        Self::Chunks,
        Self::Jobs,
        Self::Acks,
        Self::Transactions,
        Self::Hosts,
        Self::Audits,
    ];
}

/// Changes that happen together or not at all, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Space, key, and the new value or `None` to delete.
    pub changes: Vec<(Space, Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// No changes.
    #[must_use]
    pub const fn new() -> Self {
        Self { changes: Vec::new() }
    }

    /// True without changes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Ordered records, durable before [`commit`](OwnerRecords::commit) returns. Values arrive sealed: an
/// implementation never sees a file's name.
pub trait OwnerRecords: Send + Sync {
    /// One value.
    ///
    /// # Errors
    /// [`RecordsFault`] if the store cannot be read.
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsFault>;

    /// Every entry whose key begins with `prefix`, in key order.
    ///
    /// # Errors
    /// [`RecordsFault`] if the store cannot be read.
    fn scan(&self, space: Space, prefix: &[u8]) -> Result<Vec<Entry>, RecordsFault>;

    /// Applies a batch atomically and durably.
    ///
    /// # Errors
    /// [`RecordsFault`] if nothing of it was applied.
    fn commit(&self, batch: Batch) -> Result<(), RecordsFault>;
}

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);
