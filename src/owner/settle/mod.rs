//! Settling: the end of an agreement, as cheaply as the host allows and as firmly as the ledger enforces.
//!
//! | The ledger's clock | The host passes a last audit and signs | otherwise |
//! |---|---|---|
//! | term running | nothing (with `early`: a split by consent) | nothing |
//! | publishing window | one closing transaction for up to 20 agreements | the newest revision is published |
//! | proof window | the same | nothing: the host proves, or not |
//! | over | the same | `expire` |
//!
//! Every step is written down first and may be repeated. An empty slot on the ledger means that somebody has
//! settled already.

mod decide;

pub(crate) use decide::expired;

use self::decide::{Todo, decide, fair_split};
use crate::agreement::{Agreement, Ended, Parted, Phase};
use crate::audit;
use crate::config::MAX_CLOSE_BATCH;
use crate::core::{Core, TxWhat};
use crate::error::{
    Failed, HostFault, LedgerFault, Misbehaviour, MoneyEffect, NextStep, RecordsFault, SettleCause,
    SettleError,
};
use crate::events::{Event, Progress, Stage};
use crate::ports::{CloseItem, EscrowCall};
use crate::request::SettleOptions;
use crate::transactions;
use crate::views::{SettleReport, SettleStep, SettledView};
use futures::future::{BoxFuture, join_all};
use layr_audits::{AuditKind, Verdict};
use layr_identity::verify;
use layr_market::{
    FinalReason, Outcome, Settled, SlotState, SoftwareSha256, Stage as Clock, settle as shares,
};
use layr_protocol::{CoSigned, Finish, HostApiClient};
use layr_types::{AgreementId, ByteCount, Stroops, UnixSeconds};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

fn failed(cause: impl Into<SettleCause>) -> SettleError {
    let cause = cause.into();
    let money = match &cause {
        SettleCause::Ledger(LedgerFault::Unknown { hash, .. }) => MoneyEffect::Unknown(*hash),
        _ => MoneyEffect::None,
    };
    Failed::new(Stage::Settle, cause).money(money).next(NextStep::Retry)
}

/// The verb.
pub(crate) async fn settle(
    core: &Core,
    options: SettleOptions,
    progress: Arc<dyn Progress>,
) -> Result<SettleReport, SettleError> {
    progress.tell(Event::Stage { stage: Stage::Settle, bytes: ByteCount::ZERO });
    let mut report = SettleReport {
        agreements: Vec::new(),
        refunded: Stroops::ZERO,
        paid: Stroops::ZERO,
        fees: Stroops::ZERO,
    };
    if !options.dry_run {
        report.fees += transactions::reconcile(core, &*progress).await.map_err(failed)?;
    }
    let now = core.now().await.map_err(failed)?;
    let slots = slots(core).await?;
    let mut closing = Vec::new();
    let mut parting = Vec::new();
    for agreement in core.agreements().map_err(failed)? {
        if !matches!(agreement.phase, Phase::Open | Phase::Parting) {
            continue;
        }
        let slot =
            slots.get(&agreement.terms.folder).and_then(|held| held.get(usize::from(agreement.terms.slot)));
        let Some(held) = slot.filter(|held| **held != [0; 32]) else {
            report.agreements.push(settled_by_others(core, agreement, options.dry_run).map_err(failed)?);
            continue;
        };
        let state = state_of(&agreement, held);
        match decide(&agreement, now, options.early) {
            Todo::Wait(step, until) => report.agreements.push(told(&agreement, step, Some(until))),
            Todo::Part(reason) => parting.push((agreement, state, reason)),
            Todo::Close => closing.push((agreement, state)),
            Todo::Expire if options.dry_run => {
                report.agreements.push(told(&agreement, SettleStep::Expired, None))
            }
            Todo::Expire => report.expire(core, &agreement, state, &*progress).await?,
        }
    }
    if options.dry_run {
        let would = parting
            .iter()
            .map(|(agreement, ..)| agreement)
            .chain(closing.iter().map(|(agreement, _)| agreement));
        report.agreements.extend(would.map(|agreement| told(agreement, SettleStep::Closed, None)));
        return Ok(report);
    }
    report.part(core, parting, &mut closing, (now, &*progress)).await?;
    report.close(core, closing, &*progress).await?;
    report.sum();
    Ok(report)
}

/// The commitments of every folder in use.
async fn slots(core: &Core) -> Result<HashMap<u32, Vec<[u8; 32]>>, SettleError> {
    let open = core.agreements().map_err(failed)?;
    let folders: HashSet<u32> = open
        .iter()
        .filter(|agreement| matches!(agreement.phase, Phase::Open | Phase::Parting))
        .map(|agreement| agreement.terms.folder)
        .collect();
    let mut held = HashMap::new();
    for folder in folders {
        held.insert(folder, core.ledger.slots(folder).await.map_err(failed)?);
    }
    Ok(held)
}

