//! Kademlia queries under way: what each has found, who waits for it, and when it must end.
//!
//! Kademlia reports findings piecemeal; this book-keeping gathers them until enough are there, the query ends,
//! or its deadline passes, and answers exactly once. Values are checked before they count.

use crate::layout::RecordError;
use crate::shelf;
use layr_types::{NetworkId, UnixSeconds};
use libp2p::PeerId;
use libp2p::kad::{
    GetClosestPeersError, GetRecordOk, PutRecordError, PutRecordOk, QueryId, QueryResult, RecordKey,
};
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// After the first valid record, others get this long to show a newer one.
const SETTLE: Duration = Duration::from_millis(1500);

/// One query and who waits for it.
pub(crate) enum Lookup {
    /// Peers closest to a point.
    Closest { limit: usize, reply: oneshot::Sender<Vec<PeerId>> },
    /// Records under a key.
    Get {
        key: RecordKey,
        enough: usize,
        found: Vec<Vec<u8>>,
        answers: usize,
        reply: oneshot::Sender<Vec<Vec<u8>>>,
    },
    /// Copies of a record made.
    Put { wanted: usize, reply: oneshot::Sender<Result<usize, RecordError>> },
    /// The walk through the network after joining.
    Join,
}

struct Pending {
    lookup: Lookup,
    until: Instant,
    /// Requests answered or failed when last looked at, and since when that number stands.
    settled: u32,
    since: Instant,
    begun: Instant,
}

impl Pending {
    /// How long this query may stay quiet: a multiple of the time its answers took so far, because on a fast
    /// network silence tells more.
    fn patience(&self) -> Duration {
        if self.settled == 0 {
            return SILENT;
        }
        (self.since.duration_since(self.begun) * 4).clamp(QUIET.0, QUIET.1)
    }
}

/// How often the queries under way are looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);
/// A query in which nothing was answered for this long (at least, at most) is ended with what it has: those
/// still asked hang.
const QUIET: (Duration, Duration) = (Duration::from_millis(400), Duration::from_millis(1200));
/// The same where nothing at all has been answered yet: connections may still be on their way.
const SILENT: Duration = Duration::from_secs(3);
/// An ended query that goes on with a further step gets this long for it.
const GRACE: Duration = Duration::from_secs(1);

/// What is to be done with a query after it made progress.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Let it go on.
    Continue,
    /// End it; its last event brings the answer.
    Finish,
    /// It has ended and the answer is given.
    Done,
    /// The walk through the network has come far enough to ask around.
    Joined,
}

/// See the module's preface.
#[derive(Default)]
pub(crate) struct Lookups(HashMap<QueryId, Pending>);

impl Lookups {
    pub(crate) fn begin(&mut self, id: QueryId, lookup: Lookup, until: Instant) {
        let now = Instant::now();
        self.0.insert(id, Pending { lookup, until, settled: 0, since: now, begun: now });
    }

    /// True while there is something to look at.
    pub(crate) fn under_way(&self) -> bool {
        !self.0.is_empty()
    }

    /// Queries to be ended now: their deadline has passed, or nothing has come in for too long. `settled` tells
    /// how many requests of a query have been answered or have failed.
    pub(crate) fn overdue(&mut self, now: Instant, settled: impl Fn(&QueryId) -> u32) -> Vec<QueryId> {
        let late = self.0.iter_mut().filter_map(|(id, pending)| {
            let settled = settled(id);
            if settled != pending.settled {
                (pending.settled, pending.since) = (settled, now);
            }
            let over = pending.until <= now || pending.since + pending.patience() <= now;
            if over {
                (pending.until, pending.since) = (now + GRACE, now);
            }
            over.then_some(*id)
        });
        late.collect()
    }

    /// Takes in one report.
    pub(crate) fn progress(&mut self, report: Report<'_>) -> Next {
        let Some(pending) = self.0.get_mut(&report.id) else { return Next::Done };
        let mut next = Next::Continue;
        if let (
            Lookup::Get { key, enough, found, answers, .. },
            QueryResult::GetRecord(Ok(GetRecordOk::FoundRecord(got))),
        ) = (&mut pending.lookup, &report.result)
        {
            *answers += 1;
            let valid = shelf::check(&got.record.value, report.network, report.now)
                .is_ok_and(|c| c.key == key.as_ref());
            if valid && !found.contains(&got.record.value) {
                found.push(got.record.value.clone());
            }
            if !found.is_empty() {
                pending.until = pending.until.min(Instant::now() + SETTLE);
                if *answers >= *enough {
                    next = Next::Finish;
                }
            }
        }
        if !report.last {
            // The first step, towards this node's own place, suffices to ask around; the rest fills the table.
            return if matches!(pending.lookup, Lookup::Join) { Next::Joined } else { next };
        }
        self.0.remove(&report.id).map_or(Next::Done, |pending| conclude(pending.lookup, report.result))
    }
}

/// One event of a query.
pub(crate) struct Report<'a> {
    pub(crate) id: QueryId,
    pub(crate) result: QueryResult,
    pub(crate) last: bool,
    pub(crate) network: &'a NetworkId,
    pub(crate) now: UnixSeconds,
}

/// Gives the answer; whoever asked may have gone, which is no concern of the query.
fn conclude(lookup: Lookup, result: QueryResult) -> Next {
    match lookup {
        Lookup::Closest { limit, reply } => {
            let peers = match result {
                QueryResult::GetClosestPeers(Ok(closest)) => closest.peers,
                QueryResult::GetClosestPeers(Err(GetClosestPeersError::Timeout { peers, .. })) => peers,
                _ => Vec::new(),
            };
            let _ = reply.send(peers.into_iter().map(|peer| peer.peer_id).take(limit).collect());
        }
        Lookup::Get { found, reply, .. } => {
            let _ = reply.send(found);
        }
        Lookup::Put { wanted, reply } => {
            let copies = match result {
                QueryResult::PutRecord(Ok(PutRecordOk { .. })) => wanted,
                QueryResult::PutRecord(Err(
                    PutRecordError::QuorumFailed { success, .. } | PutRecordError::Timeout { success, .. },
                )) => success.len(),
                _ => 0,
            };
            let _ = reply.send(Ok(copies));
        }
        Lookup::Join => return Next::Joined,
    }
    Next::Done
}
