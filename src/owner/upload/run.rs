//! The upload itself: the steps of the folder's preface, in order, repeated while hosts fail and others can take
//! their shards.

use super::encode::{self, Feed};
use super::forgotten::forgive;
use super::job::{Job, amount, restarted};
use super::replace::replace;
use super::send::{Meta, Sender};
use super::sign::{SignError, first_audits, sign_all};
use crate::acks;
use crate::catalogue::{self, Saved};
use crate::core::Core;
use crate::error::{Failed, HostFailure, MoneyEffect, NextStep, UploadCause, UploadError};
use crate::events::{Event, HostEvent, Progress, Stage, Warning};
use crate::job::JobId;
use crate::lookup;
use crate::open::{abandon_unsent, open};
use crate::plan::{Plan, Wish, plan};
use crate::ports::Space;
use crate::request::{Keeping, UploadRequest};
use crate::sources::{self, Stamped};
use crate::stored::StoredIndex;
use crate::transactions;
use crate::views::UploadReport;
use layr_coding::{Encoded, EncodedFile};
use layr_manifests::{CatalogueUpdate, FilePath, Manifest, SegmentRecord};
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, UnixSeconds};
use std::collections::{BTreeSet, HashSet};
use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

/// How often an upload is begun anew after hosts failed that had taken their shards.
const PASSES: u32 = 4;

/// Looks at the sources and plans, without writing anything down.
pub(crate) async fn plan_request(core: &Core, request: &UploadRequest) -> Result<Plan, UploadError> {
    let stamped = stamp(request.sources.clone()).await?;
    plan(core, amount(&stamped), &request.keeping, Wish::default()).await
}

async fn stamp(sources: Vec<crate::Source>) -> Result<Vec<Stamped>, UploadError> {
    let failed = |cause: UploadCause| Failed::new(Stage::Scan, cause).next(NextStep::Change);
    tokio::task::spawn_blocking(move || sources::stamp(&sources))
        .await
        .map_err(|_| failed(UploadCause::TaskLost))?
        .map_err(|error| failed(error.into()))
}

/// Uploads files, or goes on with an interrupted upload of the same files.
pub(crate) async fn upload(
    core: &Core,
    request: UploadRequest,
    progress: Arc<dyn Progress>,
) -> Result<UploadReport, UploadError> {
    progress.tell(Event::Stage { stage: Stage::Scan, bytes: ByteCount::ZERO });
    let stamped = stamp(request.sources).await?;
    let records = |fault| Failed::new(Stage::Records, fault);
    let jobs = core.book.scan::<Job>(Space::Jobs, &[]).map_err(records)?;
    let known = jobs.into_iter().map(|(_, job)| job).find(|job| job.is_for(&stamped, &request.keeping));
    let job = match known {
        Some(mut job) => {
            progress.tell(Event::Warning(Warning::Resumed));
            if job.places.is_empty() || job.sources != stamped {
                job = restarted(core, job, stamped)?;
            }
            job.max_cost = request.keeping.max_cost;
            job.reads_percent = Some(request.keeping.reads_percent);
            job
        }
        None => begin(core, stamped, &request.keeping).await?,
    };
    let feed = Feed::Files(job.sources.clone());
    Run::new(core, job, feed, progress).go().await
}

async fn begin(core: &Core, sources: Vec<Stamped>, keeping: &Keeping) -> Result<Job, UploadError> {
    let now = core.now().await.map_err(|fault| Failed::new(Stage::Find, fault))?;
    Ok(Job::new(JobId(core.book.random()), now, sources, keeping))
}

/// Goes on with an interrupted upload.
pub(crate) async fn resume(
    core: &Core,
    id: JobId,
    progress: Arc<dyn Progress>,
) -> Result<UploadReport, UploadError> {
    let failed = |cause: UploadCause| Failed::new(Stage::Records, cause).next(NextStep::Change);
    let job = Job::load(core, id).map_err(|fault| failed(fault.into()))?;
    let job = job.ok_or_else(|| failed(UploadCause::NoSuchJob(id)))?;
    if job.stream {
        return Err(failed(UploadCause::StreamGone));
    }
    let feed = Feed::Files(job.sources.clone());
    Run::new(core, job, feed, progress).go().await
}

