//! What nothing needs any more: segments no file lies in, and the sectors of older versions of the catalogue.
//!
//! Condemned sectors stand in the records by agreement and root. Only what was put there is ever freed, and only if
//! nothing names it when it comes to it.

use crate::book::Draft;
use crate::catalogue;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::lookup;
use crate::ports::Space;
use layr_coding::ChunkRecord;
use layr_manifests::{CatalogueUpdate, SegmentRecord};
use layr_types::{AgreementId, NodeKey, SectorRoot, SegmentId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A sector under an agreement.
pub(crate) type Place = (AgreementId, SectorRoot);

const KEPT: &[u8] = b"catalogue kept";

/// The sectors of the two newest versions of the catalogue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) newest: Vec<Place>,
    pub(crate) before: Vec<Place>,
}

impl Kept {
    pub(crate) fn load(core: &Core) -> Result<Self, RecordsFault> {
        Ok(core.book.get(Space::Meta, KEPT)?.unwrap_or_default())
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.newest.iter().chain(&self.before)
    }
}

fn damaged(space: Space) -> RecordsFault {
    RecordsFault::Damaged { space }
}

fn key((agreement, root): &Place) -> Vec<u8> {
    [agreement.0, root.0].concat()
}

/// Puts a sector on the list of what is to be given up.
pub(crate) fn condemn(draft: &mut Draft<'_>, place: &Place) {
    draft.put(Space::Condemned, &key(place), &());
}

/// Takes a sector off the list.
pub(crate) fn acquit(draft: &mut Draft<'_>, place: &Place) {
    draft.delete(Space::Condemned, &key(place));
}

/// The list.
pub(crate) fn condemned(core: &Core) -> Result<BTreeMap<AgreementId, HashSet<SectorRoot>>, RecordsFault> {
    let mut all: BTreeMap<AgreementId, HashSet<SectorRoot>> = BTreeMap::new();
    for key in core.book.keys(Space::Condemned, &[])? {
        let (id, root) = key.split_first_chunk::<32>().ok_or(damaged(Space::Condemned))?;
        let root = root.try_into().map_err(|_| damaged(Space::Condemned))?;
        all.entry(AgreementId(*id)).or_default().insert(SectorRoot(root));
    }
    Ok(all)
}

/// A new version of the catalogue lies at `sectors`: what only the last version but one needed is condemned.
pub(crate) fn keep_version(core: &Core, sectors: &[Place], draft: &mut Draft<'_>) {
    // Where the record cannot be read nothing is condemned; the next version begins anew.
    let kept = Kept::load(core).unwrap_or_default();
    let still: HashSet<&Place> = sectors.iter().chain(&kept.newest).collect();
    kept.before.iter().filter(|place| !still.contains(place)).for_each(|place| condemn(draft, place));
    draft.put(Space::Meta, KEPT, &Kept { newest: sectors.to_vec(), before: kept.newest.clone() });
}

/// What is said of sectors under an old agreement is said of its heir now.
pub(crate) fn inherit(
    core: &Core,
    (old, heir): (&AgreementId, &AgreementId),
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    for (id, roots) in condemned(core)?.into_iter().filter(|(id, _)| id == old) {
        for root in roots {
            acquit(draft, &(id, root));
            condemn(draft, &(*heir, root));
        }
    }
    Ok(())
}

/// What is said of the catalogue's sectors under old agreements is said of their heirs now; once for all of them.
pub(crate) fn inherit_versions(
    core: &Core,
    heirs: &[(AgreementId, AgreementId)],
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    let mut kept = Kept::load(core)?;
    for place in kept.newest.iter_mut().chain(&mut kept.before) {
        if let Some((_, heir)) = heirs.iter().find(|(old, _)| *old == place.0) {
            place.0 = *heir;
        }
    }
    draft.put(Space::Meta, KEPT, &kept);
    Ok(())
}

/// Segments that no file lies in.
#[derive(Debug, Default)]
pub(crate) struct Unneeded {
    pub(crate) segments: BTreeMap<SegmentId, SegmentRecord>,
}

