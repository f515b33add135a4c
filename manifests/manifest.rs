//! The manifest: everything needed to find, check and open one file.

use crate::error::{Flaw, FormatError};
use crate::frame::{MANIFEST, decode, encode};
use crate::path::FilePath;
use crate::segment::position;
use layr_coding::{
    ChunkRecord, EncodedFile, FileHash, MAX_CHUNK_BYTES, MAX_SEALED_BYTES, Profile, SEAL_OVERHEAD, Span,
};
use layr_types::{ByteCount, ChunkId, FileId, SegmentId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Most labels of one file.
pub const MAX_LABELS: usize = 64;
/// Most bytes of all labels of one file together.
pub const MAX_LABEL_BYTES: usize = 16 * 1024;

const FILE_ID_LABEL: &str = "layr 2026 v1 file id";

/// When a file was last changed, by the clock of the machine it lay on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileTime {
    /// Seconds since 1970-01-01 UTC; negative before.
    pub seconds: i64,
    /// Nanoseconds within the second, below 10⁹.
    pub nanos: u32,
}

/// What is kept of a file beside its bytes; every part may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attributes {
    /// Permission bits, as `chmod` takes them.
    pub mode: Option<u32>,
    /// Last change.
    pub modified: Option<FileTime>,
    /// Free text by name, for example an S3 object's content type: at most 64, 16 KiB together.
    pub labels: BTreeMap<String, String>,
}

/// One version of one file.
///
/// A manifest that was made by [`Self::new`] or decoded is consistent: its chunks add up to its size, every
/// length is possible, its id fits its content. It holds no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    file: FileId,
    path: FilePath,
    size: ByteCount,
    hash: FileHash,
    profile: Profile,
    attributes: Attributes,
    chunks: Vec<ChunkRecord>,
}

impl Manifest {
    /// Makes the manifest of a file that was encoded under `profile`.
    ///
    /// # Errors
    /// [`Flaw`] if the attributes or the chunk records leave their bounds.
    pub fn new(
        path: FilePath,
        attributes: Attributes,
        profile: Profile,
        file: EncodedFile,
    ) -> Result<Self, Flaw> {
        let EncodedFile { size, hash, chunks, .. } = file;
        let id = file_id(&path, &hash, size, &attributes);
        let manifest = Self { file: id, path, size, hash, profile, attributes, chunks };
        manifest.check()?;
        Ok(manifest)
    }

    /// Names this version: a digest of path, content and attributes, so storing the same again is the same.
    #[must_use]
    pub const fn file(&self) -> FileId {
        self.file
    }

    /// Where the file lies in the owner's tree.
    #[must_use]
    pub const fn path(&self) -> &FilePath {
        &self.path
    }

    /// Plaintext bytes.
    #[must_use]
    pub const fn size(&self) -> ByteCount {
        self.size
    }

    /// BLAKE3 of the whole plaintext.
    #[must_use]
    pub const fn hash(&self) -> FileHash {
        self.hash
    }

    /// The profile the owner chose for the file.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Mode, time and labels.
    #[must_use]
    pub const fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The file's chunks in order.
    #[must_use]
    pub fn chunks(&self) -> &[ChunkRecord] {
        &self.chunks
    }

    /// The segments the file needs, each once.
    #[must_use]
    pub fn segments(&self) -> BTreeSet<SegmentId> {
        self.chunks.iter().flat_map(|chunk| &chunk.spans).map(|span| span.segment).collect()
    }

    /// The same content under another name.
    #[must_use]
    pub fn renamed(&self, path: FilePath) -> Self {
        let file = file_id(&path, &self.hash, self.size, &self.attributes);
        Self { file, path, ..self.clone() }
    }

    /// Encodes the manifest.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(MANIFEST, &WireManifest::pack(self))
    }

    /// Decodes and checks a manifest.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong; hostile paths, impossible lengths and foreign ids are refused here.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |flaw| FormatError::Invalid { object: MANIFEST.name, flaw };
        decode::<WireManifest>(MANIFEST, bytes)?.unpack().map_err(invalid)
    }

    fn check(&self) -> Result<(), Flaw> {
        check_attributes(&self.attributes)?;
        let mut chunks = 0u64;
        for (at, chunk) in self.chunks.iter().enumerate() {
            check_chunk(at, chunk)?;
            chunks += u64::from(chunk.plain_len);
        }
        if chunks != self.size.0 {
            return Err(Flaw::Size { chunks: ByteCount(chunks), size: self.size });
        }
        if self.file != file_id(&self.path, &self.hash, self.size, &self.attributes) {
            return Err(Flaw::FileId);
        }
        Ok(())
    }
}

