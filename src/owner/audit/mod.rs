//! Audits: one request an agreement, all at once, each with a deadline of its own; then verdicts into the history
//! both sides sign.
//!
//! Leaves are drawn by the beacon and a nonce. Where no beacon answers the owner names them itself: less random
//! than it could be, and nothing that counts against a host.

mod attempt;
mod custody;
pub(crate) mod diary;
mod enter;
pub(crate) mod reads;
mod scrub;
mod target;

pub(crate) use attempt::RunError;
pub(crate) use custody::certify;
pub(crate) use target::all_scores;

use self::attempt::{attempt, isolated};
use self::enter::enter;
use crate::core::Core;
use crate::error::{AuditCause, AuditError, Failed, HostFault, RecordsFault};
use crate::events::{Event, HostEvent, Progress, Stage};
use crate::ports::{BeaconRound, Space};
use crate::request::AuditTarget;
use crate::views::{AuditReport, AuditView};
use futures::future::join_all;
use layr_audits::{AuditKind, AuditRecord, MAX_LEAVES, Plan, Verdict};
use layr_types::{AgreementId, ByteCount};
use std::collections::HashMap;
use std::sync::Arc;

/// One audit and its outcome.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) view: AuditView,
    pub(crate) fault: Option<HostFault>,
}

/// What is to be asked of one host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) id: AgreementId,
    pub(crate) kind: AuditKind,
    pub(crate) leaves: u16,
    /// Over the read path.
    pub(crate) surprise: bool,
    /// Sectors to be sampled in order, beside.
    pub(crate) scrub: u64,
}

impl Order {
    /// A plain audit.
    const fn new(id: AgreementId, kind: AuditKind, leaves: u16) -> Self {
        Self { id, kind, leaves, surprise: false, scrub: 0 }
    }

    /// What the calendar wants.
    pub(crate) const fn planned(id: AgreementId, plan: &Plan) -> Self {
        let Plan { leaves, surprise, scrub, .. } = *plan;
        Self { id, kind: AuditKind::Random, leaves, surprise, scrub }
    }
}

/// What a round of audits found, and the beacon round it drew from; `Err` with the reason where it named leaves.
pub(crate) type Round = (Result<BeaconRound, String>, Vec<Audited>);

impl From<RunError> for crate::upload::SignError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Ledger(fault) => Self::Ledger(fault),
            RunError::Records(fault) => Self::Records(fault),
        }
    }
}

/// Audits these agreements (those that hold anything) and enters the verdicts.
pub(crate) async fn run(core: &Core, ids: &[AgreementId], kind: AuditKind) -> Result<Round, RunError> {
    let leaves = core.config.audit_leaves.min(MAX_LEAVES);
    let orders: Vec<Order> = ids.iter().map(|id| Order::new(*id, kind, leaves)).collect();
    perform(core, &orders).await
}

/// Makes these audits, and enters what came of them.
pub(crate) async fn perform(core: &Core, orders: &[Order]) -> Result<Round, RunError> {
    let beacon = beacon(core).await?;
    let now = core.now().await?;
    let drawn = beacon.as_ref().ok().copied();
    let attempts = join_all(orders.iter().map(|order| async move {
        attempt(core, order, drawn).await.map(|tried| tried.map(|tried| (order, tried)))
    }));
    let tried = attempts.await.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
    let (orders, tried): (Vec<&Order>, Vec<_>) = tried.into_iter().unzip();
    let alone = isolated(core, &tried).await?;
    let entered =
        join_all(orders.iter().zip(tried).map(|(order, tried)| enter(core, tried, (order.kind, now), alone)));
    let mut entered = entered.await.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (order, audited) in orders.iter().zip(&mut entered) {
        if order.scrub > 0
            && audited.view.verdict == Verdict::Passed
            && let Some(found) = scrub::walk(core, order, now).await?
        {
            *audited = found;
        }
    }
    Ok((beacon, entered))
}

