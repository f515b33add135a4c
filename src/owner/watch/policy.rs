//! What a watching owner does of itself, and how much it may cost. The default is the truth.

use layr_types::{DAY_SECONDS, Stroops};

/// How an owner watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPolicy {
    /// Audit agreements whose newest audit is older than this, seconds; `None` leaves auditing to others.
    pub audit_every: Option<u64>,
    /// Challenge hosts that proved not to hold what they signed for, or that have vanished.
    pub challenge: bool,
    /// How long a host must have left every audit unanswered before it counts as vanished, seconds.
    pub vanished_after: u64,
    /// Most that may be bonded in one challenge: it goes to the host if the host answers.
    pub max_bond: Stroops,
    /// Renew agreements before they end; `None` lets them end.
    pub renew: Option<RenewPolicy>,
    /// Repair what has fallen to its threshold; `None` only tells.
    pub repair: Option<RepairWatch>,
    /// Settle what has ended.
    pub settle: bool,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How a watching owner renews.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewPolicy {
    /// How long before an agreement's end it is renewed, seconds.
    pub before_end: u64,
    /// The new term, seconds.
    pub term: u64,
    /// Most that may be locked and spent anew in one round of watching, net of what the old agreements give back.
    pub budget: Stroops,
    /// Highest price accepted, in stroops per GiB-day.
    pub max_rate: Option<u64>,
}

/// How a watching owner repairs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepairWatch {
    /// Most that may be locked and spent in one round of watching.
    pub budget: Stroops,
    /// How long a host must have left every audit unanswered before what it holds counts as lost, seconds. A day:
    /// as long as an audit is tried again before silence counts against a host.
    pub patience: u64,
    /// Term of new agreements, seconds.
    pub term: u64,
    /// Highest price accepted, in stroops per GiB-day.
    pub max_rate: Option<u64>,
}

impl Default for RepairWatch {
    fn default() -> Self {
        Self { budget: Stroops::from_xlm(10), patience: DAY_SECONDS, term: 30 * DAY_SECONDS, max_rate: None }
    }
}

impl Default for WatchPolicy {
    fn default() -> Self {
        Self {
            audit_every: Some(DAY_SECONDS),
            challenge: true,
            vanished_after: 3 * DAY_SECONDS,
            max_bond: Stroops(10_000_000),
            renew: None,
            repair: None,
            settle: true,
            dry_run: false,
        }
    }
}

impl Default for RenewPolicy {
    fn default() -> Self {
        Self {
            before_end: 7 * DAY_SECONDS,
            term: 30 * DAY_SECONDS,
            budget: Stroops::from_xlm(10),
            max_rate: None,
        }
    }
}
