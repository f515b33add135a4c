//! What a person does by hand about one agreement: end it early, challenge its host, bring a prepared proof. Every
//! one of them can first say what it costs and what follows, without sending anything.

use crate::agreement::{Agreement, Phase};
use crate::core::{Core, TxWhat};
use crate::error::{Failed, NextStep, SettleCause, SettleError};
use crate::events::{Event, Progress, Stage};
use crate::moves;
use crate::ports::{CallCost, EscrowCall, PreparedProof};
use crate::request::{Ask, CloseRequest, DisputeRequest, SettleOptions};
use crate::seen::{Presence, Seen};
use crate::settle::{closable_after, failed, fair_split, missed, settle};
use crate::views::SettleStep;
use crate::{contents, lookup, transactions, vouchers};
use layr_market::{Challenge, FinalReason, MAX_NAMED_LEAVES, Phase as SlotPhase, SlotState, SoftwareSha256};
use layr_types::{
    AgreementId, ByteCount, LEAVES_PER_SECTOR, LeafIndex, NodeKey, SectorRoot, Stroops, TxHash, UnixSeconds,
};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

/// What a dispute did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DisputeReport {
    /// Which agreement.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// The transaction that put the newest revision on the ledger; `None` where it was there, or in a dry run.
    pub published: Option<TxHash>,
    /// The transaction that opened the challenge; `None` in a dry run.
    pub challenged: Option<TxHash>,
    /// Goes to the host if it answers, and comes back if it does not.
    pub bond: Stroops,
    /// What the ledger takes at most for the next call; the whole takes one more where a revision goes first.
    pub cost: CallCost,
    /// Ledger fees spent.
    pub fees: Stroops,
    /// The last moment for the host's answer, by the ledger's clock.
    pub deadline: UnixSeconds,
    /// What the owner gets if the host does not answer, the bond not counted.
    pub if_silent: Option<Stroops>,
}

/// What ending an agreement early did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CloseReport {
    /// Which agreement.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// How far it came.
    pub step: CloseStep,
    /// When it ends, or can be ended, by the ledger's clock.
    pub at: UnixSeconds,
    /// To the owner by consent.
    pub to_owner: Option<Stroops>,
    /// To the host by consent, its collateral included.
    pub to_host: Option<Stroops>,
    /// The transaction.
    pub tx: Option<TxHash>,
    /// What the ledger takes at most for the next call, where that can be told.
    pub cost: Option<CallCost>,
    /// Ledger fees spent.
    pub fees: Stroops,
    /// What the host said, if it did not consent.
    pub detail: Option<String>,
}

/// How far ending an agreement early came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum CloseStep {
    /// Both signed, and it was paid out.
    Closed,
    /// The host did not sign; notice was given, and it ends by itself.
    Noticed,
    /// The host did not sign, and no notice was to be given.
    HostUnwilling,
    /// Nothing yet: the terms could be opened again until then.
    Waiting,
    /// Nothing: this is what would be tried first.
    WouldClose,
}

/// What submitting a proof did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubmitReport {
    /// Which agreement.
    pub agreement: AgreementId,
    /// True for the answer to a challenge, false for the proof of an ended agreement.
    pub answer: bool,
    /// The transaction; `None` in a dry run.
    pub tx: Option<TxHash>,
    /// What the ledger takes at most; `None` where a beacon round must be posted first.
    pub cost: Option<CallCost>,
    /// Ledger fees spent.
    pub fees: Stroops,
}

fn wrong(cause: SettleCause) -> SettleError {
    Failed::new(Stage::Settle, cause).next(NextStep::Change)
}

