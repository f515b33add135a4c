//! Passes of a repair: berths for what was lost, rebuild, send, sign, prove, record; once more while hosts fail and
//! others can take what they were to hold.

use super::JOB;
use super::allot::{Berth, Facts, Left, Order, allot, berths};
use super::queue::{Queue, assess, waiting};
use super::rebuild::{RebuildError, Rebuilt, rebuild};
use super::record::record;
use super::report::RepairReport;
use super::request::RepairRequest;
use super::run::{ledger, look, records, stand};
use crate::catalogue;
use crate::core::Core;
use crate::error::{Failed, HostFailure, MoneyEffect, NextStep, RecordsFault, UploadCause, UploadError};
use crate::events::{Event, HostEvent, Progress, Stage};
use crate::fetch::Fetcher;
use crate::health::Standing;
use crate::open::{abandon_unsent, open};
use crate::plan::{Plan, Wish, check_cost, plan};
use crate::size::Amount;
use crate::upload::{Job, Sender, first_audits, save_owed, sign_all};
use crate::views::NotChosen;
use crate::vouchers::Purse;
use crate::{acks, stored};
use futures::StreamExt as _;
use futures::stream;
use layr_coding::Profile;
use layr_types::{AgreementId, ByteCount, NodeKey, SECTOR_BYTES, SectorRoot, SegmentId, Stroops};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// How often what is still damaged is taken up anew after hosts failed in the middle of it.
const PASSES: u32 = 4;
/// Rebuilt shards that are signed for, proved and recorded together: 1 GiB of them.
const BATCH: usize = 1024;

/// One repair under way.
pub(super) struct Run<'a> {
    core: &'a Core,
    request: &'a RepairRequest,
    progress: Arc<dyn Progress>,
    segments: BTreeSet<SegmentId>,
    standing: Standing,
    /// Shards that hosts, though there, no longer have.
    bad: HashSet<(AgreementId, SectorRoot)>,
    /// Hosts that failed in this run.
    failed: HashSet<NodeKey>,
    /// Agreements that are fuller than this machine knows.
    full: HashSet<AgreementId>,
    pub(super) report: RepairReport,
}

