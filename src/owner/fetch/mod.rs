//! Fetching: any `k` shards of a segment, fastest first, late ones hedged, every byte checked on arrival.
//!
//! All hosts are connected to at once and none is waited for: a shard is asked of whoever is there. Data shards are
//! preferred, because they need no decoding; what is missing is rebuilt.

mod search;

use self::search::{Search, There};
use crate::core::Core;
use crate::error::{DownloadCause, HostFailure, HostFault, Misbehaviour};
use crate::foreign;
use crate::lane::LaneClient;
use crate::vouchers::{Purse, pay};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use layr_coding::{ShardIndex, ShardSlice, VerifiedShard, decode_columns, decode_segment};
use layr_manifests::{SegmentRecord, ShardRecord};
use layr_merkle::{GroupRange, verify_range_proof};
use layr_protocol::Refusal;
use layr_types::{
    AgreementId, ByteCount, GROUP_BYTES, LEAVES_PER_GROUP, NodeKey, SECTOR_BYTES, SectorRoot, Stroops,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Least time before another host is asked for what one is late with.
const HEDGE_FLOOR: Duration = Duration::from_millis(60);
/// How long connecting hosts are waited for while others could serve.
const PATIENCE: Duration = Duration::from_millis(300);
/// Latencies remembered.
const REMEMBERED: usize = 64;

/// A host's lane.
#[derive(Clone)]
enum Line {
    Connecting,
    Up(LaneClient),
    Down,
}

/// Lanes to the hosts of a file, and what they did. Ends its connecting tasks when dropped.
pub(crate) struct Fetcher {
    core: Core,
    purse: Purse,
    lines: HashMap<NodeKey, watch::Sender<Line>>,
    changed: watch::Sender<u64>,
    log: Mutex<Log>,
    started: Instant,
    tasks: Mutex<JoinSet<()>>,
}

/// What happened.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) received: u64,
    pub(crate) decoded: u64,
    pub(crate) served: HashSet<NodeKey>,
    /// Leaves received and checked, by agreement.
    pub(crate) proved: HashMap<AgreementId, u64>,
    pub(crate) failed: Vec<HostFailure>,
    /// Shards their hosts no longer have as they were, though the hosts answer.
    pub(crate) bad: HashSet<(AgreementId, SectorRoot)>,
    latencies: VecDeque<Duration>,
}

/// What is wanted of a segment: a range of bytes, the same in each of some data shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) segment: SegmentRecord,
    pub(crate) shards: Vec<ShardIndex>,
    pub(crate) range: GroupRange,
}

/// Unmasked bytes of a segment: a range of some of its data shards.
#[derive(Debug)]
pub(crate) struct Part {
    start: usize,
    len: usize,
    whole: Option<Vec<u8>>,
    shards: HashMap<u8, Vec<u8>>,
}

impl Part {
    /// Appends the bytes `offset..offset + len` of the segment to `out`; false if they are not all here.
    pub(crate) fn copy(&self, offset: usize, len: usize, out: &mut Vec<u8>) -> bool {
        if let Some(whole) = &self.whole {
            let bytes = offset.checked_add(len).and_then(|end| whole.get(offset..end));
            return bytes.map(|bytes| out.extend_from_slice(bytes)).is_some();
        }
        let (mut at, end) = (offset, offset.saturating_add(len));
        while at < end {
            let (sector, within) = (at / SECTOR_BYTES, at % SECTOR_BYTES);
            let step = (SECTOR_BYTES - within).min(end - at);
            let bytes = u8::try_from(sector).ok().and_then(|sector| self.shards.get(&sector));
            let here = within.checked_sub(self.start).filter(|here| here + step <= self.len);
            match bytes.zip(here).and_then(|(bytes, here)| bytes.get(here..here + step)) {
                Some(bytes) => out.extend_from_slice(bytes),
                None => return false,
            }
            at += step;
        }
        true
    }
}

/// Too few shards of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TooFew {
    pub(crate) found: u8,
    pub(crate) needed: u8,
}

/// Why a want was not met.
#[derive(Debug)]
pub(crate) enum FetchError {
    TooFew(TooFew),
    Other(DownloadCause),
}

