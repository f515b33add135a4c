//! Renewing: new terms from a fresh offer of the same host take over slot, money and contents. No data travels.
//!
//! Each host is asked at once to sign new terms, the old agreement's split and the new one's first revision; one
//! transaction closes and opens a batch of them; records and catalogue follow. Every step is written down first;
//! what a crash leaves is found by the next renewal or the next look of a watching owner.

mod consent;
mod record;

pub(crate) use record::took_effect;

use self::consent::{ask_one, consent};
use self::record::{Renewal, Stage as Step};
use crate::agreement::Agreement;
use crate::audit;
use crate::config::MAX_RENEW_BATCH;
use crate::core::{Core, TxWhat};
use crate::error::{Failed, HostFault, LedgerFault, NextStep, RecordsFault, SettleCause, SettleError};
use crate::events::{Event, Progress, Stage};
use crate::open::activate;
use crate::plan::agreed_sectors;
use crate::ports::{CallCost, EscrowCall};
use crate::request::RenewRequest;

use crate::seen::{Presence, Seen};
use crate::settle::{closable_after, failed, fair_split};
use crate::upload::save_owed;
use crate::views::NotChosen;
use crate::{transactions, vouchers};
use futures::future::join_all;
use layr_audits::{AuditKind, Verdict};
use layr_market::{FinalReason, Phase as SlotPhase, Request, Stage as Clock, Terms};
use layr_protocol::SignedOffer;
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, TxHash, UnixSeconds};
use serde::Serialize;
use std::sync::Arc;

/// How long before an offer lapses a transaction resting on it is still sent, seconds.
const MARGIN: u64 = 60;

/// One agreement renewed, or to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenewedView {
    /// The old agreement.
    pub old: AgreementId,
    /// The new one; `None` in a dry run.
    pub new: Option<AgreementId>,
    /// With whom.
    pub host: NodeKey,
    /// End of the new term.
    pub end: UnixSeconds,
    /// Stroops per GiB-day of the new terms.
    pub rate: u64,
    /// Locked by the new agreement.
    pub escrow: Stroops,
    /// Comes back of the old one.
    pub refund: Stroops,
}

/// What renewing did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RenewReport {
    /// Renewed, or to be.
    pub renewed: Vec<RenewedView>,
    /// Not renewed, and why.
    pub failed: Vec<NotChosen>,
    /// Locked anew, less what the old agreements give back.
    pub net: Stroops,
    /// What the ledger takes at most.
    pub cost: CallCost,
    /// Ledger fees spent.
    pub fees: Stroops,
    /// The transactions.
    pub txs: Vec<TxHash>,
}

/// A renewal drafted from an offer, not shown to anybody yet.
struct Drafted {
    old: Agreement,
    seen: Seen,
    terms: Terms,
    offer: SignedOffer,
}

/// Why one agreement is not renewed.
#[derive(Debug, thiserror::Error)]
enum NotRenewed {
    #[error(transparent)]
    Host(#[from] HostFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
    #[error("its price rose to {0} stroops per GiB-day")]
    Dear(u64),
    #[error("its last audit: {0}")]
    Unsound(String),
    #[error(
        "it has ended, ends too soon, was opened so lately that its offer could be opened again, or is challenged"
    )]
    Ending,
    #[error("the ledger holds it in a state that is not known here")]
    Unexplained,
    #[error("its terms are not possible: {0}")]
    Terms(layr_market::TermsError),
    #[error("the ledger refused: {0}")]
    Ledger(String),
    #[error("an earlier renewal is still under way; it lapses at {0}")]
    Earlier(UnixSeconds),
}

/// The verb.
pub(crate) async fn renew(
    core: &Core,
    request: &RenewRequest,
    progress: Arc<dyn Progress>,
) -> Result<RenewReport, SettleError> {
    progress.tell(Event::Stage { stage: Stage::Settle, bytes: ByteCount::ZERO });
    let _held = core.opening.lock().await;
    let mut report = RenewReport {
        renewed: Vec::new(),
        failed: Vec::new(),
        net: Stroops::ZERO,
        cost: CallCost::default(),
        fees: Stroops::ZERO,
        txs: Vec::new(),
    };
    if !request.dry_run {
        report.fees += go_on(core, &*progress).await?;
    }
    let now = core.now().await.map_err(failed)?;
    let mut ready = report.ready_before(core, request, now).await?;
    let drafted = report.draft(core, request, (now, &ready)).await?;
    if request.dry_run {
        report.foretell(core, &drafted).await?;
        return Ok(report);
    }
    report.afford_beforehand(core, request, (&ready, &drafted)).await?;
    ready.extend(report.ask(core, drafted).await?);
    report.afford(core, request, &ready).await?;
    for batch in ready.chunks(MAX_RENEW_BATCH) {
        match (report.apply(core, batch, &*progress).await?, batch) {
            (None, _) => continue,
            (Some(why), [one]) => {
                report.note(one.0.host(), &NotRenewed::Ledger(why));
                continue;
            }
            (Some(why), _) => tracing::warn!(why, "the ledger refuses to renew these together"),
        }
        // One of them keeps the others from being renewed: each by itself, then.
        for one in batch {
            if let Some(why) = report.apply(core, std::slice::from_ref(one), &*progress).await? {
                report.note(one.0.host(), &NotRenewed::Ledger(why));
            }
        }
    }
    if !report.renewed.is_empty() {
        finish_applied(core).await.map_err(failed)?;
        save_owed(core, &progress).await;
    }
    Ok(report)
}

