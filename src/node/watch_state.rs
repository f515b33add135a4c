//! What the owner's watch knows between two rounds, and when the next one is due. Pure.
//!
//! | A round is due | because |
//! |---|---|
//! | at the first look | nobody knows what happened while the node was off |
//! | at the next audit | hosts are asked once a day, at a moment they cannot foresee |
//! | when an agreement's next step is due | its term is over, or its proof window |
//! | an hour after the last one | commands may have made agreements in between |
//! | after one that did not complete | whatever stood in its way may be gone |

use layr_audits::Verdict;
use layr_owner::JobView;
use layr_owner::views::{AgreementStage, AgreementView, AuditReport, SettleReport, SettleStep};
use layr_types::{DAY_SECONDS, NodeKey, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Longest time between two rounds by the ledger's clock: 1 hour.
const LONGEST_PAUSE: u64 = 3_600;

/// The newest audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedAudit {
    /// When, by the ledger's clock.
    pub at: UnixSeconds,
    /// Hosts that passed.
    pub passed: u64,
    /// Hosts that did not, and how.
    pub failed: Vec<(NodeKey, String)>,
}

/// An upload that waits for its command to be run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The names of its files, the first few.
    pub files: Vec<String>,
    /// How many files.
    pub count: u64,
    /// Shards acknowledged so far.
    pub acknowledged: u64,
}

/// The owner's watch as an operator sees it; written down after every round.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WatchState {
    /// Rounds completed, over all runs.
    pub rounds: u64,
    /// When the newest completed round was, by the ledger's clock.
    pub as_of: Option<UnixSeconds>,
    /// Not before this moment are hosts audited again.
    pub next_audit: Option<UnixSeconds>,
    /// The newest audit.
    pub last_audit: Option<WatchedAudit>,
    /// Agreements that are on the ledger and not settled.
    pub open: u64,
    /// When the next of them needs a step.
    pub next_step: Option<UnixSeconds>,
    /// Agreements settled by the watch, over all runs.
    pub settled: u64,
    /// What came back to the account by that.
    pub refunded: Stroops,
    /// What the watch spent on ledger fees, over all runs.
    pub fees: Stroops,
    /// Uploads that were interrupted.
    pub unfinished: Vec<Unfinished>,
    /// What stood in the way of the newest attempt; empty for nothing.
    pub trouble: Vec<String>,
}

impl WatchState {
    /// Whether a round is due at `now`. `looked` says whether one was begun in this run.
    #[must_use]
    pub fn due(&self, now: UnixSeconds, looked: bool) -> bool {
        let passed = |moment: Option<UnixSeconds>| moment.is_some_and(|moment| now >= moment);
        !looked
            || !self.trouble.is_empty()
            || self.as_of.is_none_or(|last| now.since(last) >= LONGEST_PAUSE)
            || self.audit_due(now)
            || passed(self.next_step)
    }

    /// Whether hosts are to be audited at `now`.
    #[must_use]
    pub fn audit_due(&self, now: UnixSeconds) -> bool {
        self.open > 0 && self.next_audit.is_none_or(|next| now >= next)
    }

    /// Takes an audit in; the next one is `every` seconds away, give or take a tenth as `chance` has it.
    pub fn audited(&mut self, found: &AuditReport, (now, every): (UnixSeconds, u64), chance: u64) {
        let failed = found.hosts.iter().filter(|host| host.verdict != Verdict::Passed);
        let failed: Vec<(NodeKey, String)> =
            failed.map(|host| (host.node, host.verdict.to_string())).collect();
        let passed = (found.hosts.len() - failed.len()) as u64;
        self.last_audit = Some(WatchedAudit { at: now, passed, failed });
        let jitter = chance % (every / 5 + 1);
        self.next_audit = Some(now.plus((every - every / 10).max(1) + jitter));
    }

