//! Audits: one request an agreement, all at once, each with a deadline of its own; then verdicts into the history
//! both sides sign.

use crate::agreement::Agreement;
use crate::core::{Core, Experience};
use crate::error::{AuditCause, AuditError, Failed, HostFault, LedgerFault, NetFault, RecordsFault};
use crate::events::{Event, HostEvent, Progress, Stage};
use crate::health::{self, Patience, Standing};
use crate::lookup;
use crate::ports::{BeaconRound, Space};
use crate::request::AuditTarget;
use crate::revise::{self, ReviseError};
use crate::seen::Seen;
use crate::views::{AuditReport, AuditView};
use futures::future::{BoxFuture, join_all};
use layr_audits::{
    Attempt, AuditKind, AuditRecord, Challenge, Commitment, Contained, Draw, Judgement, Outcome, Verdict,
    answer_deadline, contain, judge,
};
use layr_merkle::MAX_LEAF_PROOF_BYTES;
use layr_protocol::{AuditReply, AuditRequest, HostApiClient, Refusal};
use layr_types::{AgreementId, AuditSeed, ByteCount, UnixSeconds};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Leaves a host is taken to read at once.
const PARALLEL: u16 = 4;
/// Bytes a second an answer is taken to travel at least.
const SLOWEST: u64 = 64 * 1024;
/// Added to an answer's deadline before the call is given up: an answer that comes late is a verdict.
const GRACE: Duration = Duration::from_secs(1);

/// One audit and its outcome.
#[derive(Debug)]
pub(crate) struct Audited {
    pub(crate) view: AuditView,
    pub(crate) fault: Option<HostFault>,
}

/// What one attempt brought.
struct Tried {
    agreement: Agreement,
    challenge: Challenge,
    held: Commitment,
    outcome: Result<AuditReply, HostFault>,
    took: Duration,
    allowed: Duration,
}

/// Why no audit could be made at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

impl From<RunError> for crate::upload::SignError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Ledger(fault) => Self::Ledger(fault),
            RunError::Records(fault) => Self::Records(fault),
        }
    }
}

/// Audits these agreements (those that hold anything) and enters the verdicts.
pub(crate) async fn run(
    core: &Core,
    ids: &[AgreementId],
    kind: AuditKind,
) -> Result<(BeaconRound, Vec<Audited>), RunError> {
    let beacon = core.ledger.beacon().await?;
    let now = core.now().await?;
    let tried = join_all(ids.iter().map(|id| attempt(core, *id, beacon))).await;
    let mut all = Vec::with_capacity(tried.len());
    for one in tried {
        all.extend(one?);
    }
    let isolated = !all.is_empty() && all.iter().all(|tried| matches!(tried.outcome, Err(HostFault::Net(_))));
    let entered = join_all(all.into_iter().map(|tried| enter(core, tried, (kind, now), isolated))).await;
    Ok((beacon, entered.into_iter().collect::<Result<_, _>>()?))
}

/// Challenges one host; `None` where its agreement holds nothing.
async fn attempt(core: &Core, id: AgreementId, beacon: BeaconRound) -> Result<Option<Tried>, RunError> {
    match revise::settle_pending(core, id).await {
        Err(ReviseError::Records(fault)) => return Err(fault.into()),
        Err(error) => tracing::debug!(agreement = %id, %error, "a pending revision stays pending"),
        Ok(()) => {}
    }
    let Some(agreement) = core.agreement(&id)? else { return Ok(None) };
    let held = Commitment::from(&agreement.current());
    if held.sectors == 0 {
        return Ok(None);
    }
    let count = core.config.audit_leaves;
    let nonce = core.book.random();
    let challenge = Challenge::random(&held, (beacon.round, &beacon.randomness), nonce, count);
    let experience = core.experience(&agreement.host())?;
    let allowed = deadline(&experience, count);
    let request = AuditRequest { challenge: challenge.clone() };
    let started = Instant::now();
    let outcome = core
        .hosts
        .call_within(
            agreement.host(),
            allowed + GRACE,
            |client: HostApiClient, context| -> BoxFuture<'static, _> {
                let request = request.clone();
                Box::pin(async move { client.audit(context, request).await })
            },
        )
        .await;
    Ok(Some(Tried { agreement, challenge, held, outcome, took: started.elapsed(), allowed }))
}