/// Follows what an earlier run left: transactions, hosts to be told, a catalogue owed to the network.
pub(crate) async fn go_on(core: &Core, progress: &dyn Progress) -> Result<Stroops, SettleError> {
    let fees = transactions::reconcile(core, progress).await.map_err(failed)?;
    finish_applied(core).await.map_err(failed)?;
    Ok(fees)
}

/// Tells the hosts of renewals the ledger has, and forgets those renewals.
async fn finish_applied(core: &Core) -> Result<(), RecordsFault> {
    let done: Vec<Renewal> =
        Renewal::all(core)?.into_iter().filter(|renewal| renewal.stage == Step::Applied).collect();
    let ids: Vec<AgreementId> = done.iter().map(|renewal| renewal.new_id(core)).collect();
    activate(core, &ids).await;
    done.iter().try_for_each(|renewal| Renewal::forget(core, &renewal.old()))
}

type Ready = (Renewal, Agreement, Seen);

impl RenewReport {
    fn note(&mut self, node: NodeKey, why: &NotRenewed) {
        self.failed.push(NotChosen { node, why: why.to_string() });
    }

    /// Renewals of an earlier run to which hosts have consented, or may have, and which still count.
    async fn ready_before(
        &mut self,
        core: &Core,
        request: &RenewRequest,
        now: UnixSeconds,
    ) -> Result<Vec<Ready>, SettleError> {
        let mut ready = Vec::new();
        if request.dry_run {
            return Ok(ready);
        }
        for renewal in Renewal::all(core).map_err(failed)? {
            if now.plus(MARGIN) > renewal.lapses() {
                Renewal::forget(core, &renewal.old()).map_err(failed)?;
                continue;
            }
            match again(core, renewal, now).await {
                Ok(found) => ready.push(found),
                Err((node, NotRenewed::Host(HostFault::Refused(refusal)))) => {
                    self.note(node, &NotRenewed::Host(refusal.into()));
                }
                Err((node, why)) => self.note(node, &why),
            }
        }
        Ok(ready)
    }

    /// Drafts new terms for every agreement asked for that is not ready already.
    async fn draft(
        &mut self,
        core: &Core,
        request: &RenewRequest,
        (now, ready): (UnixSeconds, &[Ready]),
    ) -> Result<Vec<Drafted>, SettleError> {
        let mut wanted = Vec::new();
        for agreement in core.agreements().map_err(failed)? {
            let named = request.ids.as_ref().is_none_or(|ids| ids.contains(&agreement.id));
            let asked = named && agreement.phase.is_escrowed();
            if asked && !ready.iter().any(|(_, old, _)| old.id == agreement.id) {
                wanted.push(agreement);
            }
        }
        if !request.dry_run {
            self.audit_last(core, &mut wanted).await?;
        }
        let folders = core.folders().await?;
        let each = wanted.into_iter().map(|old| {
            let folders = &folders;
            async move {
                let node = old.host();
                draft_one(core, old, request, (now, folders)).await.map_err(|why| (node, why))
            }
        });
        let mut drafted = Vec::new();
        for one in join_all(each).await {
            match one {
                Ok(one) => drafted.push(one),
                Err((_, NotRenewed::Records(fault))) => return Err(failed(fault)),
                Err((node, why)) => self.note(node, &why),
            }
        }
        Ok(drafted)
    }

