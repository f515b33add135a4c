//! Heirs: agreements that took over what the catalogue on the network still says of their predecessors.
//!
//! A renewal is on the ledger before the catalogue that names it can be on the network. Whoever restores a machine
//! in between asks the hosts, who list an owner's agreements; the new terms name the old agreement, and the ledger
//! and both signatures say whether they count.

use crate::agreement::{Agreement, Phase};
use crate::core::Core;
use crate::revise::latest;
use futures::future::{BoxFuture, join_all};
use layr_manifests::SegmentRecord;
use layr_market::{SoftwareSha256, Terms};
use layr_protocol::HostApiClient;
use layr_protocol::limits::MAX_LISTED_AGREEMENTS;
use layr_types::{AgreementId, NodeKey, Signature};
use std::collections::{BTreeSet, HashMap};

/// Which agreement took over from which.
#[derive(Debug, Default)]
pub(crate) struct Heirs(HashMap<AgreementId, Agreement>);

impl Heirs {
    /// Asks these hosts which of the owner's agreements took over from others. One that does not answer tells of
    /// none.
    pub(crate) async fn ask(core: &Core, nodes: BTreeSet<NodeKey>) -> Self {
        let asked = nodes.into_iter().map(|node| of_host(core, node));
        Self(join_all(asked).await.into_iter().flatten().collect())
    }

    /// Whoever has taken over from `id`; `None` where nobody has.
    pub(crate) fn of(&self, id: &AgreementId) -> Option<&Agreement> {
        self.0.get(id)
    }

    /// The segment with its shards under whoever has taken over, and whether that changes anything.
    pub(crate) fn repoint(&self, segment: &SegmentRecord) -> (SegmentRecord, bool) {
        let mut moved = segment.clone();
        for shard in &mut moved.shards {
            if let Some(heir) = self.of(&shard.agreement) {
                shard.agreement = heir.id;
            }
        }
        moved.shards.sort_unstable();
        let changed = moved.shards != segment.shards;
        (moved, changed)
    }
}

async fn of_host(core: &Core, node: NodeKey) -> Vec<(AgreementId, Agreement)> {
    let listed = core
        .hosts
        .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.agreements(context).await })
        })
        .await
        .unwrap_or_default();
    let each = listed.into_iter().take(MAX_LISTED_AGREEMENTS).map(|id| heir(core, node, id));
    join_all(each).await.into_iter().flatten().collect()
}

/// The agreement `id` and the one it took over from, if it took over from any and the ledger holds it. A host
/// lists what was only proposed, too.
async fn heir(core: &Core, node: NodeKey, id: AgreementId) -> Option<(AgreementId, Agreement)> {
    let ask = move |client: HostApiClient, context| -> BoxFuture<'static, _> {
        Box::pin(async move { client.terms(context, id).await })
    };
    let terms = Terms::decode(&core.hosts.call(node, ask).await.ok()?).ok()?;
    let old = terms.previous;
    let ours = terms.owner_account == core.info.account && terms.owner_key == core.key();
    let genuine = terms.id(&SoftwareSha256, &core.info.context) == id && terms.host_key == node;
    if !ours || !genuine || old == AgreementId::default() {
        return None;
    }
    // The ledger is the host's signature: nothing opens there without it.
    let proposed = Agreement::proposed(id, terms, Signature([0; 64]));
    let newest = latest(core, &proposed).await.ok()?;
    let agreement = Agreement { phase: Phase::Open, newest, ..proposed };
    if !core.holds(&agreement).await {
        return None;
    }
    // The host may not have been told yet that it holds everything under the new agreement.
    let tell = move |client: HostApiClient, context| -> BoxFuture<'static, _> {
        Box::pin(async move { client.activate(context, id).await })
    };
    if let Err(fault) = core.hosts.call(node, tell).await {
        tracing::debug!(host = %node, %fault, "the host does not take up the renewed agreement");
    }
    Some((old, agreement))
}