/// What a pass came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// Nothing more can be done now.
    Done,
    /// Hosts failed: what they were to give or take is taken up anew.
    Again,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        core: &'a Core,
        request: &'a RepairRequest,
        progress: Arc<dyn Progress>,
        (segments, standing): (BTreeSet<SegmentId>, Standing),
    ) -> Self {
        let (bad, failed, full) = (HashSet::new(), HashSet::new(), HashSet::new());
        let report = RepairReport::default();
        Self { core, request, progress, segments, standing, bad, failed, full, report }
    }

    /// A failure at `stage`, with what became of this run's money.
    fn failed_at(&self, stage: Stage, cause: impl Into<UploadCause>) -> UploadError {
        let escrow = self.report.escrow;
        let money = if escrow > Stroops::ZERO { MoneyEffect::Reserved(escrow) } else { MoneyEffect::None };
        Failed::new(stage, cause).money(money).next(NextStep::Resume(JOB))
    }

    pub(super) fn queue(&mut self) -> Result<Queue, UploadError> {
        let waiting = waiting(self.core, &self.standing).map_err(records)?;
        let facts = (&self.bad, &waiting);
        let due_only = self.request.due_only;
        assess(self.core, &self.segments, &mut self.standing, facts, due_only).map_err(records)
    }

    pub(super) async fn go(&mut self) -> Result<(), UploadError> {
        let first = self.queue()?;
        self.report.before = first.counts;
        self.report.wanted = first.tasks.iter().map(|task| task.health.rebuild().len() as u64).sum();
        self.report.gone = self.gone().map_err(records)?;
        if self.request.dry_run {
            return self.quote(&first).await;
        }
        // What an earlier run left acknowledged is signed for, proved and recorded first.
        self.settle(&Job::new(JOB, self.core.last_known(), Vec::new(), &self.request.keeping(Profile::WIDE)))
            .await?;
        for _ in 0..PASSES {
            let queue = self.queue()?;
            if queue.tasks.is_empty() || self.pass(queue).await? == Pass::Done {
                break;
            }
            self.standing = stand(self.core, self.request, &self.failed).await?;
        }
        catalogue::rewrite_damaged(self.core, &mut self.standing).map_err(records)?;
        save_owed(self.core, &self.progress).await;
        self.report.catalogue_saved = !catalogue::is_owed(self.core).map_err(records)?;
        Ok(())
    }

    /// Hosts with shards of these segments that count as gone.
    fn gone(&self) -> Result<Vec<NodeKey>, RecordsFault> {
        let mut gone = BTreeSet::new();
        for id in &self.segments {
            let shards = stored::segment(&self.core.book, id)?.into_iter().flat_map(|one| one.shards);
            gone.extend(
                shards.filter(|shard| !self.standing.is_alive(&shard.agreement)).map(|shard| shard.host),
            );
        }
        Ok(gone.into_iter().collect())
    }

    /// Finds a berth for every lost shard, opening agreements where there are too few.
    async fn berths(&mut self, queue: &Queue) -> Result<(Vec<Berth>, Vec<Order>), UploadError> {
        let mut before = u64::MAX;
        loop {
            let (berths, orders, left) = self.allot(queue).await?;
            if left.shards == 0 || left.shards >= before {
                self.report.unplaced = left.shards;
                return Ok((berths, orders));
            }
            before = left.shards;
            if let Err(error) = self.open(&left).await {
                self.report.unplaced = left.shards;
                self.report.shortage = Some(error.to_string());
                if orders.is_empty() {
                    return Err(error);
                }
                return Ok((berths, orders));
            }
            self.report.shortage = None;
            self.standing = stand(self.core, self.request, &self.failed).await?;
        }
    }

    async fn allot(&self, queue: &Queue) -> Result<(Vec<Berth>, Vec<Order>, Left), UploadError> {
        let now = self.core.now().await.map_err(ledger)?;
        let agreements = self.core.agreements().map_err(records)?;
        let times = (now, self.request.term / 4);
        let mut berths = berths(&agreements, &self.standing, times, self.request.max_rate, &self.failed);
        berths.retain(|berth| !self.full.contains(&berth.agreement));
        let waiting = waiting(self.core, &self.standing).map_err(records)?;
        let facts = Facts { core: self.core, standing: &self.standing, bad: &self.bad, waiting: &waiting };
        let (orders, left) = allot(&facts, &queue.tasks, &berths).map_err(records)?;
        Ok((berths, orders, left))
    }

    async fn plan(&self, left: &Left) -> Result<Plan, UploadError> {
        let profile = left.profile.unwrap_or(Profile::WIDE);
        let beside = left.wish(&self.standing, &self.failed);
        let amount = Amount { files: 0, bytes: ByteCount(left.shards * SECTOR_BYTES as u64), names: 0 };
        let mut hosts = left.widest;
        loop {
            let wish = Wish { hosts: Some(hosts), beside: Some(&beside), ..Wish::default() };
            match plan(self.core, amount, &self.request.keeping(profile), wish).await {
                Err(Failed { cause: UploadCause::Shortage(shortage), .. })
                    if shortage.found > 0 && shortage.found < hosts =>
                {
                    hosts = shortage.found;
                }
                planned => return planned,
            }
        }
    }

    /// Opens agreements for what is left over.
    async fn open(&mut self, left: &Left) -> Result<(), UploadError> {
        let core = self.core;
        let _held = core.opening.lock().await;
        abandon_unsent(core).map_err(records)?;
        self.progress.tell(Event::Stage { stage: Stage::Find, bytes: ByteCount::ZERO });
        let plan = self.plan(left).await?;
        for host in &plan.quote().hosts {
            self.progress.tell(Event::Host { node: host.node, what: HostEvent::Chosen });
        }
        let limits = (self.request.max_cost, self.report.escrow + self.report.fees + self.report.paid);
        let opened = open(core, JOB, plan, limits, &*self.progress).await?;
        for id in &opened.fresh {
            let agreement = core.agreement(id).map_err(records)?;
            self.report.escrow += agreement
                .map_or(Stroops::ZERO, |agreement| agreement.terms.escrow + agreement.terms.voucher_part);
        }
        self.report.fees += opened.fees;
        self.report.opened.extend(opened.fresh);
        Ok(())
    }

    /// What it would cost.
    async fn quote(&mut self, queue: &Queue) -> Result<(), UploadError> {
        let (_, _, left) = self.allot(queue).await?;
        if left.shards == 0 {
            return Ok(());
        }
        match self.plan(&left).await {
            Ok(plan) => {
                check_cost(self.core, plan.quote(), self.request.max_cost, Stroops::ZERO).await?;
                self.report.quote = Some(plan.quote().clone());
            }
            Err(error) if matches!(error.cause, UploadCause::Shortage(_)) => {
                self.report.unplaced = left.shards;
                self.report.shortage = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Rebuilds and sends what is queued, batch after batch.
    async fn pass(&mut self, queue: Queue) -> Result<Pass, UploadError> {
        let (berths, orders) = self.berths(&queue).await?;
        if orders.is_empty() {
            return Ok(Pass::Done);
        }
        let shards: usize = orders.iter().map(|order| order.shards.len()).sum();
        let bytes = ByteCount((shards * SECTOR_BYTES) as u64);
        self.progress.tell(Event::Stage { stage: Stage::Repair, bytes });
        let began = Instant::now();
        let job = self.job(&queue, &berths, &orders)?;
        let fetcher = self.fetcher(&orders)?;
        let mut sender = Sender::start(self.core, job.clone(), &self.progress)?;
        let mut trouble = false;
        for batch in batches(orders) {
            trouble |= self.send(&fetcher, &mut sender, batch).await?;
            trouble |= self.settle(&job).await?;
        }
        let pass = sender.finish().await.map_err(|cause| self.failed_at(Stage::Repair, cause))?;
        self.report.rebuild_seconds += began.elapsed().as_secs_f64();
        trouble |= !pass.failures.is_empty();
        self.learn(&fetcher, pass.failures);
        self.full.extend(&pass.job.full);
        self.count_opened(&job, &pass.job)?;
        if trouble && self.request.look {
            look(self.core, &self.segments, &*self.progress).await?;
        }
        Ok(if trouble { Pass::Again } else { Pass::Done })
    }

    /// The sender's job: the berths as its seats, and what it wants of hosts that take over.
    fn job(&self, queue: &Queue, berths: &[Berth], orders: &[Order]) -> Result<Job, UploadError> {
        let waiting = waiting(self.core, &self.standing).map_err(records)?;
        let facts = Facts { core: self.core, standing: &self.standing, bad: &self.bad, waiting: &waiting };
        let (_, all) = allot(&facts, &queue.tasks, &[]).map_err(records)?;
        let mut beside = all.wish(&self.standing, &self.failed);
        let mut seats: HashMap<usize, u64> = HashMap::new();
        for (_, berth) in orders.iter().flat_map(|order| &order.shards) {
            *seats.entry(*berth).or_default() += 1;
        }
        beside.sectors = beside.sectors.max(seats.values().max().copied().unwrap_or(0));
        let profile = all.profile.unwrap_or(Profile::WIDE);
        let mut job = Job::new(JOB, self.core.last_known(), Vec::new(), &self.request.keeping(profile));
        job.places = berths.iter().map(|berth| berth.agreement).collect();
        job.failed = self.failed.iter().copied().collect();
        job.opened.clone_from(&self.report.opened);
        job.fees = self.report.fees + self.report.paid;
        job.beside = Some(beside);
        Ok(job)
    }

    fn fetcher(&self, orders: &[Order]) -> Result<Arc<Fetcher>, UploadError> {
        let mut hosts = BTreeSet::new();
        for order in orders {
            let segment = stored::segment(&self.core.book, &order.segment).map_err(records)?;
            let shards = segment.into_iter().flat_map(|segment| segment.shards);
            hosts.extend(
                shards.filter(|shard| self.standing.is_alive(&shard.agreement)).map(|shard| shard.host),
            );
        }
        let spent = self.report.escrow + self.report.fees + self.report.paid;
        let left = self.request.max_cost.map(|limit| (limit - spent).max(Stroops::ZERO));
        Ok(Fetcher::start(self.core, hosts, Purse::new(left)))
    }

    /// Reads, rebuilds and sends one batch; true where something went wrong on the way.
    async fn send(
        &mut self,
        fetcher: &Arc<Fetcher>,
        sender: &mut Sender,
        batch: Vec<Order>,
    ) -> Result<bool, UploadError> {
        let waiting = waiting(self.core, &self.standing).map_err(records)?;
        let facts = Facts { core: self.core, standing: &self.standing, bad: &self.bad, waiting: &waiting };
        let mut work = Vec::with_capacity(batch.len());
        for order in batch {
            if let Some(mut living) = facts.living(&order.segment).map_err(records)? {
                // What waits was sent a moment ago; survivors that were proved are read instead.
                let new = waiting.get(&order.segment).map_or(&[][..], Vec::as_slice);
                living.shards.retain(|shard| !new.contains(shard));
                work.push((living, order));
            }
        }
        let ahead = ahead(self.core, &work);
        let core = self.core.clone();
        let one = |(living, order)| {
            let (core, fetcher) = (core.clone(), Arc::clone(fetcher));
            async move { rebuild(&core, &fetcher, living, order).await }
        };
        let mut made = stream::iter(work).map(one).buffer_unordered(ahead);
        let mut trouble = false;
        while let Some(rebuilt) = made.next().await {
            match rebuilt {
                Ok(Rebuilt { segment, shards }) => {
                    for (seat, shard) in shards {
                        sender.shard(seat, segment, shard, SECTOR_BYTES as u64).await;
                    }
                }
                Err(RebuildError::Records(fault)) => return Err(records(fault)),
                Err(error) => {
                    tracing::warn!(%error, "a segment is not rebuilt this time");
                    self.report.unread += 1;
                    trouble |= matches!(error, RebuildError::TooFew { .. });
                }
            }
        }
        drop(made);
        let placed = sender.settle().await.map_err(|cause| self.failed_at(Stage::Repair, cause))?;
        Ok(trouble || placed.missing > 0)
    }

    /// Gets what is acknowledged signed for and proved, then records it; true where hosts failed.
    async fn settle(&mut self, job: &Job) -> Result<bool, UploadError> {
        let core = self.core;
        let unsigned = sign_all(core, job, &*self.progress).await;
        let unsigned = unsigned.map_err(|error| self.failed_at(Stage::Sign, UploadCause::from(error)))?;
        let mut trouble = self.drop_hosts(unsigned)?;
        let unproved = first_audits(core, job, &*self.progress).await;
        let unproved = unproved.map_err(|error| self.failed_at(Stage::Audit, UploadCause::from(error)))?;
        trouble |= self.drop_hosts(unproved)?;
        let done = record(core, &mut self.standing, &self.bad).map_err(records)?;
        self.report.rebuilt += done.shards;
        self.report.bytes.0 += done.shards * SECTOR_BYTES as u64;
        self.report.content.0 += done.content.0;
        for host in done.hosts {
            if !self.report.hosts.contains(&host) {
                self.report.hosts.push(host);
            }
        }
        Ok(trouble)
    }

    /// Gives up hosts that did not sign or prove: what they acknowledged counts for nothing.
    fn drop_hosts(&mut self, failed: Vec<(AgreementId, HostFailure)>) -> Result<bool, UploadError> {
        let trouble = !failed.is_empty();
        let mut draft = self.core.book.draft();
        for (id, failure) in failed {
            tracing::warn!(host = %failure.node, fault = %failure.fault, "a host fails after it took its shards");
            self.progress.tell(Event::Host { node: failure.node, what: HostEvent::Lost });
            for (key, _) in acks::load(&self.core.book, JOB, Some(id)).map_err(records)? {
                draft.delete(crate::Space::Acks, &key.encode());
            }
            self.standing.bury(&id);
            self.lose(failure);
        }
        draft.commit().map_err(records)?;
        Ok(trouble)
    }

    fn lose(&mut self, failure: HostFailure) {
        if !failure.is_full() {
            self.failed.insert(failure.node);
        }
        let why = failure.fault.to_string();
        self.report.failed.push(NotChosen { node: failure.node, why });
    }

    /// Takes in what reading and sending showed of hosts.
    fn learn(&mut self, fetcher: &Fetcher, failures: Vec<HostFailure>) {
        failures.into_iter().for_each(|failure| self.lose(failure));
        let mut log = fetcher.log();
        self.bad.extend(log.bad.drain());
        self.report.received.0 += std::mem::take(&mut log.received);
        let gone = std::mem::take(&mut log.failed);
        drop(log);
        for failure in gone {
            let why = failure.fault.to_string();
            self.report.failed.push(NotChosen { node: failure.node, why });
        }
        self.report.paid += fetcher.paid();
    }

    /// What the sender opened of itself in place of hosts that failed.
    fn count_opened(&mut self, before: &Job, after: &Job) -> Result<(), UploadError> {
        self.report.fees += after.fees - before.fees;
        for id in after.opened.iter().skip(before.opened.len()) {
            let agreement = self.core.agreement(id).map_err(records)?;
            self.report.escrow += agreement
                .map_or(Stroops::ZERO, |agreement| agreement.terms.escrow + agreement.terms.voucher_part);
            self.report.opened.push(*id);
        }
        Ok(())
    }
}

/// Orders in groups of at most [`BATCH`] shards or one segment.
fn batches(orders: Vec<Order>) -> Vec<Vec<Order>> {
    let mut batches: Vec<Vec<Order>> = Vec::new();
    let mut shards = BATCH;
    for order in orders {
        if shards + order.shards.len() > BATCH {
            batches.push(Vec::new());
            shards = 0;
        }
        shards += order.shards.len();
        if let Some(last) = batches.last_mut() {
            last.push(order);
        }
    }
    batches
}

/// How many segments are read and rebuilt at once: what the memory for it holds, survivors and rebuilt shards.
fn ahead(core: &Core, work: &[(layr_manifests::SegmentRecord, Order)]) -> usize {
    let sectors = |(segment, order): &(layr_manifests::SegmentRecord, Order)| {
        usize::from(segment.profile.k()) + order.shards.len()
    };
    let largest = work.iter().map(sectors).max().unwrap_or(1).max(1) * SECTOR_BYTES;
    (usize::try_from(core.config.fetch_memory.0).unwrap_or(usize::MAX) / largest).clamp(1, 32)
}
