//! Which host gets which rebuilt shard: agreements that exist first, each shard to the welcome host with the most
//! room. Decides, and does nothing.

use super::queue::{Task, Waiting, living};
use crate::agreement::Agreement;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::health::Standing;
use crate::plan::Beside;
use crate::stored;
use layr_coding::{Profile, ShardIndex};
use layr_manifests::SegmentRecord;
use layr_placement::Seat;
use layr_types::{AgreementId, NodeKey, SectorRoot, SegmentId, UnixSeconds};
use std::collections::{BTreeSet, HashSet};

/// Sectors of an agreement left to the catalogue.
const CATALOGUE: u64 = 2;

/// An agreement that can take shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Berth {
    pub(super) agreement: AgreementId,
    pub(super) node: NodeKey,
    pub(super) room: u64,
}

/// One segment's lost shards and the berths they go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) segment: SegmentId,
    pub(super) shards: Vec<(ShardIndex, usize)>,
}

/// Shards for which no berth was found.
#[derive(Debug, Default)]
pub(super) struct Left {
    pub(super) shards: u64,
    /// Most of one segment.
    pub(super) widest: u8,
    /// A segment's profile: the widest one's.
    pub(super) profile: Option<Profile>,
    /// Hosts that hold other shards of these segments.
    beside: BTreeSet<NodeKey>,
}

impl Left {
    /// What is wanted of new hosts, as many as the widest segment lacks.
    pub(super) fn wish(&self, standing: &Standing, failed: &HashSet<NodeKey>) -> Beside {
        let each = self.shards.div_ceil(u64::from(self.widest.max(1)));
        let cards = self.beside.iter().filter_map(|node| standing.card(node).cloned()).collect();
        let without = self.beside.iter().chain(failed).copied().collect();
        Beside { sectors: each + CATALOGUE, without, cards }
    }
}

/// What is known while allotting.
pub(super) struct Facts<'a> {
    pub(super) core: &'a Core,
    pub(super) standing: &'a Standing,
    pub(super) bad: &'a HashSet<(AgreementId, SectorRoot)>,
    pub(super) waiting: &'a Waiting,
}

impl Facts<'_> {
    /// A segment with what is there of it.
    pub(super) fn living(&self, id: &SegmentId) -> Result<Option<SegmentRecord>, RecordsFault> {
        let segment = stored::segment(&self.core.book, id)?;
        Ok(segment.map(|segment| living(&segment, self.standing, self.bad, self.waiting)))
    }
}

/// Agreements that take shards at `now`: sound, lasting at least `least` seconds more, not too dear, not with a host
/// that failed.
pub(super) fn berths(
    agreements: &[Agreement],
    standing: &Standing,
    (now, least): (UnixSeconds, u64),
    max_rate: Option<u64>,
    failed: &HashSet<NodeKey>,
) -> Vec<Berth> {
    let fits = |agreement: &&Agreement| {
        agreement.runs(now)
            && agreement.grows()
            && standing.is_alive(&agreement.id)
            && !standing.is_leaving(&agreement.id)
            && agreement.terms.end.since(now) >= least
            && max_rate.is_none_or(|limit| agreement.terms.rate <= limit)
            && !failed.contains(&agreement.host())
    };
    let berth = |agreement: &Agreement| Berth {
        agreement: agreement.id,
        node: agreement.host(),
        room: agreement.room().saturating_sub(CATALOGUE),
    };
    let mut berths: Vec<Berth> = agreements.iter().filter(fits).map(berth).collect();
    berths.retain(|berth| berth.room > 0);
    berths.sort_by_key(|berth| (std::cmp::Reverse(berth.room), berth.agreement));
    berths
}

/// Gives every lost shard a berth, in the order of the tasks.
pub(super) fn allot(
    facts: &Facts<'_>,
    tasks: &[Task],
    berths: &[Berth],
) -> Result<(Vec<Order>, Left), RecordsFault> {
    let mut room: Vec<u64> = berths.iter().map(|berth| berth.room).collect();
    let (mut orders, mut left) = (Vec::with_capacity(tasks.len()), Left::default());
    for task in tasks {
        let Some(segment) = facts.living(&task.segment)? else { continue };
        let mut seats = facts.standing.seats(&segment);
        let lost = task.health.rebuild();
        let mut shards = Vec::with_capacity(lost.len());
        for index in &lost {
            let Some(berth) = best(facts.standing, berths, &room, &seats) else { continue };
            room[berth] -= 1;
            let host = berths[berth].node;
            seats.push(Seat { shard: *index, host, kin: facts.standing.kin(&host), alive: true });
            shards.push((ShardIndex(*index), berth));
        }
        let missing = u8::try_from(lost.len() - shards.len()).unwrap_or(u8::MAX);
        if missing > 0 {
            left.shards += u64::from(missing);
            if missing >= left.widest {
                (left.widest, left.profile) = (missing, Some(segment.profile));
            }
            left.beside.extend(seats.iter().map(|seat| seat.host));
        }
        if !shards.is_empty() {
            orders.push(Order { segment: task.segment, shards });
        }
    }
    Ok((orders, left))
}

/// The welcome berth with the most room.
fn best(standing: &Standing, berths: &[Berth], room: &[u64], seats: &[Seat<'_>]) -> Option<usize> {
    let open = berths.iter().zip(room).enumerate().filter(|(_, (berth, room))| {
        **room > 0 && standing.policy().welcomes(seats, &berth.node, standing.kin(&berth.node))
    });
    open.max_by_key(|(at, (_, room))| (**room, std::cmp::Reverse(*at))).map(|(at, _)| at)
}
