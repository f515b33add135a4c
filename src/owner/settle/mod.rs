//! Settling: the end of an agreement, as cheaply as the host allows and as firmly as the ledger enforces.
//!
//! | The ledger's clock | The host passes a last audit and signs | otherwise |
//! |---|---|---|
//! | term running | nothing (with `early`: a split by consent) | nothing |
//! | publishing window | one closing transaction for up to 20 agreements | the newest revision is published |
//! | proof window | the same | nothing: the host proves, or not |
//! | over | the same | `expire` |
//! | past a challenge's deadline | `default`, whatever the host says | |
//!
//! Every step is written down first and may be repeated. An empty slot on the ledger means that somebody has
//! settled already.

mod decide;

pub(crate) use decide::{closable_after, fair_split, missed, proved};

use self::decide::{Todo, decide};
use crate::agreement::{Agreement, Ended, Parted, Phase};
use crate::audit;
use crate::config::MAX_CLOSE_BATCH;
use crate::core::{Core, TxWhat};
use crate::error::{
    Failed, HostFault, LedgerFault, Misbehaviour, MoneyEffect, NextStep, RecordsFault, SettleCause,
    SettleError,
};
use crate::events::{Event, Progress, Stage};
use crate::ports::{CallCost, CloseItem, EscrowCall};
use crate::request::SettleOptions;
use crate::seen::{LookError, Presence, Seen};
use crate::views::{SettleReport, SettleStep, SettledView};
use crate::{moves, transactions, vouchers};
use futures::future::{BoxFuture, join_all};
use layr_audits::{AuditKind, Verdict};
use layr_identity::verify;
use layr_market::{FinalReason, Outcome, SoftwareSha256, Stage as Clock, settle as shares};
use layr_protocol::{Finish, HostApiClient};
use layr_types::{AgreementId, ByteCount, Stroops, UnixSeconds};
use std::collections::HashMap;
use std::sync::Arc;

/// A failure while settling that may be tried again.
pub(crate) fn failed(cause: impl Into<SettleCause>) -> SettleError {
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
        would_cost: options.dry_run.then(CallCost::default),
    };
    if !options.dry_run {
        report.fees += transactions::reconcile(core, &*progress).await.map_err(failed)?;
    }
    let now = core.now().await.map_err(failed)?;
    let folders = core.folders().await?;
    let mut closing = Vec::new();
    let mut parting = Vec::new();
    for agreement in core.agreements().map_err(failed)? {
        if !agreement.phase.is_escrowed() || !options.concerns(&agreement.id) {
            continue;
        }
        let seen = match core.look(&agreement, &folders, now).await? {
            Presence::Known(seen) => *seen,
            Presence::Empty => {
                report.agreements.push(settled_by_others(core, agreement, options.dry_run).await?);
                continue;
            }
            Presence::Unknown => {
                report.agreements.push(told(&agreement, SettleStep::Unexplained, None));
                continue;
            }
        };
        let todo = decide(&agreement, &seen, now, options.early);
        match todo {
            Todo::Wait(step, until) => report.agreements.push(told(&agreement, step, Some(until))),
            Todo::Part(reason) => parting.push((agreement, seen, reason)),
            Todo::Close => closing.push((agreement, seen)),
            Todo::Expire | Todo::Default => {
                let step = if todo == Todo::Expire { SettleStep::Expired } else { SettleStep::Defaulted };
                report.end(core, (&agreement, step, seen), (options.dry_run, &*progress)).await?;
            }
        }
    }
    if options.dry_run {
        let would: Vec<&Agreement> = parting
            .iter()
            .map(|(agreement, ..)| agreement)
            .chain(closing.iter().map(|(agreement, _)| agreement))
            .collect();
        report.would_cost(core.ledger.close_cost_bound(would.len()).await.map_err(failed)?);
        report.agreements.extend(would.iter().map(|agreement| told(agreement, SettleStep::Closed, None)));
        return Ok(report);
    }
    report.part(core, parting, &mut closing, (now, &*progress)).await?;
    report.close(core, closing, &*progress).await?;
    report.sum();
    Ok(report)
}

impl From<LookError> for SettleError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Ledger(fault) => failed(fault),
            LookError::Records(fault) => failed(fault),
        }
    }
}

fn told(agreement: &Agreement, step: SettleStep, next_deadline: Option<UnixSeconds>) -> SettledView {
    let settlement = agreement.ended.as_ref().and_then(|ended| ended.settlement);
    SettledView {
        id: agreement.id,
        host: agreement.host(),
        step,
        to_host: settlement.map(|shares| shares.host),
        collateral: agreement.terms.collateral,
        to_owner: settlement.map(|shares| shares.owner),
        burned: settlement.map(|shares| shares.burn),
        forgone: None,
        tx: agreement.ended.as_ref().and_then(|ended| ended.tx),
        next_deadline,
        detail: None,
    }
}

