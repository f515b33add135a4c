//! What an attempt brought, taken into the owner's memory and, where it is ripe, into the history both sides sign.

use super::Audited;
use super::attempt::{Asked, Tried};
use super::diary::{self, Kept, Receipt};
use crate::agreement::Agreement;
use crate::core::Core;
use crate::error::{HostFault, NetFault, RecordsFault};
use crate::ports::Space;
use crate::revise::{self, ReviseError};
use crate::seen::Seen;
use crate::views::AuditView;
use layr_audits::{AuditKind, AuditRecord, Contained, Draw, Judgement, MAX_LEAVES, Verdict, contain_every};
use layr_protocol::Refusal;
use layr_types::{AuditSeed, UnixSeconds};
use std::sync::PoisonError;

/// Judges an attempt and, where it says something about the host, gets it into the shared history.
pub(super) async fn enter(
    core: &Core,
    tried: Tried,
    (kind, now): (AuditKind, UnixSeconds),
    isolated: bool,
) -> Result<Audited, RecordsFault> {
    let judged = tried.judge(isolated);
    let ripe = {
        let lock = core.lock_of(tried.agreement.id);
        let _held = lock.lock().await;
        remember(core, &tried, &judged, now)?
    };
    let mut recorded = false;
    let mut unsigned = None;
    if let Some((record, seed)) = ripe.and_then(|verdict| record(&tried, kind, &judged, verdict)) {
        match record_at(core, &tried.agreement, record, seed).await? {
            None => recorded = true,
            Some(refused) => unsigned = Some(refused),
        }
    }
    // Passed over the read path: the tally says so, and is signed for like any read.
    if judged.verdict == Verdict::Passed {
        recorded |= count_reads(core, &tried.agreement).await?;
    }
    let fault = unsigned.as_ref().or_else(|| tried.fault());
    let detail = denial(&tried).or_else(|| fault.map(ToString::to_string));
    let view = AuditView {
        node: tried.agreement.host(),
        agreement: tried.agreement.id,
        verdict: judged.verdict,
        asked: judged.asked,
        good: judged.good,
        sectors: tried.held.sectors,
        millis: u64::try_from(tried.took.as_millis()).unwrap_or(u64::MAX),
        recorded,
        over_reads: matches!(tried.asked, Asked::Read { .. }),
        detail,
    };
    Ok(Audited { view, fault: tried.into_fault().or(unsigned) })
}

/// What a host says that contradicts its own signature.
fn denial(tried: &Tried) -> Option<String> {
    let signed = tried.held.revision;
    match tried.fault() {
        Some(HostFault::Refused(Refusal::Stale { newest })) if *newest < signed => Some(format!(
            "it denies revision {signed}, which carries its signature, and knows none after {newest}"
        )),
        Some(HostFault::Refused(Refusal::UnknownAgreement)) => {
            Some(format!("it denies an agreement whose revision {signed} carries its signature"))
        }
        _ => None,
    }
}

/// The record an attempt makes, if it is one of its own.
fn record(
    tried: &Tried,
    kind: AuditKind,
    judged: &Judgement,
    verdict: Verdict,
) -> Option<(AuditRecord, AuditSeed)> {
    match &tried.asked {
        Asked::Leaves { challenge, .. } => {
            let (kind, seed) = match &challenge.draw {
                Draw::Random { seed, .. } => (kind, *seed),
                Draw::Named { .. } => (AuditKind::Named, AuditSeed::default()),
            };
            let judged = Judgement { verdict, ..judged.clone() };
            AuditRecord::new(kind, challenge, &judged).ok().map(|record| (record, seed))
        }
        Asked::Read { .. } if verdict == Verdict::Passed => None,
        Asked::Read { .. } => {
            let record = read_record(tried.held.revision, (judged.asked, judged.good), verdict);
            verdict.counts().then_some((record, AuditSeed::default()))
        }
    }
}

