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
use layr_market::{
    BeaconSchedule, Challenge, Context, FinalSplit, Notice, Revision, Settlement, SlotState, Terms,
};
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

/// One agreement to renew: the old one ends by its split, the new one opens in the same slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewItem {
    /// How the old one ends; reason [`layr_market::FinalReason::Renewed`].
    pub closing: CloseItem,
    /// What opens in its slot; its terms name the old one as `previous`.
    pub opening: OpenItem,
}

/// An answer to an open challenge, or the proof of an ended agreement: whoever brings it, the effect is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedProof {
    /// The terms.
    pub terms: Terms,
    /// What the slot holds.
    pub state: SlotState,
    /// The published revision.
    pub revision: Revision,
    /// The named leaves as 8 bytes each, big-endian; empty for leaves a beacon round names.
    pub leaves: Vec<u8>,
    /// The leaf proofs, one after the other.
    pub proofs: Vec<u8>,
}

/// A challenge with what the ledger wants to see beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeItem {
    /// The terms.
    pub terms: Terms,
    /// What the slot holds.
    pub state: SlotState,
    /// What is asked for.
    pub challenge: Challenge,
    /// The owner's signature over it.
    pub signature: Signature,
    /// The named leaves as 8 bytes each, big-endian; empty for a random challenge.
    pub leaves: Vec<u8>,
}

/// A call of the escrow contract.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
        revision: Option<Box<Revision>>,
    },
    /// Demand leaves in mid-term; the challenge's bond is pulled from the owner's account.
    Challenge(Box<ChallengeItem>),
    /// Answer an open challenge with a proof prepared by its host.
    Respond(Box<PreparedProof>),
    /// Prove an ended agreement with a proof prepared by its host.
    Prove(Box<PreparedProof>),
    /// Settle an agreement whose open challenge was not answered in time.
    Default {
        /// The terms.
        terms: Box<Terms>,
        /// What its slot holds now.
        state: Box<SlotState>,
        /// The published revision.
        revision: Box<Revision>,
    },
    /// Give notice: the agreement ends before its term does.
    StartClose {
        /// The terms.
        terms: Box<Terms>,
        /// What its slot holds now.
        state: Box<SlotState>,
        /// The notice.
        notice: Notice,
        /// The owner's signature over it.
        signature: Signature,
    },
    /// Renew these agreements, all or none; at most [`crate::MAX_RENEW_BATCH`].
    Renew(Vec<RenewItem>),
    /// Put a beacon round on the ledger, fetched from the beacon by whoever implements this.
    PostBeacon {
        /// Which.
        round: u64,
    },
}

/// What a call costs the account in ledger fees, as far as can be told beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct CallCost {
    /// The most it costs in fees.
    pub fee: Stroops,
    /// The most it costs in rent for ledger space; comes on top.
    pub rent: Stroops,
}

impl CallCost {
    /// Both together.
    #[must_use]
    pub fn total(&self) -> Stroops {
        self.fee + self.rent
    }
}

/// What the ledger's events tell of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotEvent {
    /// Its slot's state changed to this.
    State {
        /// The state.
        state: Box<SlotState>,
        /// The revision, where one was published.
        revision: Option<Box<Revision>>,
    },
    /// It ended, and was paid out so.
    Ended {
        /// Who got what; the owner's share without a bond that came back beside it.
        settlement: Settlement,
        /// A challenge's bond that came back to whoever gave it.
        bond: Stroops,
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
    /// The beacon's signature, compressed: with it anybody can check the round later.
    pub signature: [u8; 48],
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

    /// What the ledger's events tell of an agreement, newest first. Endpoints forget events after some days, so
    /// this may be short or empty; what it tells is compared with the slot before it is believed.
    fn history<'a>(&'a self, terms: &'a Terms) -> BoxFuture<'a, Result<Vec<SlotEvent>, LedgerFault>> {
        let _of = terms;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// Whether a beacon round has been posted and is still there.
    fn posted(&self, round: u64) -> BoxFuture<'_, Result<bool, LedgerFault>> {
        let _of = round;
        Box::pin(async { Ok(false) })
    }

    /// The most a call opening this many agreements costs in fees and rent, without signing or sending.
    fn open_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>>;

    /// The most that closing this many agreements by consent costs, in as many transactions as it takes. Asked before
    /// hosts have signed, so nothing can be simulated.
    fn close_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>>;

    /// What this very call costs, by trying it out without sending it.
    fn quote<'a>(&'a self, call: &'a EscrowCall) -> BoxFuture<'a, Result<CallCost, LedgerFault>>;

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
    /// What the ledger holds for an agreement, as last seen there, by agreement id.
    Seen = 11,
    /// Revisions both have signed, by agreement id and number.
    Revisions = 12,
    /// The largest voucher signed, by agreement id.
    Vouchers = 13,
    /// Renewals under way, by the old agreement's id.
    Renewals = 14,
    /// Sectors in the order they were appended, by agreement id and the place of the first of them.
    Contents = 15,
    /// Sectors to be given up, by agreement id and sector root.
    Condemned = 16,
    /// What each agreement's audits have come to, by agreement id.
    Diaries = 17,
    /// What hosts signed when they answered audits, by agreement id, revision and nonce.
    Receipts = 18,
    /// Beacon rounds' signatures, by round.
    Rounds = 19,
    /// Each agreement's newest sound answer, by agreement id.
    Answers = 20,
}

impl Space {
    /// All spaces.
    pub const ALL: [Self; 20] = [
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
        Self::Seen,
        Self::Revisions,
        Self::Vouchers,
        Self::Renewals,
        Self::Contents,
        Self::Condemned,
        Self::Diaries,
        Self::Receipts,
        Self::Rounds,
        Self::Answers,
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