fn deadline(experience: &Experience, count: u16) -> Duration {
    let leaf = Duration::from_micros(experience.leaf_micros.max(1_000));
    let bytes = u64::from(count) * MAX_LEAF_PROOF_BYTES as u64;
    answer_deadline(leaf, (count, PARALLEL), (bytes, SLOWEST))
}

/// Judges an attempt and, where it says something about the host, gets it into the shared history.
async fn enter(
    core: &Core,
    tried: Tried,
    (kind, now): (AuditKind, UnixSeconds),
    isolated: bool,
) -> Result<Audited, RecordsFault> {
    let Tried { agreement, challenge, held, outcome, took, allowed } = tried;
    let judged = judge(&challenge, &held, &Attempt { outcome: told(&outcome, isolated), took, allowed });
    let recordable = {
        let lock = core.lock_of(agreement.id);
        let _held = lock.lock().await;
        remember(core, &agreement, &judged, now)?
    };
    let mut recorded = false;
    let mut fault = outcome.err();
    if let (Some(verdict), Draw::Random { seed, .. }) = (recordable, &challenge.draw)
        && let Ok(record) = AuditRecord::new(kind, &challenge, &Judgement { verdict, ..judged.clone() })
    {
        match record_at(core, &agreement, record, *seed).await? {
            None => recorded = true,
            Some(refused) => fault = fault.or(Some(refused)),
        }
    }
    let detail = fault.as_ref().map(ToString::to_string);
    let view = AuditView {
        node: agreement.host(),
        agreement: agreement.id,
        verdict: judged.verdict,
        asked: judged.asked,
        good: judged.good,
        sectors: held.sectors,
        millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        recorded,
        detail,
    };
    Ok(Audited { view, fault })
}

/// How the transport's outcome looks to a judge.
const fn told(outcome: &Result<AuditReply, HostFault>, isolated: bool) -> Outcome<'_> {
    match outcome {
        Ok(reply) => Outcome::Answered(&reply.answer),
        Err(HostFault::Refused(Refusal::Busy)) => Outcome::Late,
        Err(HostFault::Refused(refusal)) => Outcome::Refused { code: refusal.code() as u32 },
        Err(HostFault::Late { .. }) => Outcome::Late,
        Err(HostFault::Net(NetFault::Isolated) | HostFault::Records(_)) => Outcome::OwnFault,
        Err(HostFault::Net(_)) if isolated => Outcome::OwnFault,
        Err(_) => Outcome::Offline,
    }
}

/// Since when a host has answered nothing, after one more verdict. The owner's own faults say nothing.
fn silence(verdict: Verdict, before: Option<UnixSeconds>, now: UnixSeconds) -> Option<UnixSeconds> {
    match verdict {
        Verdict::Offline | Verdict::Late | Verdict::Refused => before.or(Some(now)),
        Verdict::OwnFault => before,
        _ => None,
    }
}

/// Takes a judgement into the owner's own memory; says which verdict is ripe for the shared history.
fn remember(
    core: &Core,
    agreement: &Agreement,
    judged: &Judgement,
    now: UnixSeconds,
) -> Result<Option<Verdict>, RecordsFault> {
    let node = agreement.host();
    let mut experience = core.experience(&node)?;
    experience.score.observe(judged.verdict, now);
    if judged.verdict == Verdict::Passed {
        let leaf = judged.took.as_micros() / u128::from(judged.asked.max(1));
        let leaf = u64::try_from(leaf).unwrap_or(u64::MAX);
        experience.leaf_micros = leaf.max(experience.leaf_micros / 10 * 9);
    }
    let ripe = match contain(experience.contained, judged.verdict, now) {
        Contained::Settled(verdict) => {
            experience.contained = None;
            Some(verdict)
        }
        Contained::Again(_, state) => {
            experience.contained = state;
            None
        }
    };
    let mut draft = core.book.draft();
    draft.put(Space::Hosts, node.as_bytes(), &experience);
    let seen = core.seen(agreement)?;
    let silent_since = silence(judged.verdict, seen.silent_since, now);
    if silent_since != seen.silent_since {
        draft.put(Space::Seen, agreement.id.as_bytes(), &Seen { silent_since, ..seen });
    }
    if judged.verdict.counts()
        && judged.verdict != Verdict::Passed
        && let Some(mut known) = core.agreement(&agreement.id)?
    {
        known.audited = Some((judged.verdict, now));
        draft.agreement(&known);
    }
    draft.commit()?;
    Ok(ripe)
}

