//! What the owner's watch knows between two rounds, and when the next one is due. Pure.
//!
//! | A round is due | because |
//! |---|---|
//! | at the first look | nobody knows what happened while the node was off |
//! | at the moment the last round named | an audit, a deadline, or something to be tried again |
//! | an hour after the last one | commands may have made agreements in between |
//! | after one that did not complete | whatever stood in its way may be gone |

use layr_audits::Verdict;
use layr_owner::views::{DueBy, DueView, SettleReport, SettleStep};
use layr_owner::{JobView, WatchReport};
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
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

/// What is due under one agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchedDue {
    /// Which.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// What is sent, in words.
    pub step: String,
    /// Whether the host must send it.
    pub by_host: bool,
    /// From when on.
    pub from: UnixSeconds,
    /// Until when; `None` where waiting loses nothing but time.
    pub until: Option<UnixSeconds>,
    /// How much of the owner's money it decides about.
    pub stake: Stroops,
}

/// The owner's watch as an operator sees it; written down after every round.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchState {
    /// Rounds completed, over all runs.
    pub rounds: u64,
    /// When the newest completed round was, by the ledger's clock.
    pub as_of: Option<UnixSeconds>,
    /// When the next one is due, by the ledger's clock.
    pub next: Option<UnixSeconds>,
    /// The newest audit.
    pub last_audit: Option<WatchedAudit>,
    /// What is due under open agreements, the most urgent first.
    pub due: Vec<WatchedDue>,
    /// Agreements settled by the watch, over all runs.
    pub settled: u64,
    /// What came back to the account by that.
    pub refunded: Stroops,
    /// What the watch spent on ledger fees, over all runs.
    pub fees: Stroops,
    /// What it bonded in challenges, over all runs; comes back where the host does not answer.
    pub bonded: Stroops,
    /// Uploads that were interrupted.
    pub unfinished: Vec<Unfinished>,
    /// What stood in the way of the newest attempt; empty for nothing.
    pub trouble: Vec<String>,
}

impl WatchState {
    /// Whether a round is due at `now`. `looked` says whether one was begun in this run.
    #[must_use]
    pub fn is_due(&self, now: UnixSeconds, looked: bool) -> bool {
        !looked
            || !self.trouble.is_empty()
            || self.as_of.is_none_or(|last| now.since(last) >= LONGEST_PAUSE)
            || self.next.is_some_and(|next| now >= next)
    }

    /// Takes a round's report in.
    pub fn take_in(&mut self, report: &WatchReport) {
        if !report.audits.is_empty() {
            let failed = report.audits.iter().filter(|host| host.verdict != Verdict::Passed);
            let failed: Vec<(NodeKey, String)> =
                failed.map(|host| (host.node, host.verdict.to_string())).collect();
            let passed = (report.audits.len() - failed.len()) as u64;
            self.last_audit = Some(WatchedAudit { at: report.now, passed, failed });
        }
        if let Some(done) = &report.settled {
            self.settled += Self::ended(done);
            self.refunded += done.refunded;
        }
        self.fees += report.fees;
        self.bonded += report.acts.iter().filter(|act| act.tx.is_some()).map(|act| act.bond).sum::<Stroops>();
        self.due = report.timeline.iter().map(watched).collect();
        self.next = Some(report.next);
        self.as_of = Some(report.now);
        self.rounds += 1;
    }

    /// How many agreements ended in a settlement.
    #[must_use]
    pub fn ended(done: &SettleReport) -> u64 {
        let over = |step| {
            matches!(
                step,
                SettleStep::Closed | SettleStep::Expired | SettleStep::Settled | SettleStep::Defaulted
            )
        };
        done.agreements.iter().filter(|one| over(one.step)).count() as u64
    }

    /// Takes in which uploads wait.
    pub fn unfinished(&mut self, jobs: &[JobView]) {
        let unfinished = jobs.iter().map(|job| Unfinished {
            files: job.files.clone(),
            count: job.count,
            acknowledged: job.acknowledged,
        });
        self.unfinished = unfinished.collect();
    }
}

fn watched(due: &DueView) -> WatchedDue {
    WatchedDue {
        agreement: due.agreement,
        host: due.host,
        step: due.step.words().to_owned(),
        by_host: due.by == DueBy::Host,
        from: due.from,
        until: due.until,
        stake: due.stake,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_owner::views::AuditView;
    use layr_types::DAY_SECONDS;

    const NOW: UnixSeconds = UnixSeconds(1_000_000);

    fn calm() -> WatchState {
        WatchState { as_of: Some(NOW), next: Some(NOW.plus(DAY_SECONDS)), ..WatchState::default() }
    }

    #[test]
    fn a_round_is_due_when_the_table_says_so() {
        let soon = NOW.plus(60);
        for (case, state, at, looked, due) in [
            ("nothing to do", calm(), soon, true, false),
            ("the first look", calm(), soon, false, true),
            ("an hour has passed", calm(), NOW.plus(LONGEST_PAUSE), true, true),
            ("the moment named", WatchState { next: Some(soon), ..calm() }, soon, true, true),
            ("trouble", WatchState { trouble: vec!["x".to_owned()], ..calm() }, soon, true, true),
            ("never completed", WatchState { as_of: None, ..calm() }, soon, true, true),
        ] {
            assert_eq!(state.is_due(at, looked), due, "{case}");
        }
    }

    #[test]
    fn a_rounds_report_is_taken_in() {
        let audit = AuditView {
            node: NodeKey([1; 32]),
            agreement: AgreementId([2; 32]),
            verdict: Verdict::Missing,
            asked: 20,
            good: 0,
            sectors: 1,
            millis: 1,
            recorded: true,
            over_reads: false,
            detail: None,
        };
        let report = WatchReport {
            acts: Vec::new(),
            audits: vec![AuditView { verdict: Verdict::Passed, ..audit.clone() }, audit],
            repaired: None,
            repair_trouble: None,
            settled: None,
            renewed: None,
            fees: Stroops(7),
            timeline: Vec::new(),
            next: NOW.plus(9),
            now: NOW,
        };
        let mut state = calm();
        state.take_in(&report);
        assert_eq!((state.rounds, state.fees, state.next), (1, Stroops(7), Some(NOW.plus(9))));
        let audit = state.last_audit.expect("an audit");
        assert_eq!((audit.passed, audit.failed.len()), (1, 1));
    }
}