    /// Takes a settlement in; returns how many agreements ended by it.
    pub fn settled(&mut self, done: &SettleReport) -> u64 {
        let over = |step| matches!(step, SettleStep::Closed | SettleStep::Expired | SettleStep::Settled);
        let ended = done.agreements.iter().filter(|one| over(one.step)).count() as u64;
        self.settled += ended;
        self.refunded += done.refunded;
        self.fees += done.fees;
        ended
    }

    /// Takes in how agreements and uploads stand at the end of a round.
    pub fn stand(&mut self, agreements: &[AgreementView], unfinished: &[JobView], now: UnixSeconds) {
        let over = |stage| matches!(stage, AgreementStage::Proposed | AgreementStage::Settled);
        let open = agreements.iter().filter(|one| !over(one.stage));
        self.open = open.clone().count() as u64;
        self.next_step = open.filter_map(|one| next_step(one, now)).min();
        self.unfinished = unfinished
            .iter()
            .map(|job| Unfinished {
                files: job.files.clone(),
                count: job.count,
                acknowledged: job.acknowledged,
            })
            .collect();
    }

    /// A round is over.
    pub fn completed(&mut self, now: UnixSeconds) {
        self.rounds += 1;
        self.as_of = Some(now);
    }
}

/// When an agreement needs the owner again; not before the next look.
fn next_step(agreement: &AgreementView, now: UnixSeconds) -> Option<UnixSeconds> {
    match agreement.stage {
        AgreementStage::Proposed | AgreementStage::Settled => None,
        AgreementStage::Running => Some(agreement.end),
        AgreementStage::Proving => Some(agreement.next_deadline.plus(1)),
        _ => Some(now),
    }
}

/// How often hosts are audited unless told otherwise: daily, by the ledger's clock.
pub const AUDIT_EVERY: u64 = DAY_SECONDS;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    fn calm() -> WatchState {
        WatchState {
            as_of: Some(NOW),
            next_audit: Some(NOW.plus(DAY_SECONDS)),
            next_step: Some(NOW.plus(3 * DAY_SECONDS)),
            open: 2,
            ..WatchState::default()
        }
    }

    #[test]
    fn a_round_is_due_when_the_table_says_so() {
        let soon = NOW.plus(60);
        for (case, state, at, looked, due) in [
            ("nothing to do", calm(), soon, true, false),
            ("the first look", calm(), soon, false, true),
            ("an hour has passed", calm(), NOW.plus(LONGEST_PAUSE), true, true),
            ("an audit", WatchState { next_audit: Some(soon), ..calm() }, soon, true, true),
            ("no agreement to audit", WatchState { open: 0, next_audit: None, ..calm() }, soon, true, false),
            ("never audited", WatchState { next_audit: None, ..calm() }, soon, true, true),
            ("a term is over", WatchState { next_step: Some(soon), ..calm() }, soon, true, true),
            ("trouble", WatchState { trouble: vec!["x".to_owned()], ..calm() }, soon, true, true),
            ("never completed", WatchState { as_of: None, ..calm() }, soon, true, true),
        ] {
            assert_eq!(state.due(at, looked), due, "{case}");
        }
    }

    #[test]
    fn audits_come_about_once_a_day_and_never_at_a_moment_known_before() {
        let found = AuditReport { hosts: Vec::new(), files: Vec::new(), round: 1 };
        let mut moments = Vec::new();
        for chance in [0, 1, 977, 12_345, u64::MAX] {
            let mut state = calm();
            state.audited(&found, (NOW, DAY_SECONDS), chance);
            let next = state.next_audit.expect("a next one").since(NOW);
            assert!((DAY_SECONDS * 9 / 10..=DAY_SECONDS * 11 / 10 + 1).contains(&next), "{next}");
            moments.push(next);
        }
        moments.dedup();
        assert_eq!(moments.len(), 5, "chance decides");
        for every in [0, 1, 9] {
            let mut state = calm();
            state.audited(&found, (NOW, every), 3);
            assert!(state.next_audit.expect("a next one") > NOW, "no second audit in one moment");
        }
    }
}