/// Uploads at most `size` bytes from a reader.
pub(crate) async fn upload_stream(
    core: &Core,
    (name, size): (String, ByteCount),
    reader: Box<dyn Read + Send>,
    keeping: Keeping,
    progress: Arc<dyn Progress>,
) -> Result<UploadReport, UploadError> {
    let named = FilePath::new(name.as_str()).map_err(|_| {
        let cause = crate::error::SourceError::Name { path: name.clone().into() };
        Failed::new(Stage::Scan, cause).next(NextStep::Change)
    })?;
    let source = Stamped { path: name.into(), name: named, size, modified: None, mode: None };
    let mut job = begin(core, vec![source], &keeping).await?;
    job.stream = true;
    Run::new(core, job, Feed::Stream(Some(reader), size), progress).go().await
}

/// One upload under way.
struct Run<'a> {
    core: &'a Core,
    job: Job,
    feed: Feed,
    progress: Arc<dyn Progress>,
    began: Instant,
    sent: u64,
    send_seconds: f64,
    replaced: BTreeSet<NodeKey>,
    failures: Vec<HostFailure>,
    /// Agreements whose host has forgotten what nobody had signed for.
    forgiven: HashSet<AgreementId>,
}

/// What a pass made.
struct Made {
    files: Vec<EncodedFile>,
    segments: Vec<SegmentRecord>,
    saved: Saved,
    now: UnixSeconds,
    /// Until the catalogue is recorded, no other upload may build on the one before.
    _only: tokio::sync::OwnedMutexGuard<()>,
}

impl<'a> Run<'a> {
    fn new(core: &'a Core, job: Job, feed: Feed, progress: Arc<dyn Progress>) -> Self {
        let replaced = BTreeSet::new();
        let failures = Vec::new();
        Self {
            core,
            job,
            feed,
            progress,
            began: Instant::now(),
            sent: 0,
            send_seconds: 0.0,
            replaced,
            failures,
            forgiven: HashSet::new(),
        }
    }

    /// A failure at `stage`, with what became of this job's money.
    fn failed(&self, stage: Stage, cause: impl Into<UploadCause>) -> UploadError {
        let escrow = self.escrow();
        let money = if escrow > Stroops::ZERO { MoneyEffect::Reserved(escrow) } else { MoneyEffect::None };
        let next = if self.job.stream { NextStep::Retry } else { NextStep::Resume(self.job.id) };
        Failed::new(stage, cause).money(money).next(next)
    }

    fn escrow(&self) -> Stroops {
        let locked = |id: &AgreementId| {
            self.core.agreement(id).ok().flatten().map(|known| known.terms.escrow + known.terms.voucher_part)
        };
        self.job.opened.iter().filter_map(locked).sum()
    }

    async fn go(mut self) -> Result<UploadReport, UploadError> {
        let core = self.core;
        // Until the files are recorded nothing they build on may be given up.
        let _storing = core.storing.read().await;
        self.prepare().await?;
        for _ in 0..PASSES {
            if let Some(made) = self.pass().await? {
                return self.record(made).await;
            }
        }
        let failed = std::mem::take(&mut self.failures);
        let missing = failed.len() as u64;
        Err(self.failed(Stage::Send, UploadCause::HostsFailed { missing, failed }))
    }

    /// Open agreements for every place.
    async fn prepare(&mut self) -> Result<(), UploadError> {
        let core = self.core;
        let fees = transactions::reconcile(core, &*self.progress).await;
        let fees = fees.map_err(|fault| self.unfollowed(fault))?;
        self.job.fees += fees;
        catalogue::publish(core, &*self.progress).await?;
        let now = core.now().await.map_err(|fault| self.failed(Stage::Find, fault))?;
        if self.job.places.is_empty() {
            return self.open_places().await;
        }
        let mut over = Vec::new();
        for (seat, id) in self.job.places.iter().enumerate() {
            let agreement = core.agreement(id).map_err(|fault| self.failed(Stage::Records, fault))?;
            if agreement.is_none_or(|agreement| !agreement.runs(now)) {
                over.push(seat);
            }
        }
        if over.is_empty() { Ok(()) } else { self.replace(&over, Stage::Send).await }
    }

