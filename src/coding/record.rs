//! What is remembered of a chunk: its name, its lengths, and where its sealed bytes lie.
//!
//! Chunks are packed back to back, so one may begin in one segment and end in the next: a location is a
//! list of spans. Manifests keep these records; nothing here holds a key or a byte of content.

use layr_types::{ByteCount, ChunkId, SegmentId};
use serde::{Deserialize, Serialize};

/// A run of bytes inside one segment (before coding).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The segment the bytes lie in.
    pub segment: SegmentId,
    /// Where they start, in bytes from the segment's beginning.
    pub offset: u32,
    /// How many there are; never 0.
    pub len: u32,
}

/// One chunk of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// Keyed hash of the plaintext; the chunk's key is derived from it.
    pub id: ChunkId,
    /// Plaintext bytes, 1 byte to 4 MiB.
    pub plain_len: u32,
    /// Where the sealed bytes lie, in order.
    pub spans: Vec<Span>,
}

impl ChunkRecord {
    /// Length of the sealed chunk in bytes.
    #[must_use]
    pub fn sealed_len(&self) -> u64 {
        self.spans.iter().map(|span| u64::from(span.len)).sum()
    }
}

/// BLAKE3 of a whole file's plaintext, as `b3sum` prints it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileHash(#[serde(with = "layr_types::hex_bytes")] pub [u8; 32]);

impl core::fmt::Display for FileHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        layr_types::hex32(&self.0, f)
    }
}

impl core::fmt::Debug for FileHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "FileHash({self})")
    }
}

/// One file, cut, sealed and packed: what its manifest is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFile {
    /// The file's place in the order in which files were added to the encoder, from 0.
    pub ordinal: u64,
    /// Plaintext bytes.
    pub size: ByteCount,
    /// Hash of the whole plaintext.
    pub hash: FileHash,
    /// Its chunks in order; none for an empty file.
    pub chunks: Vec<ChunkRecord>,
}
