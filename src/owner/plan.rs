//! Plans: what an upload will do and cost. Made without paying anything, and what is executed is this very
//! object, with the host-signed offers it holds.

use crate::agreement::{Agreement, Phase};
use crate::config::{MAX_OPEN_BATCH, OwnerConfig};
use crate::core::Core;
use crate::error::{
    Failed, HostFailure, HostFault, LedgerFault, Misbehaviour, MoneyEffect, NextStep, UploadCause,
    UploadError,
};
use crate::events::Stage;
use crate::request::Keeping;
use crate::size::{self, Amount};
use crate::survey::{Survey, SurveyError, survey};
use crate::views::{NotChosen, Quote, QuotedHost};
use layr_audits::Verdict;
use layr_market::{MAX_CAPACITY, MAX_TERM_SECONDS, Party, Request, Terms, accrued_rounded_up, read_price};
use layr_placement::{Candidate, Choice, HostCard, Policy, Rejection, Remedy, Shortage, choose_beside};
use layr_protocol::SignedOffer;
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, UnixSeconds};
use std::collections::HashSet;

/// Slots in one of an owner's folders.
const SLOTS: u8 = 64;
/// Folders an owner uses at most.
const FOLDERS: u32 = 1024;

/// An agreement to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fresh {
    pub(crate) offer: SignedOffer,
    pub(crate) terms: Terms,
}

/// Which agreement serves a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// One that exists.
    Existing(AgreementId, NodeKey),
    /// One to be opened.
    Fresh(Box<Fresh>),
}

/// What an upload will do.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) places: Vec<Place>,
    /// Hosts to turn to, best first, with the offers they gave.
    pub(crate) spares: Vec<SignedOffer>,
    /// What is known of the hosts that answered.
    pub(crate) cards: Vec<HostCard>,
    pub(crate) needed: u64,
    pub(crate) quote: Quote,
}

impl Plan {
    /// What it costs.
    #[must_use]
    pub const fn quote(&self) -> &Quote {
        &self.quote
    }

    pub(crate) fn fresh(&self) -> impl Iterator<Item = &Fresh> {
        self.places.iter().filter_map(|place| match place {
            Place::Fresh(fresh) => Some(&**fresh),
            Place::Existing(..) => None,
        })
    }
}

/// Failures while planning: nothing has been paid.
fn failed(stage: Stage, cause: impl Into<UploadCause>) -> UploadError {
    Failed::new(stage, cause)
}

/// Which hosts a plan may use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Wish<'a> {
    /// This many instead of one for each shard.
    pub(crate) hosts: Option<u8>,
    /// None of these.
    pub(crate) without: &'a [NodeKey],
    /// None of these agreements, though their hosts may be asked for another: they are fuller than this machine
    /// knows, with sectors nobody will ever sign for.
    pub(crate) full: &'a [AgreementId],
    /// Where shards are repaired: beside whom, and room for how many.
    pub(crate) beside: Option<&'a Beside>,
}

impl Wish<'_> {
    /// Whether a host must not be used.
    fn excludes(&self, node: &NodeKey) -> bool {
        self.without.contains(node) || self.beside.is_some_and(|beside| beside.without.contains(node))
    }
}

/// What a repair wants of the hosts it looks for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Beside {
    /// Sectors needed on each.
    pub(crate) sectors: u64,
    /// None of these: they hold shards of the same segments, or have failed.
    pub(crate) without: Vec<NodeKey>,
    /// Who holds shards of the same segments, as far as that is known.
    pub(crate) cards: Vec<HostCard>,
}