    /// One last audit under the old terms: it pays the host up to now, and nobody renews with a host that fails.
    async fn audit_last(&mut self, core: &Core, wanted: &mut Vec<Agreement>) -> Result<(), SettleError> {
        let ids: Vec<AgreementId> = wanted.iter().map(|agreement| agreement.id).collect();
        let (_, audited) = audit::run(core, &ids, AuditKind::Random).await.map_err(|error| match error {
            audit::RunError::Ledger(fault) => failed(fault),
            audit::RunError::Records(fault) => failed(fault),
        })?;
        for one in audited.iter().filter(|one| one.view.verdict != Verdict::Passed || !one.view.recorded) {
            let words = one.view.detail.clone().unwrap_or_else(|| one.view.verdict.as_str().to_owned());
            self.note(one.view.node, &NotRenewed::Unsound(words));
            wanted.retain(|agreement| agreement.id != one.view.agreement);
        }
        Ok(())
    }

    /// Refuses what is certainly dearer than allowed before any host is asked: a host that has consented changes
    /// nothing else until its offer lapses.
    async fn afford_beforehand(
        &self,
        core: &Core,
        request: &RenewRequest,
        (ready, drafted): (&[Ready], &[Drafted]),
    ) -> Result<(), SettleError> {
        let mut net: Stroops = ready.iter().map(|(renewal, ..)| renewal.net()).sum();
        for drafted in drafted {
            net += drafted.terms.escrow + drafted.terms.voucher_part - drafted.refund(core)?;
        }
        let balance = core.ledger.balance().await.map_err(failed)?;
        within(request.max_cost, net.max(Stroops::ZERO), balance)
    }

    /// Says what the drafted renewals would come to.
    async fn foretell(&mut self, core: &Core, drafted: &[Drafted]) -> Result<(), SettleError> {
        for draft in drafted {
            let Drafted { old, terms, .. } = draft;
            let refund = draft.refund(core)?;
            self.net += terms.escrow + terms.voucher_part - refund;
            self.renewed.push(RenewedView { new: None, ..view(old.id, terms, refund) });
        }
        self.cost = core.ledger.open_cost_bound(drafted.len()).await.map_err(failed)?;
        Ok(())
    }

    /// Asks every host to sign; those that do are ready.
    async fn ask(&mut self, core: &Core, drafted: Vec<Drafted>) -> Result<Vec<Ready>, SettleError> {
        let asked = drafted.into_iter().map(|drafted| async move {
            let node = drafted.old.host();
            ask_one(core, drafted).await.map_err(|why| (node, why))
        });
        let mut ready = Vec::new();
        for one in join_all(asked).await {
            match one {
                Ok(one) => ready.push(one),
                Err((_, NotRenewed::Records(fault))) => return Err(failed(fault)),
                Err((node, why)) => self.note(node, &why),
            }
        }
        Ok(ready)
    }

    /// Refuses what is dearer than allowed or than the account can pay, before anything is sent.
    async fn afford(
        &mut self,
        core: &Core,
        request: &RenewRequest,
        ready: &[Ready],
    ) -> Result<(), SettleError> {
        for batch in ready.chunks(MAX_RENEW_BATCH) {
            let cost = match core.ledger.quote(&call(batch)).await {
                Ok(cost) => cost,
                // Not all of them will go through; none costs more than an opening.
                Err(LedgerFault::Refused { .. }) => {
                    core.ledger.open_cost_bound(batch.len()).await.map_err(failed)?
                }
                Err(fault) => return Err(failed(fault)),
            };
            self.cost = CallCost { fee: self.cost.fee + cost.fee, rent: self.cost.rent + cost.rent };
        }
        self.net = ready.iter().map(|(renewal, ..)| renewal.net()).sum();
        let balance = core.ledger.balance().await.map_err(failed)?;
        within(request.max_cost, self.net.max(Stroops::ZERO) + self.cost.total(), balance)
    }

    /// Renews these in one transaction; the ledger's words where it refuses.
    async fn apply(
        &mut self,
        core: &Core,
        batch: &[Ready],
        progress: &dyn Progress,
    ) -> Result<Option<String>, SettleError> {
        let ids: Vec<AgreementId> = batch.iter().map(|(_, old, _)| old.id).collect();
        let what = TxWhat::Renew { ids };
        let applied = match transactions::send(core, call(batch), what, progress).await {
            Ok(applied) => applied,
            Err(LedgerFault::Refused { fee, source }) => {
                self.fees += fee;
                return Ok(Some(source.to_string()));
            }
            Err(fault) => return Err(failed(fault)),
        };
        self.fees += applied.fee;
        self.txs.push(applied.hash);
        for (renewal, old, _) in batch {
            let shown = view(old.id, &renewal.request.terms, renewal.request.split.owner);
            self.renewed.push(RenewedView { new: Some(renewal.new_id(core)), ..shown });
        }
        Ok(None)
    }
}

