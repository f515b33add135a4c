//! Watching: one look at everything that is open, doing what is due, and saying when to look again.
//!
//! | What is found | What is done |
//! |---|---|
//! | a transaction of an earlier run | followed until its fate is known |
//! | a slot somebody else has changed | its new state is kept, while the ledger's events still tell it |
//! | an older revision on the ledger that this owner did not put there | the newest one is published at once |
//! | a host that says it lost sectors | they are given up, to be rebuilt elsewhere |
//! | an audit that is due | made |
//! | a host that lost data or vanished, with more at stake than it costs | a random challenge, bonded |
//! | a segment at its threshold, with a budget to repair | rebuilt on other hosts |
//! | a challenge past its deadline | settled |
//! | an ended agreement | closed by consent, or published, or expired |
//! | an agreement near its end, with a budget to renew | renewed |
//! | sectors that nothing needs any more | given up |
//!
//! Everything is written down first and may be repeated: a watch that dies anywhere is made good by the next.

mod decide;
mod policy;

pub use decide::Suspicion;
pub use policy::{RenewPolicy, RepairWatch, WatchPolicy};

use self::decide::{Step, decide, stake};
use crate::agreement::Agreement;
use crate::audit::{self, Order, diary};
use crate::core::Core;
use crate::due::{DueView, timeline};
use crate::error::{LedgerFault, SettleError};
use crate::events::Progress;
use crate::free;
use crate::moves;
use crate::outlook::lets_expire;
use crate::ports::{AppliedTx, CallCost};
use crate::renew::{RenewReport, go_on, renew};
use crate::repair::{RepairReport, RepairRequest, repair};
use crate::request::{RenewRequest, SettleOptions};
use crate::seen::{Presence, Seen};
use crate::settle::{failed, settle};
use crate::upload::save_owed;
use crate::views::{AuditView, SettleReport};
use layr_audits::Schedule;
use layr_types::{AgreementId, DAY_SECONDS, NodeKey, Stroops, TxHash, UnixSeconds};
use serde::Serialize;
use std::sync::Arc;

/// Calls a challenge of a silent host takes in all: publish, challenge, default.
const CALLS: i128 = 3;

/// What was sent for an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WatchAct {
    /// The newest revision, over an older one.
    Published,
    /// A random challenge.
    Challenged(Suspicion),
    /// Nothing, because it would cost more than is at stake.
    NotWorth(Suspicion),
    /// Nothing: its slot holds a state that nothing here explains.
    Unexplained,
}

/// One agreement for which something was done, or should have been.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchedView {
    /// Which.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// What.
    pub act: WatchAct,
    /// The transaction; `None` in a dry run, or where the ledger refused.
    pub tx: Option<TxHash>,
    /// Bonded with it.
    pub bond: Stroops,
    /// What the ledger said, if it refused.
    pub detail: Option<String>,
}

/// What a round of watching did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WatchReport {
    /// Agreements for which something was sent to the ledger, or should have been.
    pub acts: Vec<WatchedView>,
    /// Audits made.
    pub audits: Vec<AuditView>,
    /// What repairing did; `None` where nothing was due, or nothing is to be repaired.
    pub repaired: Option<RepairReport>,
    /// Why a repair that was due is not done; tried again.
    pub repair_trouble: Option<String>,
    /// What settling did; `None` where the policy leaves that to others.
    pub settled: Option<SettleReport>,
    /// What renewing did; `None` where nothing was near its end, or nothing is to be renewed.
    pub renewed: Option<RenewReport>,
    /// Spent on ledger fees.
    pub fees: Stroops,
    /// What is due next, the most urgent first.
    pub timeline: Vec<DueView>,
    /// When to look again, by the ledger's clock: nothing is lost by sleeping until then.
    pub next: UnixSeconds,
    /// The ledger's clock when this was made.
    pub now: UnixSeconds,
}

