//! What can go wrong in each verb.

use super::{Failed, HostFailure, LedgerFault, NetFault, RecordsFault};
use crate::job::JobId;
use layr_coding::{DecodeError, EncodeError, OpenError, ProfileError};
use layr_placement::Shortage;
use layr_types::{AgreementId, ByteCount, Stroops};
use std::fmt;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

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
    /// A stream did not end where it was announced to: room was agreed for that much.
    #[error("the stream is longer than the {announced} it was announced with")]
    OverCapacity {
        /// What was announced.
        announced: ByteCount,
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
    /// No such file (of a repair).
    #[error("there is no file whose name is or begins with {0:?}")]
    NoSuchFile(String),
    /// There is no such job.
    #[error("there is no unfinished upload {0}")]
    NoSuchJob(JobId),
    /// A stream cannot be read again from its start.
    #[error("an upload from a stream cannot be resumed: its bytes are gone")]
    StreamGone,
    /// A delegate's package or result.
    #[error("the package is of no use: {0}")]
    Package(#[from] crate::delegate::PackageError),
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
    /// No open agreement with such a host.
    #[error("there is no open agreement with host {0}")]
    NoSuchHost(layr_types::NodeKey),
    /// Nothing has been signed yet that could be certified.
    #[error("nothing has been signed there yet that could be certified")]
    NothingAudited,
    /// The records here are not the whole history both signed.
    #[error("the audit history of agreement {0} is not whole on this machine")]
    HistoryIncomplete(AgreementId),
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
    /// There is no such agreement.
    #[error("there is no agreement {0}")]
    NoSuchAgreement(AgreementId),
    /// Its money is not on the ledger (any more).
    #[error("agreement {0} is not open on the ledger")]
    NotOpen(AgreementId),
    /// Nothing was ever stored under it that could be asked for.
    #[error("nothing is stored under agreement {0}")]
    NothingStored(AgreementId),
    /// Its slot holds a state that nothing here explains, and the ledger's events do not tell it.
    #[error("the ledger holds agreement {0} in a state that is not known here")]
    Unexplained(AgreementId),
    /// The contract would refuse it.
    #[error("the escrow contract would refuse it: {0}")]
    Move(layr_market::MoveError),
    /// No sector of the file is known to lie under the agreement, or not at which place.
    #[error("agreement {id} is not known to hold anything of {name:?}")]
    NothingOfFile {
        /// The agreement.
        id: AgreementId,
        /// The file.
        name: String,
    },
    /// It is no prepared proof.
    #[error(transparent)]
    Prepared(#[from] layr_protocol::PreparedError),
    /// It was made for another network or contract.
    #[error("it was made for another ledger or another escrow contract")]
    OtherLedger,
    /// A named challenge asks for too few or too many leaves.
    #[error("a challenge names 1 to {most} leaves, not {named}")]
    Leaves {
        /// How many were named.
        named: usize,
        /// How many may be.
        most: usize,
    },
    /// It would cost more than allowed.
    #[error("it would take {cost} XLM, more than the limit of {limit} XLM")]
    OverBudget {
        /// What it would take.
        cost: Stroops,
        /// The limit.
        limit: Stroops,
    },
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
