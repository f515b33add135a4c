//! The download itself.

use super::itinerary::{Unknown, plan};
use super::partial::{Kept, Out, Partial};
use super::write::Writer;
use crate::core::Core;
use crate::error::{DownloadCause, DownloadError, Failed, HostFault, Lacking, NextStep};
use crate::events::{Event, Progress, Stage};
use crate::fetch::{FetchError, Fetcher, Part, Want};
use crate::lookup;
use crate::request::{DownloadRequest, Target};
use crate::views::{DownloadReport, NotChosen};
use crate::vouchers::Purse;
use futures::StreamExt as _;
use futures::stream;
use layr_audits::Verdict;
use layr_coding::FileHash;
use layr_manifests::{Manifest, SegmentRecord};
use layr_protocol::Refusal;
use layr_types::{ByteCount, SECTOR_BYTES, SegmentId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Segments kept in memory after they were visited, at least.
const KEPT: usize = 4;

fn failed(stage: Stage, cause: DownloadCause) -> DownloadError {
    let next = match &cause {
        DownloadCause::Lost { .. } => NextStep::Retry,
        DownloadCause::UnknownSegment(_) | DownloadCause::Records(_) => NextStep::Recover,
        DownloadCause::NoSuchFile(_) | DownloadCause::Exists { .. } | DownloadCause::Range { .. } => {
            NextStep::Change
        }
        _ => NextStep::Retry,
    };
    Failed::new(stage, cause).next(next)
}

/// The verb.
pub(crate) async fn download(
    core: &Core,
    request: DownloadRequest,
    progress: Arc<dyn Progress>,
) -> Result<DownloadReport, DownloadError> {
    let began = Instant::now();
    let records = |fault| failed(Stage::Records, DownloadCause::Records(fault));
    let entry = lookup::file(core, &request.name).map_err(records)?;
    let missing = || failed(Stage::Records, DownloadCause::NoSuchFile(request.name.clone()));
    let manifest = entry.ok_or_else(missing)?.manifest;
    let segments = lookup::segments(core, &manifest).map_err(records)?;
    let size = manifest.size();
    let range = request.range.clone().unwrap_or(0..size.0);
    if range.start > range.end || range.end > size.0 {
        let (start, end) = (range.start, range.end);
        return Err(failed(Stage::Fetch, DownloadCause::Range { start, end, size }));
    }
    let whole = range == (0..size.0);
    let (out, kept) = open_out(core, request.target, &manifest, whole)
        .await
        .map_err(|cause| failed(Stage::Fetch, cause))?;
    progress.tell(Event::Stage { stage: Stage::Fetch, bytes: ByteCount(range.end - range.start) });
    let from = if whole { kept.bytes } else { range.start };
    let spans = manifest.chunks().iter().map(|chunk| chunk.spans.len()).max();
    let kept_visits = KEPT.max(spans.unwrap_or(0) + 1);
    let way = plan(manifest.chunks(), from..range.end, &segments, kept_visits)
        .map_err(|Unknown(id)| failed(Stage::Fetch, DownloadCause::UnknownSegment(id)))?;
    let resumed = if whole { kept.bytes } else { 0 };
    let hash = if whole { kept.hash } else { blake3::Hasher::new() };
    let secret = core.secrets.chunk().clone();
    let writer = Writer { out, hash, written: resumed, secret, progress: Arc::clone(&progress) };
    let hosts: BTreeSet<_> =
        way.visits.iter().flat_map(|visit| &visit.segment.shards).map(|shard| shard.host).collect();
    let fetcher = Fetcher::start(core, hosts, Purse::new(request.max_cost));
    let (done, outcome) = drive(core, &fetcher, (way, kept_visits), writer)
        .await
        .map_err(|cause| failed(Stage::Fetch, cause))?;
    remember(core, &fetcher).await;
    if let Err(cause) = outcome {
        return Err(failed(Stage::Fetch, numbered(cause, &manifest, &segments, &fetcher)));
    }
    let written = done.written;
    let hash = finish(done, &manifest, whole).await.map_err(|cause| failed(Stage::Fetch, cause))?;
    let log = fetcher.log();
    Ok(DownloadReport {
        name: request.name,
        bytes: ByteCount(written - resumed),
        hash,
        received: ByteCount(log.received),
        resumed: ByteCount(resumed),
        decoded: log.decoded,
        paid: fetcher.paid(),
        hosts: log.served.iter().copied().collect(),
        failed: log
            .failed
            .iter()
            .map(|host| NotChosen { node: host.node, why: host.fault.to_string() })
            .collect(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Opens the target; finds out what of an earlier attempt can be kept.
async fn open_out(
    core: &Core,
    target: Target,
    manifest: &Manifest,
    whole: bool,
) -> Result<(Out, Kept), DownloadCause> {
    let (path, force) = match target {
        Target::Stream(stream) => return Ok((Out::Stream(stream), Kept::default())),
        Target::File { path, force } => (path, force),
    };
    let (manifest, secret) = (manifest.clone(), core.secrets.chunk().clone());
    tokio::task::spawn_blocking(move || {
        let mut partial = Partial::open(&path, &manifest, force)?;
        let kept = if whole {
            partial.keep(manifest.chunks(), &secret)?
        } else {
            partial.restart(0)?;
            Kept::default()
        };
        Ok((Out::File(partial), kept))
    })
    .await
    .map_err(|_| DownloadCause::TaskLost)?
}

/// Fetches ahead of the writer, in order. The inner result is the first failure; the writer comes back either way.
async fn drive(
    core: &Core,
    fetcher: &Arc<Fetcher>,
    (way, kept): (super::itinerary::Itinerary, usize),
    writer: Writer,
) -> Result<(Writer, Result<(), FetchOrWrite>), DownloadCause> {
    let ahead = ahead(core, &way.visits);
    let (parts, taken) = mpsc::channel(1);
    let stops = way.stops.into_iter().collect();
    let task = tokio::task::spawn_blocking(move || writer.run(stops, kept, taken));
    let fetch = |(at, want): (usize, Want)| {
        let fetcher = Arc::clone(fetcher);
        async move {
            let id = want.segment.id;
            (at, fetcher.fetch(want).await.map_err(|error| (id, error)))
        }
    };
    let mut fetched = stream::iter(way.visits.into_iter().enumerate()).map(fetch).buffered(ahead);
    let mut outcome = Ok(());
    let mut lacking = Vec::new();
    while let Some((at, part)) = fetched.next().await {
        match part {
            Ok(part) if lacking.is_empty() => {
                if pass_on(&parts, at, part).await.is_err() {
                    break;
                }
            }
            Ok(_) => {}
            Err((id, FetchError::TooFew(few))) => lacking.push((id, few)),
            Err((_, FetchError::Other(cause))) => {
                outcome = Err(FetchOrWrite::Cause(cause));
                break;
            }
        }
    }
    drop((fetched, parts));
    if !lacking.is_empty() {
        outcome = Err(FetchOrWrite::Lacking(lacking));
    }
    let (writer, written) = task.await.map_err(|_| DownloadCause::TaskLost)?;
    match written {
        // A writer that stopped because nothing more came is not the cause.
        Err(cause) if outcome.is_ok() || !matches!(cause, DownloadCause::TaskLost) => {
            Ok((writer, Err(FetchOrWrite::Cause(cause))))
        }
        _ => Ok((writer, outcome)),
    }
}

async fn pass_on(parts: &mpsc::Sender<(usize, Part)>, at: usize, part: Part) -> Result<(), ()> {
    parts.send((at, part)).await.map_err(|_| ())
}

/// How many segments are fetched at once: what the memory for it holds, masked and unmasked.
fn ahead(core: &Core, visits: &[Want]) -> usize {
    let bytes = |want: &Want| want.range.bytes() * usize::from(want.segment.profile.k()) * 2;
    let largest = visits.iter().map(bytes).max().unwrap_or(SECTOR_BYTES).max(1);
    (usize::try_from(core.config.fetch_memory.0).unwrap_or(usize::MAX) / largest).clamp(2, 32)
}

/// What stopped a download.
enum FetchOrWrite {
    Lacking(Vec<(SegmentId, crate::fetch::TooFew)>),
    Cause(DownloadCause),
}

/// Says where in the file the segments that lack shards stand.
fn numbered(
    stopped: FetchOrWrite,
    manifest: &Manifest,
    segments: &BTreeMap<SegmentId, SegmentRecord>,
    fetcher: &Fetcher,
) -> DownloadCause {
    let lacking = match stopped {
        FetchOrWrite::Cause(cause) => return cause,
        FetchOrWrite::Lacking(lacking) => lacking,
    };
    let mut order: Vec<SegmentId> = Vec::with_capacity(segments.len());
    for span in manifest.chunks().iter().flat_map(|chunk| &chunk.spans) {
        if !order.contains(&span.segment) {
            order.push(span.segment);
        }
    }
    let place = |id: &SegmentId| order.iter().position(|known| known == id).unwrap_or_default();
    let lacking = lacking
        .iter()
        .map(|(id, few)| Lacking { segment: place(id), found: few.found, needed: few.needed })
        .collect();
    DownloadCause::Lost { lacking, failed: std::mem::take(&mut fetcher.log().failed) }
}

/// Checks the whole and gives the file its name.
async fn finish(writer: Writer, manifest: &Manifest, whole: bool) -> Result<Option<FileHash>, DownloadCause> {
    let hash = whole.then(|| FileHash(*writer.hash.finalize().as_bytes()));
    let right = hash.is_none_or(|hash| hash == manifest.hash());
    let attributes = manifest.attributes().clone();
    let out = writer.out;
    tokio::task::spawn_blocking(move || {
        if right {
            return out.finish(&attributes);
        }
        if let Out::File(partial) = out {
            partial.discard();
        }
        Err(DownloadCause::WrongHash)
    })
    .await
    .map_err(|_| DownloadCause::TaskLost)??;
    Ok(hash)
}

/// A read is an audit too: what hosts did enters the owner's opinion of them.
async fn remember(core: &Core, fetcher: &Fetcher) {
    let (verdicts, proved): (Vec<_>, _) = {
        let mut log = fetcher.log();
        let bad = log.failed.iter().map(|failure| (failure.node, verdict(&failure.fault)));
        (bad.collect(), std::mem::take(&mut log.proved))
    };
    let now = if verdicts.is_empty() { None } else { core.now().await.ok() };
    let wrong: Vec<_> =
        verdicts.iter().filter(|(_, verdict)| verdict.touches_money()).map(|(node, _)| *node).collect();
    if let Err(fault) = crate::audit::reads::note(core, proved, &wrong, now).await {
        tracing::warn!(%fault, "cannot remember what was read");
    }
    let Some(now) = now else { return };
    for (node, verdict) in verdicts {
        if let Err(fault) = core.remember(&node, verdict, now) {
            tracing::warn!(%fault, "cannot remember what a host did");
        }
    }
}

const fn verdict(fault: &HostFault) -> Verdict {
    match fault {
        HostFault::Misbehaved(_) => Verdict::Corrupt,
        HostFault::Refused(Refusal::SectorDamaged { .. }) => Verdict::Corrupt,
        HostFault::Refused(Refusal::SectorMissing { .. }) => Verdict::Missing,
        HostFault::Refused(_) => Verdict::Refused,
        HostFault::Late { .. } => Verdict::Late,
        HostFault::Records(_) => Verdict::OwnFault,
        _ => Verdict::Offline,
    }
}
