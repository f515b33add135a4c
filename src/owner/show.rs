//! Views of this machine's records.

use crate::agreement::{Agreement, Phase};
use crate::core::{Core, TxRecord};
use crate::due::{DueStep, DueView, due, timeline};
use crate::error::{RecordsFault, ViewError};
use crate::health::{self, Patience, Standing};
use crate::lookup::{self, FileEntry, Lease};
use crate::ports::Space;
use crate::seen::{LookError, Seen};
use crate::views::{
    AgreementStage, AgreementView, AsOf, FileDetail, FileView, HoldingView, SegmentView, WalletView,
};
use crate::vouchers;
use layr_manifests::{Manifest, SegmentRecord};
use layr_market::{Phase as SlotPhase, Stage as Clock, accrued_rounded_up};
use layr_types::{AgreementId, ByteCount, DAY_SECONDS, SECTOR_BYTES, SegmentId, Stroops, UnixSeconds};
use std::collections::{BTreeMap, HashMap};

/// Views of files just stored.
pub(crate) fn files(
    core: &Core,
    manifests: &[Manifest],
    stored: UnixSeconds,
) -> Result<Vec<FileView>, RecordsFault> {
    let leases = lookup::leases(core)?;
    let entry = |manifest: &Manifest| FileEntry { stored, manifest: manifest.clone() };
    manifests.iter().map(|manifest| view(core, &entry(manifest), &leases)).collect()
}

/// Files whose names begin with `prefix`.
pub(crate) fn list(core: &Core, prefix: &str) -> Result<Vec<FileView>, ViewError> {
    let leases = lookup::leases(core)?;
    let entries = lookup::manifests(core)?;
    let wanted = entries.iter().filter(|entry| entry.manifest.path().as_str().starts_with(prefix));
    Ok(wanted.map(|entry| view(core, entry, &leases)).collect::<Result<_, _>>()?)
}

fn view(
    core: &Core,
    entry: &FileEntry,
    leases: &HashMap<AgreementId, Lease>,
) -> Result<FileView, RecordsFault> {
    let manifest = &entry.manifest;
    let segments = lookup::segments(core, manifest)?;
    let shards = segments.values().flat_map(|segment| &segment.shards);
    let expires = shards.filter_map(|shard| leases.get(&shard.agreement)).map(|lease| lease.end).min();
    Ok(FileView {
        id: manifest.file(),
        name: manifest.path().as_str().to_owned(),
        size: manifest.size(),
        hash: manifest.hash(),
        stored: entry.stored,
        expires,
        renewal: renewal(manifest, &segments, leases),
        profile: manifest.profile(),
        segments: manifest.segments().len() as u64,
    })
}

/// What a file's part of its segments costs for another 30 days, rounded up segment by segment.
fn renewal(
    manifest: &Manifest,
    segments: &BTreeMap<SegmentId, SegmentRecord>,
    leases: &HashMap<AgreementId, Lease>,
) -> Stroops {
    let mut parts: BTreeMap<SegmentId, u64> = BTreeMap::new();
    for span in manifest.chunks().iter().flat_map(|chunk| &chunk.spans) {
        *parts.entry(span.segment).or_default() += u64::from(span.len);
    }
    let sector = ByteCount(SECTOR_BYTES as u64);
    let cost = |segment: &SegmentRecord| -> Stroops {
        let rates = segment.shards.iter().filter_map(|shard| leases.get(&shard.agreement));
        rates.filter_map(|lease| accrued_rounded_up(lease.rate, sector, 30 * DAY_SECONDS)).sum()
    };
    let part = |(id, part): (&SegmentId, &u64)| {
        let segment = segments.get(id)?;
        let used = i128::from(segment.used.0.max(1));
        Some(Stroops((cost(segment).0 * i128::from((*part).min(segment.used.0)) + used - 1) / used))
    };
    parts.iter().filter_map(part).sum()
}

/// One file in detail.
pub(crate) fn show(core: &Core, name: &str) -> Result<FileDetail, ViewError> {
    let entry = lookup::file(core, name)?.ok_or_else(|| ViewError::NoSuchFile(name.to_owned()))?;
    let segments = lookup::segments(core, &entry.manifest)?;
    let mut standing = Standing::load(core, Patience::None)?;
    let mut holdings: BTreeMap<AgreementId, HoldingView> = BTreeMap::new();
    for shard in segments.values().flat_map(|segment| &segment.shards) {
        let audited = core.agreement(&shard.agreement)?.and_then(|agreement| agreement.audited);
        let holding = holdings.entry(shard.agreement).or_insert_with(|| HoldingView {
            node: shard.host,
            agreement: shard.agreement,
            sectors: 0,
            last_verdict: audited.map(|(verdict, _)| verdict),
            audited: audited.map(|(_, when)| when),
        });
        holding.sectors += 1;
    }
    let numbered = (0..).zip(segments.values());
    let views = numbered.map(|(index, segment)| {
        let health = standing.segment(segment);
        let (survivors, condition) = (health.alive, health.condition());
        SegmentView { index, profile: segment.profile, survivors, condition }
    });
    let segments: Vec<SegmentView> = views.collect();
    Ok(FileDetail {
        file: view(core, &entry, &lookup::leases(core)?)?,
        chunks: entry.manifest.chunks().len() as u64,
        health: health::of_file(core, &mut standing, name)?,
        hosts: holdings.into_values().collect(),
        segments,
    })
}

