//! Recovery: from the phrase alone to this machine's records.
//!
//! The owner's mutable record (in the network's table, or with any host) names the catalogue head; the head and its
//! parts name files, segments and agreements; the hosts give each agreement's newest revision, signed by both.

use crate::agreement::{Agreement, Phase};
use crate::book::Draft;
use crate::catalogue::{State, owe, pointer_to};
use crate::core::Core;
use crate::error::{Failed, NextStep, RecordsFault, RecoverCause, RecoverError};
use crate::events::{Event, Progress, Stage};
use crate::fetch::{self, FetchError, Fetcher, Want};
use crate::heirs::Heirs;
use crate::lookup;
use crate::pointer::Pointer;
use crate::ports::Space;
use crate::revise::latest;
use crate::views::RecoverReport;
use crate::vouchers::Purse;
use futures::StreamExt as _;
use futures::future::{BoxFuture, join_all};
use futures::stream::FuturesUnordered;
use layr_coding::{Profile, decode_segment};
use layr_identity::Purpose;
use layr_manifests::{AgreementPointer, Catalogue, CatalogueHead, CatalogueUpdate, ObjectLocation};
use layr_market::{SoftwareSha256, Terms};
use layr_merkle::GroupRange;
use layr_placement::lookup_point;
use layr_protocol::HostApiClient;
use layr_types::{AgreementId, ByteCount, NodeKey, Signature, UnixSeconds};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Points looked up for hosts that may keep the record.
const POINTS: u32 = 6;
/// Hosts asked of one look-up.
const NEAR: usize = 20;

fn failed(cause: impl Into<RecoverCause>) -> RecoverError {
    Failed::new(Stage::Recover, cause)
}

/// The verb.
pub(crate) async fn recover(core: &Core, progress: Arc<dyn Progress>) -> Result<RecoverReport, RecoverError> {
    progress.tell(Event::Stage { stage: Stage::Recover, bytes: ByteCount::ZERO });
    if !core.book.keys(Space::Files, &[]).map_err(failed)?.is_empty() {
        return Err(failed(RecoverCause::NotEmpty).next(NextStep::Nothing));
    }
    let (sequence, pointer) = find_pointer(core).await?;
    let head = fetch_head(core, &pointer).await?;
    let mut catalogue = Catalogue::new();
    let parts = head.parts.iter().flat_map(|part| &part.segments).flat_map(|segment| &segment.shards);
    let heirs = match head.parts.is_empty() {
        true => Heirs::default(),
        false => Heirs::ask(core, parts.map(|shard| shard.host).collect()).await,
    };
    for part in &head.parts {
        catalogue.apply(fetch_part(core, (part, &heirs)).await?);
    }
    catalogue.apply(head.inline.clone());
    catalogue.check().map_err(|_| failed(RecoverCause::Damaged))?;
    let agreements = agreements(core, &catalogue)?;
    let heirs = Heirs::ask(core, agreements.iter().map(Agreement::host).collect()).await;
    let mut draft = core.book.draft();
    owe_heirs(core, (&catalogue, &agreements), &heirs, &mut draft).map_err(failed)?;
    let heir = |old: Agreement| heirs.of(&old.id).cloned().unwrap_or(old);
    let (agreements, unreachable) = newest(core, agreements.into_iter().map(heir).collect()).await?;
    agreements.iter().for_each(|agreement| draft.agreement(agreement));
    for manifest in catalogue.files().values() {
        lookup::put_file(&mut draft, manifest, pointer.saved);
        for chunk in manifest.chunks() {
            draft.put(Space::Chunks, chunk.id.as_bytes(), chunk);
        }
    }
    let segments = catalogue.segments().values();
    segments.for_each(|segment| lookup::put_segment(&mut draft, &heirs.repoint(segment).0));
    State::recovered(sequence, &head).put(&mut draft);
    draft.commit().map_err(failed)?;
    Ok(RecoverReport {
        files: catalogue.files().len() as u64,
        bytes: ByteCount(catalogue.files().values().map(|file| file.size().0).sum()),
        agreements: agreements.len() as u64,
        unreachable,
        saved: pointer.saved,
    })
}