/// What a slot's commitment stands for, and the published revision, if it is one we know.
fn state_of(agreement: &Agreement, held: &[u8; 32]) -> Option<(SlotState, Option<CoSigned>)> {
    let states = agreement.possible_states().into_iter();
    states.into_iter().find(|(state, _)| state.commitment(&SoftwareSha256, &agreement.id) == *held)
}

type Known = Option<(SlotState, Option<CoSigned>)>;

fn told(agreement: &Agreement, step: SettleStep, next_deadline: Option<UnixSeconds>) -> SettledView {
    let settlement = agreement.ended.as_ref().and_then(|ended| ended.settlement);
    SettledView {
        id: agreement.id,
        host: agreement.host(),
        step,
        to_host: settlement.map(|shares| shares.host),
        to_owner: settlement.map(|shares| shares.owner),
        burned: settlement.map(|shares| shares.burn),
        tx: agreement.ended.as_ref().and_then(|ended| ended.tx),
        next_deadline,
        detail: None,
    }
}

/// The slot is empty: the host closed or proved, or somebody expired it. Which of them shows in what was signed.
fn settled_by_others(
    core: &Core,
    mut agreement: Agreement,
    dry_run: bool,
) -> Result<SettledView, RecordsFault> {
    let terms = &agreement.terms;
    let settlement = match (&agreement.parted, &agreement.newest) {
        (Some(parted), _) => {
            shares(terms, Settled::default(), terms.end, Outcome::Cooperative(&parted.split))
        }
        (None, Some(signed)) => {
            shares(terms, Settled::default(), terms.end, Outcome::Proved(&signed.revision))
        }
        (None, None) => shares(terms, Settled::default(), terms.end, Outcome::Unused),
    };
    agreement.ended = Some(Ended { settlement: settlement.ok(), tx: None });
    agreement.step(Phase::Settled);
    if !dry_run {
        let mut draft = core.book.draft();
        draft.agreement(&agreement);
        draft.commit()?;
    }
    Ok(told(&agreement, SettleStep::Settled, None))
}

impl SettleReport {
    /// Asks every host for its signature; those that give it are closed, the others' newest revision is shown to
    /// the ledger.
    async fn part(
        &mut self,
        core: &Core,
        parting: Vec<(Agreement, Known, FinalReason)>,
        closing: &mut Vec<(Agreement, Known)>,
        (now, progress): (UnixSeconds, &dyn Progress),
    ) -> Result<(), SettleError> {
        let unsound = last_audits(core, &parting).await?;
        let asked = parting.into_iter().map(|(agreement, state, reason)| {
            let unsound = unsound.get(&agreement.id).cloned();
            async move {
                let signed = match unsound {
                    Some(words) => Err(Unwilling::Unsound(words)),
                    None => part_one(core, &agreement, reason).await,
                };
                (agreement, state, signed)
            }
        });
        for (agreement, state, signed) in join_all(asked).await {
            match signed {
                Ok(parted) => {
                    let agreement = write_parted(core, agreement, parted).map_err(failed)?;
                    closing.push((agreement, state));
                }
                Err(Unwilling::Records(fault)) => return Err(failed(fault)),
                Err(unwilling) => {
                    self.unwilling(core, agreement, state, (now, progress, unwilling.words())).await?
                }
            }
        }
        Ok(())
    }

    /// A host that does not sign, or must not be signed with.
    async fn unwilling(
        &mut self,
        core: &Core,
        agreement: Agreement,
        state: Known,
        (now, progress, words): (UnixSeconds, &dyn Progress, String),
    ) -> Result<(), SettleError> {
        let terms = &agreement.terms;
        let detail = Some(words);
        let view = match (agreement.clock(now), state, &agreement.newest) {
            (Clock::Publishing, Some((state, None)), Some(newest)) => {
                let call = EscrowCall::Publish {
                    terms: Box::new(terms.clone()),
                    state: Box::new(state),
                    revision: Box::new(newest.clone()),
                };
                let what = TxWhat::Publish { id: agreement.id };
                let applied = transactions::send(core, call, what, progress).await.map_err(failed)?;
                self.fees += applied.fee;
                let until = terms.proof_deadline(terms.end);
                SettledView { tx: Some(applied.hash), ..told(&agreement, SettleStep::Published, Some(until)) }
            }
            (Clock::Running, ..) => told(&agreement, SettleStep::HostUnwilling, Some(terms.end)),
            (Clock::Publishing, ..) => {
                told(&agreement, SettleStep::AwaitingProof, Some(terms.proof_deadline(terms.end)))
            }
            _ => told(&agreement, SettleStep::AwaitingProof, Some(terms.proof_deadline(terms.end).plus(1))),
        };
        self.agreements.push(SettledView { detail, ..view });
        Ok(())
    }

