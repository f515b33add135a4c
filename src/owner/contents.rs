//! What lies where under an agreement: its sectors in the order of its tree. Needed to name leaves in a challenge and
//! to give sectors up; after a recovery it is not known until the host has told it ([`crate::free`]).

use crate::book::Draft;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::Space;
use layr_merkle::trim_moves;
use layr_types::{AgreementId, SectorIndex, SectorRoot};
use std::collections::HashSet;

/// Roots in one record.
const CHUNK: usize = 4_096;

fn key(id: &AgreementId, first: u64) -> Vec<u8> {
    [id.0.as_slice(), &first.to_be_bytes()].concat()
}

/// Notes sectors appended from place `first` on.
pub(crate) fn put(draft: &mut Draft<'_>, (id, first): (&AgreementId, u64), roots: &[SectorRoot]) {
    draft.put(Space::Contents, &key(id, first), &roots);
}

/// Everything under an agreement in order, as far as it is known without a gap from the first place on.
pub(crate) fn load(core: &Core, id: &AgreementId) -> Result<Vec<SectorRoot>, RecordsFault> {
    let mut all = Vec::new();
    for (place, mut roots) in core.book.scan::<Vec<SectorRoot>>(Space::Contents, &id.0)? {
        if first(&place)? != all.len() as u64 {
            break;
        }
        all.append(&mut roots);
    }
    Ok(all)
}

/// Replaces everything known under an agreement.
pub(crate) fn replace(
    core: &Core,
    id: &AgreementId,
    roots: &[SectorRoot],
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    for place in core.book.keys(Space::Contents, &id.0)? {
        draft.delete(Space::Contents, &place);
    }
    for (at, chunk) in (0u64..).step_by(CHUNK).zip(roots.chunks(CHUNK)) {
        draft.put(Space::Contents, &key(id, at), &chunk);
    }
    Ok(())
}

/// What is left of `roots` in order once these places (highest first) have been given up, and the roots that were
/// there; `None` for places that are not there.
pub(crate) fn trimmed(
    roots: &[SectorRoot],
    places: &[SectorIndex],
) -> Option<(Vec<SectorRoot>, Vec<SectorRoot>)> {
    let root = |at: &SectorIndex| roots.get(usize::try_from(at.0).ok()?).copied();
    let gone: Vec<SectorRoot> = places.iter().map(root).collect::<Option<_>>()?;
    let mut left = roots.to_vec();
    for (to, from) in trim_moves(places, roots.len() as u64).ok()? {
        *left.get_mut(usize::try_from(to.0).ok()?)? = root(&from)?;
    }
    left.truncate(roots.len() - places.len());
    Some((left, gone))
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

/// Some of the sectors that lie under an agreement, by chance; none where they are not known.
pub(crate) fn drawn(core: &Core, id: &AgreementId, count: usize) -> Result<Vec<SectorRoot>, RecordsFault> {
    let all = core.book.scan::<Vec<SectorRoot>>(Space::Contents, &id.0)?;
    let total: usize = all.iter().map(|(_, roots)| roots.len()).sum();
    let mut drawn = Vec::new();
    for _ in 0..count.min(total) {
        let chance = u64::from_be_bytes(core.book.random());
        let place = usize::try_from(chance % total.max(1) as u64).unwrap_or(0);
        drawn.extend(all.iter().flat_map(|(_, roots)| roots).nth(place));
    }
    Ok(drawn)
}

fn first(key: &[u8]) -> Result<u64, RecordsFault> {
    let (_, first) = key.split_last_chunk::<8>().ok_or(RecordsFault::Damaged { space: Space::Contents })?;
    Ok(u64::from_be_bytes(*first))
}
