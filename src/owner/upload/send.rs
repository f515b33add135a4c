//! Sending: every shard to the seat the rotation gives it, all hosts at once, memory bounded by permits.
//!
//! Each shard in memory holds one permit from when it leaves the encoder until it is acknowledged, so a host that
//! hangs costs a share of the budget and not the whole of it. When a host fails, its seat is marked, every shard
//! bound for it waits, and the manager finds another host; only where there is none are shards counted as
//! missing. A host that says its agreement is full has not failed: it may be asked for another one, since what
//! fills it can be sectors of an earlier attempt that nobody will ever sign for. Acknowledgements are written down in groups: while one group is being flushed the next gathers.

use super::job::Job;
use super::replace::{Replacement, replace};
use super::seats::{Route, Seats, Serving, Stopwatch};
use crate::acks::{Ack, AckKey};
use crate::core::Core;
use crate::error::{Failed, HostFailure, RecordsFault, UploadCause, UploadError};
use crate::events::{Event, HostEvent, Progress, Stage};
use crate::job::JobId;
use layr_coding::{CommittedSegment, CommittedShard, Profile, ShardIndex};
use layr_manifests::{SegmentRecord, ShardRecord};
use layr_placement::Rotation;
use layr_types::{AgreementId, ByteCount, NodeKey, SECTOR_BYTES, SectorRoot, SegmentId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// How long the manager waits for more failures before it looks for other hosts, so that one transaction serves
/// all of them.
const GATHER: Duration = Duration::from_millis(100);
/// Acknowledgements written down at once.
const GROUP: usize = 512;

/// One shard's fate.
struct Fate {
    segment: SegmentId,
    index: ShardIndex,
    root: SectorRoot,
    /// Where it lies; `None` for nowhere.
    at: Option<(AgreementId, NodeKey)>,
    /// Bytes of content it stands for, and whether it was sent in this run.
    stands_for: u64,
    sent: bool,
}

/// What the collector is told.
enum Told {
    /// A shard's fate.
    Fate(Fate),
    /// Everything before this has been told: what did it come to?
    Sum(oneshot::Sender<Placed>),
}

/// What the shards of a pass came to.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pub(crate) shards: HashMap<SegmentId, Vec<ShardRecord>>,
    pub(crate) missing: u64,
    pub(crate) sent: u64,
}

/// A segment that was sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) id: SegmentId,
    pub(crate) profile: Profile,
    pub(crate) used: ByteCount,
}

impl Placed {
    /// The records of these segments, with whatever shards are placed.
    pub(crate) fn records(&self, segments: &[Meta]) -> Vec<SegmentRecord> {
        let record = |meta: &Meta| {
            let mut shards = self.shards.get(&meta.id).cloned().unwrap_or_default();
            shards.sort_unstable();
            SegmentRecord { id: meta.id, profile: meta.profile, used: meta.used, shards }
        };
        segments.iter().map(record).collect()
    }
}

/// Sends the shards of one pass.
pub(crate) struct Sender {
    shared: Arc<Shared>,
    rotation: Rotation,
    ordinal: u64,
    tasks: JoinSet<()>,
    fates: mpsc::UnboundedSender<Told>,
    collector: Option<JoinHandle<Result<(), RecordsFault>>>,
    used: HashSet<(SegmentId, ShardIndex)>,
    manager: JoinHandle<(Job, Vec<HostFailure>)>,
}

struct Shared {
    core: Core,
    job: JobId,
    seats: Seats,
    memory: Semaphore,
    /// Acknowledged in an earlier run, under agreements still in use.
    known: HashMap<(SegmentId, ShardIndex), (AgreementId, NodeKey)>,
    failures: mpsc::UnboundedSender<(usize, HostFailure)>,
    progress: Arc<dyn Progress>,
}

/// What is known of a pass when it ends.
pub(crate) struct Pass {
    /// The job, perhaps with other places.
    pub(crate) job: Job,
    pub(crate) failures: Vec<HostFailure>,
    /// Every shard the pass was given.
    pub(crate) used: HashSet<(SegmentId, ShardIndex)>,
}

