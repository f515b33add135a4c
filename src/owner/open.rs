//! From a plan to open agreements: hosts reserve and sign, one transaction locks the money, hosts are told.

use crate::agreement::{Agreement, Phase};
use crate::config::MAX_OPEN_BATCH;
use crate::core::{Core, TxWhat};
use crate::error::{
    Failed, HostFailure, HostFault, LedgerFault, Misbehaviour, MoneyEffect, NextStep, UploadCause,
    UploadError,
};
use crate::events::{Event, Progress, Stage};
use crate::health::keep_card;
use crate::job::JobId;
use crate::plan::{Fresh, Place, Plan, check_cost, priced};
use crate::ports::{EscrowCall, OpenItem};
use crate::{transactions, vouchers};
use futures::future::join_all;
use layr_identity::verify;
use layr_market::{Request, SoftwareSha256, read_price};
use layr_protocol::{Proposal, Refusal, SignedOffer};
use layr_types::{AgreementId, Signature, Stroops};
use std::time::Duration;
use tokio::time::Instant;

/// How often a host that does not see the opening yet is told again.
const TELL_AGAIN: Duration = Duration::from_millis(250);

/// What opening came to.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    /// One agreement a place, in the plan's order.
    pub(crate) places: Vec<AgreementId>,
    /// Those that are new.
    pub(crate) fresh: Vec<AgreementId>,
    /// Ledger fees spent.
    pub(crate) fees: Stroops,
}

/// Executes the money part of a plan for `job`.
///
/// # Errors
/// [`UploadError`]; says what became of the money.
pub(crate) async fn open(
    core: &Core,
    job: JobId,
    mut plan: Plan,
    (limit, spent): (Option<Stroops>, Stroops),
    progress: &dyn Progress,
) -> Result<Opened, UploadError> {
    check_cost(core, &plan.quote, limit, spent).await?;
    let items = propose(core, &mut plan, progress).await?;
    check_cost(core, &plan.quote, limit, spent).await?;
    let mut out = Opened::default();
    for chunk in items.chunks(MAX_OPEN_BATCH) {
        let ids = write_down(core, chunk, &plan)?;
        progress.tell(Event::Stage { stage: Stage::Open, bytes: layr_types::ByteCount::ZERO });
        let call = EscrowCall::Open(chunk.to_vec());
        let what = TxWhat::Open { job, ids: ids.clone() };
        let applied = transactions::send(core, call, what, progress)
            .await
            .map_err(|fault| not_opened(job, fault, out.fees, !out.fresh.is_empty()))?;
        out.fees += applied.fee;
        out.fresh.extend(ids);
    }
    let mut fresh = out.fresh.iter();
    for place in &plan.places {
        out.places.extend(match place {
            Place::Existing(id, _) => Some(*id),
            Place::Fresh(_) => fresh.next().copied(),
        });
    }
    activate(core, &out.fresh).await;
    Ok(out)
}

fn not_opened(job: JobId, fault: LedgerFault, spent: Stroops, some: bool) -> UploadError {
    let (money, next) = match &fault {
        LedgerFault::Unknown { hash, .. } => (MoneyEffect::Unknown(*hash), NextStep::Resume(job)),
        LedgerFault::Refused { fee, .. } if *fee + spent > Stroops::ZERO => {
            (MoneyEffect::Spent(*fee + spent), NextStep::Retry)
        }
        _ if some => (MoneyEffect::Spent(spent), NextStep::Resume(job)),
        LedgerFault::Funds { balance, needed } => {
            (MoneyEffect::None, NextStep::Fund { missing: *needed - *balance })
        }
        _ => (MoneyEffect::None, NextStep::Resume(job)),
    };
    Failed::new(Stage::Open, fault).money(money).next(next)
}

/// Asks every host of the plan for its signature; those that refuse are replaced by spares.
async fn propose(
    core: &Core,
    plan: &mut Plan,
    progress: &dyn Progress,
) -> Result<Vec<OpenItem>, UploadError> {
    if plan.fresh().next().is_none() {
        return Ok(Vec::new());
    }
    progress.tell(Event::Stage { stage: Stage::Propose, bytes: layr_types::ByteCount::ZERO });
    let mut signed: Vec<Option<Signature>> = vec![None; plan.places.len()];
    let mut failures = Vec::new();
    loop {
        let open: Vec<usize> = (0..plan.places.len())
            .filter(|at| signed.get(*at).is_some_and(Option::is_none))
            .filter(|at| matches!(plan.places.get(*at), Some(Place::Fresh(_))))
            .collect();
        let asked = open.iter().filter_map(|at| match plan.places.get(*at) {
            Some(Place::Fresh(fresh)) => Some(propose_one(core, fresh)),
            _ => None,
        });
        let answers = join_all(asked).await;
        let mut replaced = false;
        for (at, answer) in open.iter().zip(answers) {
            match (answer, signed.get_mut(*at)) {
                (Ok(signature), Some(place)) => *place = Some(signature),
                (Err(failure), _) => {
                    failures.push(failure);
                    replaced |= replace(core, plan, *at);
                }
                (Ok(_), None) => {}
            }
        }
        let complete = plan
            .places
            .iter()
            .zip(&signed)
            .all(|(place, signature)| matches!(place, Place::Existing(..)) || signature.is_some());
        if complete {
            break;
        }
        if !replaced || failures.len() > 4 * plan.places.len() {
            let cause = UploadCause::NotAgreed { needed: plan.places.len(), failed: failures };
            return Err(Failed::new(Stage::Propose, cause).next(NextStep::Retry));
        }
    }
    let quote = crate::views::Quote {
        hosts: Vec::new(),
        escrow: Stroops::ZERO,
        base_fees: Stroops::ZERO,
        reads: Stroops::ZERO,
        storage: Stroops::ZERO,
        ..plan.quote.clone()
    };
    plan.quote = priced(quote, plan.fresh(), plan.needed);
    Ok(plan
        .places
        .iter()
        .zip(signed)
        .filter_map(|(place, signature)| match (place, signature) {
            (Place::Fresh(fresh), Some(host)) => Some(OpenItem { terms: fresh.terms.clone(), host }),
            _ => None,
        })
        .collect())
}

