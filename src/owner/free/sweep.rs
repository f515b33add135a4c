//! Giving condemned sectors up, host by host: the owner signs the revision without them first.

use super::garbage::{Named, acquit, condemned};
use crate::agreement::{Agreement, Phase};
use crate::book::Draft;
use crate::contents;
use crate::core::Core;
use crate::error::{HostFault, Misbehaviour, RecordsFault};
use crate::ports::Space;
use crate::revise::{self, ReviseError};
use futures::future::{BoxFuture, join_all};
use layr_market::RevisionError;
use layr_merkle::AgreementTree;
use layr_protocol::{ContentsRequest, HostApiClient};
use layr_types::{AgreementId, NodeKey, SectorIndex, SectorRoot};
use std::collections::HashSet;

/// What became of the condemned sectors under one agreement.
#[derive(Debug)]
pub(crate) struct Swept {
    pub(crate) agreement: AgreementId,
    pub(crate) host: NodeKey,
    /// Given up.
    pub(crate) freed: u64,
    /// Still to be given up.
    pub(crate) left: u64,
    /// Why.
    pub(crate) fault: Option<Unswept>,
}

/// Why sectors are not given up yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unswept {
    #[error(transparent)]
    Revise(#[from] ReviseError),
    #[error("an upload is under way")]
    Storing,
}

/// Whether anything is to be given up.
pub(crate) fn left(core: &Core) -> Result<bool, RecordsFault> {
    Ok(!core.book.keys(Space::Condemned, &[])?.is_empty())
}

/// Gives up what is condemned and nothing names, at all hosts at once.
pub(crate) async fn sweep(core: &Core) -> Result<Vec<Swept>, RecordsFault> {
    if !left(core)? {
        return Ok(Vec::new());
    }
    let alone = core.storing.try_write().ok();
    if alone.is_some() {
        acquit_named(core)?;
    }
    let mut tasks = Vec::new();
    for (id, roots) in condemned(core)? {
        let Some(agreement) = core.agreement(&id)? else { continue };
        tasks.push((agreement, roots));
    }
    let storing = alone.is_none();
    let each = tasks.into_iter().map(|(agreement, roots)| async move {
        let (agreement, host) = (agreement.id, agreement.host());
        let count = roots.len() as u64;
        if storing {
            return Swept { agreement, host, freed: 0, left: count, fault: Some(Unswept::Storing) };
        }
        match revise::free(core, agreement, &roots).await {
            Ok(freed) => Swept { agreement, host, freed, left: 0, fault: None },
            Err(fault) => {
                let left = condemned(core).ok().and_then(|all| all.get(&agreement).map(HashSet::len));
                let left = left.unwrap_or_default() as u64;
                Swept { agreement, host, freed: count.saturating_sub(left), left, fault: Some(fault.into()) }
            }
        }
    });
    let swept = join_all(each).await;
    if !storing {
        acquit_absent(core)?;
    }
    drop(alone);
    Ok(swept)
}

/// Takes off the list what something names after all, and what lies under agreements that are over.
fn acquit_named(core: &Core) -> Result<(), RecordsFault> {
    let named = Named::load(core)?;
    let mut draft = core.book.draft();
    for (id, roots) in condemned(core)? {
        let over = core.agreement(&id)?.is_none_or(|agreement| agreement.phase != Phase::Open);
        for place in roots.into_iter().map(|root| (id, root)) {
            if over || named.has(&place) {
                acquit(&mut draft, &place);
            }
        }
    }
    draft.commit()
}

/// Takes off the list what lies at no place of its agreement: sectors that were never signed for.
fn acquit_absent(core: &Core) -> Result<(), RecordsFault> {
    let mut draft = core.book.draft();
    for (id, roots) in condemned(core)? {
        let Some(agreement) = core.agreement(&id)? else { continue };
        let known = contents::load(core, &id)?;
        if agreement.pending.is_some() || known.len() as u64 != agreement.current().sectors {
            continue;
        }
        let there: HashSet<SectorRoot> = known.into_iter().collect();
        roots.difference(&there).for_each(|root| acquit(&mut draft, &(id, *root)));
    }
    draft.commit()
}

/// The tree over these sectors.
pub(crate) fn tree(roots: &[SectorRoot]) -> Result<AgreementTree, RevisionError> {
    AgreementTree::from_roots(roots).map_err(|_| RevisionError::OverCapacity)
}

/// What lies where under an agreement: from the records, or from its host where they do not know it, in which case
/// the agreement can be appended to again as well. The root both have signed decides what is believed.
pub(crate) async fn contents_of(
    core: &Core,
    agreement: &mut Agreement,
) -> Result<Vec<SectorRoot>, ReviseError> {
    let current = agreement.current();
    if current.sectors == 0 {
        return Ok(Vec::new());
    }
    let known = contents::load(core, &agreement.id)?;
    if known.len() as u64 == current.sectors && tree(&known)?.root() == current.root {
        return Ok(known);
    }
    let told = told(core, agreement, current.sectors).await?;
    let found = tree(&told)?;
    if told.len() as u64 != current.sectors || found.root() != current.root {
        return Err(HostFault::Misbehaved(Misbehaviour::Bytes).into());
    }
    let mut draft = core.book.draft();
    contents::replace(core, &agreement.id, &told, &mut draft)?;
    agreement.peaks = found.peaks().encode();
    draft.agreement(agreement);
    draft.commit()?;
    Ok(told)
}

/// What the host says lies under an agreement of `sectors` sectors; never more than that.
async fn told(core: &Core, agreement: &Agreement, sectors: u64) -> Result<Vec<SectorRoot>, HostFault> {
    let (id, mut all) = (agreement.id, Vec::new());
    while (all.len() as u64) < sectors {
        let from = all.len() as u64;
        let page = core
            .hosts
            .call(agreement.host(), move |client: HostApiClient, context| -> BoxFuture<'static, _> {
                Box::pin(async move { client.contents(context, ContentsRequest { id, from }).await })
            })
            .await?;
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    Ok(all)
}

/// Takes a revision without these places into the records: what lies where, and what is no longer condemned.
pub(crate) fn adopt(
    core: &Core,
    agreement: &mut Agreement,
    places: &[SectorIndex],
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    let damaged = || RecordsFault::Damaged { space: Space::Contents };
    let known = contents::load(core, &agreement.id)?;
    let (left, gone) = contents::trimmed(&known, places).ok_or_else(damaged)?;
    agreement.peaks = tree(&left).map_err(|_| damaged())?.peaks().encode();
    contents::replace(core, &agreement.id, &left, draft)?;
    let left: HashSet<SectorRoot> = left.into_iter().collect();
    for root in gone.into_iter().filter(|root| !left.contains(root)) {
        acquit(draft, &(agreement.id, root));
    }
    Ok(())
}