    async fn close(
        &mut self,
        core: &Core,
        closing: Vec<(Agreement, Known)>,
        progress: &dyn Progress,
    ) -> Result<(), SettleError> {
        let mut items = Vec::with_capacity(closing.len());
        for (agreement, state) in closing {
            match (state, &agreement.parted) {
                (Some((state, _)), Some(parted)) => items.push((
                    agreement.id,
                    CloseItem {
                        terms: agreement.terms.clone(),
                        state,
                        split: parted.split,
                        owner: parted.owner,
                        host: parted.host,
                    },
                )),
                _ => self.agreements.push(told(&agreement, SettleStep::HostUnwilling, None)),
            }
        }
        for batch in items.chunks(MAX_CLOSE_BATCH) {
            let ids: Vec<AgreementId> = batch.iter().map(|(id, _)| *id).collect();
            let call = EscrowCall::Close(batch.iter().map(|(_, item)| item.clone()).collect());
            let what = TxWhat::Close { ids: ids.clone() };
            let applied = transactions::send(core, call, what, progress).await.map_err(failed)?;
            self.fees += applied.fee;
            for id in ids {
                if let Some(agreement) = core.agreement(&id).map_err(failed)? {
                    self.agreements.push(told(&agreement, SettleStep::Closed, None));
                }
            }
        }
        Ok(())
    }

    async fn expire(
        &mut self,
        core: &Core,
        agreement: &Agreement,
        state: Known,
        progress: &dyn Progress,
    ) -> Result<(), SettleError> {
        let Some((state, revision)) = state else {
            self.agreements.push(told(agreement, SettleStep::AwaitingProof, None));
            return Ok(());
        };
        let call = EscrowCall::Expire {
            terms: Box::new(agreement.terms.clone()),
            state: Box::new(state),
            revision: revision.map(Box::new),
        };
        let what = TxWhat::Expire { id: agreement.id };
        let applied = transactions::send(core, call, what, progress).await.map_err(failed)?;
        self.fees += applied.fee;
        if let Some(agreement) = core.agreement(&agreement.id).map_err(failed)? {
            self.agreements.push(told(&agreement, SettleStep::Expired, None));
        }
        Ok(())
    }

    fn sum(&mut self) {
        let ended = |step| matches!(step, SettleStep::Closed | SettleStep::Expired | SettleStep::Settled);
        for view in self.agreements.iter().filter(|view| ended(view.step)) {
            self.refunded += view.to_owner.unwrap_or(Stroops::ZERO);
            self.paid += view.to_host.unwrap_or(Stroops::ZERO);
        }
    }
}

/// One last audit of everything about to be paid for; returns what speaks against signing.
async fn last_audits(
    core: &Core,
    parting: &[(Agreement, Known, FinalReason)],
) -> Result<HashMap<AgreementId, String>, SettleError> {
    let ids: Vec<AgreementId> = parting.iter().map(|(agreement, ..)| agreement.id).collect();
    let (_, audited) = audit::run(core, &ids, AuditKind::Random).await.map_err(|error| match error {
        audit::RunError::Ledger(fault) => failed(fault),
        audit::RunError::Records(fault) => failed(fault),
    })?;
    let bad = audited.into_iter().filter(|one| one.view.verdict != Verdict::Passed);
    Ok(bad
        .map(|one| {
            let detail = one.view.detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
            (one.view.agreement, format!("its last audit: {}{detail}", one.view.verdict.as_str()))
        })
        .collect())
}

/// Why a host's signature is not to be had.
enum Unwilling {
    /// It does not hold what it should: it must prove on the ledger.
    Unsound(String),
    /// It did not sign.
    Host(HostFault),
    /// This machine's records failed.
    Records(RecordsFault),
}

impl Unwilling {
    fn words(&self) -> String {
        match self {
            Self::Unsound(words) => words.clone(),
            Self::Host(fault) => fault.to_string(),
            Self::Records(fault) => fault.to_string(),
        }
    }
}

/// Gets one host's signature under the fair split. The newest revision may just have moved on by the last audit.
async fn part_one(core: &Core, agreement: &Agreement, reason: FinalReason) -> Result<Parted, Unwilling> {
    let known = core.agreement(&agreement.id).map_err(Unwilling::Records)?;
    let agreement = known.as_ref().unwrap_or(agreement);
    let split = fair_split(&agreement.terms, &agreement.current(), reason)
        .ok_or(Unwilling::Host(HostFault::Misbehaved(Misbehaviour::Revision)))?;
    let digest = split.digest(&SoftwareSha256);
    let owner = core.sign(&digest);
    let finish = Finish { split, signature: owner };
    let node = agreement.host();
    let host = core
        .hosts
        .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
            let finish = finish.clone();
            Box::pin(async move { client.finish(context, finish).await })
        })
        .await
        .map_err(Unwilling::Host)?;
    if verify(&node, &digest, &host) {
        return Ok(Parted { split, owner, host });
    }
    Err(Unwilling::Host(HostFault::Misbehaved(Misbehaviour::Signature)))
}

fn write_parted(core: &Core, agreement: Agreement, parted: Parted) -> Result<Agreement, RecordsFault> {
    let mut agreement = core.agreement(&agreement.id)?.unwrap_or(agreement);
    agreement.parted = Some(parted);
    agreement.step(Phase::Parting);
    let mut draft = core.book.draft();
    draft.agreement(&agreement);
    draft.commit()?;
    Ok(agreement)
}
