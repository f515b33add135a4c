//! What lies where under an agreement: its sectors in the order they were appended. Needed only to name leaves in a
//! challenge; after a recovery it is not known, and leaves are drawn by the beacon instead.

use crate::book::Draft;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::Space;
use layr_types::{AgreementId, SectorRoot};
use std::collections::HashSet;

fn key(id: &AgreementId, first: u64) -> Vec<u8> {
    [id.0.as_slice(), &first.to_be_bytes()].concat()
}

/// Notes sectors appended from place `first` on.
pub(crate) fn put(draft: &mut Draft<'_>, (id, first): (&AgreementId, u64), roots: &[SectorRoot]) {
    draft.put(Space::Contents, &key(id, first), &roots);
}

/// Gives an old agreement's contents to its heir.
pub(crate) fn inherit(
    core: &Core,
    (old, heir): (&AgreementId, &AgreementId),
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    for (place, roots) in core.book.scan::<Vec<SectorRoot>>(Space::Contents, &old.0)? {
        draft.put(Space::Contents, &key(heir, first(&place)?), &roots);
        draft.delete(Space::Contents, &place);
    }
    Ok(())
}

/// The places of these sectors, each place once.
pub(crate) fn places(
    core: &Core,
    id: &AgreementId,
    roots: &HashSet<SectorRoot>,
) -> Result<Vec<u64>, RecordsFault> {
    let mut found = Vec::new();
    for (place, appended) in core.book.scan::<Vec<SectorRoot>>(Space::Contents, &id.0)? {
        let numbered = (first(&place)?..).zip(&appended);
        found.extend(numbered.filter(|(_, root)| roots.contains(root)).map(|(place, _)| place));
    }
    Ok(found)
}

fn first(key: &[u8]) -> Result<u64, RecordsFault> {
    let (_, first) = key.split_last_chunk::<8>().ok_or(RecordsFault::Damaged { space: Space::Contents })?;
    Ok(u64::from_be_bytes(*first))
}