/// The newest beacon round, its signature kept; the words for it where there is none.
async fn beacon(core: &Core) -> Result<Result<BeaconRound, String>, RecordsFault> {
    match core.ledger.beacon().await {
        Ok(beacon) => {
            diary::keep_round(core, &beacon)?;
            Ok(Ok(beacon))
        }
        Err(fault) => {
            tracing::warn!(%fault, "no beacon round can be had; leaves are named instead");
            let why =
                std::error::Error::source(&fault).map_or_else(|| fault.to_string(), ToString::to_string);
            Ok(Err(why))
        }
    }
}

/// The verb: as many leaves of each host as the configuration says, in challenges of at most [`MAX_LEAVES`].
pub(crate) async fn audit(
    core: &Core,
    target: AuditTarget,
    progress: Arc<dyn Progress>,
) -> Result<AuditReport, AuditError> {
    let failed = |cause: AuditCause| Failed::new(Stage::Audit, cause);
    progress.tell(Event::Stage { stage: Stage::Audit, bytes: ByteCount::ZERO });
    let (ids, files) = target::resolve(core, &target).map_err(failed)?;
    let mut left = core.config.audit_leaves.max(1);
    let mut asked = ids;
    let mut views: Vec<AuditView> = Vec::new();
    let mut drawn = Ok(0);
    while left > 0 && !asked.is_empty() {
        let leaves = left.min(MAX_LEAVES);
        left -= leaves;
        let orders: Vec<Order> = asked.iter().map(|id| Order::new(*id, AuditKind::Random, leaves)).collect();
        let (beacon, audited) = perform(core, &orders).await.map_err(|error| {
            failed(match error {
                RunError::Ledger(fault) => fault.into(),
                RunError::Records(fault) => fault.into(),
            })
        })?;
        drawn = beacon.map(|beacon| beacon.round);
        let round: Vec<AuditView> = audited.into_iter().map(|one| one.view).collect();
        asked.retain(|id| round.iter().any(|v| v.agreement == *id && v.verdict == Verdict::Passed));
        merge(&mut views, round);
    }
    for view in views.iter().filter(|view| view.verdict == Verdict::Passed) {
        progress.tell(Event::Host { node: view.node, what: HostEvent::Passed });
    }
    let files = target::healths(core, files).map_err(|fault| failed(fault.into()))?;
    let scores = target::scores(core, &views).map_err(|fault| failed(fault.into()))?;
    let (round, beacon) = match drawn {
        Ok(round) => (round, None),
        Err(words) => (0, Some(words)),
    };
    Ok(AuditReport { hosts: views, scores, files, round, beacon })
}

/// The records of an agreement that both have signed, oldest first.
pub(crate) fn history(core: &Core, id: &AgreementId) -> Result<Vec<AuditRecord>, RecordsFault> {
    let all = core.book.scan::<AuditRecord>(Space::Audits, id.as_bytes())?;
    Ok(all.into_iter().map(|(_, record)| record).collect())
}

/// Adds a later challenge's outcome to the earlier ones' of the same agreement: leaves and times add up, the worst
/// verdict stays.
fn merge(views: &mut Vec<AuditView>, later: Vec<AuditView>) {
    let mut known: HashMap<AgreementId, usize> =
        views.iter().enumerate().map(|(at, view)| (view.agreement, at)).collect();
    for view in later {
        match known.get(&view.agreement).and_then(|at| views.get_mut(*at)) {
            Some(before) => {
                *before = AuditView {
                    asked: before.asked.saturating_add(view.asked),
                    good: before.good.saturating_add(view.good),
                    millis: before.millis.saturating_add(view.millis),
                    recorded: before.recorded && view.recorded,
                    verdict: before.verdict.max(view.verdict),
                    ..view
                };
            }
            None => {
                known.insert(view.agreement, views.len());
                views.push(view);
            }
        }
    }
}