/// The slot is empty: somebody else ended it. The ledger's events say how; where they are forgotten, what was
/// signed shows what it most likely was.
async fn settled_by_others(
    core: &Core,
    mut agreement: Agreement,
    dry_run: bool,
) -> Result<SettledView, SettleError> {
    let (terms, seen) = (&agreement.terms, core.seen(&agreement).map_err(failed)?);
    let outcome = match (&agreement.parted, &agreement.newest) {
        (Some(parted), _) => Outcome::Cooperative(&parted.split),
        (None, Some(signed)) => Outcome::Proved(&signed.revision),
        (None, None) => Outcome::Unused,
    };
    let promised = vouchers::promised(core, &agreement.id).map_err(failed)?;
    let likely = shares(terms, seen.settled(promised), seen.state.ending_at, outcome);
    let told_by_events = core.ending(&agreement).await.map_err(failed)?;
    let guessed = told_by_events.is_none().then(|| {
        "the ledger's events no longer tell how it ended; the amounts are what was signed last".to_owned()
    });
    let settlement = told_by_events.or(likely.ok());
    agreement.ended = Some(Ended { settlement, tx: None });
    agreement.step(Phase::Settled);
    if !dry_run {
        let mut draft = core.book.draft();
        draft.agreement(&agreement);
        draft.commit().map_err(failed)?;
    }
    Ok(SettledView { detail: guessed, ..told(&agreement, SettleStep::Settled, None) })
}

