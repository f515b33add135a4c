//! Failures, one enum per verb, each wrapped with what a person asks first: where, which host, what became of
//! the money, what to do now.

mod causes;

pub use causes::{
    AuditCause, AuditError, DownloadCause, DownloadError, Lacking, RecoverCause, RecoverError, SettleCause,
    SettleError, SourceError, UploadCause, UploadError, ViewError,
};

use crate::events::Stage;
use crate::job::JobId;
use layr_placement::Remedy;
use layr_protocol::Refusal;
use layr_types::{NodeKey, Stroops, TxHash, UnixSeconds};
use std::error::Error as StdError;
use std::fmt;
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
    /// It shows an earlier time than it has shown before: its newest answers are not to be had.
    #[error("the ledger's endpoint is behind: it shows {shown}, and {known} was seen before")]
    Stale {
        /// What it shows.
        shown: UnixSeconds,
        /// What was seen before.
        known: UnixSeconds,
    },
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
    /// Another price than the one agreed on, or a voucher it took and does not count.
    #[error("its account of what was read and paid is not the one agreed on")]
    Price,
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

impl HostFailure {
    /// Whether the host is sound and only the agreement is full.
    pub(crate) const fn is_full(&self) -> bool {
        matches!(self.fault, HostFault::Refused(Refusal::OverCapacity))
    }
}
