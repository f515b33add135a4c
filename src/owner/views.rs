//! What a person gets to see: plain data for the command line and the local API.

mod audit;

pub use self::audit::{AuditReport, AuditView, HostScore};
pub use crate::due::{DueBy, DueStep, DueView};
use crate::job::JobId;
use crate::ports::CallCost;
use layr_audits::Verdict;
use layr_coding::{FileHash, Profile};
use layr_market::{Revision, Terms};
use layr_placement::Condition;
use layr_types::{AccountKey, AgreementId, ByteCount, FileId, NodeKey, Stroops, TxHash, UnixSeconds};
use serde::Serialize;

/// What an upload will cost, binding while the offers it rests on last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quote {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: ByteCount,
    /// Segments at most; compression and deduplication can only make them fewer.
    pub segments: u64,
    /// `k/n`.
    pub profile: Profile,
    /// Term of new agreements in seconds.
    pub term: u64,
    /// New agreements, one a host.
    pub hosts: Vec<QuotedHost>,
    /// Agreements that exist and have room.
    pub reused: Vec<NodeKey>,
    /// Locked in escrow by the new agreements, base fees included.
    pub escrow: Stroops,
    /// Part of it that hosts keep whatever happens.
    pub base_fees: Stroops,
    /// Set aside for reading beyond what hosts let be read for nothing; comes back where it is not used. On top of
    /// the escrow.
    pub reads: Stroops,
    /// Most that the ledger takes in fees.
    pub ledger_fees: Stroops,
    /// Most that it takes in rent for the space agreements need on it; on top.
    pub rent: Stroops,
    /// What hosts will have earned at the end of the term if nothing more is stored.
    pub storage: Stroops,
    /// What comes back at the end of the term if nothing more is stored.
    pub refundable: Stroops,
    /// Escrow, what is set aside for reading, and fees together: what the account must hold, and what a limit is compared with.
    pub total: Stroops,
    /// Until when the hosts are bound to it; `None` where nothing new is agreed.
    pub binding_until: Option<UnixSeconds>,
    /// Shards of a segment on one host; above 1 only where that was allowed.
    pub shards_per_host: u8,
    /// Hosts that were asked and not chosen, and why.
    pub not_chosen: Vec<NotChosen>,
}

/// A host in a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct QuotedHost {
    /// Which.
    pub node: NodeKey,
    /// Stroops per GiB-day.
    pub rate: u64,
    /// Bytes agreed.
    pub capacity: ByteCount,
    /// Locked for it.
    pub escrow: Stroops,
    /// Part of that it keeps whatever happens.
    pub base_fee: Stroops,
    /// What it puts at stake.
    pub collateral: Stroops,
}

/// A host that was not chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotChosen {
    /// Which.
    pub node: NodeKey,
    /// Why.
    pub why: String,
}

/// An upload that is done: every shard acknowledged, co-signed, and audited once.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UploadReport {
    /// The job.
    pub job: JobId,
    /// The files.
    pub files: Vec<FileView>,
    /// Bytes read from the sources.
    pub bytes: ByteCount,
    /// Bytes sent to hosts in this run (acknowledged shards are not sent again).
    pub sent: ByteCount,
    /// Hosts that hold shards of it.
    pub hosts: Vec<NodeKey>,
    /// Hosts that failed on the way and were replaced.
    pub replaced: Vec<NodeKey>,
    /// Agreements opened for it.
    pub opened: Vec<AgreementId>,
    /// Locked in escrow for it.
    pub escrow: Stroops,
    /// Spent on ledger fees and rent.
    pub fees: Stroops,
    /// Wall time of encoding and sending, seconds.
    pub send_seconds: f64,
    /// Wall time of everything, seconds.
    pub seconds: f64,
}

/// One file in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileView {
    /// Its id.
    pub id: FileId,
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: ByteCount,
    /// BLAKE3 of its content.
    pub hash: FileHash,
    /// When it was stored, by the ledger's clock.
    pub stored: UnixSeconds,
    /// When the first agreement it needs ends.
    pub expires: Option<UnixSeconds>,
    /// What keeping it for another 30 days costs at present prices, without the base fees of its agreements. Of a
    /// segment it shares with other files, its part.
    pub renewal: Stroops,
    /// `k/n`.
    pub profile: Profile,
    /// Segments it lies in.
    pub segments: u64,
}

/// One file in detail.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FileDetail {
    /// The file.
    pub file: FileView,
    /// Its chunks.
    pub chunks: u64,
    /// Health as of each host's newest audit.
    pub health: Health,
    /// Who holds how much of it.
    pub hosts: Vec<HoldingView>,
    /// The segments.
    pub segments: Vec<SegmentView>,
}

