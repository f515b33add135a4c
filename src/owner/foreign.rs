//! Agreements of others under which this owner may read: those of an owner a delegate repairs for, and those a
//! delegate made for this owner. Their money is not this owner's business.

use crate::book::Draft;
use crate::core::Core;
use crate::error::{HostFault, RecordsFault};
use crate::ports::Space;
use futures::future::{BoxFuture, join_all};
use layr_protocol::{HostApiClient, SignedPass};
use layr_types::{AgreementId, NodeKey, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Where they are kept.
const FOREIGN: &[u8] = b"foreign ";

/// One agreement of somebody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Foreign {
    pub(crate) id: AgreementId,
    pub(crate) host: NodeKey,
    /// When its term ends.
    pub(crate) ends: UnixSeconds,
    /// What lets this node read under it.
    pub(crate) pass: SignedPass,
    /// Whether its host answered last time.
    pub(crate) there: bool,
}

/// Keeps one.
pub(crate) fn keep(draft: &mut Draft<'_>, foreign: &Foreign) {
    draft.put(Space::Meta, &[FOREIGN, &foreign.id.0].concat(), foreign);
}

/// All of them.
pub(crate) fn all(core: &Core) -> Result<Vec<Foreign>, RecordsFault> {
    Ok(core.book.scan(Space::Meta, FOREIGN)?.into_iter().map(|(_, foreign)| foreign).collect())
}

/// The passes to be shown to each host.
pub(crate) fn passes(core: &Core) -> Result<HashMap<NodeKey, Vec<SignedPass>>, RecordsFault> {
    let mut passes: HashMap<NodeKey, Vec<SignedPass>> = HashMap::new();
    for foreign in all(core)? {
        let of_host = passes.entry(foreign.host).or_default();
        if !of_host.contains(&foreign.pass) {
            of_host.push(foreign.pass);
        }
    }
    Ok(passes)
}

/// Shows a host a pass.
pub(crate) async fn show(core: &Core, node: NodeKey, pass: SignedPass) -> Result<(), HostFault> {
    core.hosts
        .call(node, move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.show_pass(context, pass).await })
        })
        .await
}

/// Shows every pass and notes which hosts are there.
pub(crate) async fn look(core: &Core) -> Result<(), RecordsFault> {
    let asked = all(core)?.into_iter().map(|foreign| async move {
        let there = show(core, foreign.host, foreign.pass).await.is_ok();
        Foreign { there, ..foreign }
    });
    let mut draft = core.book.draft();
    join_all(asked).await.iter().for_each(|foreign| keep(&mut draft, foreign));
    draft.commit()
}