/// A record of reads.
const fn read_record(revision: u64, (asked, good): (u16, u16), verdict: Verdict) -> AuditRecord {
    let (kind, nonce) = (AuditKind::Read, [0; 32]);
    AuditRecord { kind, verdict, asked, good, latency_ms: 0, revision, round: 0, nonce }
}

/// Gets the leaves that reads have proved signed for; true where there were any and the host signed.
async fn count_reads(core: &Core, agreement: &Agreement) -> Result<bool, RecordsFault> {
    let reads = diary::reads(core, &agreement.id)?;
    let Some(newest) = core.agreement(&agreement.id)?.filter(|_| reads > 0) else { return Ok(false) };
    let leaves = u16::try_from(reads).unwrap_or(u16::MAX);
    let record = read_record(newest.current().n, (leaves, leaves), Verdict::Passed);
    Ok(record_at(core, agreement, record, AuditSeed::default()).await?.is_none())
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
    tried: &Tried,
    judged: &Judgement,
    now: UnixSeconds,
) -> Result<Option<Verdict>, RecordsFault> {
    let (id, node) = (tried.agreement.id, tried.agreement.host());
    let mut experience = core.experience(&node)?;
    if judged.verdict == Verdict::Passed {
        let leaf = judged.took.as_micros() / u128::from(judged.asked.max(1));
        let leaf = u64::try_from(leaf).unwrap_or(u64::MAX);
        experience.leaf_micros = leaf.max(experience.leaf_micros / 10 * 9);
    }
    let mut diary = diary::load(core, &id)?;
    let retry = core.config.schedule.retry_after;
    let (ripe, silent) = match contain_every(diary.state.silent, judged.verdict, now, retry) {
        Contained::Settled(verdict) => (Some(verdict), None),
        Contained::Again(_, silent) => (None, silent),
    };
    // Silence counts once it has been asked about often enough; the fault that counts is the worst of all attempts.
    if let Some(verdict) = ripe {
        experience.score.observe(verdict, now);
    }
    diary.state.took(ripe.unwrap_or(judged.verdict), silent, now);
    experience.contained = silent;
    let mut draft = core.book.draft();
    draft.put(Space::Hosts, node.as_bytes(), &experience);
    diary::put(&mut draft, &id, &diary);
    let _tally = core.tally.lock().unwrap_or_else(PoisonError::into_inner);
    if let (Asked::Read { good, .. }, Verdict::Passed) = (&tried.asked, judged.verdict) {
        diary::add_reads(core, (&id, (*good).into()), &mut draft)?;
    }
    keep_answer(tried, judged, &mut draft);
    let seen = core.seen(&tried.agreement)?;
    let silent_since = silence(judged.verdict, seen.silent_since, now);
    if silent_since != seen.silent_since {
        draft.put(Space::Seen, id.as_bytes(), &Seen { silent_since, ..seen });
    }
    if judged.verdict.counts()
        && judged.verdict != Verdict::Passed
        && let Some(mut known) = core.agreement(&id)?
    {
        known.audited = Some((judged.verdict, now));
        draft.agreement(&known);
    }
    draft.commit()?;
    Ok(ripe)
}

/// Keeps what the host signed, before the outcome is shown to it; the newest sound answer whole.
fn keep_answer(tried: &Tried, judged: &Judgement, draft: &mut crate::book::Draft<'_>) {
    let Asked::Leaves { challenge, outcome: Ok(reply) } = &tried.asked else { return };
    let (challenge, signature) = (challenge.clone(), reply.signature);
    if challenge.count() > usize::from(MAX_LEAVES) {
        return;
    }
    let answer = layr_audits::answer_digest(&reply.answer);
    let key = diary::receipt_key(&challenge);
    draft.put(Space::Receipts, &key, &Receipt { challenge: challenge.clone(), answer, signature });
    if judged.verdict == Verdict::Passed && matches!(challenge.draw, Draw::Random { .. }) {
        let kept = Kept { challenge, answer: reply.answer.clone(), signature };
        draft.put(Space::Answers, tried.agreement.id.as_bytes(), &kept);
    }
}

/// Enters a record; returns what the host said if it did not sign.
pub(super) async fn record_at(
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