    fn unfollowed(&self, fault: crate::LedgerFault) -> UploadError {
        let money = match &fault {
            crate::LedgerFault::Unknown { hash, .. } => MoneyEffect::Unknown(*hash),
            _ => MoneyEffect::None,
        };
        self.failed(Stage::Open, fault).money(money)
    }

    async fn open_places(&mut self) -> Result<(), UploadError> {
        let core = self.core;
        let _held = core.opening.lock().await;
        abandon_unsent(core).map_err(|fault| self.failed(Stage::Records, fault))?;
        self.progress.tell(Event::Stage { stage: Stage::Find, bytes: ByteCount::ZERO });
        let wish = Wish { without: &self.job.failed, ..Wish::default() };
        let plan = plan(core, self.job.amount(), &self.job.keeping(), wish).await?;
        if plan.quote.shards_per_host > 1 {
            let per_host = plan.quote.shards_per_host;
            self.progress.tell(Event::Warning(Warning::SharedHosts { per_host }));
        }
        for host in &plan.quote.hosts {
            self.progress.tell(Event::Host { node: host.node, what: HostEvent::Chosen });
        }
        crate::plan::check_cost(core, &plan.quote, self.job.max_cost, Stroops::ZERO).await?;
        self.job.save(core).map_err(|fault| self.failed(Stage::Records, fault))?;
        let limits = (self.job.max_cost, Stroops::ZERO);
        let opened = open(core, self.job.id, plan, limits, &*self.progress).await?;
        self.job.places = opened.places;
        self.job.opened = opened.fresh;
        self.job.fees += opened.fees;
        self.job.save(core).map_err(|fault| self.failed(Stage::Records, fault))
    }

    /// Sends, signs, audits. `None` where hosts failed and others have taken their places: once more.
    async fn pass(&mut self) -> Result<Option<Made>, UploadError> {
        let core = self.core;
        let bytes = self.job.amount().bytes;
        self.progress.tell(Event::Stage { stage: Stage::Send, bytes });
        let started = Instant::now();
        let sent = self.send().await?;
        self.send_seconds += started.elapsed().as_secs_f64();
        let Some(made) = sent else { return Ok(None) };
        self.progress.tell(Event::Stage { stage: Stage::Sign, bytes: ByteCount::ZERO });
        let failed = sign_all(core, &self.job, &*self.progress).await;
        let failed = failed.map_err(|error| self.sign_failed(Stage::Sign, error))?;
        let all = failed.len();
        let failed = forgive(core, self.job.id, failed, &mut self.forgiven);
        let failed = failed.map_err(|fault| self.failed(Stage::Records, fault))?;
        if all > 0 {
            self.drop_hosts(failed, Stage::Sign).await?;
            return Ok(None);
        }
        self.progress.tell(Event::Stage { stage: Stage::Audit, bytes: ByteCount::ZERO });
        let failed = first_audits(core, &self.job, &*self.progress).await;
        let failed = failed.map_err(|error| self.sign_failed(Stage::Audit, error))?;
        if !failed.is_empty() {
            self.drop_hosts(failed, Stage::Audit).await?;
            return Ok(None);
        }
        Ok(Some(made))
    }

    fn sign_failed(&self, stage: Stage, error: SignError) -> UploadError {
        match error {
            SignError::Ledger(fault) => self.failed(stage, fault),
            SignError::Records(fault) => self.failed(stage, fault),
        }
    }