/// An open agreement and what its slot holds.
async fn find(core: &Core, id: AgreementId) -> Result<(Agreement, Seen, UnixSeconds), SettleError> {
    let agreement =
        core.agreement(&id).map_err(failed)?.ok_or_else(|| wrong(SettleCause::NoSuchAgreement(id)))?;
    if !agreement.phase.is_escrowed() {
        return Err(wrong(SettleCause::NotOpen(id)));
    }
    let now = core.now().await.map_err(failed)?;
    let folders = core.folders().await?;
    match core.look(&agreement, &folders, now).await? {
        Presence::Known(seen) => Ok((agreement, *seen, now)),
        Presence::Empty => Err(wrong(SettleCause::NotOpen(id))),
        Presence::Unknown => Err(failed(SettleCause::Unexplained(id))),
    }
}

/// Challenges a host by hand.
pub(crate) async fn dispute(
    core: &Core,
    request: DisputeRequest,
    progress: Arc<dyn Progress>,
) -> Result<DisputeReport, SettleError> {
    progress.tell(Event::Stage { stage: Stage::Settle, bytes: ByteCount::ZERO });
    let mut fees = Stroops::ZERO;
    if !request.dry_run {
        fees += transactions::reconcile(core, &*progress).await.map_err(failed)?;
    }
    let (agreement, mut seen, now) = find(core, request.id).await?;
    let bond = request.bond.unwrap_or_else(|| moves::least_bond(&agreement.terms));
    let newer = moves::is_newer(&agreement, &seen);
    let asked = match &request.ask {
        Ask::File(name) => Ask::Named(leaves_of(core, agreement.id, name)?),
        other => other.clone(),
    };
    let state = as_published(&agreement, &seen)?;
    let ask = ask_for(&asked, &agreement, &Seen { state, ..seen.clone() }, (bond, now))?;
    let opened =
        state.challenged(&agreement.terms, &ask.0, now).map_err(|why| wrong(SettleCause::Move(why)))?;
    let first = match newer {
        true => moves::publication(&agreement, &seen).map_err(failed)?.0,
        false => moves::demand(core, (&agreement, &seen), ask.clone()),
    };
    let cost = core.ledger.quote(&first).await.map_err(failed)?;
    let calls = if newer { 2 } else { 1 };
    within(request.max_cost, bond + Stroops(cost.total().0.saturating_mul(calls)))?;
    let published = agreement.newest.as_ref().map(|newest| newest.revision.clone());
    let if_silent = missed(&agreement, &Seen { state, published, ..seen.clone() }).map(|shares| shares.owner);
    let mut report = DisputeReport {
        agreement: agreement.id,
        host: agreement.host(),
        published: None,
        challenged: None,
        bond,
        cost,
        fees,
        deadline: opened.challenge.deadline(&agreement.terms),
        if_silent,
    };
    if request.dry_run {
        return Ok(report);
    }
    if newer {
        let applied = moves::publish(core, &agreement, &seen, &*progress).await.map_err(failed)?;
        report.published = Some(applied.hash);
        report.fees += applied.fee;
        seen = find(core, request.id).await?.1;
    }
    let ask = ask_for(&asked, &agreement, &seen, (bond, now))?;
    let applied = moves::challenge(core, (&agreement, &seen), ask, &*progress).await.map_err(failed)?;
    report.challenged = Some(applied.hash);
    report.fees += applied.fee;
    let (agreement, seen, _) = find(core, request.id).await?;
    if seen.state.phase == SlotPhase::Challenged {
        report.deadline = seen.state.challenge.deadline(&agreement.terms);
    }
    Ok(report)
}

/// The slot's state once the newest revision is on the ledger.
fn as_published(agreement: &Agreement, seen: &Seen) -> Result<SlotState, SettleError> {
    let Some(newest) = &agreement.newest else { return Err(wrong(SettleCause::NothingStored(agreement.id))) };
    if newest.revision.n > seen.state.n {
        return Ok(seen.state.published(&SoftwareSha256, &newest.revision));
    }
    Ok(seen.state)
}

