//! Recording: rebuilt shards that both sides signed for and that were proved once take the places of the lost ones,
//! in one step with what the network's catalogue lacks then and with forgetting the acknowledgements.

use super::JOB;
use super::queue::{Waiting, living};
use crate::acks;
use crate::catalogue;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::free;
use crate::health::Standing;
use crate::lookup::put_segment;
use crate::stored;
use layr_manifests::{CatalogueUpdate, SegmentRecord, ShardRecord};
use layr_types::{AgreementId, ByteCount, NodeKey, SectorRoot};
use std::collections::{BTreeSet, HashSet};

/// What was recorded.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    pub(super) shards: u64,
    /// Bytes of content in the segments concerned.
    pub(super) content: ByteCount,
    pub(super) hosts: BTreeSet<NodeKey>,
}

/// Records every rebuilt shard that is signed for.
pub(super) fn record(
    core: &Core,
    standing: &mut Standing,
    bad: &HashSet<(AgreementId, SectorRoot)>,
) -> Result<Recorded, RecordsFault> {
    let mut signed = Waiting::new();
    let mut draft = core.book.draft();
    for (key, ack) in acks::load(&core.book, JOB, None)? {
        let Some(agreement) = core.agreement(&key.agreement)?.filter(|_| ack.signed) else { continue };
        let (index, host) = (key.shard, agreement.host());
        let shard = ShardRecord { index, root: ack.root, host, agreement: key.agreement };
        signed.entry(key.segment).or_default().push(shard);
        draft.delete(crate::Space::Acks, &key.encode());
    }
    let (mut out, mut update) = (Recorded::default(), CatalogueUpdate::default());
    let mut agreements = BTreeSet::new();
    for (id, shards) in signed {
        let Some(segment) = stored::segment(&core.book, &id)? else { continue };
        let left = living(&segment, standing, bad, &Waiting::new());
        let moved = standing.segment(&left).clumped;
        let whole = joined(segment, &left, &shards, &moved);
        // What was moved is given back where it was.
        for shard in left.shards.iter().filter(|shard| !whole.shards.contains(shard)) {
            free::condemn(&mut draft, &(shard.agreement, shard.root));
        }
        put_segment(&mut draft, &whole);
        out.shards += shards.len() as u64;
        out.content.0 += whole.used.0;
        out.hosts.extend(shards.iter().map(|shard| shard.host));
        agreements.extend(shards.iter().map(|shard| shard.agreement));
        update.put_segments.push(whole);
    }
    if update.put_segments.is_empty() {
        draft.commit()?;
        return Ok(out);
    }
    for id in agreements {
        update.put_agreements.extend(core.agreement(&id)?.map(|agreement| catalogue::pointer_to(&agreement)));
    }
    catalogue::owe(core, update, &mut draft)?;
    draft.commit()?;
    Ok(out)
}

/// A segment with rebuilt shards in it: where one of them was before is forgotten, unless it is still there and was
/// not one too many there.
fn joined(
    segment: SegmentRecord,
    left: &SegmentRecord,
    rebuilt: &[ShardRecord],
    moved: &[u8],
) -> SegmentRecord {
    let mut whole = segment;
    whole.shards.retain(|shard| {
        let anew = rebuilt.iter().any(|new| new.index == shard.index);
        let here = left.shards.contains(shard);
        let moved = moved.contains(&shard.index.0);
        let again = rebuilt.iter().any(|new| new.index == shard.index && new.host == shard.host);
        !again && (!anew || (here && !moved))
    });
    whole.shards.extend_from_slice(rebuilt);
    whole.shards.sort_unstable();
    whole
}