    /// Encodes and sends everything, the catalogue last. `None` where shards found no place and a new pass may
    /// find one.
    async fn send(&mut self) -> Result<Option<Made>, UploadError> {
        let core = self.core;
        let now = core.now().await.map_err(|fault| self.failed(Stage::Send, fault))?;
        let until = now.plus(self.job.term / 4 * 3);
        let index = StoredIndex::new(core, self.job.profile, now, until);
        let index = index.map_err(|fault| self.failed(Stage::Records, fault))?;
        let mut sender = Sender::start(core, self.job.clone(), &self.progress)?;
        let streamed = self.stream(&mut sender, index).await;
        let outcome = match streamed {
            Ok((files, metas)) => self.save_catalogue(&mut sender, files, metas, now).await,
            Err(cause) => Err(cause),
        };
        let outcome = outcome.map_err(|cause| self.failed(Stage::Send, cause))?;
        let pass = sender.finish().await.map_err(|cause| self.failed(Stage::Send, cause))?;
        self.job = pass.job;
        let failed = pass.failures.iter().filter(|failure| !failure.is_full());
        self.replaced.extend(failed.map(|failure| failure.node));
        match outcome {
            Ok(made) => {
                self.job
                    .forget_stale(core, &pass.used)
                    .map_err(|fault| self.failed(Stage::Records, fault))?;
                Ok(Some(made))
            }
            Err(missing) if pass.failures.is_empty() => {
                Err(self.failed(Stage::Send, UploadCause::HostsFailed { missing, failed: Vec::new() }))
            }
            Err(missing) => self.place_missing(missing, pass.failures).await.map(|()| None),
        }
    }

    /// Some shards found no place: looks for hosts again, or gives up with the reasons.
    async fn place_missing(&mut self, missing: u64, failures: Vec<HostFailure>) -> Result<(), UploadError> {
        let lost: Vec<NodeKey> = failures.iter().map(|failure| failure.node).collect();
        let mut seats = Vec::new();
        for (seat, id) in self.job.places.iter().enumerate() {
            let agreement = self.core.agreement(id).map_err(|fault| self.failed(Stage::Records, fault))?;
            if agreement.is_none_or(|agreement| lost.contains(&agreement.host())) {
                seats.push(seat);
            }
        }
        if seats.is_empty() {
            return Ok(());
        }
        let cause = UploadCause::HostsFailed { missing, failed: failures };
        let found = replace(self.core, &mut self.job, &seats, &*self.progress).await;
        if found.is_ok_and(|found| found.len() == seats.len()) {
            return Ok(());
        }
        // The hosts of this job are tried again next time: they may be back.
        self.job.failed.clear();
        let _kept = self.job.save(self.core);
        Err(self.failed(Stage::Send, cause))
    }

    async fn stream(
        &mut self,
        sender: &mut Sender,
        index: StoredIndex,
    ) -> Result<(Vec<EncodedFile>, Vec<Meta>), UploadCause> {
        let how = (self.job.profile, self.job.compress);
        let (mut encoded, task) = encode::start(self.core, &mut self.feed, how, index)?;
        let (mut files, mut metas) = (Vec::new(), Vec::new());
        while let Some(item) = encoded.recv().await {
            match item {
                Encoded::Segment(segment) => metas.push(sender.segment(segment).await),
                Encoded::File(file) => files.push(file),
            }
        }
        task.await.map_err(|_| UploadCause::TaskLost)??;
        Ok((files, metas))
    }

    /// Waits for the shards, then sends the catalogue that names them. The inner error counts shards without a
    /// place.
    async fn save_catalogue(
        &mut self,
        sender: &mut Sender,
        files: Vec<EncodedFile>,
        metas: Vec<Meta>,
        now: UnixSeconds,
    ) -> Result<Result<Made, u64>, UploadCause> {
        let placed = sender.settle().await?;
        self.sent += placed.sent;
        if placed.missing > 0 {
            return Ok(Err(placed.missing));
        }
        let segments = placed.records(&metas);
        let used: BTreeSet<AgreementId> =
            segments.iter().flat_map(|segment| &segment.shards).map(|shard| shard.agreement).collect();
        let mut agreements = Vec::new();
        for id in used.into_iter().chain(self.job.places.iter().copied()) {
            agreements.extend(self.core.agreement(&id)?.as_ref().map(catalogue::pointer_to));
        }
        let update = CatalogueUpdate {
            put_files: self.manifests(&files)?,
            put_segments: segments.clone(),
            put_agreements: agreements,
            ..CatalogueUpdate::default()
        };
        let only = Arc::clone(&self.core.cataloguing).lock_owned().await;
        let saved = catalogue::send(self.core, update, (self.job.profile, now), sender).await?;
        Ok(saved.map(|saved| Made { files, segments, saved, now, _only: only }).ok_or(1))
    }