/// A host's part in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HoldingView {
    /// Which host.
    pub node: NodeKey,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Sectors of this file.
    pub sectors: u64,
    /// Verdict of the newest audit; `None` before the first.
    pub last_verdict: Option<Verdict>,
    /// When that was.
    pub audited: Option<UnixSeconds>,
}

/// A segment of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SegmentView {
    /// Its place in the file.
    pub index: u64,
    /// Its own `k/n` (a last segment may be smaller).
    pub profile: Profile,
    /// Shards on hosts whose newest audit passed.
    pub survivors: u8,
    /// What that means.
    pub condition: Condition,
}

/// How far a file is from being lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Health {
    /// Distinct shards that survive of its worst segment.
    pub survivors: u8,
    /// Shards that segment needs.
    pub needed: u8,
    /// Shards that segment has when nothing is amiss.
    pub made: u8,
    /// Repair of that segment starts once no more than this many shards of it are sound.
    pub threshold: u8,
    /// Its worst segment's condition.
    pub condition: Condition,
    /// The chance that it is lost before a repair that begins now is done, 0 to 1.
    pub danger: f64,
    /// The chance that it is lost within a year if it is repaired whenever that is due, 0 to 1, by the model in
    /// the audit room with hosts that live as the repair policy says.
    pub loss_in_a_year: f64,
    /// Its segments by condition.
    pub segments: SegmentCounts,
}

/// Segments by condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SegmentCounts {
    /// Every shard is sound.
    pub healthy: u64,
    /// Damaged, above the threshold.
    pub degraded: u64,
    /// At the threshold or below.
    pub at_risk: u64,
    /// Fewer shards than needed.
    pub lost: u64,
}

impl SegmentCounts {
    /// Counts one more.
    pub const fn add(&mut self, condition: Condition) {
        match condition {
            Condition::Healthy => self.healthy += 1,
            Condition::Degraded => self.degraded += 1,
            Condition::AtRisk => self.at_risk += 1,
            Condition::Lost => self.lost += 1,
        }
    }
}

impl Health {
    /// Of a file without content: nothing can be lost.
    pub(crate) fn nothing() -> Self {
        Self {
            survivors: 0,
            needed: 0,
            made: 0,
            threshold: 0,
            condition: Condition::Healthy,
            danger: 0.0,
            loss_in_a_year: 0.0,
            segments: SegmentCounts::default(),
        }
    }

    /// The same with this many more segments of which nothing is left.
    pub(crate) fn lost(mut self, segments: usize) -> Self {
        self.segments.lost += segments as u64;
        Self { survivors: 0, condition: Condition::Lost, danger: 1.0, loss_in_a_year: 1.0, ..self }
    }

    /// True while the file can be read.
    #[must_use]
    pub const fn readable(&self) -> bool {
        !matches!(self.condition, Condition::Lost)
    }
}

/// A download that is done: its hash was checked, unless only a range was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DownloadReport {
    /// The name.
    pub name: String,
    /// Bytes written.
    pub bytes: ByteCount,
    /// BLAKE3 of the whole file; `None` for a range.
    pub hash: Option<FileHash>,
    /// Bytes received from hosts.
    pub received: ByteCount,
    /// Bytes that were there already from an earlier attempt.
    pub resumed: ByteCount,
    /// Segments that needed decoding because a data shard was not to be had.
    pub decoded: u64,
    /// Promised to hosts for reading, out of what the agreements set aside for it.
    pub paid: Stroops,
    /// Hosts that sent.
    pub hosts: Vec<NodeKey>,
    /// Hosts that did not, and why.
    pub failed: Vec<NotChosen>,
    /// Wall time, seconds.
    pub seconds: f64,
}

/// Something this machine's records show while the ledger cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsOf<T> {
    /// The latest time the ledger is known to have shown; 0 if it was never reached.
    pub as_of: UnixSeconds,
    /// What the records knew then.
    pub value: T,
}

/// Where an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AgreementStage {
    /// Signed by the host; not on the ledger, and perhaps never.
    Proposed,
    /// Running.
    Running,
    /// A challenge is open.
    Challenged,
    /// Ended; to be settled, newer revisions may still be published.
    Ending,
    /// Frozen; the host may prove.
    Proving,
    /// The proof window is over; to be expired.
    Over,
    /// Settled.
    Settled,
}