impl Drafted {
    /// What comes back of the old agreement.
    fn refund(&self, core: &Core) -> Result<Stroops, SettleError> {
        let promised = vouchers::promised(core, &self.old.id).map_err(failed)?;
        let split = fair_split((&self.old, &self.seen), promised, FinalReason::Renewed);
        Ok(split.map_or(Stroops::ZERO, |split| split.owner))
    }
}

/// Whether `cost` is within the limit and what the account holds.
fn within(limit: Option<Stroops>, cost: Stroops, balance: Stroops) -> Result<(), SettleError> {
    if let Some(limit) = limit.filter(|limit| cost > *limit) {
        let cause = SettleCause::OverBudget { cost, limit };
        return Err(Failed::new(Stage::Settle, cause).next(NextStep::RaiseLimit { cost }));
    }
    if cost > balance {
        let missing = cost - balance;
        let cause = SettleCause::Ledger(LedgerFault::Funds { balance, needed: cost });
        return Err(Failed::new(Stage::Settle, cause).next(NextStep::Fund { missing }));
    }
    Ok(())
}

fn view(old: AgreementId, terms: &Terms, refund: Stroops) -> RenewedView {
    let (host, end, rate) = (terms.host_key, terms.end, terms.rate);
    let escrow = terms.escrow + terms.voucher_part;
    RenewedView { old, new: None, host, end, rate, escrow, refund }
}

fn call(batch: &[Ready]) -> EscrowCall {
    EscrowCall::Renew(batch.iter().filter_map(|(renewal, old, seen)| renewal.item(old, seen)).collect())
}

/// Drafts new terms for one agreement.
async fn draft_one(
    core: &Core,
    old: Agreement,
    request: &RenewRequest,
    (now, folders): (UnixSeconds, &std::collections::HashMap<u32, Vec<[u8; 32]>>),
) -> Result<Drafted, NotRenewed> {
    if let Some(earlier) = Renewal::load(core, &old.id)?
        && now <= earlier.lapses()
    {
        return Err(NotRenewed::Earlier(earlier.lapses()));
    }
    // The last audit has moved the revision on.
    let old = core.agreement(&old.id)?.unwrap_or(old);
    let seen = match core.look(&old, folders, now).await {
        Ok(Presence::Known(seen)) => *seen,
        Ok(Presence::Empty) => return Err(NotRenewed::Ending),
        Ok(Presence::Unknown) => return Err(NotRenewed::Unexplained),
        Err(crate::seen::LookError::Records(fault)) => return Err(fault.into()),
        Err(crate::seen::LookError::Ledger(fault)) => return Err(HostFault::Broken(fault.into()).into()),
    };
    let running = seen.clock(&old, now) == Clock::Running && seen.state.phase == SlotPhase::Active;
    if !running || now <= closable_after(&old.terms) || old.phase != crate::agreement::Phase::Open {
        return Err(NotRenewed::Ending);
    }
    let offer = core.hosts.offer(old.host()).await?;
    if request.max_rate.is_some_and(|limit| offer.offer.rate > limit) {
        return Err(NotRenewed::Dear(offer.offer.rate));
    }
    let capacity = match request.shrink {
        true => agreed_sectors(&core.config, old.current().sectors).min(old.terms.capacity.whole_sectors()),
        false => old.terms.capacity.whole_sectors(),
    };
    let asked = Request {
        capacity: ByteCount::from_sectors(capacity).unwrap_or(old.terms.capacity),
        start: now,
        end: now.plus(request.term),
        salt: core.book.random(),
        owner_key: core.key(),
        ..Request::of(&old.terms)
    };
    let terms = offer.offer.draft(&asked).map_err(NotRenewed::Terms)?;
    let terms = Terms { previous: old.id, ..terms };
    Ok(Drafted { old, seen, terms, offer })
}

/// Goes on with a renewal of an earlier run.
async fn again(core: &Core, renewal: Renewal, now: UnixSeconds) -> Result<Ready, (NodeKey, NotRenewed)> {
    let node = renewal.host();
    let at = |why: NotRenewed| (node, why);
    let old = core.agreement(&renewal.old()).map_err(|fault| at(fault.into()))?;
    let Some(old) = old.filter(|old| old.phase.is_escrowed()) else {
        Renewal::forget(core, &renewal.old()).map_err(|fault| at(fault.into()))?;
        return Err(at(NotRenewed::Ending));
    };
    let folders = core.folders().await.map_err(|_| at(NotRenewed::Unexplained))?;
    let seen = match core.look(&old, &folders, now).await {
        Ok(Presence::Known(seen)) => *seen,
        _ => return Err(at(NotRenewed::Unexplained)),
    };
    let renewal = match renewal.stage {
        Step::Asked => consent(core, renewal).await.map_err(at)?,
        _ => renewal,
    };
    Ok((renewal, old, seen))
}
