//! The journal's entry for one upload.

use crate::acks;
use crate::core::Core;
use crate::error::{Failed, RecordsFault, UploadError};
use crate::events::Stage;
use crate::job::JobId;
use crate::plan::Beside;
use crate::ports::Space;
use crate::request::Keeping;
use crate::size::{self, Amount};
use crate::sources::Stamped;
use crate::views::JobView;
use layr_coding::{Profile, ShardIndex};
use layr_types::{AgreementId, ByteCount, NodeKey, SegmentId, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// One upload from its beginning until its files are recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) began: UnixSeconds,
    pub(crate) sources: Vec<Stamped>,
    pub(crate) profile: Profile,
    pub(crate) term: u64,
    pub(crate) max_cost: Option<Stroops>,
    pub(crate) max_rate: Option<u64>,
    pub(crate) shared_hosts: bool,
    pub(crate) same_network: bool,
    pub(crate) compress: bool,
    /// Whether its bytes came from a stream and are gone.
    pub(crate) stream: bool,
    /// The agreements its shards rotate over; empty until they are open.
    pub(crate) places: Vec<AgreementId>,
    /// Hosts that failed it.
    pub(crate) failed: Vec<NodeKey>,
    /// Agreements opened for it.
    pub(crate) opened: Vec<AgreementId>,
    /// Ledger fees spent on it.
    pub(crate) fees: Stroops,
    /// How much reading money is set aside for where it opens agreements, in percent: what the present request
    /// says, or the default where an earlier one is resumed by name.
    #[serde(skip)]
    pub(crate) reads_percent: Option<u32>,
    /// Agreements whose hosts said in this run that they are full, though this machine knows of room in them: what
    /// fills them are sectors nobody will ever sign for. Not written down, since hosts drop such sectors in time.
    #[serde(skip)]
    pub(crate) full: Vec<AgreementId>,
    /// Which host has taken shards for which seat in this run. Not written down: an earlier run's shards count only
    /// where its agreements still serve.
    #[serde(skip)]
    pub(crate) served: Vec<(usize, NodeKey)>,
    /// What it wants of other hosts where it is a repair; such a job is never written down: its acknowledgements
    /// and agreements say all there is to know after a crash.
    #[serde(skip)]
    pub(crate) beside: Option<Beside>,
}

impl Job {
    pub(crate) fn new(id: JobId, began: UnixSeconds, sources: Vec<Stamped>, keeping: &Keeping) -> Self {
        Self {
            id,
            began,
            sources,
            profile: keeping.profile,
            term: keeping.term,
            max_cost: keeping.max_cost,
            max_rate: keeping.max_rate,
            shared_hosts: keeping.shared_hosts,
            same_network: keeping.same_network,
            compress: keeping.compress,
            stream: false,
            places: Vec::new(),
            failed: Vec::new(),
            opened: Vec::new(),
            fees: Stroops::ZERO,
            reads_percent: Some(keeping.reads_percent),
            full: Vec::new(),
            served: Vec::new(),
            beside: None,
        }
    }

    pub(crate) fn keeping(&self) -> Keeping {
        Keeping {
            profile: self.profile,
            term: self.term,
            max_cost: self.max_cost,
            max_rate: self.max_rate,
            shared_hosts: self.shared_hosts,
            same_network: self.same_network,
            compress: self.compress,
            reads_percent: self.reads_percent.unwrap_or(Keeping::default().reads_percent),
        }
    }

    pub(crate) fn amount(&self) -> Amount {
        amount(&self.sources)
    }

    /// Whether this is an unfinished upload of the same files in the same way. Files that have changed since
    /// are still the same job: it then says so.
    pub(crate) fn is_for(&self, sources: &[Stamped], keeping: &Keeping) -> bool {
        let same_file = |(a, b): (&Stamped, &Stamped)| a.path == b.path && a.name == b.name;
        !self.stream
            && self.profile == keeping.profile
            && self.sources.len() == sources.len()
            && self.sources.iter().zip(sources).all(same_file)
    }

    pub(crate) fn save(&self, core: &Core) -> Result<(), RecordsFault> {
        if self.beside.is_some() {
            return Ok(());
        }
        core.book.put(Space::Jobs, &self.id.0, self)
    }

    pub(crate) fn load(core: &Core, id: JobId) -> Result<Option<Self>, RecordsFault> {
        core.book.get(Space::Jobs, &id.0)
    }

    /// Forgets shards acknowledged in an earlier run that are no part of the files as they are now: signing for
    /// them would pay for rubbish. Their hosts let go of what nobody signs for.
    pub(crate) fn forget_stale(
        &self,
        core: &Core,
        used: &HashSet<(SegmentId, ShardIndex)>,
    ) -> Result<(), RecordsFault> {
        let mut draft = core.book.draft();
        for (key, ack) in acks::load(&core.book, self.id, None)? {
            if !ack.signed && !used.contains(&(key.segment, key.shard)) {
                draft.delete(Space::Acks, &key.encode());
            }
        }
        draft.commit()
    }

    /// Forgets the job and everything acknowledged for it.
    pub(crate) fn forget(&self, core: &Core, draft: &mut crate::book::Draft<'_>) -> Result<(), RecordsFault> {
        for key in core.book.keys(Space::Acks, &self.id.0)? {
            draft.delete(Space::Acks, &key);
        }
        draft.delete(Space::Jobs, &self.id.0);
        Ok(())
    }
}

pub(crate) fn amount(sources: &[Stamped]) -> Amount {
    Amount {
        files: sources.len() as u64,
        bytes: ByteCount(sources.iter().map(|source| source.size.0).fold(0, u64::saturating_add)),
        names: sources.iter().map(|source| source.name.as_str().len() as u64).sum(),
    }
}

/// Every unfinished upload.
pub(crate) fn open_jobs(core: &Core) -> Result<Vec<JobView>, RecordsFault> {
    let mut views = Vec::new();
    for (_, job) in core.book.scan::<Job>(Space::Jobs, &[])? {
        let acknowledged = acks::load(&core.book, job.id, None)?.len() as u64;
        views.push(JobView {
            id: job.id,
            began: job.began,
            files: job.sources.iter().take(5).map(|source| source.name.as_str().to_owned()).collect(),
            count: job.sources.len() as u64,
            bytes: job.amount().bytes,
            acknowledged,
        });
    }
    Ok(views)
}

/// The sources have changed since the upload began: what was sent of them is forgotten, what was paid is not.
/// Where they have outgrown their agreements, places are looked for anew.
pub(super) fn restarted(core: &Core, job: Job, sources: Vec<Stamped>) -> Result<Job, UploadError> {
    let records = |fault| Failed::new(Stage::Records, fault);
    let mut job = Job { sources, ..job };
    let mut draft = core.book.draft();
    if !fits(core, &job).map_err(records)? {
        job.places.clear();
        for key in core.book.keys(Space::Acks, &job.id.0).map_err(records)? {
            draft.delete(Space::Acks, &key);
        }
    }
    draft.put(Space::Jobs, &job.id.0, &job);
    draft.commit().map_err(records)?;
    Ok(job)
}

/// Whether the job's agreements have room for its sources as they are now.
fn fits(core: &Core, job: &Job) -> Result<bool, RecordsFault> {
    let seats = u8::try_from(job.places.len()).unwrap_or(u8::MAX).max(1);
    let needed = size::sectors_per_host(&job.amount(), job.profile, job.profile.n().div_ceil(seats));
    for id in &job.places {
        if core.agreement(id)?.is_none_or(|agreement| agreement.room() < needed) {
            return Ok(false);
        }
    }
    Ok(true)
}