/// One agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgreementView {
    /// Its id.
    pub id: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// Where it stands.
    pub stage: AgreementStage,
    /// Begin.
    pub start: UnixSeconds,
    /// End of the term.
    pub end: UnixSeconds,
    /// When it ends: the term's end, or earlier by notice.
    pub ending_at: UnixSeconds,
    /// Bytes agreed.
    pub capacity: ByteCount,
    /// Bytes stored.
    pub stored: ByteCount,
    /// Stroops per GiB-day.
    pub rate: u64,
    /// Locked for storage.
    pub escrow: Stroops,
    /// Locked for bytes read.
    pub voucher_part: Stroops,
    /// Promised of that by vouchers.
    pub promised: Stroops,
    /// The host's stake.
    pub collateral: Stroops,
    /// Earned and acknowledged.
    pub paid: Stroops,
    /// Earned, not yet acknowledged.
    pub due: Stroops,
    /// What the host has vested by proofs on the ledger: paid whatever happens.
    pub vested: Stroops,
    /// The newest co-signed revision.
    pub revision: u64,
    /// The newest one the ledger shows; 0 for none.
    pub published: u64,
    /// Audits passed.
    pub audits_good: u32,
    /// Audits failed.
    pub audits_bad: u32,
    /// Verdict of the newest audit.
    pub last_verdict: Option<Verdict>,
    /// When somebody must act next, and nobody has to hurry before.
    pub next_deadline: UnixSeconds,
    /// What is sent to the ledger next; `None` once it is settled.
    pub next: Option<DueView>,
    /// What came back when it was settled.
    pub refunded: Option<Stroops>,
    /// What both escrowed.
    pub terms: Terms,
    /// The newest revision both signed; `None` while nothing was stored under it.
    pub newest: Option<Revision>,
}

/// The account and what is locked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalletView {
    /// The account.
    pub account: AccountKey,
    /// What it can spend.
    pub balance: Stroops,
    /// Locked in open agreements.
    pub escrow: Stroops,
    /// Part of that already earned by hosts.
    pub earned_by_hosts: Stroops,
    /// Transactions sent whose fate is not known yet.
    pub pending: Vec<TxHash>,
}

/// What settling did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettleReport {
    /// One entry an agreement.
    pub agreements: Vec<SettledView>,
    /// Came back to the account.
    pub refunded: Stroops,
    /// Went to hosts beyond their own collateral; what a host lost of that is not taken off.
    pub paid: Stroops,
    /// Spent on ledger fees.
    pub fees: Stroops,
    /// What the ledger would take at most for what a dry run says would be done; `None` where it was done.
    pub would_cost: Option<CallCost>,
}

/// What was done about one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum SettleStep {
    /// Nothing: its term is not over.
    Running,
    /// Nothing yet: the offer it was opened from could still be opened again.
    Waiting,
    /// Both signed the split and it was paid out.
    Closed,
    /// The newest revision was shown to the ledger.
    Published,
    /// The host may prove until the deadline.
    AwaitingProof,
    /// Nobody proved; it was ended.
    Expired,
    /// It was settled before, by whomever.
    Settled,
    /// The host did not sign; tried again later.
    HostUnwilling,
    /// A challenge is open; the host may answer it until the deadline.
    Challenged,
    /// The host did not answer a challenge in time; its agreement was settled for that.
    Defaulted,
    /// The ledger holds a state that nothing known here explains; looked at again later.
    Unexplained,
    /// The ledger refused, most likely because somebody was faster; looked at again later.
    Refused,
}

/// One agreement's settlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SettledView {
    /// Which.
    pub id: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// What was done (or would be, in a dry run).
    pub step: SettleStep,
    /// To the host by `settle()`, collateral included; `None` while open.
    pub to_host: Option<Stroops>,
    /// The host's own part of what was locked.
    pub collateral: Stroops,
    /// To the owner.
    pub to_owner: Option<Stroops>,
    /// To nobody.
    pub burned: Option<Stroops>,
    /// What the owner did not get because its newest revision was not on the ledger in time; `None` where it lost
    /// nothing by that. Never part of what it has put in.
    pub forgone: Option<Stroops>,
    /// The transaction.
    pub tx: Option<TxHash>,
    /// When something can be done next.
    pub next_deadline: Option<UnixSeconds>,
    /// What the host said, if it did not cooperate.
    pub detail: Option<String>,
}

/// What was restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecoverReport {
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub bytes: ByteCount,
    /// Agreements.
    pub agreements: u64,
    /// Agreements whose host could not be asked for its newest revision.
    pub unreachable: Vec<NodeKey>,
    /// When the catalogue was saved.
    pub saved: UnixSeconds,
}

/// An unfinished upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobView {
    /// Its name.
    pub id: JobId,
    /// When it began.
    pub began: UnixSeconds,
    /// Names of its files, the first few.
    pub files: Vec<String>,
    /// How many files.
    pub count: u64,
    /// Bytes in all.
    pub bytes: ByteCount,
    /// Shards acknowledged so far.
    pub acknowledged: u64,
}