/// Enters a record; returns what the host said if it did not sign.
async fn record_at(
    core: &Core,
    agreement: &Agreement,
    record: AuditRecord,
    seed: AuditSeed,
) -> Result<Option<HostFault>, RecordsFault> {
    match revise::enter_audit(core, agreement.id, record, seed).await {
        Ok(()) => Ok(None),
        Err(ReviseError::Records(fault) | ReviseError::Host(HostFault::Records(fault))) => Err(fault),
        Err(ReviseError::Host(fault)) => Ok(Some(fault)),
        Err(ReviseError::Ledger(fault)) => Ok(Some(HostFault::Net(NetFault::Unreachable(fault.into())))),
    }
}

/// The verb.
pub(crate) async fn audit(
    core: &Core,
    target: AuditTarget,
    progress: Arc<dyn Progress>,
) -> Result<AuditReport, AuditError> {
    let failed = |cause: AuditCause| Failed::new(Stage::Audit, cause);
    progress.tell(Event::Stage { stage: Stage::Audit, bytes: ByteCount::ZERO });
    let (ids, files) = resolve(core, &target).map_err(failed)?;
    let (beacon, audited) = run(core, &ids, AuditKind::Random).await.map_err(|error| {
        failed(match error {
            RunError::Ledger(fault) => fault.into(),
            RunError::Records(fault) => fault.into(),
        })
    })?;
    for one in audited.iter().filter(|one| one.view.verdict == Verdict::Passed) {
        progress.tell(Event::Host { node: one.view.node, what: HostEvent::Passed });
    }
    let mut standing = Standing::load(core, Patience::None).map_err(|fault| failed(fault.into()))?;
    let files = files
        .into_iter()
        .map(|name| health::of_file(core, &mut standing, &name).map(|health| (name, health)))
        .collect::<Result<_, RecordsFault>>()
        .map_err(|fault| failed(fault.into()))?;
    Ok(AuditReport { hosts: audited.into_iter().map(|one| one.view).collect(), files, round: beacon.round })
}

/// The agreements a target means, and the files whose health it tells of.
fn resolve(core: &Core, target: &AuditTarget) -> Result<(Vec<AgreementId>, Vec<String>), AuditCause> {
    match target {
        AuditTarget::All => {
            let open = core
                .agreements()?
                .into_iter()
                .filter(|agreement| agreement.phase == crate::agreement::Phase::Open);
            let ids = open.map(|agreement| agreement.id).collect();
            let names =
                lookup::manifests(core)?.into_iter().map(|file| file.manifest.path().as_str().to_owned());
            Ok((ids, names.collect()))
        }
        AuditTarget::Agreement(id) => match core.agreement(id)? {
            Some(_) => Ok((vec![*id], Vec::new())),
            None => Err(AuditCause::NoSuchAgreement(*id)),
        },
        AuditTarget::File(name) => {
            let file = lookup::file(core, name)?.ok_or_else(|| AuditCause::NoSuchFile(name.clone()))?;
            let segments = lookup::segments(core, &file.manifest)?;
            let mut ids: Vec<AgreementId> =
                segments.values().flat_map(|segment| &segment.shards).map(|shard| shard.agreement).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok((ids, vec![name.clone()]))
        }
    }
}