/// What renewals have changed since the catalogue was saved is owed to it.
fn owe_heirs(
    core: &Core,
    (catalogue, agreements): (&Catalogue, &[Agreement]),
    heirs: &Heirs,
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    let renewed = agreements.iter().filter_map(|old| heirs.of(&old.id).map(|heir| (old.id, heir)));
    let (dropped, put): (Vec<AgreementId>, Vec<AgreementPointer>) =
        renewed.map(|(old, heir)| (old, pointer_to(heir))).unzip();
    if dropped.is_empty() {
        return Ok(());
    }
    let moved = catalogue.segments().values().map(|segment| heirs.repoint(segment));
    let update = CatalogueUpdate {
        put_segments: moved.filter(|(_, changed)| *changed).map(|(segment, _)| segment).collect(),
        put_agreements: put,
        drop_agreements: dropped,
        ..CatalogueUpdate::default()
    };
    owe(core, update, draft)
}

/// The newest mutable record anybody has.
async fn find_pointer(core: &Core) -> Result<(u64, Pointer), RecoverError> {
    let net = core.hosts.net();
    let mut best: Option<(u64, Pointer)> = None;
    let secret = core.identity.secret(Purpose::Catalogue);
    let mut consider = |bytes: &[u8]| {
        let Ok((sequence, payload)) = net.read_record(bytes) else { return };
        let newer = best.as_ref().is_none_or(|(known, _)| sequence > *known);
        if let (true, Some(pointer)) = (newer, Pointer::open(&secret, sequence, &payload)) {
            best = Some((sequence, pointer));
        }
    };
    let (found, kept) = futures::join!(net.find_record(), ask_hosts(core));
    let found = found.unwrap_or_else(|error| {
        tracing::debug!(%error, "the network's table does not answer");
        None
    });
    found.iter().for_each(|bytes| consider(bytes));
    kept.iter().for_each(|bytes| consider(bytes));
    best.ok_or_else(|| failed(RecoverCause::Unknown).next(NextStep::Retry))
}

/// Records kept by hosts near the owner's points.
async fn ask_hosts(core: &Core) -> Vec<Vec<u8>> {
    let net = core.hosts.net();
    let owner = core.key();
    let looks = join_all((0..POINTS).map(|slot| net.closest_hosts(lookup_point(&owner, slot), NEAR))).await;
    let nodes: BTreeSet<NodeKey> = looks.into_iter().flatten().flatten().map(|card| card.node).collect();
    let key = net.record_key();
    let asked = nodes.into_iter().map(|node| {
        core.hosts.call(node, move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.get_owner_record(context, key).await })
        })
    });
    let answers = join_all(asked).await;
    answers.into_iter().flatten().flatten().map(|record| record.bytes).collect()
}

/// The catalogue head from whichever host has it. Hosts know the agreement it lies under; we do not yet.
async fn fetch_head(core: &Core, pointer: &Pointer) -> Result<CatalogueHead, RecoverError> {
    let mut tried: FuturesUnordered<_> =
        pointer.hosts.iter().map(|node| head_from(core, *node, pointer)).collect();
    while let Some(found) = tried.next().await {
        if let Some(sealed) = found {
            return CatalogueHead::unseal(&core.catalogue_key, &sealed)
                .map_err(|_| failed(RecoverCause::Damaged));
        }
    }
    Err(failed(RecoverCause::Incomplete { found: 0, needed: 1 }).next(NextStep::Retry))
}

async fn head_from(core: &Core, node: NodeKey, pointer: &Pointer) -> Option<Vec<u8>> {
    let ids: Vec<AgreementId> = core
        .hosts
        .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.agreements(context).await })
        })
        .await
        .ok()?;
    let lane = core.hosts.lane(node, core.config.shard_floor * 2).await.ok()?;
    for id in ids {
        if let Ok(shard) = fetch::sector((core, &lane), (node, id), &pointer.root).await {
            let key = core.secrets.mask().segment(&pointer.segment);
            return decode_segment(&key, Profile::new(1, 1).ok()?, pointer.used, &[shard]).ok();
        }
    }
    None
}