/// Puts the next spare with fitting terms at this place; false where there is none.
fn replace(core: &Core, plan: &mut Plan, at: usize) -> bool {
    let Some(Place::Fresh(old)) = plan.places.get(at).cloned() else { return false };
    while !plan.spares.is_empty() {
        let offer = plan.spares.remove(0);
        let voucher_part = reads_at(&old, offer.offer.egress_rate);
        let request = Request { salt: core.book.random(), voucher_part, ..Request::of(&old.terms) };
        if let (Ok(terms), Some(place)) = (offer.offer.draft(&request), plan.places.get_mut(at)) {
            *place = Place::Fresh(Box::new(Fresh { offer, terms }));
            return true;
        }
    }
    false
}

/// What is set aside for reading as much as with the host before, at another price.
fn reads_at(old: &Fresh, rate: u64) -> Stroops {
    let (set_aside, before) = (old.terms.voucher_part, old.offer.offer.egress_rate);
    match before {
        0 => read_price(rate, old.terms.capacity, layr_types::ByteCount::ZERO, Stroops(i128::MAX)),
        before => Stroops(set_aside.0.saturating_mul(rate.into()) / i128::from(before)),
    }
}

async fn propose_one(core: &Core, fresh: &Fresh) -> Result<Signature, HostFailure> {
    let node = fresh.terms.host_key;
    let failure = |fault| HostFailure { node, fault };
    let Fresh { offer, terms } = fresh;
    let SignedOffer { offer, signature } = offer.clone();
    let proposal = Proposal { terms: terms.clone(), offer: SignedOffer { offer, signature } };
    let ask = |client: layr_protocol::HostApiClient, context| -> futures::future::BoxFuture<'static, _> {
        let proposal = proposal.clone();
        Box::pin(async move { client.propose(context, proposal).await })
    };
    let host = core.hosts.call(node, ask).await.map_err(failure)?;
    let id = terms.id(&SoftwareSha256, &core.info.context);
    if verify(&node, &id.0, &host) {
        return Ok(host);
    }
    Err(failure(HostFault::Misbehaved(Misbehaviour::Signature)))
}

/// Writes proposed agreements down before the transaction that opens them is made.
fn write_down(core: &Core, items: &[OpenItem], plan: &Plan) -> Result<Vec<AgreementId>, UploadError> {
    let mut draft = core.book.draft();
    let mut ids = Vec::with_capacity(items.len());
    for item in items {
        let id = item.terms.id(&SoftwareSha256, &core.info.context);
        draft.agreement(&Agreement::proposed(id, item.terms.clone(), item.host));
        if let Some(fresh) = plan.fresh().find(|fresh| fresh.terms == item.terms) {
            let node = item.terms.host_key;
            let price = (fresh.offer.offer.egress_rate, item.terms.capacity, core.hosts.free_reads(&node));
            vouchers::agree(&mut draft, &id, price);
        }
        let card = plan.cards.iter().find(|card| card.node == item.terms.host_key);
        card.into_iter().for_each(|card| keep_card(&mut draft, card));
        ids.push(id);
    }
    draft.commit().map_err(|fault| Failed::new(Stage::Records, fault))?;
    Ok(ids)
}

/// Gives up agreements that were written down and never sent to the ledger.
pub(crate) fn abandon_unsent(core: &Core) -> Result<(), crate::RecordsFault> {
    let mut draft = core.book.draft();
    for mut agreement in core.agreements()? {
        if agreement.phase == Phase::Proposed {
            agreement.step(Phase::Lapsed);
            draft.agreement(&agreement);
        }
    }
    draft.commit()
}

/// Tells hosts that their agreements are open. A host that does not see it yet is told again for a while; one
/// that never does shows it when it is sent the first shard.
pub(crate) async fn activate(core: &Core, ids: &[AgreementId]) {
    join_all(ids.iter().map(|id| activate_one(core, *id))).await;
}

pub(crate) async fn activate_one(core: &Core, id: AgreementId) -> bool {
    let Ok(Some(agreement)) = core.agreement(&id) else { return false };
    let node = agreement.host();
    let until = Instant::now() + core.config.call;
    loop {
        let ask =
            move |client: layr_protocol::HostApiClient, context| -> futures::future::BoxFuture<'static, _> {
                Box::pin(async move { client.activate(context, id).await })
            };
        match core.hosts.call(node, ask).await {
            Ok(()) => return true,
            Err(HostFault::Refused(Refusal::NotOpen | Refusal::LedgerUnavailable | Refusal::Busy))
                if Instant::now() < until =>
            {
                tokio::time::sleep(TELL_AGAIN).await;
            }
            Err(fault) => {
                tracing::warn!(host = %node, agreement = %id, %fault, "the host does not take up the agreement");
                return false;
            }
        }
    }
}