impl Sender {
    /// Ready to send under the job's agreements.
    pub(crate) fn start(core: &Core, job: Job, progress: &Arc<dyn Progress>) -> Result<Self, UploadError> {
        let records = |fault: RecordsFault| Failed::new(Stage::Records, fault);
        let mut routes = Vec::with_capacity(job.places.len());
        let mut hosts = HashMap::new();
        for id in &job.places {
            let agreement = core.agreement(id).map_err(records)?;
            let node = agreement.map(|agreement| agreement.host()).unwrap_or_default();
            hosts.insert(*id, node);
            routes.push(Route::new(core, *id, node));
        }
        let acked = crate::acks::load(&core.book, job.id, None).map_err(records)?;
        let placed_at = |id: &AgreementId| hosts.get(id).map(|node| (*id, *node));
        let known = acked
            .into_iter()
            .filter_map(|(key, _)| placed_at(&key.agreement).map(|at| ((key.segment, key.shard), at)))
            .collect();
        let rotation = Rotation::over(routes.len())
            .ok_or_else(|| records(RecordsFault::Damaged { space: crate::Space::Jobs }))?;
        let permits = usize::try_from(core.config.send_memory.0).unwrap_or(usize::MAX) / SECTOR_BYTES;
        let (failures, failed) = mpsc::unbounded_channel();
        let (fates, told) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            core: core.clone(),
            job: job.id,
            seats: Seats::new(routes),
            memory: Semaphore::new(permits.max(usize::from(job.profile.n()))),
            known,
            failures,
            progress: Arc::clone(progress),
        });
        let collector = Some(tokio::spawn(collect(Arc::clone(&shared), told)));
        let manager = tokio::spawn(manage(Arc::clone(&shared), job, failed));
        let (tasks, used) = (JoinSet::new(), HashSet::new());
        Ok(Self { shared, rotation, ordinal: 0, tasks, fates, collector, used, manager })
    }

    /// Sends a segment's shards; returns once all of them have room in memory.
    pub(crate) async fn segment(&mut self, segment: CommittedSegment) -> Meta {
        let meta = Meta { id: segment.id(), profile: segment.profile(), used: segment.used() };
        let each = meta.used.0 / u64::from(meta.profile.n());
        for shard in segment.into_shards() {
            let seat = self.rotation.host(self.ordinal, shard.index().0);
            self.shard(seat, meta.id, shard, each).await;
        }
        self.ordinal += 1;
        meta
    }

    /// Sends one shard to one seat.
    pub(crate) async fn shard(
        &mut self,
        seat: usize,
        segment: SegmentId,
        shard: CommittedShard,
        stands_for: u64,
    ) {
        let (index, root) = (shard.index(), shard.root());
        self.used.insert((segment, index));
        if let Some(at) = self.shared.known.get(&(segment, index)) {
            let fate = Fate { segment, index, root, at: Some(*at), stands_for, sent: false };
            let _gone = self.fates.send(Told::Fate(fate));
            return;
        }
        let permit = self.shared.memory.acquire().await;
        if let Ok(permit) = permit {
            SemaphorePermit::forget(permit);
        }
        let (shared, fates) = (Arc::clone(&self.shared), self.fates.clone());
        while self.tasks.try_join_next().is_some() {}
        self.tasks.spawn(async move {
            let at = deliver(&shared, seat, &shard).await;
            drop(shard);
            shared.memory.add_permits(1);
            let sent = at.is_some();
            let _gone = fates.send(Told::Fate(Fate { segment, index, root, at, stands_for, sent }));
        });
    }

    /// Waits for the fate of every shard sent so far and for its being written down; tells what came since the
    /// last call.
    pub(crate) async fn settle(&mut self) -> Result<Placed, UploadCause> {
        while self.tasks.join_next().await.is_some() {}
        let (reply, sum) = oneshot::channel();
        // Where nobody listens any more the reply comes back in the error and must not be kept.
        drop(self.fates.send(Told::Sum(reply)));
        match sum.await {
            Ok(placed) => Ok(placed),
            Err(_) => match self.collector.take() {
                Some(collector) => collector
                    .await
                    .map_err(|_| UploadCause::TaskLost)?
                    .map_err(Into::into)
                    .and(Err(UploadCause::TaskLost)),
                None => Err(UploadCause::TaskLost),
            },
        }
    }

    /// How many seats there are.
    pub(crate) fn seats(&self) -> usize {
        self.shared.seats.count()
    }

    /// Ends the pass: nothing more is sent.
    pub(crate) async fn finish(mut self) -> Result<Pass, UploadCause> {
        self.settle().await?;
        let Self { shared, tasks, fates, collector, used, manager, .. } = self;
        drop((tasks, fates));
        if let Some(collector) = collector {
            collector.await.map_err(|_| UploadCause::TaskLost)??;
        }
        drop(shared);
        let (job, failures) = manager.await.map_err(|_| UploadCause::TaskLost)?;
        Ok(Pass { job, failures, used })
    }
}

