//! What to repair, and how.

use crate::request::Keeping;
use layr_coding::Profile;
use layr_types::{DAY_SECONDS, SegmentId, Stroops};

/// What to repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairTarget {
    /// Everything.
    All,
    /// These segments, whosever files lie in them.
    Segments(Vec<SegmentId>),
    /// The file of this name, or else the files whose names begin so.
    Named(String),
}

/// What to repair, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairRequest {
    /// What.
    pub target: RepairTarget,
    /// Only segments at or below their threshold; otherwise whatever is damaged.
    pub due_only: bool,
    /// Audit the hosts concerned first.
    pub look: bool,
    /// A host that gives no proof counts as gone only once it has answered nothing for this long, seconds; 0 for
    /// at once. What is proved lost is lost at once.
    pub patience: u64,
    /// Term of new agreements, seconds.
    pub term: u64,
    /// Most that may be locked in escrow and spent on fees and reads.
    pub max_cost: Option<Stroops>,
    /// Highest price accepted, in stroops per GiB-day.
    pub max_rate: Option<u64>,
    /// Whether hosts of one network prefix may be chosen together.
    pub same_network: bool,
    /// Only say what would be done and what it would cost. Hosts are audited nevertheless.
    pub dry_run: bool,
}

impl Default for RepairRequest {
    fn default() -> Self {
        Self {
            target: RepairTarget::All,
            due_only: false,
            look: true,
            patience: 0,
            term: 30 * DAY_SECONDS,
            max_cost: None,
            max_rate: None,
            same_network: false,
            dry_run: false,
        }
    }
}

impl RepairRequest {
    /// How what is repaired is kept, as far as new agreements are concerned.
    pub(super) fn keeping(&self, profile: Profile) -> Keeping {
        Keeping {
            profile,
            term: self.term,
            max_cost: self.max_cost,
            max_rate: self.max_rate,
            same_network: self.same_network,
            ..Keeping::default()
        }
    }
}