/// Where an agreement stands at `now`, its slot being as last seen.
pub(crate) fn stage(agreement: &Agreement, seen: &Seen, now: UnixSeconds) -> AgreementStage {
    match (agreement.phase, seen.clock(agreement, now)) {
        (Phase::Proposed | Phase::Lapsed, _) => AgreementStage::Proposed,
        (Phase::Settled, _) => AgreementStage::Settled,
        _ if seen.state.phase == SlotPhase::Challenged => AgreementStage::Challenged,
        (_, Clock::Running) => AgreementStage::Running,
        (_, Clock::Publishing) => AgreementStage::Ending,
        (_, Clock::Proving) => AgreementStage::Proving,
        (_, Clock::Over) => AgreementStage::Over,
    }
}

/// Every agreement that was opened, those that need attention first.
pub(crate) async fn agreements(core: &Core) -> Result<Vec<AgreementView>, ViewError> {
    let now = core.now().await?;
    refresh(core, now).await?;
    agreements_at(core, now)
}

/// The same as of the last time the ledger was reached, asking nobody.
pub(crate) fn agreements_recorded(core: &Core) -> Result<AsOf<Vec<AgreementView>>, ViewError> {
    let as_of = core.last_known();
    Ok(AsOf { as_of, value: agreements_at(core, as_of)? })
}

/// What is due under each open agreement, the most urgent first.
pub(crate) async fn money_at_risk(core: &Core) -> Result<Vec<DueView>, ViewError> {
    let now = core.now().await?;
    refresh(core, now).await?;
    Ok(timeline(&open_and_seen(core)?, now))
}

/// The same as of the last time the ledger was reached, asking nobody.
pub(crate) fn money_at_risk_recorded(core: &Core) -> Result<AsOf<Vec<DueView>>, ViewError> {
    let as_of = core.last_known();
    Ok(AsOf { as_of, value: timeline(&open_and_seen(core)?, as_of) })
}

/// Looks at the slots, so that what is shown is what the ledger holds.
async fn refresh(core: &Core, now: UnixSeconds) -> Result<(), ViewError> {
    let folders = core.folders().await?;
    for agreement in core.agreements()?.iter().filter(|agreement| agreement.phase.is_escrowed()) {
        core.look(agreement, &folders, now).await?;
    }
    Ok(())
}

impl From<LookError> for ViewError {
    fn from(error: LookError) -> Self {
        match error {
            LookError::Ledger(fault) => Self::Ledger(fault),
            LookError::Records(fault) => Self::Records(fault),
        }
    }
}

fn open_and_seen(core: &Core) -> Result<Vec<(Agreement, Seen)>, RecordsFault> {
    let open = core.agreements()?.into_iter().filter(|agreement| agreement.phase.is_escrowed());
    open.map(|agreement| core.seen(&agreement).map(|seen| (agreement, seen))).collect()
}

fn agreements_at(core: &Core, now: UnixSeconds) -> Result<Vec<AgreementView>, ViewError> {
    let mut views = Vec::new();
    for agreement in core.agreements()? {
        if agreement.phase != Phase::Lapsed {
            let promised = vouchers::promised(core, &agreement.id)?;
            views.push(agreement_view(&agreement, &core.seen(&agreement)?, promised, now));
        }
    }
    let settled = |view: &AgreementView| view.stage == AgreementStage::Settled;
    views.sort_by_key(|view| (settled(view), view.next_deadline, view.id));
    Ok(views)
}

fn agreement_view(agreement: &Agreement, seen: &Seen, promised: Stroops, now: UnixSeconds) -> AgreementView {
    let (terms, current) = (&agreement.terms, agreement.current());
    let settlement = agreement.ended.as_ref().and_then(|ended| ended.settlement);
    let next = due(agreement, seen, now);
    let next_deadline = next.as_ref().map_or(seen.state.ending_at, |next| match seen.clock(agreement, now) {
        Clock::Running if next.step == DueStep::CloseOrPublish => seen.state.ending_at,
        _ => next.deadline(),
    });
    AgreementView {
        id: agreement.id,
        host: terms.host_key,
        stage: stage(agreement, seen, now),
        start: terms.start,
        end: terms.end,
        ending_at: seen.state.ending_at,
        capacity: terms.capacity,
        stored: current.bytes().unwrap_or(ByteCount::ZERO),
        rate: terms.rate,
        escrow: terms.escrow,
        voucher_part: terms.voucher_part,
        promised,
        collateral: terms.collateral,
        paid: current.paid,
        due: current.due + current.earned_since(terms, now).unwrap_or(Stroops::ZERO),
        vested: seen.state.floor,
        revision: current.n,
        published: seen.state.n,
        audits_good: current.audits.good,
        audits_bad: current.audits.bad,
        last_verdict: agreement.audited.map(|(verdict, _)| verdict),
        next_deadline,
        next,
        refunded: settlement.map(|shares| shares.owner),
        terms: terms.clone(),
        newest: agreement.newest.as_ref().map(|signed| signed.revision.clone()),
    }
}

/// Account and escrow.
pub(crate) async fn wallet(core: &Core) -> Result<WalletView, ViewError> {
    let now = core.now().await?;
    let balance = core.ledger.balance().await?;
    let (mut escrow, mut earned) = (Stroops::ZERO, Stroops::ZERO);
    for agreement in core.agreements()? {
        if agreement.phase.is_escrowed() {
            let current = agreement.current();
            escrow += agreement.terms.escrow + agreement.terms.voucher_part;
            earned += current.paid + current.due;
            earned += current.earned_since(&agreement.terms, now).unwrap_or(Stroops::ZERO);
        }
    }
    let pending = core.book.scan::<TxRecord>(Space::Transactions, &[])?;
    Ok(WalletView {
        account: core.info.account,
        balance,
        escrow,
        earned_by_hosts: earned,
        pending: pending.into_iter().map(|(_, record)| record.tx.hash).collect(),
    })
}