/// One sealed part of the catalogue, from any `k` hosts of each of its segments.
async fn fetch_part(
    core: &Core,
    (part, heirs): (&ObjectLocation, &Heirs),
) -> Result<CatalogueUpdate, RecoverError> {
    let hosts = part.segments.iter().flat_map(|segment| &segment.shards).map(|shard| shard.host);
    let fetcher = Fetcher::start(core, hosts, Purse::new(None));
    let needed = part.segments.len() as u64;
    let mut sealed = Vec::new();
    for (found, segment) in (0u64..).zip(&part.segments) {
        let used = usize::try_from(segment.used.0).unwrap_or(usize::MAX);
        let shards = segment.profile.shards().take(usize::from(segment.profile.k())).collect();
        let want = Want { segment: heirs.repoint(segment).0, shards, range: GroupRange::ALL };
        let incomplete = || failed(RecoverCause::Incomplete { found, needed }).next(NextStep::Retry);
        let bytes = fetcher.fetch(want).await.map_err(|error| match error {
            FetchError::TooFew(_) => incomplete(),
            FetchError::Other(cause) => {
                tracing::warn!(%cause, "a part of the catalogue does not decode");
                failed(RecoverCause::Damaged)
            }
        })?;
        if !bytes.copy(0, used, &mut sealed) {
            return Err(failed(RecoverCause::Damaged));
        }
    }
    if !part.matches(&sealed) {
        return Err(failed(RecoverCause::Damaged));
    }
    CatalogueUpdate::unseal(&core.catalogue_key, &sealed).map_err(|_| failed(RecoverCause::Damaged))
}

/// Agreements as the catalogue names them, checked against their ids. Only the owner can have sealed the catalogue,
/// and the ledger opens nothing without its host's signature; an heir's may not be known.
fn agreements(core: &Core, catalogue: &Catalogue) -> Result<Vec<Agreement>, RecoverError> {
    let read = |pointer: &AgreementPointer| -> Option<Agreement> {
        let (terms, accepted) = pointer.terms.split_last_chunk::<64>()?;
        let (terms, accepted) = (Terms::decode(terms).ok()?, Signature(*accepted));
        let id = terms.id(&SoftwareSha256, &core.info.context);
        (id == pointer.id)
            .then(|| Agreement { phase: Phase::Open, ..Agreement::proposed(id, terms, accepted) })
    };
    let all: Option<Vec<Agreement>> = catalogue.agreements().values().map(read).collect();
    all.ok_or_else(|| failed(RecoverCause::Damaged))
}

/// Asks every host for the newest revision. Only a host can know it; what it gives was signed by the owner too.
async fn newest(
    core: &Core,
    agreements: Vec<Agreement>,
) -> Result<(Vec<Agreement>, Vec<NodeKey>), RecoverError> {
    let now: UnixSeconds = core.now().await.map_err(failed)?;
    let asked = agreements.into_iter().map(|agreement| async move {
        let found = latest(core, &agreement).await;
        (agreement, found)
    });
    let (mut known, mut unreachable) = (Vec::new(), BTreeSet::new());
    for (mut agreement, found) in join_all(asked).await {
        match found {
            Ok(signed) => agreement.newest = signed,
            Err(fault) => {
                tracing::warn!(host = %agreement.host(), %fault, "the host does not tell its newest revision");
                unreachable.insert(agreement.host());
            }
        }
        // The order of the sectors under it is not known here, so nothing is appended to it any more.
        agreement.peaks.clear();
        if agreement.clock(now) == layr_market::Stage::Over && agreement.newest.is_none() {
            tracing::info!(agreement = %agreement.id, "a recovered agreement is over");
        }
        known.push(agreement);
    }
    Ok((known, unreachable.into_iter().collect()))
}

impl From<RecordsFault> for RecoverError {
    fn from(fault: RecordsFault) -> Self {
        failed(fault)
    }
}