/// Makes a plan for `amount` kept as `keeping` says.
pub(crate) async fn plan(
    core: &Core,
    amount: Amount,
    keeping: &Keeping,
    wish: Wish<'_>,
) -> Result<Plan, UploadError> {
    let now = core.now().await.map_err(|fault| failed(Stage::Find, fault))?;
    let agreements = core.agreements().map_err(|fault| failed(Stage::Records, fault))?;
    let mut without = wish.without.to_vec();
    without.extend(wish.beside.into_iter().flat_map(|beside| &beside.without));
    without.extend(leaving(core, &agreements).map_err(|fault| failed(Stage::Records, fault))?);
    let without = without.as_slice();
    let mut per_host = 1;
    loop {
        let amounts_to = || size::sectors_per_host(&amount, keeping.profile, per_host);
        let needed = wish.beside.map_or_else(amounts_to, |beside| beside.sectors);
        let mut policy = policy(core, keeping, (needed, per_host));
        policy.shards = wish.hosts.unwrap_or(policy.shards);
        policy.hosts_per_operator = u8::from(wish.beside.is_some());
        let usable = usable(&agreements, needed, (keeping, now), wish);
        match attempt(core, (&agreements, &usable), (&policy, wish), now, without).await? {
            Ok((choice, survey)) => {
                let how = (&policy, now, keeping.reads_percent);
                let drafted = draft(core, choice, survey, (&agreements, &usable), how).await?;
                return finish(core, drafted, amount, keeping, (needed, per_host)).await;
            }
            Err(shortage) => match shared(&shortage, keeping, per_host) {
                Some(more) => per_host = more,
                None => {
                    let remedies = shortage.remedies.clone();
                    return Err(failed(Stage::Find, shortage).next(NextStep::Accept(remedies)));
                }
            },
        }
    }
}

/// Hosts that are challenged, or with which an agreement ends before its term: nothing more is given to them.
fn leaving(core: &Core, agreements: &[Agreement]) -> Result<Vec<NodeKey>, crate::RecordsFault> {
    let mut hosts = Vec::new();
    for agreement in agreements.iter().filter(|agreement| agreement.phase.is_escrowed()) {
        let state = core.seen(agreement)?.state;
        let challenged = state.phase == layr_market::Phase::Challenged;
        if state.ending_at < agreement.terms.end || (challenged && state.challenge.by != Party::Host) {
            hosts.push(agreement.host());
        }
    }
    Ok(hosts)
}

/// How many shards a host must hold, where that is allowed and would help.
fn shared(shortage: &Shortage, keeping: &Keeping, per_host: u8) -> Option<u8> {
    let wanted = shortage.remedies.iter().find_map(|remedy| match remedy {
        Remedy::SharedHosts { per_host } => Some(*per_host),
        _ => None,
    })?;
    (keeping.shared_hosts && wanted > per_host).then_some(wanted)
}

fn policy(core: &Core, keeping: &Keeping, (needed, per_host): (u64, u8)) -> Policy {
    let capacity =
        ByteCount::from_sectors(agreed_sectors(&core.config, needed)).unwrap_or(ByteCount(u64::MAX));
    let strict = Policy::new(keeping.profile.n(), keeping.profile.spare(), capacity, core.info.token);
    Policy {
        shards_per_host: per_host,
        term: keeping.term,
        max_rate: keeping.max_rate,
        hosts_per_prefix: if keeping.same_network { 0 } else { strict.hosts_per_prefix },
        ..strict
    }
}

/// Sectors to agree on where `needed` are needed now.
pub(crate) fn agreed_sectors(config: &OwnerConfig, needed: u64) -> u64 {
    let extra = needed.saturating_mul(config.headroom_percent) / 100;
    needed.saturating_add(extra).max(config.least_sectors)
}

