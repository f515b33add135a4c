//! The catalogue: an owner's files, segments and agreements, and how it changes.
//!
//! A catalogue is what remains after its updates have been applied in order; a snapshot is the one update that
//! makes it from nothing. So small changes cost small objects, and a recovery reads a snapshot and the few
//! updates since. Segments stand once however many files share them.

use crate::error::{Flaw, FormatError};
use crate::frame::{UPDATE, decode, encode};
use crate::manifest::{Manifest, WireManifest};
use crate::path::FilePath;
use crate::segment::{SegmentRecord, ShardRecord, WireSegments};
use layr_coding::{ChunkIndex, ChunkRecord};
use layr_types::{AgreementId, ChunkId, NodeKey, SegmentId, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Longest encoded terms an agreement pointer may carry.
pub const MAX_TERMS_BYTES: usize = 4096;

/// An agreement as the catalogue remembers it: enough to find the host and to act on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementPointer {
    /// The agreement.
    pub id: AgreementId,
    /// The host.
    pub host: NodeKey,
    /// When its term ends, by ledger time.
    pub ends: UnixSeconds,
    /// The terms in their canonical encoding (`layr_market::Terms::encode`) and the host's signature that
    /// accepts them (64 bytes); opaque here, at most 4 KiB.
    pub terms: Vec<u8>,
}

/// One step from a catalogue to the next. Removals are applied first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogueUpdate {
    /// Paths that no longer exist.
    pub drop_files: Vec<FilePath>,
    /// Segments that no file needs any more.
    pub drop_segments: Vec<SegmentId>,
    /// Agreements that are over.
    pub drop_agreements: Vec<AgreementId>,
    /// New or changed files; a file replaces the one at its path.
    pub put_files: Vec<Manifest>,
    /// New or changed segments, each whole.
    pub put_segments: Vec<SegmentRecord>,
    /// New or changed agreements.
    pub put_agreements: Vec<AgreementPointer>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireUpdate {
    drop_files: Vec<String>,
    drop_segments: Vec<SegmentId>,
    drop_agreements: Vec<AgreementId>,
    put_files: Vec<WireManifest>,
    put_segments: WireSegments,
    put_agreements: Vec<AgreementPointer>,
}

impl CatalogueUpdate {
    /// True where applying it changes nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.drop_files.is_empty()
            && self.drop_segments.is_empty()
            && self.drop_agreements.is_empty()
            && self.put_files.is_empty()
            && self.put_segments.is_empty()
            && self.put_agreements.is_empty()
    }

    /// Encodes the update.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(UPDATE, &self.pack())
    }

    /// Decodes and checks an update.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |flaw| FormatError::Invalid { object: UPDATE.name, flaw };
        decode::<WireUpdate>(UPDATE, bytes)?.unpack().map_err(invalid)
    }

    pub(crate) fn pack(&self) -> WireUpdate {
        WireUpdate {
            drop_files: self.drop_files.iter().map(|path| path.clone().into()).collect(),
            drop_segments: self.drop_segments.clone(),
            drop_agreements: self.drop_agreements.clone(),
            put_files: self.put_files.iter().map(WireManifest::pack).collect(),
            put_segments: WireSegments::pack(&self.put_segments),
            put_agreements: self.put_agreements.clone(),
        }
    }
}

impl WireUpdate {
    pub(crate) fn unpack(self) -> Result<CatalogueUpdate, Flaw> {
        if let Some(long) = self.put_agreements.iter().find(|pointer| pointer.terms.len() > MAX_TERMS_BYTES) {
            return Err(Flaw::Count(long.terms.len()));
        }
        Ok(CatalogueUpdate {
            drop_files: self.drop_files.into_iter().map(FilePath::new).collect::<Result<_, _>>()?,
            drop_segments: self.drop_segments,
            drop_agreements: self.drop_agreements,
            put_files: self.put_files.into_iter().map(WireManifest::unpack).collect::<Result<_, _>>()?,
            put_segments: self.put_segments.unpack()?,
            put_agreements: self.put_agreements,
        })
    }
}

/// An owner's files, segments and agreements.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    files: BTreeMap<FilePath, Manifest>,
    segments: BTreeMap<SegmentId, SegmentRecord>,
    agreements: BTreeMap<AgreementId, AgreementPointer>,
}

impl Catalogue {
    /// A catalogue with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All files by path.
    #[must_use]
    pub const fn files(&self) -> &BTreeMap<FilePath, Manifest> {
        &self.files
    }