/// A shard's bytes over the wanted range, checked.
#[derive(Clone)]
enum Got {
    Whole(VerifiedShard),
    Range(ShardIndex, Bytes),
}

impl Got {
    const fn index(&self) -> ShardIndex {
        match self {
            Self::Whole(shard) => shard.index(),
            Self::Range(index, _) => *index,
        }
    }

    fn whole(self) -> Option<VerifiedShard> {
        match self {
            Self::Whole(shard) => Some(shard),
            Self::Range(..) => None,
        }
    }
}

/// Whether a host has told, or shown, that it no longer has a shard.
const fn is_loss(fault: &HostFault) -> bool {
    matches!(
        fault,
        HostFault::Misbehaved(Misbehaviour::Bytes)
            | HostFault::Refused(Refusal::SectorDamaged { .. } | Refusal::SectorMissing { .. })
    )
}

impl Fetcher {
    /// Connects to all of `nodes` in the background.
    pub(crate) fn start(core: &Core, nodes: impl IntoIterator<Item = NodeKey>, purse: Purse) -> Arc<Self> {
        let nodes: HashSet<NodeKey> = nodes.into_iter().collect();
        let lines = nodes.iter().map(|node| (*node, watch::Sender::new(Line::Connecting))).collect();
        let fetcher = Arc::new(Self {
            core: core.clone(),
            purse,
            lines,
            changed: watch::Sender::new(0),
            log: Mutex::default(),
            started: Instant::now(),
            tasks: Mutex::new(JoinSet::new()),
        });
        let mut passes = foreign::passes(core).unwrap_or_default();
        for node in nodes {
            let weak = Arc::downgrade(&fetcher);
            let core = core.clone();
            let passes = passes.remove(&node).unwrap_or_default();
            let connect = async move {
                for pass in passes {
                    if let Err(fault) = foreign::show(&core, node, pass).await {
                        tracing::debug!(host = %node, %fault, "a host does not take a pass");
                    }
                }
                let made = core.hosts.lane(node, core.config.shard_floor * 2).await;
                if let Some(fetcher) = weak.upgrade() {
                    match made {
                        Ok(lane) => fetcher.set(node, Line::Up(lane)),
                        Err(fault) => fetcher.down(node, fault),
                    }
                }
            };
            fetcher.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(connect);
        }
        fetcher
    }

    /// What was promised for reads so far.
    pub(crate) fn paid(&self) -> Stroops {
        self.purse.spent()
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, node: NodeKey, line: Line) {
        if let Some(place) = self.lines.get(&node) {
            place.send_replace(line);
        }
        self.changed.send_modify(|count| *count += 1);
    }

    fn down(&self, node: NodeKey, fault: HostFault) {
        self.log().failed.push(HostFailure { node, fault });
        self.set(node, Line::Down);
    }

    fn line(&self, node: &NodeKey) -> Line {
        self.lines.get(node).map_or(Line::Down, |line| line.borrow().clone())
    }

    fn hedge_after(&self) -> Duration {
        let log = self.log();
        let mut sorted: Vec<Duration> = log.latencies.iter().copied().collect();
        drop(log);
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map_or(HEDGE_FLOOR * 5, |median| (*median * 3).max(HEDGE_FLOOR))
    }

    /// Brings what is wanted.
    pub(crate) async fn fetch(&self, want: Want) -> Result<Part, FetchError> {
        let got = self.gather(&want).await?;
        let secrets = self.core.secrets.clone();
        let missing = want.shards.iter().any(|index| !got.iter().any(|got| got.index() == *index));
        self.log().decoded += u64::from(missing);
        tokio::task::spawn_blocking(move || open(&secrets.mask().segment(&want.segment.id), &want, &got))
            .await
            .map_err(|_| FetchError::Other(DownloadCause::TaskLost))?
            .map_err(|error| FetchError::Other(error.into()))
    }

    /// Brings any `k` whole shards of a segment, checked against their roots, still masked.
    pub(crate) async fn any(&self, segment: SegmentRecord) -> Result<Vec<VerifiedShard>, FetchError> {
        let mut shards: Vec<ShardIndex> = segment.shards.iter().map(|shard| shard.index).collect();
        shards.sort_unstable();
        shards.dedup();
        shards.truncate(usize::from(segment.profile.k()));
        let got = self.gather(&Want { segment, shards, range: GroupRange::ALL }).await?;
        Ok(got.into_iter().filter_map(Got::whole).collect())
    }