/// Looks at everything once.
pub(crate) async fn watch_once(
    core: &Core,
    policy: &WatchPolicy,
    progress: Arc<dyn Progress>,
) -> Result<WatchReport, SettleError> {
    let mut fees = Stroops::ZERO;
    if !policy.dry_run {
        fees += go_on(core, &*progress).await?;
    }
    let now = core.now().await.map_err(failed)?;
    if !policy.dry_run && free::hear(core, now).await.map_err(failed)? > 0 {
        // What was confessed is given up before anybody is asked to prove it.
        free::go_on(core).await.map_err(failed)?;
    }
    let audits = audits(core, policy, now).await?;
    let mut round = Round { core, policy, now, progress: &*progress, acts: Vec::new(), fees };
    round.look_at_all().await?;
    let Round { acts, fees, .. } = round;
    let mut report = WatchReport {
        acts,
        audits,
        repaired: None,
        repair_trouble: None,
        settled: None,
        renewed: None,
        fees,
        timeline: Vec::new(),
        next: now.plus(DAY_SECONDS),
        now,
    };
    if let Some(how) = &policy.repair {
        repairs(core, how, policy.dry_run, (&mut report, &progress)).await;
    }
    if let Some(how) = &policy.renew {
        report.renewed = renewals(core, how, policy.dry_run, &progress).await?;
        report.fees += report.renewed.as_ref().map_or(Stroops::ZERO, |renewed| renewed.fees);
    }
    if policy.settle {
        let options = SettleOptions { dry_run: policy.dry_run, ..SettleOptions::default() };
        let settled = settle(core, options, Arc::clone(&progress)).await?;
        report.fees += settled.fees;
        report.settled = Some(settled);
    }
    if !policy.dry_run {
        free::go_on(core).await.map_err(failed)?;
    }
    report.look_ahead(core, policy)?;
    Ok(report)
}

/// Renews what is near its end, within the budget; and brings the network the catalogue it lacks.
async fn renewals(
    core: &Core,
    how: &RenewPolicy,
    dry_run: bool,
    progress: &Arc<dyn Progress>,
) -> Result<Option<RenewReport>, SettleError> {
    let now = core.now().await.map_err(failed)?;
    let mut ids = Vec::new();
    for agreement in core.agreements().map_err(failed)? {
        let seen = core.seen(&agreement).map_err(failed)?;
        let near = now.plus(how.before_end) >= seen.state.ending_at;
        // A notice is the owner's or the host's word that it shall end.
        let meant_to_end = seen.state.ending_at < agreement.terms.end;
        let meant_to_end = meant_to_end || lets_expire(core, &agreement.id).map_err(failed)?;
        if seen.runs(&agreement, now) && near && !meant_to_end && agreement.current().sectors > 0 {
            ids.push(agreement.id);
        }
    }
    if ids.is_empty() {
        if !dry_run {
            save_owed(core, progress).await;
        }
        return Ok(None);
    }
    let request = RenewRequest {
        ids: Some(ids),
        term: how.term,
        max_cost: Some(how.budget),
        max_rate: how.max_rate,
        shrink: false,
        dry_run,
    };
    renew(core, &request, Arc::clone(progress)).await.map(Some)
}

/// Rebuilds what has fallen to its threshold, within the budget. What stands in its way stops nothing else: it is in
/// the report.
async fn repairs(
    core: &Core,
    how: &RepairWatch,
    dry_run: bool,
    (report, progress): (&mut WatchReport, &Arc<dyn Progress>),
) {
    let request = RepairRequest {
        due_only: true,
        look: false,
        patience: how.patience,
        term: how.term,
        max_cost: Some(how.budget),
        max_rate: how.max_rate,
        dry_run,
        ..RepairRequest::default()
    };
    match repair(core, &request, Arc::clone(progress)).await {
        Ok(done) => {
            report.fees += done.fees;
            report.repair_trouble.clone_from(&done.shortage);
            report.repaired = (done.wanted > 0 || !done.lost.is_empty()).then_some(done);
        }
        Err(error) => report.repair_trouble = Some(error.to_string()),
    }
}

