//! Reading the catalogue in this machine's records.

use crate::agreement::Agreement;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::Space;
use crate::stored;
use layr_manifests::{Manifest, SegmentRecord};
use layr_types::{AgreementId, SegmentId, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

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

/// When an agreement ends, and its price.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub(crate) end: UnixSeconds,
    /// Stroops per GiB-day.
    pub(crate) rate: u64,
}

/// Ends and prices of agreements by id.
pub(crate) fn leases(core: &Core) -> Result<HashMap<AgreementId, Lease>, RecordsFault> {
    let lease =
        |agreement: Agreement| (agreement.id, Lease { end: agreement.terms.end, rate: agreement.terms.rate });
    Ok(core.agreements()?.into_iter().map(lease).collect())
}
