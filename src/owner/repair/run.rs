//! The repair itself: what is concerned, a look at its hosts, the passes, and the report.

use super::pass::Run;
use super::queue::Queue;
use super::report::{LostSegment, RepairReport};
use super::request::{RepairRequest, RepairTarget};
use crate::core::Core;
use crate::error::{Failed, LedgerFault, NextStep, RecordsFault, UploadCause, UploadError};
use crate::events::{Event, Progress, Stage};
use crate::health::{Patience, Standing};
use crate::{audit, catalogue, foreign, lookup, stored, transactions};
use layr_audits::AuditKind;
use layr_types::{AgreementId, ByteCount, NodeKey, SegmentId, Stroops};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// The files that lie in each segment.
pub(crate) type Names = HashMap<SegmentId, Vec<String>>;

pub(super) fn records(fault: RecordsFault) -> UploadError {
    Failed::new(Stage::Records, fault)
}

pub(super) fn ledger(fault: LedgerFault) -> UploadError {
    Failed::new(Stage::Repair, fault)
}

/// The verb.
pub(crate) async fn repair(
    core: &Core,
    request: &RepairRequest,
    progress: Arc<dyn Progress>,
) -> Result<RepairReport, UploadError> {
    let _only = core.repairing.lock().await;
    // Nothing is given back as unneeded while shards wait to be recorded.
    let _storing = core.storing.read().await;
    let began = Instant::now();
    let mut fees = Stroops::ZERO;
    if !request.dry_run {
        fees += transactions::reconcile(core, &*progress).await.map_err(ledger)?;
        catalogue::publish(core, &*progress).await?;
    }
    let (names, segments) = concerned(core, &request.target)?;
    if request.look {
        look(core, &segments, &*progress).await?;
    }
    let standing = stand(core, request, &HashSet::new()).await?;
    let mut run = Run::new(core, request, progress, (segments, standing));
    run.report.fees = fees;
    run.go().await?;
    let after = run.queue()?;
    let mut report = run.report;
    report.after = after.counts;
    report.lost = lost(core, &after, &names).map_err(records)?;
    report.seconds = began.elapsed().as_secs_f64();
    Ok(report)
}

/// The names and the segments a target means; segments the records do not know are among them.
pub(crate) fn concerned(
    core: &Core,
    target: &RepairTarget,
) -> Result<(Names, BTreeSet<SegmentId>), UploadError> {
    if let RepairTarget::Segments(ids) = target {
        return Ok((Names::new(), ids.iter().copied().collect()));
    }
    let files = lookup::manifests(core).map_err(records)?;
    let name = |file: &lookup::FileEntry| file.manifest.path().as_str().to_owned();
    let exact = match target {
        RepairTarget::All | RepairTarget::Segments(_) => false,
        RepairTarget::Named(wanted) => files.iter().any(|file| name(file) == *wanted),
    };
    let meant = |file: &&lookup::FileEntry| match target {
        RepairTarget::All | RepairTarget::Segments(_) => true,
        RepairTarget::Named(wanted) if exact => name(file) == *wanted,
        RepairTarget::Named(prefix) => name(file).starts_with(prefix.as_str()),
    };
    let mut names = Names::new();
    let mut found = false;
    for file in files.iter().filter(meant) {
        found = true;
        for segment in file.manifest.segments() {
            names.entry(segment).or_default().push(name(file));
        }
    }
    if let (RepairTarget::Named(wanted), false) = (target, found) {
        let cause = UploadCause::NoSuchFile(wanted.clone());
        return Err(Failed::new(Stage::Records, cause).next(NextStep::Change));
    }
    let segments = names.keys().copied().collect();
    Ok((names, segments))
}

/// Audits every agreement under which shards of these segments lie.
pub(crate) async fn look(
    core: &Core,
    segments: &BTreeSet<SegmentId>,
    progress: &dyn Progress,
) -> Result<(), UploadError> {
    progress.tell(Event::Stage { stage: Stage::Audit, bytes: ByteCount::ZERO });
    let now = core.now().await.map_err(ledger)?;
    let mut held = HashSet::new();
    for id in segments {
        let segment = stored::segment(&core.book, id).map_err(records)?;
        held.extend(segment.into_iter().flat_map(|segment| segment.shards).map(|shard| shard.agreement));
    }
    let open = core.agreements().map_err(records)?.into_iter();
    let ids: Vec<AgreementId> = open
        .filter(|agreement| held.contains(&agreement.id) && agreement.runs(now))
        .map(|one| one.id)
        .collect();
    foreign::look(core).await.map_err(records)?;
    let audited = audit::run(core, &ids, AuditKind::Random).await;
    audited.map(|_| ()).map_err(|error| match error {
        audit::RunError::Ledger(fault) => ledger(fault),
        audit::RunError::Records(fault) => records(fault),
    })
}

/// What is believed of hosts now, those that failed in this run left out.
pub(super) async fn stand(
    core: &Core,
    request: &RepairRequest,
    failed: &HashSet<NodeKey>,
) -> Result<Standing, UploadError> {
    let patience = match request.patience {
        0 => Patience::None,
        limit => Patience::Silent(limit, core.now().await.map_err(ledger)?),
    };
    let mut standing = Standing::load(core, patience).map_err(records)?;
    for agreement in core.agreements().map_err(records)? {
        if failed.contains(&agreement.host()) {
            standing.bury(&agreement.id);
        }
    }
    Ok(standing)
}

/// What of the queue cannot be rebuilt, with the files in it and who had it.
fn lost(core: &Core, queue: &Queue, names: &Names) -> Result<Vec<LostSegment>, RecordsFault> {
    let mut lost = Vec::new();
    for task in &queue.lost {
        let segment = stored::segment(&core.book, &task.segment)?;
        let shards = segment.into_iter().flat_map(|segment| segment.shards);
        let gone = shards.filter(|shard| task.health.dead.contains(&shard.index.0));
        lost.push(LostSegment {
            segment: task.segment,
            files: names.get(&task.segment).cloned().unwrap_or_default(),
            left: task.health.alive,
            needed: task.health.k,
            gone: gone.map(|shard| shard.host).collect(),
        });
    }
    for id in &queue.unknown {
        let files = names.get(id).cloned().unwrap_or_default();
        lost.push(LostSegment { segment: *id, files, left: 0, needed: 1, gone: Vec::new() });
    }
    Ok(lost)
}