impl Unneeded {
    /// Sectors by agreement and host, with those condemned before.
    pub(crate) fn by_host(&self, core: &Core) -> Result<BTreeMap<(AgreementId, NodeKey), u64>, RecordsFault> {
        let mut places: BTreeSet<Place> = BTreeSet::new();
        for shard in self.segments.values().flat_map(|segment| &segment.shards) {
            places.insert((shard.agreement, shard.root));
        }
        for (id, roots) in condemned(core)? {
            places.extend(roots.into_iter().map(|root| (id, root)));
        }
        let mut hosts = BTreeMap::new();
        for (id, _) in places {
            let Some(agreement) = core.agreement(&id)?.filter(|one| one.phase.is_escrowed()) else {
                continue;
            };
            *hosts.entry((id, agreement.host())).or_default() += 1;
        }
        Ok(hosts)
    }
}

/// Segments that no file but these would lie in. Those repaired for another owner are not this one's to judge.
pub(crate) fn unneeded(core: &Core, without: &BTreeSet<&str>) -> Result<Unneeded, RecordsFault> {
    let mut needed = BTreeSet::new();
    for file in lookup::manifests(core)? {
        if !without.contains(file.manifest.path().as_str()) {
            needed.extend(file.manifest.segments());
        }
    }
    let mut segments = BTreeMap::new();
    for (_, bytes) in core.book.scan::<Vec<u8>>(Space::Segments, &[])? {
        let segment = SegmentRecord::decode(&bytes).map_err(|_| damaged(Space::Segments))?;
        if !needed.contains(&segment.id) && !core.is_delegated(&segment.id)? {
            segments.insert(segment.id, segment);
        }
    }
    Ok(Unneeded { segments })
}

/// Forgets segments that no file lies in, and the chunks in them, and condemns their shards. While an upload is
/// under way nothing is: it may build on them.
pub(crate) fn collect(core: &Core) -> Result<(), RecordsFault> {
    let Ok(_alone) = core.storing.try_write() else { return Ok(()) };
    let Unneeded { segments } = unneeded(core, &BTreeSet::new())?;
    if segments.is_empty() {
        return Ok(());
    }
    let mut draft = core.book.draft();
    for segment in segments.values() {
        draft.delete(Space::Segments, segment.id.as_bytes());
        segment.shards.iter().for_each(|shard| condemn(&mut draft, &(shard.agreement, shard.root)));
    }
    for (key, chunk) in core.book.scan::<ChunkRecord>(Space::Chunks, &[])? {
        if chunk.spans.iter().any(|span| segments.contains_key(&span.segment)) {
            draft.delete(Space::Chunks, &key);
        }
    }
    let drop_segments = segments.into_keys().collect();
    catalogue::owe(core, CatalogueUpdate { drop_segments, ..CatalogueUpdate::default() }, &mut draft)?;
    draft.commit()
}

/// What the records name, whatever the list says: shards of segments, shards of unfinished uploads, and the two
/// newest versions of the catalogue, wherever they lie.
pub(crate) struct Named {
    places: HashSet<Place>,
    roots: HashSet<SectorRoot>,
}

impl Named {
    pub(crate) fn load(core: &Core) -> Result<Self, RecordsFault> {
        let mut named = Self { places: HashSet::new(), roots: HashSet::new() };
        for (_, bytes) in core.book.scan::<Vec<u8>>(Space::Segments, &[])? {
            let segment = SegmentRecord::decode(&bytes).map_err(|_| damaged(Space::Segments))?;
            named.places.extend(segment.shards.iter().map(|shard| (shard.agreement, shard.root)));
        }
        let acks = core.book.scan::<crate::acks::Ack>(Space::Acks, &[])?;
        named.roots.extend(acks.into_iter().map(|(_, ack)| ack.root));
        named.roots.extend(Kept::load(core)?.places().map(|(_, root)| *root));
        named.roots.extend(catalogue::roots(core)?);
        Ok(named)
    }

    pub(crate) fn has(&self, place: &Place) -> bool {
        self.places.contains(place) || self.roots.contains(&place.1)
    }
}
