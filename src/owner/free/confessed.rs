//! Confessions: a host that says of itself that it lost sectors is not made to prove them. They are given up and
//! forgotten, so that they are rebuilt on other hosts, and the host risks only what it still keeps. Its score falls
//! as if an audit had found them missing.

use super::garbage::condemn;
use crate::catalogue;
use crate::contents;
use crate::core::Core;
use crate::error::{HostFault, RecordsFault};
use crate::lookup;
use crate::ports::Space;
use futures::future::{BoxFuture, join_all};
use layr_audits::Verdict;
use layr_manifests::{CatalogueUpdate, SegmentRecord};
use layr_protocol::HostApiClient;
use layr_types::{AgreementId, NodeKey, SectorRoot, UnixSeconds};
use std::collections::{HashMap, HashSet};

/// Asks every host what it lost, and lets go of that. Returns how many sectors that were.
pub(crate) async fn hear(core: &Core, now: UnixSeconds) -> Result<u64, RecordsFault> {
    let running = core.agreements()?.into_iter().filter(|agreement| agreement.runs(now));
    let asked = running.filter(|agreement| agreement.current().sectors > 0).map(|agreement| async move {
        let (id, node) = (agreement.id, agreement.host());
        (id, node, losses(core, node, id).await)
    });
    let mut lost: HashMap<AgreementId, HashSet<SectorRoot>> = HashMap::new();
    for (id, node, told) in join_all(asked).await {
        // A host that cannot be asked confesses nothing.
        let Ok(told) = told else { continue };
        let known: HashSet<SectorRoot> = contents::load(core, &id)?.into_iter().collect();
        let told: HashSet<SectorRoot> = told.into_iter().filter(|root| known.contains(root)).collect();
        if !told.is_empty() {
            tracing::warn!(host = %node, sectors = told.len(), "a host says that it lost sectors");
            core.remember(&node, Verdict::Missing, now)?;
            lost.insert(id, told);
        }
    }
    let count = lost.values().map(HashSet::len).sum::<usize>() as u64;
    if count > 0 {
        forget(core, &lost)?;
    }
    Ok(count)
}

async fn losses(core: &Core, node: NodeKey, id: AgreementId) -> Result<Vec<SectorRoot>, HostFault> {
    core.hosts
        .call(node, move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.losses(context, id).await })
        })
        .await
}

/// Takes the shards out of their segments and condemns them, in one step.
fn forget(core: &Core, lost: &HashMap<AgreementId, HashSet<SectorRoot>>) -> Result<(), RecordsFault> {
    let is_lost =
        |id: &AgreementId, root: &SectorRoot| lost.get(id).is_some_and(|roots| roots.contains(root));
    let mut draft = core.book.draft();
    let mut changed = Vec::new();
    for (_, bytes) in core.book.scan::<Vec<u8>>(Space::Segments, &[])? {
        let damaged = |_| RecordsFault::Damaged { space: Space::Segments };
        let mut segment = SegmentRecord::decode(&bytes).map_err(damaged)?;
        let before = segment.shards.len();
        segment.shards.retain(|shard| !is_lost(&shard.agreement, &shard.root));
        if segment.shards.len() < before {
            lookup::put_segment(&mut draft, &segment);
            changed.push(segment);
        }
    }
    for (id, roots) in lost {
        roots.iter().for_each(|root| condemn(&mut draft, &(*id, *root)));
    }
    let update = CatalogueUpdate { put_segments: changed, ..CatalogueUpdate::default() };
    catalogue::owe(core, update, &mut draft)?;
    draft.commit()
}