/// Gets one shard stored by whoever serves its seat.
async fn deliver(shared: &Shared, seat: usize, shard: &CommittedShard) -> Option<(AgreementId, NodeKey)> {
    let bounds = (shared.core.config.shard_floor, shared.core.config.shard_ceiling);
    loop {
        let route = shared.seats.server(seat).await?;
        let watch = Stopwatch::start();
        match route.put(shard.root(), shard.bytes(), shared.seats.patience(bounds)).await {
            Ok(()) => {
                shared.seats.took(watch.stop());
                return Some((route.agreement, route.node));
            }
            Err(fault) => {
                if route.give_up() {
                    shared.seats.set(seat, Serving::Soon);
                    tracing::warn!(host = %route.node, %fault, "a host fails in mid-upload");
                    let failure = HostFailure { node: route.node, fault };
                    if shared.failures.send((seat, failure)).is_err() {
                        shared.seats.set(seat, Serving::Nobody);
                    }
                }
            }
        }
    }
}

/// Writes acknowledgements down in groups and counts.
async fn collect(shared: Arc<Shared>, mut told: mpsc::UnboundedReceiver<Told>) -> Result<(), RecordsFault> {
    let mut placed = Placed::default();
    let mut done = 0;
    let mut group = Vec::with_capacity(GROUP);
    while told.recv_many(&mut group, GROUP).await > 0 {
        let mut fates = Vec::with_capacity(group.len());
        let mut asked = Vec::new();
        for told in group.drain(..) {
            match told {
                Told::Fate(fate) => fates.push(fate),
                Told::Sum(reply) => asked.push(reply),
            }
        }
        write_down(&shared, &fates).await?;
        for fate in fates {
            done += fate.stands_for;
            placed.count(fate);
        }
        shared.progress.tell(Event::Bytes { done: ByteCount(done) });
        for reply in asked {
            let _gone = reply.send(std::mem::take(&mut placed));
        }
    }
    Ok(())
}

async fn write_down(shared: &Shared, fates: &[Fate]) -> Result<(), RecordsFault> {
    let keys: Vec<(AckKey, Ack)> = fates.iter().filter_map(|fate| fate.ack(shared.job)).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let book = shared.core.book.clone();
    let written = tokio::task::spawn_blocking(move || {
        let mut draft = book.draft();
        keys.iter().for_each(|(key, ack)| draft.put(crate::Space::Acks, &key.encode(), ack));
        draft.commit()
    });
    written.await.map_err(|_| RecordsFault::Store("the journal's task died".into()))?
}

impl Fate {
    fn ack(&self, job: JobId) -> Option<(AckKey, Ack)> {
        let (agreement, _) = self.at.filter(|_| self.sent)?;
        let key = AckKey { job, agreement, segment: self.segment, shard: self.index };
        Some((key, Ack { root: self.root, signed: false }))
    }
}

impl Placed {
    fn count(&mut self, fate: Fate) {
        self.sent += u64::from(fate.sent) * SECTOR_BYTES as u64;
        match fate.at {
            Some((agreement, host)) => {
                let record = ShardRecord { index: fate.index, root: fate.root, host, agreement };
                self.shards.entry(fate.segment).or_default().push(record);
            }
            None => self.missing += 1,
        }
    }
}

/// Finds other hosts for seats whose host failed. Ends with the last sender.
async fn manage(
    shared: Arc<Shared>,
    mut job: Job,
    mut failed: mpsc::UnboundedReceiver<(usize, HostFailure)>,
) -> (Job, Vec<HostFailure>) {
    // The manager must not keep the channel it listens to alive.
    let (core, progress) = (shared.core.clone(), Arc::clone(&shared.progress));
    let weak = Arc::downgrade(&shared);
    drop(shared);
    let mut failures = Vec::new();
    while let Some(first) = failed.recv().await {
        sleep(GATHER).await;
        let mut lost = vec![first];
        while let Ok(more) = failed.try_recv() {
            lost.push(more);
        }
        let Some(shared) = weak.upgrade() else { break };
        let seats: Vec<usize> = lost.iter().map(|(seat, _)| *seat).collect();
        for (seat, failure) in &lost {
            if failure.is_full() {
                job.full.extend(job.places.get(*seat));
                continue;
            }
            progress.tell(Event::Host { node: failure.node, what: HostEvent::Lost });
            job.failed.push(failure.node);
        }
        failures.extend(lost.into_iter().map(|(_, failure)| failure));
        let found = match replace(&core, &mut job, &seats, &*progress).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "no other host takes over");
                Vec::new()
            }
        };
        for seat in &seats {
            match found.iter().find(|found| found.seat == *seat) {
                Some(Replacement { agreement, node, .. }) => {
                    progress.tell(Event::Host { node: *node, what: HostEvent::TakesOver });
                    shared.seats.set(*seat, Serving::Host(Route::new(&core, *agreement, *node)));
                }
                None => {
                    shared.seats.no_more_spares();
                    shared.seats.set(*seat, Serving::Nobody);
                }
            }
        }
    }
    (job, failures)
}