/// Agreements that exist, have room, last nearly as long as asked, and whose host passed its newest audit.
fn usable(
    agreements: &[Agreement],
    needed: u64,
    (keeping, now): (&Keeping, UnixSeconds),
    wish: Wish<'_>,
) -> Vec<(AgreementId, NodeKey)> {
    let long_enough = |agreement: &Agreement| agreement.terms.end.since(now) >= keeping.term / 4 * 3;
    let mut hosts = HashSet::new();
    agreements
        .iter()
        .filter(|agreement| agreement.runs(now) && long_enough(agreement) && agreement.grows())
        .filter(|agreement| agreement.audited.is_none_or(|(verdict, _)| verdict == Verdict::Passed))
        .filter(|agreement| agreement.room() >= needed && !wish.full.contains(&agreement.id))
        .filter(|agreement| !wish.excludes(&agreement.host()))
        .filter(|agreement| keeping.max_rate.is_none_or(|limit| agreement.terms.rate <= limit))
        .filter(|agreement| hosts.insert(agreement.host()))
        .map(|agreement| (agreement.id, agreement.host()))
        .collect()
}

type Attempt = Result<(Choice, Survey), Shortage>;

/// Chooses hosts: existing agreements alone where they are enough, else after asking around.
async fn attempt(
    core: &Core,
    (agreements, usable): (&[Agreement], &[(AgreementId, NodeKey)]),
    (policy, wish): (&Policy, Wish<'_>),
    now: UnixSeconds,
    without: &[NodeKey],
) -> Result<Attempt, UploadError> {
    let hosts = usize::from(policy.hosts());
    let keep: Vec<NodeKey> = usable.iter().map(|(_, node)| *node).collect();
    if let Some(enough) = keep.get(..hosts) {
        let choice = Choice { hosts: enough.to_vec(), spares: Vec::new(), rejected: Vec::new() };
        return Ok(Ok((choice, Survey::default())));
    }
    let known: Vec<NodeKey> =
        agreements.iter().filter(|agreement| agreement.runs(now)).map(Agreement::host).collect();
    let wanted = (hosts + usize::from(policy.spares)).max(hosts * core.config.survey);
    let mut survey = survey(core, (hosts, wanted), &known, without).await.map_err(|error| match error {
        SurveyError::Net(fault) => failed(Stage::Find, fault),
        SurveyError::Records(fault) => failed(Stage::Records, fault),
    })?;
    drop_impossible(core, &mut survey, policy, now);
    let beside = wish.beside.map_or(&[][..], |beside| &beside.cards);
    let chosen = choose_beside(&core.key(), &survey.candidates, (&keep, beside), policy, now);
    Ok(chosen.map(|choice| (choice, survey)))
}

/// Leaves out hosts whose signed offers make no possible terms: one such host must not stop an upload.
fn drop_impossible(core: &Core, survey: &mut Survey, policy: &Policy, now: UnixSeconds) {
    if policy.term > MAX_TERM_SECONDS || policy.capacity > MAX_CAPACITY {
        return;
    }
    let possible = |node: &NodeKey| {
        let signed = survey.offers.get(node);
        signed.is_some_and(|signed| terms(core, signed, (0, 0), (policy, now, 0)).is_ok())
    };
    let (kept, dropped): (Vec<Candidate>, Vec<Candidate>) =
        std::mem::take(&mut survey.candidates).into_iter().partition(|candidate| possible(&candidate.node()));
    survey.candidates = kept;
    survey.silent.extend(dropped.iter().map(|candidate| HostFailure {
        node: candidate.node(),
        fault: HostFault::Misbehaved(Misbehaviour::Offer),
    }));
}

struct Drafted {
    places: Vec<Place>,
    spares: Vec<SignedOffer>,
    cards: Vec<HostCard>,
    not_chosen: Vec<NotChosen>,
    reused: Vec<NodeKey>,
}

/// Turns chosen hosts into places: existing agreements, or terms drafted from their offers.
async fn draft(
    core: &Core,
    choice: Choice,
    survey: Survey,
    (agreements, usable): (&[Agreement], &[(AgreementId, NodeKey)]),
    how: (&Policy, UnixSeconds, u32),
) -> Result<Drafted, UploadError> {
    let existing = |node: &NodeKey| usable.iter().find(|(_, host)| host == node);
    let fresh = choice.hosts.iter().filter(|node| existing(node).is_none()).count();
    let mut slots = free_slots(core, agreements, fresh).await?.into_iter();
    let listed = survey.candidates.into_iter().filter(|candidate| !candidate.card.addresses.is_empty());
    let mut out = Drafted {
        places: Vec::new(),
        spares: Vec::new(),
        cards: listed.map(|candidate| candidate.card).collect(),
        not_chosen: Vec::new(),
        reused: Vec::new(),
    };
    for node in &choice.hosts {
        if let Some((id, host)) = existing(node) {
            out.places.push(Place::Existing(*id, *host));
            out.reused.push(*host);
            continue;
        }
        let (Some(offer), Some(slot)) = (survey.offers.get(node), slots.next()) else { continue };
        let terms = terms(core, offer, slot, how).map_err(|_| bad_offer(*node))?;
        out.places.push(Place::Fresh(Box::new(Fresh { offer: offer.clone(), terms })));
    }
    out.spares = choice.spares.iter().filter_map(|node| survey.offers.get(node).cloned()).collect();
    let words = choice.rejected.into_iter().filter(|rejected| rejected.why != Rejection::Duplicate);
    out.not_chosen =
        words.map(|rejected| NotChosen { node: rejected.node, why: rejected.why.to_string() }).collect();
    let silent = survey.silent.into_iter();
    out.not_chosen.extend(silent.map(|host| NotChosen { node: host.node, why: host.fault.to_string() }));
    Ok(out)
}

fn bad_offer(node: NodeKey) -> UploadError {
    let fault = HostFault::Misbehaved(Misbehaviour::Offer);
    let cause = UploadCause::NotAgreed { needed: 1, failed: vec![HostFailure { node, fault }] };
    failed(Stage::Find, cause).at(node)
}

/// The terms an offer means for this owner, slot, capacity and term.
pub(crate) fn terms(
    core: &Core,
    signed: &SignedOffer,
    (folder, slot): (u32, u8),
    (policy, now, reads_percent): (&Policy, UnixSeconds, u32),
) -> Result<Terms, layr_market::TermsError> {
    let reads = u128::from(policy.capacity.0) * u128::from(reads_percent) / 100;
    let reads = ByteCount(u64::try_from(reads).unwrap_or(u64::MAX));
    signed.offer.draft(&Request {
        owner_account: core.info.account,
        owner_key: core.key(),
        folder,
        slot,
        capacity: policy.capacity,
        start: now,
        end: now.plus(policy.term),
        voucher_part: read_price(signed.offer.egress_rate, reads, ByteCount::ZERO, Stroops(i128::MAX)),
        salt: core.book.random(),
    })
}

/// Slots that are empty on the ledger and promised to nobody.
pub(crate) async fn free_slots(
    core: &Core,
    agreements: &[Agreement],
    count: usize,
) -> Result<Vec<(u32, u8)>, UploadError> {
    let taken: HashSet<(u32, u8)> = agreements
        .iter()
        .filter(|agreement| !matches!(agreement.phase, Phase::Settled | Phase::Lapsed))
        .map(|agreement| (agreement.terms.folder, agreement.terms.slot))
        .collect();
    let mut free = Vec::with_capacity(count);
    for folder in 0..FOLDERS {
        if free.len() >= count {
            break;
        }
        let held = core.ledger.slots(folder).await.map_err(|fault| failed(Stage::Find, fault))?;
        let empty =
            (0..SLOTS).filter(|slot| held.get(usize::from(*slot)).is_none_or(|bytes| *bytes == [0; 32]));
        free.extend(empty.map(|slot| (folder, slot)).filter(|place| !taken.contains(place)));
    }
    free.truncate(count);
    Ok(free)
}

/// Adds up the money and checks it against the limit and the account.
async fn finish(
    core: &Core,
    drafted: Drafted,
    amount: Amount,
    keeping: &Keeping,
    (needed, per_host): (u64, u8),
) -> Result<Plan, UploadError> {
    let mut plan = Plan {
        places: drafted.places,
        spares: drafted.spares,
        cards: drafted.cards,
        needed,
        quote: empty_quote(amount, keeping, per_host),
    };
    let fresh = plan.fresh().count();
    let (mut fees, mut rent) = (Stroops::ZERO, Stroops::ZERO);
    for batch in 0..fresh.div_ceil(MAX_OPEN_BATCH) {
        let count = (fresh - batch * MAX_OPEN_BATCH).min(MAX_OPEN_BATCH);
        let cost = core.ledger.open_cost_bound(count).await.map_err(|fault| failed(Stage::Find, fault))?;
        fees += cost.fee;
        rent += cost.rent;
    }
    let quote = Quote {
        ledger_fees: fees,
        rent,
        reused: drafted.reused,
        not_chosen: drafted.not_chosen,
        ..plan.quote
    };
    plan.quote = priced(
        quote,
        plan.places.iter().filter_map(|place| match place {
            Place::Fresh(fresh) => Some(&**fresh),
            Place::Existing(..) => None,
        }),
        needed,
    );
    Ok(plan)
}

fn empty_quote(amount: Amount, keeping: &Keeping, per_host: u8) -> Quote {
    Quote {
        files: amount.files,
        bytes: amount.bytes,
        segments: size::segments(&amount, keeping.profile),
        profile: keeping.profile,
        term: keeping.term,
        hosts: Vec::new(),
        reused: Vec::new(),
        escrow: Stroops::ZERO,
        base_fees: Stroops::ZERO,
        reads: Stroops::ZERO,
        ledger_fees: Stroops::ZERO,
        rent: Stroops::ZERO,
        storage: Stroops::ZERO,
        refundable: Stroops::ZERO,
        total: Stroops::ZERO,
        binding_until: None,
        shards_per_host: per_host,
        not_chosen: Vec::new(),
    }
}

/// The quote with the money of these agreements in it.
pub(crate) fn priced<'a>(mut quote: Quote, fresh: impl Iterator<Item = &'a Fresh>, needed: u64) -> Quote {
    let stored = ByteCount::from_sectors(needed).unwrap_or(ByteCount::ZERO);
    for Fresh { offer, terms } in fresh {
        quote.hosts.push(QuotedHost {
            node: terms.host_key,
            rate: terms.rate,
            capacity: terms.capacity,
            escrow: terms.escrow,
            base_fee: terms.base_fee,
            collateral: terms.collateral,
        });
        quote.escrow += terms.escrow;
        quote.base_fees += terms.base_fee;
        quote.reads += terms.voucher_part;
        quote.storage += accrued_rounded_up(terms.rate, stored, terms.seconds()).unwrap_or(terms.escrow);
        let expires = offer.offer.expires;
        quote.binding_until = Some(quote.binding_until.map_or(expires, |earlier| earlier.min(expires)));
    }
    quote.refundable = (quote.escrow - quote.base_fees - quote.storage).max(Stroops::ZERO);
    quote.total = quote.escrow + quote.reads + quote.ledger_fees + quote.rent;
    quote
}

/// Refuses what is dearer than allowed or than the account can pay. `spent` went before in the same job.
pub(crate) async fn check_cost(
    core: &Core,
    quote: &Quote,
    limit: Option<Stroops>,
    spent: Stroops,
) -> Result<(), UploadError> {
    let cost = quote.total + spent;
    if let Some(limit) = limit.filter(|limit| cost > *limit) {
        return Err(
            failed(Stage::Find, UploadCause::OverBudget { cost, limit }).next(NextStep::RaiseLimit { cost })
        );
    }
    if quote.total == Stroops::ZERO {
        return Ok(());
    }
    let balance = core.ledger.balance().await.map_err(|fault| failed(Stage::Find, fault))?;
    if quote.total > balance {
        let missing = quote.total - balance;
        let cause = LedgerFault::Funds { balance, needed: quote.total };
        return Err(failed(Stage::Find, cause).money(MoneyEffect::None).next(NextStep::Fund { missing }));
    }
    Ok(())
}