fn check_attributes(attributes: &Attributes) -> Result<(), Flaw> {
    if let Some(time) = attributes.modified.filter(|time| time.nanos >= 1_000_000_000) {
        return Err(Flaw::Nanoseconds(time.nanos));
    }
    let bytes: usize = attributes.labels.iter().map(|(name, text)| name.len() + text.len()).sum();
    if attributes.labels.len() > MAX_LABELS || bytes > MAX_LABEL_BYTES {
        return Err(Flaw::Labels);
    }
    Ok(())
}

fn check_chunk(at: usize, chunk: &ChunkRecord) -> Result<(), Flaw> {
    let plain = 1..=MAX_CHUNK_BYTES as u64;
    let sealed = SEAL_OVERHEAD as u64 + 1..=MAX_SEALED_BYTES as u64;
    if !plain.contains(&chunk.plain_len.into()) || !sealed.contains(&chunk.sealed_len()) {
        return Err(Flaw::ChunkLength(at));
    }
    let largest =
        Profile::new(layr_coding::MAX_SHARDS, layr_coding::MAX_SHARDS).unwrap_or_default().capacity();
    let outside = |span: &Span| span.len == 0 || u64::from(span.offset) + u64::from(span.len) > largest.0;
    if chunk.spans.iter().any(outside) {
        return Err(Flaw::Span(at));
    }
    Ok(())
}

fn file_id(path: &FilePath, hash: &FileHash, size: ByteCount, attributes: &Attributes) -> FileId {
    let body = postcard::to_allocvec(&(path.as_str(), hash, size, attributes))
        .expect("a vector takes every byte and the types have no failing encoders");
    FileId(blake3::derive_key(FILE_ID_LABEL, &body))
}

/// A manifest as written: every segment id once, spans pointing to them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WireManifest {
    file: FileId,
    path: String,
    size: u64,
    hash: FileHash,
    profile: Profile,
    attributes: Attributes,
    segments: Vec<SegmentId>,
    chunks: Vec<WireChunk>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireChunk {
    id: ChunkId,
    plain_len: u32,
    spans: Vec<(u32, u32, u32)>,
}

impl WireManifest {
    pub(crate) fn pack(manifest: &Manifest) -> Self {
        let mut segments = Vec::new();
        let mut known = HashMap::new();
        let mut pack_span = |span: &Span| {
            let at = *known.entry(span.segment).or_insert_with(|| {
                segments.push(span.segment);
                position(segments.len() - 1)
            });
            (at, span.offset, span.len)
        };
        let chunks = manifest.chunks.iter().map(|chunk| WireChunk {
            id: chunk.id,
            plain_len: chunk.plain_len,
            spans: chunk.spans.iter().map(&mut pack_span).collect(),
        });
        let chunks = chunks.collect();
        let Manifest { file, path, size, hash, profile, attributes, .. } = manifest.clone_head();
        Self { file, path: path.into(), size: size.0, hash, profile, attributes, segments, chunks }
    }

    pub(crate) fn unpack(self) -> Result<Manifest, Flaw> {
        let segments = self.segments;
        let unpack_span = |(at, offset, len): (u32, u32, u32)| {
            let segment = usize::try_from(at).ok().and_then(|at| segments.get(at)).ok_or(Flaw::Index)?;
            Ok(Span { segment: *segment, offset, len })
        };
        let unpack_chunk = |chunk: WireChunk| {
            let spans = chunk.spans.into_iter().map(unpack_span).collect::<Result<_, Flaw>>()?;
            Ok(ChunkRecord { id: chunk.id, plain_len: chunk.plain_len, spans })
        };
        let manifest = Manifest {
            file: self.file,
            path: FilePath::new(self.path)?,
            size: ByteCount(self.size),
            hash: self.hash,
            profile: self.profile,
            attributes: self.attributes,
            chunks: self.chunks.into_iter().map(unpack_chunk).collect::<Result<_, Flaw>>()?,
        };
        manifest.check()?;
        Ok(manifest)
    }
}

impl Manifest {
    /// Everything but the chunks, which are packed on their own.
    fn clone_head(&self) -> Self {
        let Self { file, size, hash, profile, .. } = *self;
        let (path, attributes) = (self.path.clone(), self.attributes.clone());
        Self { file, path, size, hash, profile, attributes, chunks: Vec::new() }
    }
}
