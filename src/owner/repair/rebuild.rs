//! One segment: any `k` survivors in, exactly the lost shards out, masked and with the roots that are recorded.

use super::allot::Order;
use super::queue::root_of;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::fetch::{FetchError, Fetcher};
use crate::stored;
use layr_coding::{CommittedShard, SegmentMaskKey, ShardIndex, VerifiedShard, repair_shards};
use layr_manifests::SegmentRecord;
use layr_types::{SectorRoot, SegmentId};
use std::collections::HashMap;

/// Rebuilt shards and the berths they go to.
pub(super) struct Rebuilt {
    pub(super) segment: SegmentId,
    pub(super) shards: Vec<(usize, CommittedShard)>,
}

/// Why a segment was not rebuilt.
#[derive(Debug, thiserror::Error)]
pub(super) enum RebuildError {
    /// Too few survivors could be read now.
    #[error("{found} of {needed} shards could be read")]
    TooFew { found: u8, needed: u8 },
    /// What came out is not what was stored: nothing of it may be placed.
    #[error("shard {index} of segment {segment} does not come out with its recorded root")]
    Root { segment: SegmentId, index: ShardIndex },
    #[error(transparent)]
    Decode(#[from] layr_coding::DecodeError),
    #[error(transparent)]
    Records(#[from] RecordsFault),
    #[error("a task of the program died")]
    TaskLost,
    #[error("{0}")]
    Fetch(#[source] crate::error::BoxError),
}

/// Fetches `living`, which lists only what is there, and rebuilds what `order` says.
pub(super) async fn rebuild(
    core: &Core,
    fetcher: &Fetcher,
    living: SegmentRecord,
    order: Order,
) -> Result<Rebuilt, RebuildError> {
    let recorded = stored::segment(&core.book, &order.segment)?.unwrap_or_else(|| living.clone());
    let roots: HashMap<ShardIndex, Option<SectorRoot>> =
        order.shards.iter().map(|(index, _)| (*index, root_of(&recorded, *index))).collect();
    let profile = living.profile;
    let sources = fetcher.any(living).await.map_err(|error| match error {
        FetchError::TooFew(few) => RebuildError::TooFew { found: few.found, needed: few.needed },
        FetchError::Other(cause) => RebuildError::Fetch(cause.into()),
    })?;
    let key = core.mask_key(&order.segment)?;
    let make = move || make(&key, profile, &sources, order, &roots);
    tokio::task::spawn_blocking(make).await.map_err(|_| RebuildError::TaskLost)?
}

fn make(
    key: &SegmentMaskKey,
    profile: layr_coding::Profile,
    sources: &[VerifiedShard],
    order: Order,
    roots: &HashMap<ShardIndex, Option<SectorRoot>>,
) -> Result<Rebuilt, RebuildError> {
    let segment = order.segment;
    let wanted: Vec<ShardIndex> = order.shards.iter().map(|(index, _)| *index).collect();
    let made = repair_shards(key, profile, sources, &wanted)?;
    let wrong = |shard: &&CommittedShard| {
        roots.get(&shard.index()).copied().flatten().is_some_and(|root| root != shard.root())
    };
    if let Some(index) = made.iter().find(wrong).map(CommittedShard::index) {
        return Err(RebuildError::Root { segment, index });
    }
    let berths = order.shards.into_iter().map(|(_, berth)| berth);
    Ok(Rebuilt { segment, shards: berths.zip(made).collect() })
}