/// Audits whatever was not audited for long enough.
async fn audits(core: &Core, policy: &WatchPolicy, now: UnixSeconds) -> Result<Vec<AuditView>, SettleError> {
    let Some(schedule) = schedule(core, policy).filter(|_| !policy.dry_run) else { return Ok(Vec::new()) };
    let mut orders = Vec::new();
    for agreement in core.agreements().map_err(failed)? {
        let seen = core.seen(&agreement).map_err(failed)?;
        if !seen.runs(&agreement, now) {
            continue;
        }
        let state = diary::load(core, &agreement.id).map_err(failed)?.state;
        let seed = diary::seed(core, &agreement.id);
        let plan = schedule.plan(&state, agreement.current().sectors, now, &seed);
        orders.extend(plan.map(|plan| Order::planned(agreement.id, &plan)));
    }
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let (_, audited) = audit::perform(core, &orders).await.map_err(|error| match error {
        audit::RunError::Ledger(fault) => failed(fault),
        audit::RunError::Records(fault) => failed(fault),
    })?;
    Ok(audited.into_iter().map(|one| one.view).collect())
}

/// The owner's calendar of audits; `None` where the policy leaves auditing to others.
fn schedule(core: &Core, policy: &WatchPolicy) -> Option<Schedule> {
    policy.audit_every.map(|every| Schedule { every, ..core.config.schedule })
}

/// One round under way.
struct Round<'a> {
    core: &'a Core,
    policy: &'a WatchPolicy,
    now: UnixSeconds,
    progress: &'a dyn Progress,
    acts: Vec<WatchedView>,
    fees: Stroops,
}

