//! The queue: every segment concerned, assessed, the most endangered first. Keeps no shard records: a catalogue of
//! millions of segments fits.

use super::JOB;
use crate::acks::{self, Ack, AckKey};
use crate::core::Core;
use crate::error::RecordsFault;
use crate::health::Standing;
use crate::stored;
use crate::views::SegmentCounts;
use layr_coding::ShardIndex;
use layr_manifests::{SegmentRecord, ShardRecord};
use layr_placement::{Condition, SegmentHealth, rank};
use layr_types::{AgreementId, SectorRoot, SegmentId};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Shards of these segments that were rebuilt in this run or an earlier one and are not recorded yet.
pub(super) type Waiting = HashMap<SegmentId, Vec<ShardRecord>>;

/// One segment to be repaired.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) segment: SegmentId,
    pub(super) health: SegmentHealth,
}

/// What assessing came to.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) counts: SegmentCounts,
    /// To be repaired, most endangered first.
    pub(super) tasks: Vec<Task>,
    /// Too little is left of these.
    pub(super) lost: Vec<Task>,
    /// The records do not know these.
    pub(super) unknown: Vec<SegmentId>,
}

/// Assesses segments. `due_only` leaves out those above their threshold.
pub(super) fn assess(
    core: &Core,
    segments: &BTreeSet<SegmentId>,
    standing: &mut Standing,
    (bad, waiting): (&HashSet<(AgreementId, SectorRoot)>, &Waiting),
    due_only: bool,
) -> Result<Queue, RecordsFault> {
    let mut queue = Queue::default();
    for id in segments {
        let Some(segment) = stored::segment(&core.book, id)? else {
            queue.counts.add(Condition::Lost);
            queue.unknown.push(*id);
            continue;
        };
        let health = standing.segment(&living(&segment, standing, bad, waiting));
        let condition = health.condition();
        queue.counts.add(condition);
        let task = Task { segment: *id, health };
        match condition {
            Condition::Healthy => {}
            Condition::Lost => queue.lost.push(task),
            Condition::Degraded if due_only => {}
            Condition::Degraded | Condition::AtRisk => queue.tasks.push(task),
        }
    }
    rank(&mut queue.tasks, |task| &task.health);
    Ok(queue)
}

/// A segment with those of its placements that count as there, rebuilt shards that wait to be recorded among them.
pub(super) fn living(
    segment: &SegmentRecord,
    standing: &Standing,
    bad: &HashSet<(AgreementId, SectorRoot)>,
    waiting: &Waiting,
) -> SegmentRecord {
    let mut living = segment.clone();
    living
        .shards
        .retain(|shard| standing.is_alive(&shard.agreement) && !bad.contains(&(shard.agreement, shard.root)));
    living.shards.extend(waiting.get(&segment.id).into_iter().flatten());
    living
}

/// Rebuilt shards that wait: acknowledged by hosts that are still there, with the roots that are recorded. Others
/// are forgotten.
pub(super) fn waiting(core: &Core, standing: &Standing) -> Result<Waiting, RecordsFault> {
    let mut waiting = Waiting::new();
    let mut draft = core.book.draft();
    for (key, ack) in acks::load(&core.book, JOB, None)? {
        match welcome(core, standing, &key, &ack)? {
            Some(shard) => waiting.entry(key.segment).or_default().push(shard),
            None => draft.delete(crate::Space::Acks, &key.encode()),
        }
    }
    draft.commit()?;
    Ok(waiting)
}

fn welcome(
    core: &Core,
    standing: &Standing,
    key: &AckKey,
    ack: &Ack,
) -> Result<Option<ShardRecord>, RecordsFault> {
    let Some(agreement) = core.agreement(&key.agreement)? else { return Ok(None) };
    let Some(segment) = stored::segment(&core.book, &key.segment)? else { return Ok(None) };
    let known = root_of(&segment, key.shard).is_none_or(|root| root == ack.root);
    let (index, host) = (key.shard, agreement.host());
    let fits = known && standing.is_alive(&key.agreement);
    Ok(fits.then_some(ShardRecord { index, root: ack.root, host, agreement: key.agreement }))
}

/// The root a shard must have, from wherever it is or was placed; `None` for one that never was.
pub(super) fn root_of(segment: &SegmentRecord, index: ShardIndex) -> Option<SectorRoot> {
    segment.placements(index).next().map(|shard| shard.root)
}