impl SettleReport {
    /// Asks every host for its signature; those that give it are closed, the others' newest revision is shown to
    /// the ledger.
    async fn part(
        &mut self,
        core: &Core,
        parting: Vec<(Agreement, Seen, FinalReason)>,
        closing: &mut Vec<(Agreement, Seen)>,
        (now, progress): (UnixSeconds, &dyn Progress),
    ) -> Result<(), SettleError> {
        let unsound = last_audits(core, &parting).await?;
        let asked = parting.into_iter().map(|(agreement, seen, reason)| {
            let unsound = unsound.get(&agreement.id).cloned();
            async move {
                let signed = match unsound {
                    Some(words) => Err(Unwilling::Unsound(words)),
                    None => part_one(core, (&agreement, &seen), reason).await,
                };
                (agreement, seen, signed)
            }
        });
        for (agreement, seen, signed) in join_all(asked).await {
            match signed {
                Ok(parted) => {
                    let agreement = write_parted(core, agreement, parted).map_err(failed)?;
                    closing.push((agreement, seen));
                }
                Err(Unwilling::Records(fault)) => return Err(failed(fault)),
                Err(unwilling) => {
                    self.unwilling(core, agreement, seen, (now, progress, unwilling.words())).await?
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
        seen: Seen,
        (now, progress, words): (UnixSeconds, &dyn Progress, String),
    ) -> Result<(), SettleError> {
        // The last audit may have moved the revision on.
        let agreement = core.agreement(&agreement.id).map_err(failed)?.unwrap_or(agreement);
        let (terms, end) = (&agreement.terms, seen.state.ending_at);
        let detail = Some(words);
        let newer = agreement.newest.as_ref().filter(|newest| newest.revision.n > seen.state.n);
        let view = match (seen.clock(&agreement, now), newer) {
            (Clock::Publishing, Some(_)) => {
                let applied = moves::publish(core, &agreement, &seen, progress).await.map_err(failed)?;
                self.fees += applied.fee;
                let until = terms.proof_deadline(end);
                SettledView { tx: Some(applied.hash), ..told(&agreement, SettleStep::Published, Some(until)) }
            }
            (Clock::Running, _) => told(&agreement, SettleStep::HostUnwilling, Some(end)),
            (Clock::Publishing, None) => {
                told(&agreement, SettleStep::AwaitingProof, Some(terms.proof_deadline(end)))
            }
            _ => told(&agreement, SettleStep::AwaitingProof, Some(terms.proof_deadline(end).plus(1))),
        };
        self.agreements.push(SettledView { detail, ..view });
        Ok(())
    }

    async fn close(
        &mut self,
        core: &Core,
        closing: Vec<(Agreement, Seen)>,
        progress: &dyn Progress,
    ) -> Result<(), SettleError> {
        let mut items = Vec::with_capacity(closing.len());
        for (agreement, seen) in closing {
            match &agreement.parted {
                // A revision published after both signed voids their split.
                Some(parted) if seen.state.n <= parted.split.n => items.push((
                    agreement.id,
                    CloseItem {
                        terms: agreement.terms.clone(),
                        state: seen.state,
                        split: parted.split,
                        owner: parted.owner,
                        host: parted.host,
                    },
                )),
                _ => self.agreements.push(told(&agreement, SettleStep::HostUnwilling, None)),
            }
        }
        for batch in items.chunks(MAX_CLOSE_BATCH) {
            if self.close_batch(core, batch, progress).await? {
                continue;
            }
            // One of them keeps the others from being paid: each by itself, then.
            for item in batch {
                if !self.close_batch(core, std::slice::from_ref(item), progress).await?
                    && let Some(agreement) = core.agreement(&item.0).map_err(failed)?
                {
                    self.agreements.push(told(&agreement, SettleStep::Refused, None));
                }
            }
        }
        Ok(())
    }

    /// Closes these in one transaction; false where the ledger refused it.
    async fn close_batch(
        &mut self,
        core: &Core,
        batch: &[(AgreementId, CloseItem)],
        progress: &dyn Progress,
    ) -> Result<bool, SettleError> {
        let ids: Vec<AgreementId> = batch.iter().map(|(id, _)| *id).collect();
        let call = EscrowCall::Close(batch.iter().map(|(_, item)| item.clone()).collect());
        let applied = match transactions::send(core, call, TxWhat::Close { ids: ids.clone() }, progress).await
        {
            Ok(applied) => applied,
            Err(LedgerFault::Refused { fee, source }) => {
                tracing::warn!(%source, "the ledger refuses to close");
                self.fees += fee;
                return Ok(false);
            }
            Err(fault) => return Err(failed(fault)),
        };
        self.fees += applied.fee;
        for id in ids {
            if let Some(agreement) = core.agreement(&id).map_err(failed)? {
                self.agreements.push(told(&agreement, SettleStep::Closed, None));
            }
        }
        Ok(true)
    }

    /// Ends an agreement whose deadline was missed, or says what that would cost.
    async fn end(
        &mut self,
        core: &Core,
        (agreement, step, seen): (&Agreement, SettleStep, Seen),
        (dry_run, progress): (bool, &dyn Progress),
    ) -> Result<(), SettleError> {
        let Some(ending) = ending(agreement, step, seen) else {
            self.agreements.push(told(agreement, SettleStep::Unexplained, None));
            return Ok(());
        };
        if dry_run {
            self.would_cost(core.ledger.quote(&ending.0).await.map_err(failed)?);
            self.agreements.push(told(agreement, step, None));
            return Ok(());
        }
        self.finish(core, (agreement, step), ending, progress).await
    }

    fn would_cost(&mut self, more: CallCost) {
        let sum = self.would_cost.get_or_insert_default();
        *sum = CallCost { fee: sum.fee + more.fee, rent: sum.rent + more.rent };
    }

    /// Ends one agreement by a call that needs nobody's consent.
    async fn finish(
        &mut self,
        core: &Core,
        (agreement, step): (&Agreement, SettleStep),
        (call, what): (EscrowCall, TxWhat),
        progress: &dyn Progress,
    ) -> Result<(), SettleError> {
        let forgone = decide::forgone(agreement, &core.seen(agreement).map_err(failed)?);
        let (step, detail) = match transactions::send(core, call, what, progress).await {
            Ok(applied) => {
                self.fees += applied.fee;
                (step, None)
            }
            Err(LedgerFault::Refused { fee, source }) => {
                self.fees += fee;
                (SettleStep::Refused, Some(source.to_string()))
            }
            Err(fault) => return Err(failed(fault)),
        };
        if let Some(agreement) = core.agreement(&agreement.id).map_err(failed)? {
            let forgone = forgone.filter(|_| step != SettleStep::Refused);
            self.agreements.push(SettledView { detail, forgone, ..told(&agreement, step, None) });
        }
        Ok(())
    }

    fn sum(&mut self) {
        let ended = |step| {
            use SettleStep::{Closed, Defaulted, Expired, Settled};
            matches!(step, Closed | Expired | Settled | Defaulted)
        };
        for view in self.agreements.iter().filter(|view| ended(view.step)) {
            self.refunded += view.to_owner.unwrap_or(Stroops::ZERO);
            let earned = view.to_host.and_then(|share| share.checked_sub(view.collateral));
            self.paid += earned.unwrap_or(Stroops::ZERO).max(Stroops::ZERO);
        }
    }
}

/// The call that ends an agreement so; `None` where a revision is published that is not known here.
fn ending(agreement: &Agreement, step: SettleStep, seen: Seen) -> Option<(EscrowCall, TxWhat)> {
    let (id, terms, state) = (agreement.id, Box::new(agreement.terms.clone()), Box::new(seen.state));
    let revision = seen.published.map(Box::new);
    if step == SettleStep::Defaulted {
        return Some((EscrowCall::Default { terms, state, revision: revision? }, TxWhat::Default { id }));
    }
    let known = seen.state.n == 0 || revision.is_some();
    known.then_some((EscrowCall::Expire { terms, state, revision }, TxWhat::Expire { id }))
}

/// One last audit of everything about to be paid for; returns what speaks against signing.
async fn last_audits(
    core: &Core,
    parting: &[(Agreement, Seen, FinalReason)],
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
async fn part_one(
    core: &Core,
    (agreement, seen): (&Agreement, &Seen),
    reason: FinalReason,
) -> Result<Parted, Unwilling> {
    let known = core.agreement(&agreement.id).map_err(Unwilling::Records)?;
    let agreement = known.as_ref().unwrap_or(agreement);
    let promised =
        vouchers::remind(core, agreement.host(), agreement.id).await.map_err(Unwilling::Records)?;
    let split = fair_split((agreement, seen), promised, reason)
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
