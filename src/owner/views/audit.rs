//! What an audit tells.

use super::Health;
use layr_audits::{Beta, Verdict};
use layr_types::{AgreementId, NodeKey, UnixSeconds};
use serde::Serialize;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditReport {
    /// One entry an agreement.
    pub hosts: Vec<AuditView>,
    /// What this owner thinks of the hosts concerned, and what that is made of.
    pub scores: Vec<HostScore>,
    /// Health of the files concerned.
    pub files: Vec<(String, Health)>,
    /// The beacon round the leaves were drawn from; 0 where the owner named them.
    pub round: u64,
    /// Why no beacon round could be had, where none could.
    pub beacon: Option<String>,
}

/// This owner's experience with a host: two beta distributions that forget, and what else is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HostScore {
    /// Which host.
    pub node: NodeKey,
    /// The product of both means: what placement goes by.
    pub weight: f64,
    /// Good and bad answers to whether it is there in time, each worth 0.999 of its successor; one of each to begin
    /// with.
    pub available: Beta,
    /// The same for whether what it holds is what was stored.
    pub intact: Beta,
    /// The expected chance that it is there.
    pub available_mean: f64,
    /// The expected chance that a leaf is sound.
    pub intact_mean: f64,
    /// Slowest recent answer per leaf, microseconds; 0 before the first.
    pub leaf_micros: u64,
    /// Since when it owes an answer that does not count yet.
    pub silent_since: Option<UnixSeconds>,
    /// How often it was asked for that.
    pub attempts: u8,
}

impl AuditReport {
    /// True where every host passed.
    #[must_use]
    pub fn all_passed(&self) -> bool {
        self.hosts.iter().all(|host| host.verdict == Verdict::Passed)
    }
}

/// One host's audit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditView {
    /// Which host.
    pub node: NodeKey,
    /// Which agreement.
    pub agreement: AgreementId,
    /// How it ended.
    pub verdict: Verdict,
    /// Leaves asked for.
    pub asked: u16,
    /// Leaves proved.
    pub good: u16,
    /// Sectors under the audited root.
    pub sectors: u64,
    /// How long the answer took, milliseconds.
    pub millis: u64,
    /// Whether the host signed the outcome into the shared history.
    pub recorded: bool,
    /// Whether it was asked over the read path, where it cannot tell an audit from a download.
    pub over_reads: bool,
    /// What the host or the network said, if not an answer.
    pub detail: Option<String>,
}