fn ask_for(
    ask: &Ask,
    agreement: &Agreement,
    seen: &Seen,
    (bond, now): (Stroops, UnixSeconds),
) -> Result<(Challenge, Vec<u8>), SettleError> {
    match ask {
        Ask::Random | Ask::File(_) => Ok((moves::random(agreement, seen, bond, now), Vec::new())),
        Ask::Named(leaves) if !leaves.is_empty() && leaves.len() <= MAX_NAMED_LEAVES => {
            Ok(moves::named(agreement, seen, (bond, now), leaves))
        }
        Ask::Named(leaves) => Err(wrong(SettleCause::Leaves { named: leaves.len(), most: MAX_NAMED_LEAVES })),
    }
}

/// Eight leaves of a file, drawn among those of its sectors that lie under the agreement.
fn leaves_of(core: &Core, id: AgreementId, name: &str) -> Result<Vec<LeafIndex>, SettleError> {
    let nothing = || wrong(SettleCause::NothingOfFile { id, name: name.to_owned() });
    let file = lookup::file(core, name).map_err(failed)?.ok_or_else(nothing)?;
    let segments = lookup::segments(core, &file.manifest).map_err(failed)?;
    let shards = segments.values().flat_map(|segment| &segment.shards);
    let roots: HashSet<SectorRoot> =
        shards.filter(|shard| shard.agreement == id).map(|shard| shard.root).collect();
    let places = contents::places(core, &id, &roots).map_err(failed)?;
    if places.is_empty() {
        return Err(nothing());
    }
    let mut leaves = BTreeSet::new();
    for _ in 0..MAX_NAMED_LEAVES {
        let pick = u64::from_be_bytes(core.book.random());
        let among = places.len() as u64 * LEAVES_PER_SECTOR as u64;
        let (place, leaf) = ((pick % among) / LEAVES_PER_SECTOR as u64, pick % LEAVES_PER_SECTOR as u64);
        let place = usize::try_from(place).ok().and_then(|place| places.get(place)).copied();
        leaves.insert(LeafIndex(place.unwrap_or_default() * LEAVES_PER_SECTOR as u64 + leaf));
    }
    Ok(leaves.into_iter().collect())
}

fn within(limit: Option<Stroops>, cost: Stroops) -> Result<(), SettleError> {
    match limit.filter(|limit| cost > *limit) {
        Some(limit) => Err(Failed::new(Stage::Settle, SettleCause::OverBudget { cost, limit })
            .next(NextStep::RaiseLimit { cost })),
        None => Ok(()),
    }
}

/// Ends one agreement before its term: by consent, or by notice where the host does not consent.
pub(crate) async fn close(
    core: &Core,
    request: CloseRequest,
    progress: Arc<dyn Progress>,
) -> Result<CloseReport, SettleError> {
    progress.tell(Event::Stage { stage: Stage::Settle, bytes: ByteCount::ZERO });
    let (agreement, seen, now) = find(core, request.id).await?;
    let promised = vouchers::promised(core, &agreement.id).map_err(failed)?;
    let fair = fair_split((&agreement, &seen), promised, FinalReason::Early);
    let mut report = CloseReport {
        agreement: agreement.id,
        host: agreement.host(),
        step: CloseStep::WouldClose,
        at: now,
        to_owner: fair.map(|split| split.owner),
        to_host: fair.map(|split| split.host),
        tx: None,
        cost: None,
        fees: Stroops::ZERO,
        detail: None,
    };
    let closable = closable_after(&agreement.terms);
    if now <= closable {
        return Ok(CloseReport { step: CloseStep::Waiting, at: closable.plus(1), ..report });
    }
    let notice = moves::parting(core, (&agreement, &seen), moves::notice(&agreement, now));
    if request.dry_run {
        // Closing by consent cannot be tried out without the host's signature; giving notice can.
        report.cost = if request.notice { core.ledger.quote(&notice).await.ok() } else { None };
        return Ok(report);
    }
    let options = SettleOptions { early: true, only: Some(request.id), ..SettleOptions::default() };
    let settled = settle(core, options, Arc::clone(&progress)).await?;
    report.fees = settled.fees;
    let Some(view) = settled.agreements.into_iter().next() else { return Ok(report) };
    report.tx = view.tx;
    report.detail = view.detail;
    if matches!(view.step, SettleStep::Closed | SettleStep::Settled) {
        let (to_owner, to_host) = (view.to_owner, view.to_host);
        return Ok(CloseReport { step: CloseStep::Closed, to_owner, to_host, ..report });
    }
    report.step = CloseStep::HostUnwilling;
    report.at = view.next_deadline.unwrap_or(agreement.terms.end);
    if request.notice && agreement.phase == Phase::Open {
        give_notice(core, request.id, &mut report, &*progress).await?;
    }
    Ok(report)
}

