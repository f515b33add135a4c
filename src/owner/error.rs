//! Failures, one enum per verb, each wrapped with what a person asks first: where, which host, what became of
//! the money, what to do now.

use crate::events::Stage;
use crate::job::JobId;
use layr_coding::{DecodeError, EncodeError, OpenError, ProfileError};
use layr_placement::{Remedy, Shortage};
use layr_protocol::Refusal;
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, TxHash, UnixSeconds};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Somebody else's error, kept as a cause.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What became of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyEffect {
    /// Nothing was paid or promised.
    None,
    /// This much is locked in escrow and comes back at settlement unless used.
    Reserved(Stroops),
    /// This much was spent on fees.
    Spent(Stroops),
    /// A transaction was sent whose fate is not known; running the verb again finds out.
    Unknown(TxHash),
}

impl fmt::Display for MoneyEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no money moved"),
            Self::Reserved(amount) => write!(f, "{amount} XLM are locked in escrow, none is lost"),
            Self::Spent(amount) => write!(f, "{amount} XLM were spent on fees"),
            Self::Unknown(hash) => {
                write!(f, "transaction {hash} may still take effect; it is never sent twice")
            }
        }
    }
}

/// What to do after a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// The same again, later.
    Retry,
    /// Go on with this job; nothing done is done again.
    Resume(JobId),
    /// Accept less.
    Accept(Vec<Remedy>),
    /// Put money into the account.
    Fund {
        /// What is missing.
        missing: Stroops,
    },
    /// Raise the limit.
    RaiseLimit {
        /// What it takes.
        cost: Stroops,
    },
    /// Change the request.
    Change,
    /// Wait until the ledger's clock shows this.
    Wait {
        /// When.
        until: UnixSeconds,
    },
    /// Restore this machine's records from the network.
    Recover,
    /// Nothing helps.
    Nothing,
}

impl fmt::Display for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retry => f.write_str("try again"),
            Self::Resume(_) => {
                f.write_str("run the same command again: it goes on where it stopped and pays nothing twice")
            }
            Self::Accept(remedies) if remedies.is_empty() => f.write_str("wait for more hosts"),
            Self::Accept(remedies) => {
                for (at, remedy) in remedies.iter().enumerate() {
                    write!(f, "{}{remedy}", if at == 0 { "" } else { ", or " })?;
                }
                Ok(())
            }
            Self::Fund { missing } => write!(f, "add at least {missing} XLM to the account"),
            Self::RaiseLimit { cost } => write!(f, "accept it with --max-cost {}", cost.0),
            Self::Change => f.write_str("change what was asked for"),
            Self::Wait { until } => write!(f, "wait until the ledger's clock shows {until}"),
            Self::Recover => f.write_str("restore the records with 'layr recover'"),
            Self::Nothing => f.write_str("nothing can be done about it"),
        }
    }
}

/// A verb's failure: the cause and its circumstances.
#[derive(Debug)]
pub struct Failed<C> {
    /// Where the verb was.
    pub stage: Stage,
    /// The host it was dealing with, if one.
    pub host: Option<NodeKey>,
    /// How many times it had been tried.
    pub attempt: u32,
    /// What became of money.
    pub money: MoneyEffect,
    /// What to do.
    pub next: NextStep,
    /// What happened.
    pub cause: C,
}

impl<C: fmt::Display> fmt::Display for Failed<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.stage, self.cause)
    }
}

impl<C: StdError + 'static> StdError for Failed<C> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.source()
    }
}

impl<C> Failed<C> {
    /// A failure in `stage` that moved no money and may be tried again.
    pub fn new(stage: Stage, cause: impl Into<C>) -> Self {
        Self {
            stage,
            host: None,
            attempt: 1,
            money: MoneyEffect::None,
            next: NextStep::Retry,
            cause: cause.into(),
        }
    }

    /// Names the host.
    #[must_use]
    pub fn at(mut self, host: NodeKey) -> Self {
        self.host = Some(host);
        self
    }