    /// All segments by id.
    #[must_use]
    pub const fn segments(&self) -> &BTreeMap<SegmentId, SegmentRecord> {
        &self.segments
    }

    /// All agreements by id.
    #[must_use]
    pub const fn agreements(&self) -> &BTreeMap<AgreementId, AgreementPointer> {
        &self.agreements
    }

    /// Takes one step: removals first, then additions.
    pub fn apply(&mut self, update: CatalogueUpdate) {
        for path in &update.drop_files {
            self.files.remove(path);
        }
        for id in &update.drop_segments {
            self.segments.remove(id);
        }
        for id in &update.drop_agreements {
            self.agreements.remove(id);
        }
        self.files.extend(update.put_files.into_iter().map(|file| (file.path().clone(), file)));
        self.segments.extend(update.put_segments.into_iter().map(|segment| (segment.id, segment)));
        self.agreements.extend(update.put_agreements.into_iter().map(|pointer| (pointer.id, pointer)));
    }

    /// The one update that makes this catalogue from nothing.
    #[must_use]
    pub fn snapshot(&self) -> CatalogueUpdate {
        CatalogueUpdate {
            put_files: self.files.values().cloned().collect(),
            put_segments: self.segments.values().cloned().collect(),
            put_agreements: self.agreements.values().cloned().collect(),
            ..CatalogueUpdate::default()
        }
    }

    /// The update that makes `newer` from this catalogue.
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> CatalogueUpdate {
        CatalogueUpdate {
            drop_files: missing(&self.files, &newer.files),
            drop_segments: missing(&self.segments, &newer.segments),
            drop_agreements: missing(&self.agreements, &newer.agreements),
            put_files: changed(&self.files, &newer.files),
            put_segments: changed(&self.segments, &newer.segments),
            put_agreements: changed(&self.agreements, &newer.agreements),
        }
    }

    /// Makes sure that every file's bytes lie in segments the catalogue has.
    ///
    /// # Errors
    /// [`Flaw::MissingSegment`], or [`Flaw::Span`] where a chunk leaves its segment's used bytes.
    pub fn check(&self) -> Result<(), Flaw> {
        for file in self.files.values() {
            for (at, chunk) in file.chunks().iter().enumerate() {
                self.check_chunk(at, chunk)?;
            }
        }
        Ok(())
    }

    fn check_chunk(&self, at: usize, chunk: &ChunkRecord) -> Result<(), Flaw> {
        for span in &chunk.spans {
            let segment = self.segments.get(&span.segment).ok_or(Flaw::MissingSegment(span.segment))?;
            if u64::from(span.offset) + u64::from(span.len) > segment.used.0 {
                return Err(Flaw::Span(at));
            }
        }
        Ok(())
    }

    /// Segments that no file needs: their shards may be deleted and their cost saved.
    #[must_use]
    pub fn unused_segments(&self) -> Vec<SegmentId> {
        let used: BTreeSet<SegmentId> = self.files.values().flat_map(Manifest::segments).collect();
        self.segments.keys().filter(|id| !used.contains(*id)).copied().collect()
    }

    /// Every shard kept under one agreement, with its segment.
    pub fn shards_under(&self, agreement: AgreementId) -> impl Iterator<Item = (SegmentId, &ShardRecord)> {
        self.segments.values().flat_map(move |segment| {
            let under = segment.shards.iter().filter(move |shard| shard.agreement == agreement);
            under.map(|shard| (segment.id, shard))
        })
    }

    /// Every stored chunk, for an encoder to skip.
    #[must_use]
    pub fn chunk_index(&self) -> StoredChunks {
        let chunks = self.files.values().flat_map(Manifest::chunks);
        StoredChunks(chunks.map(|chunk| (chunk.id, chunk.clone())).collect())
    }
}

/// The chunks a catalogue had when it was asked.
#[derive(Debug, Clone, Default)]
pub struct StoredChunks(HashMap<ChunkId, ChunkRecord>);

impl ChunkIndex for StoredChunks {
    fn find(&self, id: &ChunkId) -> Option<ChunkRecord> {
        self.0.get(id).cloned()
    }
}

fn missing<K: Ord + Clone, V>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Vec<K> {
    old.keys().filter(|key| !new.contains_key(*key)).cloned().collect()
}

fn changed<K: Ord, V: Clone + PartialEq>(old: &BTreeMap<K, V>, new: &BTreeMap<K, V>) -> Vec<V> {
    new.iter().filter(|(key, value)| old.get(key) != Some(*value)).map(|(_, value)| value.clone()).collect()
}