    fn manifests(&self, files: &[EncodedFile]) -> Result<Vec<Manifest>, UploadCause> {
        let mut manifests = Vec::with_capacity(files.len());
        for file in files {
            let ordinal = usize::try_from(file.ordinal).unwrap_or(usize::MAX);
            let source = self.job.sources.get(ordinal).ok_or(UploadCause::TaskLost)?;
            let made =
                Manifest::new(source.name.clone(), source.attributes(), self.job.profile, file.clone());
            manifests.push(made.map_err(|_| UploadCause::TaskLost)?);
        }
        Ok(manifests)
    }

    /// Gives up hosts that did not sign or pass at `stage`: what they acknowledged counts for nothing, others take
    /// their places.
    async fn drop_hosts(
        &mut self,
        failed: Vec<(AgreementId, HostFailure)>,
        stage: Stage,
    ) -> Result<(), UploadError> {
        let mut draft = self.core.book.draft();
        let mut seats = Vec::new();
        for (id, failure) in failed {
            tracing::warn!(host = %failure.node, fault = %failure.fault, "a host fails after it took its shards");
            self.progress.tell(Event::Host { node: failure.node, what: HostEvent::Lost });
            self.job.failed.push(failure.node);
            let acked = acks::load(&self.core.book, self.job.id, Some(id));
            for (key, _) in acked.map_err(|fault| self.failed(Stage::Records, fault))? {
                draft.delete(Space::Acks, &key.encode());
            }
            seats.extend(self.job.places.iter().position(|place| *place == id));
            self.replaced.insert(failure.node);
            self.failures.push(failure);
        }
        draft.commit().map_err(|fault| self.failed(Stage::Records, fault))?;
        self.replace(&seats, stage).await
    }

    async fn replace(&mut self, seats: &[usize], stage: Stage) -> Result<(), UploadError> {
        if seats.is_empty() {
            return self.job.save(self.core).map_err(|fault| self.failed(Stage::Records, fault));
        }
        let found = replace(self.core, &mut self.job, seats, &*self.progress).await;
        match found {
            Ok(found) if found.len() >= seats.len() => Ok(()),
            Ok(_) | Err(Failed { cause: UploadCause::Shortage(_), .. }) => {
                // The hosts of this job are tried again next time: they may be back.
                self.job.failed.clear();
                let _kept = self.job.save(self.core);
                let failed = std::mem::take(&mut self.failures);
                let missing = seats.len() as u64;
                Err(match stage {
                    Stage::Audit => self.failed(stage, UploadCause::FirstAudit { failed }),
                    _ => self.failed(stage, UploadCause::HostsFailed { missing, failed }),
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Records the files in one step with forgetting the job, then lets the network know.
    async fn record(self, made: Made) -> Result<UploadReport, UploadError> {
        let core = self.core;
        let records = |fault| self.failed(Stage::Records, fault);
        let manifests = self.manifests(&made.files).map_err(|cause| self.failed(Stage::Records, cause))?;
        let hosts: BTreeSet<NodeKey> =
            made.segments.iter().flat_map(|segment| &segment.shards).map(|shard| shard.host).collect();
        let escrow = self.escrow();
        let mut draft = core.book.draft();
        for manifest in &manifests {
            lookup::put_file(&mut draft, manifest, made.now);
            for chunk in manifest.chunks() {
                draft.put(Space::Chunks, chunk.id.as_bytes(), chunk);
            }
        }
        made.segments.iter().for_each(|segment| lookup::put_segment(&mut draft, segment));
        made.saved.put(core, &mut draft);
        self.job.forget(core, &mut draft).map_err(records)?;
        draft.commit().map_err(records)?;
        self.progress.tell(Event::Stage { stage: Stage::Catalogue, bytes: ByteCount::ZERO });
        catalogue::publish(core, &*self.progress).await?;
        let views = crate::show::files(core, &manifests, made.now).map_err(records)?;
        Ok(UploadReport {
            job: self.job.id,
            bytes: ByteCount(made.files.iter().map(|file| file.size.0).sum()),
            files: views,
            sent: ByteCount(self.sent),
            hosts: hosts.into_iter().collect(),
            replaced: self.replaced.into_iter().collect(),
            opened: self.job.opened,
            escrow,
            fees: self.job.fees,
            send_seconds: self.send_seconds,
            seconds: self.began.elapsed().as_secs_f64(),
        })
    }
}