async fn give_notice(
    core: &Core,
    id: AgreementId,
    report: &mut CloseReport,
    progress: &dyn Progress,
) -> Result<(), SettleError> {
    let (agreement, seen, now) = find(core, id).await?;
    let notice = moves::notice(&agreement, now);
    let next = seen.state.noticed(&agreement.terms, &notice, now);
    next.map_err(|why| wrong(SettleCause::Move(why)))?;
    let call = moves::parting(core, (&agreement, &seen), notice);
    report.cost = Some(core.ledger.quote(&call).await.map_err(failed)?);
    let applied = transactions::send(core, call, TxWhat::Move { id }, progress).await.map_err(failed)?;
    report.tx = Some(applied.hash);
    report.fees += applied.fee;
    report.step = CloseStep::Noticed;
    report.at = notice.ending_at;
    // Seen now, while the ledger's events are sure to tell it.
    find(core, id).await.map(|_| ())
}

/// Brings the proof in a file that a host has exported.
pub(crate) async fn submit_prepared(
    core: &Core,
    prepared: &layr_protocol::PreparedProof,
    dry_run: bool,
    progress: Arc<dyn Progress>,
) -> Result<SubmitReport, SettleError> {
    let opened = prepared.open(&SoftwareSha256).map_err(|error| wrong(SettleCause::Prepared(error)))?;
    if prepared.context != core.info.context {
        return Err(wrong(SettleCause::OtherLedger));
    }
    let proof = PreparedProof {
        terms: opened.terms,
        state: opened.state,
        revision: opened.revision,
        leaves: prepared.leaves.0.clone(),
        proofs: prepared.proofs.0.clone(),
    };
    submit(core, proof, dry_run, progress).await
}

/// Brings a proof that a host has prepared: anybody may, and the effect is the same.
pub(crate) async fn submit(
    core: &Core,
    proof: PreparedProof,
    dry_run: bool,
    progress: Arc<dyn Progress>,
) -> Result<SubmitReport, SettleError> {
    let id = proof.terms.id(&SoftwareSha256, &core.info.context);
    let answer = proof.state.phase == SlotPhase::Challenged;
    let frozen = match answer {
        true => proof.state.challenge.freezes_at(&proof.terms),
        false => proof.terms.freezes_at(proof.state.ending_at),
    };
    let mut report = SubmitReport { agreement: id, answer, tx: None, cost: None, fees: Stroops::ZERO };
    let round = core.info.beacon.deciding_round(frozen);
    let beacon = proof.leaves.is_empty() && proof.revision.sectors > 0;
    let posted = !beacon || core.ledger.posted(round).await.map_err(failed)?;
    let call = match answer {
        true => EscrowCall::Respond(Box::new(proof)),
        false => EscrowCall::Prove(Box::new(proof)),
    };
    if posted {
        report.cost = Some(core.ledger.quote(&call).await.map_err(failed)?);
    }
    if dry_run {
        return Ok(report);
    }
    if !posted {
        let post = EscrowCall::PostBeacon { round };
        let applied = transactions::send(core, post, TxWhat::Beacon, &*progress).await.map_err(failed)?;
        report.fees += applied.fee;
        report.cost = Some(core.ledger.quote(&call).await.map_err(failed)?);
    }
    let what = if answer { TxWhat::Move { id } } else { TxWhat::Prove { id } };
    let applied = transactions::send(core, call, what, &*progress).await.map_err(failed)?;
    report.fees += applied.fee;
    report.tx = Some(applied.hash);
    Ok(report)
}
