//! Seats: the places shards rotate over, each served by one host, and by another when that one fails.

use crate::core::Core;
use crate::error::{HostFault, NetFault};
use crate::lane::LaneClient;
use crate::open::activate_one;
use bytes::Bytes;
use layr_protocol::Refusal;
use layr_types::{AgreementId, NodeKey, SectorRoot};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Waits between attempts on one host whose connection broke.
const AGAIN: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
/// Latencies remembered.
const REMEMBERED: usize = 64;

/// One host and the agreement under which it is sent shards.
pub(crate) struct Route {
    pub(crate) agreement: AgreementId,
    pub(crate) node: NodeKey,
    core: Core,
    lane: tokio::sync::Mutex<Option<LaneClient>>,
    /// Attempts to connect that have failed: who waited for one shares its outcome.
    misses: AtomicU32,
    /// Set once, by the first shard that gives the host up; every other shard stops waiting for it then.
    failed: watch::Sender<bool>,
}

impl Route {
    pub(crate) fn new(core: &Core, agreement: AgreementId, node: NodeKey) -> Arc<Self> {
        let lane = tokio::sync::Mutex::new(None);
        Arc::new(Self {
            agreement,
            node,
            core: core.clone(),
            lane,
            misses: AtomicU32::new(0),
            failed: watch::Sender::new(false),
        })
    }

    /// The lane, made if there is none that works: by one shard, for all that wait for it meanwhile.
    async fn lane(&self) -> Result<LaneClient, HostFault> {
        let before = self.misses.load(Ordering::Acquire);
        let mut lane = self.lane.lock().await;
        if let Some(open) = lane.as_ref().filter(|open| open.works()) {
            return Ok(open.clone());
        }
        if self.misses.load(Ordering::Acquire) != before {
            return Err(NetFault::Unreachable("no lane to the host could be made".into()).into());
        }
        let made = self.core.hosts.lane(self.node, self.core.config.shard_ceiling).await;
        if made.is_err() {
            self.misses.fetch_add(1, Ordering::AcqRel);
        }
        let made = made?;
        *lane = Some(made.clone());
        Ok(made)
    }

    /// Stores one shard, within `limit` for each attempt. Shards share a connection and wait in turn for a new
    /// one, so none waits on after the host has been given up.
    pub(crate) async fn put(
        &self,
        root: SectorRoot,
        sector: &Bytes,
        limit: Duration,
    ) -> Result<(), HostFault> {
        let mut failed = self.failed.subscribe();
        tokio::select! {
            biased;
            stored = self.attempts(root, sector, limit) => stored,
            _ = failed.wait_for(|failed| *failed) => Err(HostFault::Broken("the host was given up".into())),
        }
    }

    async fn attempts(&self, root: SectorRoot, sector: &Bytes, limit: Duration) -> Result<(), HostFault> {
        let began = Instant::now();
        let mut waits = AGAIN.iter();
        let mut told = false;
        loop {
            let fault = match self.put_once(root, sector, limit).await {
                Ok(()) => return Ok(()),
                // After a crash the host may never have been told that the agreement is open.
                Err(HostFault::Refused(Refusal::NotOpen)) if !told => {
                    told = true;
                    activate_one(&self.core, self.agreement).await;
                    continue;
                }
                Err(fault) => fault,
            };
            match waits.next() {
                // A host that is gone without a word takes its time; once is enough then.
                Some(wait) if is_break(&fault) && began.elapsed() < self.core.config.connect => {
                    sleep(*wait).await
                }
                _ => return Err(fault),
            }
        }
    }

    async fn put_once(&self, root: SectorRoot, sector: &Bytes, limit: Duration) -> Result<(), HostFault> {
        let lane = self.lane().await?;
        let late = |_| HostFault::Late { after: limit };
        timeout(limit, lane.put(self.agreement, root, sector.clone())).await.map_err(late)?
    }

    /// Marks the route as given up; true for the first to do so.
    pub(crate) fn give_up(&self) -> bool {
        self.failed.send_if_modified(|failed| !std::mem::replace(failed, true))
    }
}

/// Whether the connection is at fault, so that a new one may do.
const fn is_break(fault: &HostFault) -> bool {
    matches!(fault, HostFault::Broken(_) | HostFault::Net(NetFault::Unreachable(_)))
}

/// Who serves a seat.
#[derive(Clone)]
pub(crate) enum Serving {
    /// This host.
    Host(Arc<Route>),
    /// Nobody yet: another host is being found.
    Soon,
    /// Nobody, and nobody will.
    Nobody,
}

/// All seats of a job.
pub(crate) struct Seats {
    seats: Vec<watch::Sender<Serving>>,
    latencies: Mutex<VecDeque<Duration>>,
    spares: AtomicBool,
}

impl Seats {
    pub(crate) fn new(routes: Vec<Arc<Route>>) -> Self {
        Self {
            seats: routes.into_iter().map(|route| watch::Sender::new(Serving::Host(route))).collect(),
            latencies: Mutex::new(VecDeque::new()),
            spares: AtomicBool::new(true),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.seats.len()
    }

    /// Whoever serves the seat, once that is settled; `None` for nobody.
    pub(crate) async fn server(&self, seat: usize) -> Option<Arc<Route>> {
        let mut watched = self.seats.get(seat)?.subscribe();
        let settled = watched.wait_for(|serving| !matches!(serving, Serving::Soon)).await.ok()?;
        match &*settled {
            Serving::Host(route) => Some(Arc::clone(route)),
            Serving::Soon | Serving::Nobody => None,
        }
    }

    pub(crate) fn set(&self, seat: usize, serving: Serving) {
        if let Some(watched) = self.seats.get(seat) {
            watched.send_replace(serving);
        }
    }

    /// Says that nobody is left to turn to: hosts are then waited for as long as there is any hope.
    pub(crate) fn no_more_spares(&self) {
        self.spares.store(false, Ordering::Release);
    }

    /// Notes how long a shard took.
    pub(crate) fn took(&self, latency: Duration) {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.push_back(latency);
        if latencies.len() > REMEMBERED {
            latencies.pop_front();
        }
    }

    /// How long a shard may take: ten times as long as the others of late, within bounds.
    pub(crate) fn patience(&self, (floor, ceiling): (Duration, Duration)) -> Duration {
        if !self.spares.load(Ordering::Acquire) {
            return ceiling;
        }
        let mut sorted: Vec<Duration> =
            self.latencies.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
        sorted.sort_unstable();
        match sorted.get(sorted.len() / 2) {
            Some(median) if sorted.len() >= REMEMBERED / 4 => (*median * 10).clamp(floor, ceiling),
            _ => ceiling.min(floor * 2),
        }
    }
}

/// Measures one shard.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn stop(&self) -> Duration {
        self.0.elapsed()
    }
}