    /// Asks hosts until every wanted shard is here, or any `k`.
    async fn gather(&self, want: &Want) -> Result<Vec<Got>, FetchError> {
        let mut changed = self.changed.subscribe();
        let mut search = Search::new(want);
        let mut asked = FuturesUnordered::new();
        loop {
            let impatient = self.started.elapsed() > PATIENCE;
            let state = |node: &NodeKey| match self.line(node) {
                Line::Up(_) => There::Now,
                Line::Connecting if !impatient => There::Soon,
                Line::Connecting | Line::Down => There::Not,
            };
            // Looked at before shards are asked for: a host that comes in between is met in the next round.
            let connecting = search.open().any(|shard| matches!(self.line(&shard.host), Line::Connecting));
            while let Some(shard) = search.next(asked.len(), &state) {
                asked.push(self.ask(shard, want.range));
            }
            if search.enough() {
                return Ok(search.got);
            }
            if asked.is_empty() && !connecting {
                let found = u8::try_from(search.got.len()).unwrap_or(u8::MAX);
                return Err(FetchError::TooFew(TooFew { found, needed: search.needed() }));
            }
            tokio::select! {
                Some((shard, answer)) = asked.next() => match answer {
                    Ok(got) => search.got.push(got),
                    Err(fault) => self.failed(&shard, fault, &mut search),
                },
                () = sleep(self.hedge_after()), if connecting || !asked.is_empty() => {
                    search.hedge += usize::from(!asked.is_empty());
                }
                _ = changed.changed(), if connecting => {}
            }
        }
    }

    fn failed(&self, shard: &ShardRecord, fault: HostFault, search: &mut Search<'_>) {
        search.lost += 1;
        let node = shard.host;
        if is_loss(&fault) {
            self.log().bad.insert((shard.agreement, shard.root));
        }
        match fault {
            // The host lacks this shard; others of its shards may be sound.
            HostFault::Refused(_) | HostFault::Misbehaved(Misbehaviour::Bytes) => {
                self.log().failed.push(HostFailure { node, fault });
            }
            fault => self.down(node, fault),
        }
    }

    async fn ask(&self, shard: ShardRecord, range: GroupRange) -> (ShardRecord, Result<Got, HostFault>) {
        let started = Instant::now();
        let answer = self.ask_checked(&shard, range).await;
        if answer.is_ok() {
            let mut log = self.log();
            log.received += range.bytes() as u64;
            log.served.insert(shard.host);
            let leaves = (range.groups().len() * LEAVES_PER_GROUP) as u64;
            *log.proved.entry(shard.agreement).or_default() += leaves;
            log.latencies.push_back(started.elapsed());
            if log.latencies.len() > REMEMBERED {
                log.latencies.pop_front();
            }
        }
        (shard, answer)
    }

    async fn ask_checked(&self, shard: &ShardRecord, range: GroupRange) -> Result<Got, HostFault> {
        let Line::Up(lane) = self.line(&shard.host) else {
            return Err(HostFault::Late { after: Duration::ZERO });
        };
        let groups = range.groups();
        let what = ((shard.agreement, shard.root), (wire(groups.start), wire(groups.len())));
        let at = (shard.host, shard.agreement);
        let answer = paid_get((&self.core, &lane), at, what, &self.purse).await?;
        let shard = *shard;
        if range.bytes() < 4 * GROUP_BYTES {
            return check(&shard, range, answer);
        }
        tokio::task::spawn_blocking(move || check(&shard, range, answer))
            .await
            .map_err(|error| HostFault::Broken(error.into()))?
    }
}

fn wire(groups: usize) -> u16 {
    u16::try_from(groups).unwrap_or(u16::MAX)
}

