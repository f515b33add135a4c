//! What a caller asks for.

use layr_coding::Profile;
use layr_types::{AgreementId, DAY_SECONDS, LeafIndex, NodeKey, Stroops};
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

/// One file to upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it lies.
    pub path: PathBuf,
    /// The name it is stored under.
    pub name: String,
}

/// How files are to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeping {
    /// `k/n`.
    pub profile: Profile,
    /// Term of new agreements in seconds.
    pub term: u64,
    /// Most that may be locked in escrow and spent on fees.
    pub max_cost: Option<Stroops>,
    /// Highest price accepted, in stroops per GiB-day.
    pub max_rate: Option<u64>,
    /// Whether one host may hold several shards of a segment when there are fewer hosts than shards.
    pub shared_hosts: bool,
    /// Whether hosts of one network prefix may be chosen together.
    pub same_network: bool,
    /// Whether to compress chunks where it pays.
    pub compress: bool,
    /// How much reading beyond what hosts give for nothing money is set aside for, in percent of what is stored:
    /// 100 is one full download. It comes back at the end where it was not used.
    pub reads_percent: u32,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            profile: Profile::WIDE,
            term: 30 * DAY_SECONDS,
            max_cost: None,
            max_rate: None,
            shared_hosts: false,
            same_network: false,
            compress: true,
            reads_percent: 100,
        }
    }
}

/// Files to upload in one go; small ones share segments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRequest {
    /// Which files ([`crate::expand`] turns paths into sources).
    pub sources: Vec<Source>,
    /// How they are kept.
    pub keeping: Keeping,
}

/// Where a download goes.
pub enum Target {
    /// A file, written beside itself first and renamed when it is complete and right.
    File {
        /// Where.
        path: PathBuf,
        /// Whether to replace what is there.
        force: bool,
    },
    /// A stream that cannot be taken back, such as standard output.
    Stream(Box<dyn std::io::Write + Send>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, force } => {
                f.debug_struct("File").field("path", path).field("force", force).finish()
            }
            Self::Stream(_) => f.write_str("Stream(…)"),
        }
    }
}

/// A file to bring back.
#[derive(Debug)]
pub struct DownloadRequest {
    /// Its name.
    pub name: String,
    /// Only these bytes of it.
    pub range: Option<Range<u64>>,
    /// Where to.
    pub target: Target,
    /// Most that hosts may be promised for reading; `None` for whatever was set aside at the upload.
    pub max_cost: Option<Stroops>,
}

/// What to audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuditTarget {
    /// Every open agreement.
    All,
    /// Those that hold this file.
    File(String),
    /// This one.
    Agreement(AgreementId),
    /// Those with this host.
    Host(NodeKey),
    /// Whatever a person means by this: a file's name, the beginning of an agreement's or a host's id (six digits at
    /// least), or the beginning of files' names.
    Any(String),
}

/// How to settle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SettleOptions {
    /// End agreements before their term by consent.
    pub early: bool,
    /// Only say what would be done.
    pub dry_run: bool,
    /// This agreement and no other.
    pub only: Option<AgreementId>,
}

impl SettleOptions {
    /// Whether an agreement is meant.
    pub(crate) fn concerns(&self, id: &AgreementId) -> bool {
        self.only.is_none_or(|only| only == *id)
    }
}

/// Which agreements to renew, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewRequest {
    /// These; `None` for every open one.
    pub ids: Option<Vec<AgreementId>>,
    /// The new term, seconds.
    pub term: u64,
    /// Most that may be locked and spent anew, net of what the old agreements give back.
    pub max_cost: Option<Stroops>,
    /// Highest price accepted, in stroops per GiB-day.
    pub max_rate: Option<u64>,
    /// Agree on less room: what is stored, and some for growth. Never on more than before.
    pub shrink: bool,
    /// Only say what it would cost.
    pub dry_run: bool,
}

impl Default for RenewRequest {
    fn default() -> Self {
        Self {
            ids: None,
            term: 30 * DAY_SECONDS,
            max_cost: None,
            max_rate: None,
            shrink: false,
            dry_run: false,
        }
    }
}

/// What a challenge asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// As many leaves as the terms' samples, named by a beacon round that does not exist yet.
    Random,
    /// These, at most eight, counted over all sectors of the agreement.
    Named(Vec<LeafIndex>),
    /// Eight leaves of this file, drawn among those of its sectors that lie under the agreement.
    File(String),
}

/// A challenge by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeRequest {
    /// Under which agreement.
    pub id: AgreementId,
    /// What for.
    pub ask: Ask,
    /// What goes to the host if it answers; `None` for the least the terms allow.
    pub bond: Option<Stroops>,
    /// Most that bond and ledger fees together may come to.
    pub max_cost: Option<Stroops>,
    /// Only say what it costs and what follows.
    pub dry_run: bool,
}

/// An early end by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloseRequest {
    /// Which agreement.
    pub id: AgreementId,
    /// Give notice on the ledger if the host does not consent.
    pub notice: bool,
    /// Only say what it brings and costs.
    pub dry_run: bool,
}