    /// Says what became of money.
    #[must_use]
    pub fn money(mut self, money: MoneyEffect) -> Self {
        self.money = money;
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn next(mut self, next: NextStep) -> Self {
        self.next = next;
        self
    }
}

/// The records could not be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordsFault {
    /// The disk is full.
    #[error("the disk that holds this machine's records is full")]
    DiskFull,
    /// A record does not open or does not read: damaged, or written under another identity.
    #[error("a record of kind {space:?} is damaged or belongs to another identity")]
    Damaged {
        /// Which kind.
        space: crate::ports::Space,
    },
    /// The store failed.
    #[error("this machine's records cannot be reached")]
    Store(#[source] BoxError),
}

/// The network did not do it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetFault {
    /// The host cannot be reached.
    #[error("the host cannot be reached")]
    Unreachable(#[source] BoxError),
    /// Nobody on the network can be reached: the fault is probably here.
    #[error("no other node can be reached")]
    Isolated,
    /// A mutable record is not usable.
    #[error("the mutable record is not acceptable")]
    Record(#[source] BoxError),
    /// Nobody kept the record.
    #[error("no node kept the record")]
    NotKept,
}

/// The ledger did not do it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LedgerFault {
    /// It cannot be reached; nothing was sent.
    #[error("the ledger cannot be reached")]
    Unreachable(#[source] BoxError),
    /// It was sent, or may have been, and its fate is unknown.
    #[error("the fate of transaction {hash} is not known yet")]
    Unknown {
        /// Which.
        hash: TxHash,
        /// Why it is not known.
        #[source]
        source: Option<BoxError>,
    },
    /// It was refused.
    #[error("the ledger refused")]
    Refused {
        /// Fees spent nevertheless.
        fee: Stroops,
        /// Its reason.
        #[source]
        source: BoxError,
    },
    /// The account cannot pay.
    #[error("the account holds {balance} XLM and {needed} XLM are needed")]
    Funds {
        /// What it holds.
        balance: Stroops,
        /// What is needed.
        needed: Stroops,
    },
    /// The transaction could not be written down, so it was not sent.
    #[error("the transaction could not be written down, so it was not sent")]
    Journal(#[source] RecordsFault),
}

/// A host did not do its part.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostFault {
    /// No connection.
    #[error("the host cannot be reached")]
    Net(#[from] NetFault),
    /// No answer in time.
    #[error("the host did not answer within {} ms", after.as_millis())]
    Late {
        /// How long it was given.
        after: Duration,
    },
    /// The connection broke.
    #[error("the connection to the host broke")]
    Broken(#[source] BoxError),
    /// It refused.
    #[error("the host refused: {0}")]
    Refused(#[from] Refusal),
    /// Its answer breaks the protocol: a wrong signature, another's offer, bytes that do not fit their root.
    #[error("the host's answer is not acceptable: {0}")]
    Misbehaved(Misbehaviour),
    /// No revision can follow the present one.
    #[error("no revision can follow: {0}")]
    Revision(layr_market::RevisionError),
    /// This machine's records failed while dealing with it.
    #[error("this machine's records failed")]
    Records(#[from] RecordsFault),
}

impl From<layr_market::RevisionError> for HostFault {
    fn from(error: layr_market::RevisionError) -> Self {
        Self::Revision(error)
    }
}

/// What a host did that the protocol forbids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Misbehaviour {
    /// A signature that is not its own.
    #[error("a signature does not verify")]
    Signature,
    /// An offer under another key or with impossible terms.
    #[error("the offer is not a possible one")]
    Offer,
    /// Bytes that do not hash to their root.
    #[error("bytes do not hash to their root")]
    Bytes,
    /// A frame that does not parse, or an answer to a question nobody asked.
    #[error("a frame does not parse")]
    Frame,
    /// A revision nobody agreed to.
    #[error("a revision the owner never signed")]
    Revision,
}

/// One host's failure in a verb that went on without it.
#[derive(Debug)]
pub struct HostFailure {
    /// Which host.
    pub node: NodeKey,
    /// What happened.
    pub fault: HostFault,
}

/// Why sources cannot be uploaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It cannot be opened or read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It changed while it was read, or since the upload began.
    #[error("{} changed while it was being uploaded", path.display())]
    Changed {
        /// Which.
        path: PathBuf,
    },
    /// It is neither a file nor a directory.
    #[error("{} is neither a file nor a directory", path.display())]
    Special {
        /// Which.
        path: PathBuf,
    },
    /// Its name cannot be stored.
    #[error("the name of {} is not text or longer than 4096 bytes", path.display())]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// Two sources would be stored under one name.
    #[error("two sources would both be stored as {name:?}")]
    SameName {
        /// The name.
        name: String,
    },
    /// There is nothing to upload.
    #[error("there is nothing to upload")]
    Nothing,
}

/// Why an upload (or its quote) failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UploadCause {
    /// A source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Too few hosts.
    #[error("{0}")]
    Shortage(Box<Shortage>),
    /// Too few hosts agreed; how many are missing, and what the others said.
    #[error("{} of {needed} hosts did not agree: {}", failed.len(), Listed(failed))]
    NotAgreed {
        /// Hosts needed.
        needed: usize,
        /// Who failed and how.
        failed: Vec<HostFailure>,
    },
    /// It would cost more than allowed.
    #[error("it would lock or spend {cost} XLM, more than the limit of {limit} XLM")]
    OverBudget {
        /// What it would take.
        cost: Stroops,
        /// The limit.
        limit: Stroops,
    },
    /// The files need more room than the agreements made for them; they grew after they were measured.
    #[error("the data needs {needed} on each host and only {agreed} are agreed")]
    OverCapacity {
        /// Needed on each host.
        needed: ByteCount,
        /// Agreed.
        agreed: ByteCount,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetFault),
    /// The encoder.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Hosts failed and nobody could take their shards.
    #[error("{missing} shards have no host left to go to: {}", Listed(failed))]
    HostsFailed {
        /// Shards without a place.
        missing: u64,
        /// Who failed and how.
        failed: Vec<HostFailure>,
    },
    /// Hosts did not pass their first audit, so the upload is not done.
    #[error("{} hosts did not pass the first audit: {}", failed.len(), Listed(failed))]
    FirstAudit {
        /// Who and how.
        failed: Vec<HostFailure>,
    },
    /// There is no such job.
    #[error("there is no unfinished upload {0}")]
    NoSuchJob(JobId),
    /// A stream cannot be read again from its start.
    #[error("an upload from a stream cannot be resumed: its bytes are gone")]
    StreamGone,
    /// A profile that is none.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// Stopped from outside.
    #[error("stopped")]
    Stopped,
    /// A task of the program died; the log has the cause.
    #[error("a task of the program died")]
    TaskLost,
}

impl From<Shortage> for UploadCause {
    fn from(shortage: Shortage) -> Self {
        Self::Shortage(Box::new(shortage))
    }
}

/// An upload's failure.
pub type UploadError = Failed<UploadCause>;

/// Which segment lacks how many shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lacking {
    /// The segment's place in the file, from 0.
    pub segment: usize,
    /// Shards found.
    pub found: u8,
    /// Shards needed.
    pub needed: u8,
}

/// Why a download failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DownloadCause {
    /// No such file.
    #[error("there is no file named {0:?}")]
    NoSuchFile(String),
    /// The target exists.
    #[error("{} exists already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// The target cannot be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A range outside the file.
    #[error("the range {start}..{end} does not lie in a file of {size}")]
    Range {
        /// First byte.
        start: u64,
        /// One past the last.
        end: u64,
        /// The file's size.
        size: ByteCount,
    },
    /// Too few shards.
    #[error("{} segments lack shards: {}", lacking.len(), LackingList(lacking))]
    Lost {
        /// Which, and how many.
        lacking: Vec<Lacking>,
        /// What the hosts said.
        failed: Vec<HostFailure>,
    },
    /// A catalogue entry points nowhere.
    #[error("the catalogue does not know segment {0}")]
    UnknownSegment(layr_types::SegmentId),
    /// Decoding failed.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A chunk does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Everything opened and yet the file is not what was stored.
    #[error("the file's hash is not the one it was stored with")]
    WrongHash,
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
    /// A task of the program died; the log has the cause.
    #[error("a task of the program died")]
    TaskLost,
}

/// A download's failure.
pub type DownloadError = Failed<DownloadCause>;

/// Why an audit could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditCause {
    /// No such file.
    #[error("there is no file named {0:?}")]
    NoSuchFile(String),
    /// No such agreement.
    #[error("there is no agreement {0}")]
    NoSuchAgreement(AgreementId),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

/// An audit's failure.
pub type AuditError = Failed<AuditCause>;

/// Why settling stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SettleCause {
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

/// A settlement's failure.
pub type SettleError = Failed<SettleCause>;

/// Why recovering failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecoverCause {
    /// Neither the network nor any host knows this owner.
    #[error("neither the network nor any host knows a catalogue of this phrase on this network")]
    Unknown,
    /// The catalogue was found but cannot be fetched.
    #[error("the catalogue was found, but only {found} of {needed} pieces can be fetched")]
    Incomplete {
        /// Pieces found.
        found: u64,
        /// Pieces needed.
        needed: u64,
    },
    /// The catalogue does not read.
    #[error("the catalogue is damaged")]
    Damaged,
    /// There are records here already.
    #[error("this machine has records already; they are newer than what the network knows")]
    NotEmpty,
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
    /// The network.
    #[error(transparent)]
    Net(#[from] NetFault),
}

/// A recovery's failure.
pub type RecoverError = Failed<RecoverCause>;

/// Why looking something up in this machine's records failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ViewError {
    /// No such file.
    #[error("there is no file named {0:?}")]
    NoSuchFile(String),
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
}

struct Listed<'a>(&'a [HostFailure]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, failure) in self.0.iter().take(8).enumerate() {
            let name = failure.node.to_string();
            write!(
                f,
                "{}{}… {}",
                if at == 0 { "" } else { "; " },
                name.get(..8).unwrap_or(&name),
                failure.fault
            )?;
        }
        if self.0.len() > 8 {
            write!(f, "; and {} more", self.0.len() - 8)?;
        }
        Ok(())
    }
}

struct LackingList<'a>(&'a [Lacking]);

impl fmt::Display for LackingList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, lack) in self.0.iter().take(8).enumerate() {
            let separator = if at == 0 { "" } else { ", " };
            write!(f, "{separator}segment {} has {} of {}", lack.segment, lack.found, lack.needed)?;
        }
        if self.0.len() > 8 {
            write!(f, ", and {} more", self.0.len() - 8)?;
        }
        Ok(())
    }
}