/// Checks an answer against the shard's root.
fn check(shard: &ShardRecord, range: GroupRange, mut answer: Bytes) -> Result<Got, HostFault> {
    let wrong = || HostFault::Misbehaved(Misbehaviour::Bytes);
    let proof_len = range.proof_len() * 32;
    if answer.len() != proof_len + range.bytes() {
        return Err(wrong());
    }
    let proof = answer.split_to(proof_len);
    if range == GroupRange::ALL {
        return VerifiedShard::check(shard.index, &shard.root, answer).map(Got::Whole).map_err(|_| wrong());
    }
    let verified = verify_range_proof(&proof, range, &shard.root).map_err(|_| wrong())?;
    for (group, bytes) in range.groups().zip(answer.as_chunks::<GROUP_BYTES>().0) {
        verified.check(group, bytes).map_err(|_| wrong())?;
    }
    Ok(Got::Range(shard.index, answer))
}

/// How often one read is paid for: others under the same agreement may use up what was paid.
const PAYMENTS: u32 = 8;

/// A read, paid for where the host wants that.
async fn paid_get(
    (core, lane): (&Core, &LaneClient),
    at: (NodeKey, AgreementId),
    (what, groups): ((AgreementId, SectorRoot), (u16, u16)),
    purse: &Purse,
) -> Result<Bytes, HostFault> {
    let len = ByteCount(u64::from(groups.1) * GROUP_BYTES as u64);
    for _ in 0..PAYMENTS {
        match lane.get(what, groups).await {
            Err(HostFault::Refused(Refusal::PaymentRequired { .. })) => pay(core, at, len, purse).await?,
            answered => return answered,
        }
    }
    lane.get(what, groups).await
}

/// A range of one sector, every byte checked; nothing is kept.
pub(crate) async fn range(
    (core, lane): (&Core, &LaneClient),
    (node, agreement): (NodeKey, AgreementId),
    (root, range): (SectorRoot, GroupRange),
    purse: &Purse,
) -> Result<(), HostFault> {
    let groups = range.groups();
    let what = ((agreement, root), (wire(groups.start), wire(groups.len())));
    let answer = paid_get((core, lane), (node, agreement), what, purse).await?;
    let shard = ShardRecord { index: ShardIndex(0), root, host: node, agreement };
    check(&shard, range, answer).map(drop)
}

/// One sector alone, whoever has it.
pub(crate) async fn sector(
    (core, lane): (&Core, &LaneClient),
    (node, agreement): (NodeKey, AgreementId),
    root: &SectorRoot,
) -> Result<VerifiedShard, HostFault> {
    let what = ((agreement, *root), (0, wire(GroupRange::ALL.groups().len())));
    let answer = paid_get((core, lane), (node, agreement), what, &Purse::new(None)).await?;
    let shard = ShardRecord { index: ShardIndex(0), root: *root, host: NodeKey::default(), agreement };
    match check(&shard, GroupRange::ALL, answer)? {
        Got::Whole(shard) => Ok(shard),
        Got::Range(..) => Err(HostFault::Misbehaved(Misbehaviour::Bytes)),
    }
}

/// Unmasks what is here and rebuilds what is not.
fn open(
    key: &layr_coding::SegmentMaskKey,
    want: &Want,
    got: &[Got],
) -> Result<Part, layr_coding::DecodeError> {
    let (start, len) = (want.range.groups().start * GROUP_BYTES, want.range.bytes());
    let (segment, profile) = (&want.segment, want.segment.profile);
    if want.range == GroupRange::ALL && want.shards.len() == usize::from(profile.k()) {
        let shards: Vec<VerifiedShard> = got.iter().cloned().filter_map(Got::whole).collect();
        let whole = Some(decode_segment(key, profile, segment.used, &shards)?);
        return Ok(Part { start, len, whole, shards: HashMap::new() });
    }
    let slices: Vec<ShardSlice<'_>> = got
        .iter()
        .map(|got| match got {
            Got::Whole(shard) => ShardSlice { index: shard.index(), bytes: shard.bytes() },
            Got::Range(index, bytes) => ShardSlice { index: *index, bytes },
        })
        .collect();
    let mut shards = HashMap::new();
    for index in &want.shards {
        let bytes = decode_columns(key, profile, start..start + len, &slices, *index)?;
        shards.insert(index.0, bytes);
    }
    Ok(Part { start, len, whole: None, shards })
}
