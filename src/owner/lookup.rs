//! Reading the catalogue in this machine's records.

use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::Space;
use crate::stored;
use crate::views::Health;
use layr_audits::Verdict;
use layr_manifests::{Manifest, SegmentRecord};
use layr_types::{AgreementId, SegmentId, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A file as the records keep it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredFile {
    stored: UnixSeconds,
    manifest: Vec<u8>,
}

/// A file and when it was stored.
#[derive(Debug, Clone)]
pub(crate) struct FileEntry {
    pub(crate) stored: UnixSeconds,
    pub(crate) manifest: Manifest,
}

/// The key of a file's record: a digest of its path, so that a path has one file and its name stays sealed.
pub(crate) fn file_key(path: &str) -> [u8; 32] {
    Core::tag(&[b"layr owner file", path.as_bytes()])
}

/// Puts a file into a draft.
pub(crate) fn put_file(draft: &mut crate::book::Draft<'_>, manifest: &Manifest, stored: UnixSeconds) {
    let entry = StoredFile { stored, manifest: manifest.encode() };
    draft.put(Space::Files, &file_key(manifest.path().as_str()), &entry);
}

/// Puts a segment into a draft.
pub(crate) fn put_segment(draft: &mut crate::book::Draft<'_>, segment: &SegmentRecord) {
    draft.put(Space::Segments, segment.id.as_bytes(), &segment.encode());
}

fn open(entry: &StoredFile) -> Result<FileEntry, RecordsFault> {
    let manifest =
        Manifest::decode(&entry.manifest).map_err(|_| RecordsFault::Damaged { space: Space::Files })?;
    Ok(FileEntry { stored: entry.stored, manifest })
}

/// One file by name.
pub(crate) fn file(core: &Core, name: &str) -> Result<Option<FileEntry>, RecordsFault> {
    core.book.get::<StoredFile>(Space::Files, &file_key(name))?.map(|entry| open(&entry)).transpose()
}

/// Every file, by name.
pub(crate) fn manifests(core: &Core) -> Result<Vec<FileEntry>, RecordsFault> {
    let entries = core.book.scan::<StoredFile>(Space::Files, &[])?;
    let mut files = entries.iter().map(|(_, entry)| open(entry)).collect::<Result<Vec<_>, _>>()?;
    files.sort_by(|a, b| a.manifest.path().cmp(b.manifest.path()));
    Ok(files)
}

/// The segments a file lies in; one the records do not know is left out.
pub(crate) fn segments(
    core: &Core,
    manifest: &Manifest,
) -> Result<BTreeMap<SegmentId, SegmentRecord>, RecordsFault> {
    let mut found = BTreeMap::new();
    for id in manifest.segments() {
        if let Some(segment) = stored::segment(&core.book, &id)? {
            found.insert(id, segment);
        }
    }
    Ok(found)
}

/// Agreements whose newest audit did not fail.
pub(crate) fn sound(core: &Core) -> Result<HashSet<AgreementId>, RecordsFault> {
    let agreements = core.agreements()?.into_iter();
    let sound = agreements.filter(|agreement| {
        let open = agreement.phase == crate::agreement::Phase::Open;
        open && agreement.audited.is_none_or(|(verdict, _)| verdict == Verdict::Passed)
    });
    Ok(sound.map(|agreement| agreement.id).collect())
}

/// Distinct shards of a segment under sound agreements.
pub(crate) fn survivors(segment: &SegmentRecord, sound: &HashSet<AgreementId>) -> u8 {
    let alive = |index| segment.placements(index).any(|shard| sound.contains(&shard.agreement));
    u8::try_from(segment.profile.shards().filter(|index| alive(*index)).count()).unwrap_or(u8::MAX)
}

/// How far a file is from being lost.
pub(crate) fn health(core: &Core, name: &str) -> Result<Health, RecordsFault> {
    let nothing = Health { survivors: 0, needed: 0, made: 0 };
    let Some(file) = file(core, name)? else { return Ok(nothing) };
    let segments = segments(core, &file.manifest)?;
    let lost = file.manifest.segments().len() > segments.len();
    let sound = sound(core)?;
    let each = segments.values().map(|segment| Health {
        survivors: survivors(segment, &sound),
        needed: segment.profile.k(),
        made: segment.profile.n(),
    });
    let worst = each.min_by_key(|health| i16::from(health.survivors) - i16::from(health.needed));
    Ok(match worst {
        Some(worst) if lost => Health { survivors: 0, ..worst },
        Some(worst) => worst,
        None if lost => Health { survivors: 0, needed: 1, made: 1 },
        None => nothing,
    })
}

/// Ends of agreements by id.
pub(crate) fn ends(core: &Core) -> Result<HashMap<AgreementId, UnixSeconds>, RecordsFault> {
    Ok(core.agreements()?.into_iter().map(|agreement| (agreement.id, agreement.terms.end)).collect())
}