impl Round<'_> {
    async fn look_at_all(&mut self) -> Result<(), SettleError> {
        let folders = self.core.folders().await?;
        for agreement in self.core.agreements().map_err(failed)? {
            if !agreement.phase.is_escrowed() {
                continue;
            }
            match self.core.look(&agreement, &folders, self.now).await? {
                Presence::Known(seen) => self.act(&agreement, *seen).await?,
                Presence::Unknown => self.note(&agreement, WatchAct::Unexplained, Stroops::ZERO),
                Presence::Empty => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, agreement: &Agreement, act: WatchAct, bond: Stroops) {
        let (agreement, host) = (agreement.id, agreement.host());
        self.acts.push(WatchedView { agreement, host, act, tx: None, bond, detail: None });
    }

    async fn act(&mut self, agreement: &Agreement, seen: Seen) -> Result<(), SettleError> {
        match decide(agreement, &seen, self.now, self.policy) {
            Step::Nothing => Ok(()),
            Step::Publish => {
                self.note(agreement, WatchAct::Published, Stroops::ZERO);
                if self.policy.dry_run {
                    return Ok(());
                }
                let sent = moves::publish(self.core, agreement, &seen, self.progress).await;
                self.sent(sent).map(|_| ())
            }
            Step::Challenge(why) => self.challenge(agreement, seen, why).await,
        }
    }

    /// Puts the newest revision on the ledger where that is still to be done, then challenges.
    async fn challenge(
        &mut self,
        agreement: &Agreement,
        mut seen: Seen,
        why: Suspicion,
    ) -> Result<(), SettleError> {
        let bond = moves::least_bond(&agreement.terms);
        let cost = self.cost(agreement, &seen, bond).await.map_err(failed)?;
        if stake(agreement, &seen) <= bond + Stroops(cost.total().0.saturating_mul(CALLS)) {
            self.note(agreement, WatchAct::NotWorth(why), bond);
            return Ok(());
        }
        self.note(agreement, WatchAct::Challenged(why), bond);
        if self.policy.dry_run {
            return Ok(());
        }
        if moves::is_newer(agreement, &seen) {
            let sent = moves::publish(self.core, agreement, &seen, self.progress).await;
            if !self.sent(sent)? {
                return Ok(());
            }
            let folders = self.core.folders().await?;
            match self.core.look(agreement, &folders, self.now).await? {
                Presence::Known(now) => seen = *now,
                _ => return Ok(()),
            }
        }
        let ask = moves::random(agreement, &seen, bond, self.now);
        let sent = moves::challenge(self.core, (agreement, &seen), (ask, Vec::new()), self.progress).await;
        self.sent(sent).map(|_| ())
    }

    /// What the first call of a challenge costs.
    async fn cost(&self, agreement: &Agreement, seen: &Seen, bond: Stroops) -> Result<CallCost, LedgerFault> {
        let call = if moves::is_newer(agreement, seen) {
            moves::publication(agreement, seen)?.0
        } else {
            let ask = moves::random(agreement, seen, bond, self.now);
            moves::demand(self.core, (agreement, seen), (ask, Vec::new()))
        };
        self.core.ledger.quote(&call).await
    }

    /// Notes the newest act's transaction. A refusal is noted too: somebody may have been faster, and the next
    /// look shows it.
    fn sent(&mut self, sent: Result<AppliedTx, LedgerFault>) -> Result<bool, SettleError> {
        let Some(act) = self.acts.last_mut() else { return Ok(false) };
        match sent {
            Ok(applied) => {
                act.tx = Some(applied.hash);
                self.fees += applied.fee;
                Ok(true)
            }
            Err(LedgerFault::Refused { fee, source }) => {
                act.detail = Some(source.to_string());
                self.fees += fee;
                Ok(false)
            }
            Err(fault) => Err(failed(fault)),
        }
    }
}

impl WatchReport {
    /// Finds out when something is due next.
    fn look_ahead(&mut self, core: &Core, policy: &WatchPolicy) -> Result<(), SettleError> {
        let now = self.now;
        let mut open = Vec::new();
        for agreement in core.agreements().map_err(failed)? {
            if !agreement.phase.is_escrowed() {
                continue;
            }
            let seen = core.seen(&agreement).map_err(failed)?;
            let holds = agreement.current().sectors > 0;
            if let Some(schedule) = schedule(core, policy).filter(|_| holds && seen.runs(&agreement, now)) {
                let state = diary::load(core, &agreement.id).map_err(failed)?.state;
                let seed = diary::seed(core, &agreement.id);
                // What the owner's own fault left undone is tried again soon, and not at once.
                let soonest = now.plus(AGAIN.min(schedule.every).max(1));
                self.next = self.next.min(schedule.next(&state, &seed).max(soonest));
            }
            if let Some(renew) = &policy.renew {
                let from = UnixSeconds(seen.state.ending_at.0.saturating_sub(renew.before_end));
                self.next = if from > now { self.next.min(from) } else { self.next };
            }
            open.push((agreement, seen));
        }
        if self.repair_trouble.is_some() {
            self.next = self.next.min(now.plus(REPAIR_AGAIN));
        }
        self.timeline = timeline(&open, now);
        for due in &self.timeline {
            let moments = [due.from, due.until.map_or(due.from, |until| until.plus(1))];
            let ahead = moments.into_iter().filter(|moment| *moment > now).min();
            // What is due already and was not done is tried again soon.
            self.next = self.next.min(ahead.unwrap_or_else(|| now.plus(AGAIN)));
            if due.from <= now && due.by != crate::due::DueBy::Host {
                self.next = self.next.min(now.plus(AGAIN));
            }
        }
        Ok(())
    }
}

/// How soon something is tried again that could not be done, seconds: 10 minutes.
const AGAIN: u64 = 600;

/// How soon a repair is tried again that could not be done, seconds: 1 hour.
const REPAIR_AGAIN: u64 = 3_600;
