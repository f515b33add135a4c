//! The owner's secrets as this room uses them, and the keys derived from them.
//!
//! Two independent 32-byte secrets arrive from the identity room. The *chunk secret* names and seals chunks;
//! the *mask secret* names segments and masks shards. They are apart so that a delegate who holds mask keys
//! can repair shards without being able to read a byte. Every derivation is BLAKE3 in its key-derivation or
//! keyed mode under a label of its own. Nothing here is ever printed, and everything is wiped on drop.

use core::fmt;
use layr_types::{ChunkId, SegmentId};
use zeroize::{Zeroize, ZeroizeOnDrop};

const CHUNK_ID_LABEL: &str = "layr 2026 v1 chunk id";
const CHUNK_KEY_LABEL: &str = "layr 2026 v1 chunk key";
const SEGMENT_ID_LABEL: &str = "layr 2026 v1 segment id";
const SEGMENT_MASK_LABEL: &str = "layr 2026 v1 segment mask";

/// What an owner needs to write and read files.
#[derive(Clone)]
pub struct OwnerSecrets {
    chunk: ChunkSecret,
    mask: MaskSecret,
}

impl OwnerSecrets {
    /// From the two secrets the identity room derives.
    #[must_use]
    pub fn new(chunk_secret: &[u8; 32], mask_secret: &[u8; 32]) -> Self {
        Self { chunk: ChunkSecret::new(chunk_secret), mask: MaskSecret::new(mask_secret) }
    }

    /// Names and seals chunks.
    #[must_use]
    pub const fn chunk(&self) -> &ChunkSecret {
        &self.chunk
    }

    /// Names segments and masks shards.
    #[must_use]
    pub const fn mask(&self) -> &MaskSecret {
        &self.mask
    }
}

/// Derives chunk ids and chunk keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ChunkSecret {
    id_key: [u8; 32],
    key_key: [u8; 32],
}

impl ChunkSecret {
    /// From 32 secret bytes, used for nothing else.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            id_key: blake3::derive_key(CHUNK_ID_LABEL, secret),
            key_key: blake3::derive_key(CHUNK_KEY_LABEL, secret),
        }
    }

    /// The chunk's name: equal plaintexts of one owner are equal, of two owners unrelated.
    #[must_use]
    pub fn id(&self, plaintext: &[u8]) -> ChunkId {
        ChunkId(*blake3::keyed_hash(&self.id_key, plaintext).as_bytes())
    }

    /// The key that seals the chunk of this name, and no other.
    #[must_use]
    pub fn key(&self, id: &ChunkId) -> ChunkKey {
        ChunkKey(*blake3::keyed_hash(&self.key_key, id.as_bytes()).as_bytes())
    }
}

/// Opens one chunk. A file is shared by giving away the keys of its chunks.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ChunkKey([u8; 32]);

impl ChunkKey {
    /// From its bytes, as found in a share.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for a share.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Derives segment ids and mask keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MaskSecret {
    id_key: [u8; 32],
    mask_key: [u8; 32],
}

impl MaskSecret {
    /// From 32 secret bytes, used for nothing else.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            id_key: blake3::derive_key(SEGMENT_ID_LABEL, secret),
            mask_key: blake3::derive_key(SEGMENT_MASK_LABEL, secret),
        }
    }

    /// The key that masks every shard of this segment, and of no other.
    #[must_use]
    pub fn segment(&self, id: &SegmentId) -> SegmentMaskKey {
        SegmentMaskKey(*blake3::keyed_hash(&self.mask_key, id.as_bytes()).as_bytes())
    }

    /// Starts the digest that names a segment by what lies in it.
    pub(crate) fn segment_namer(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.id_key)
    }
}

/// Masks and unmasks the shards of one segment: enough to repair them, not enough to read them.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SegmentMaskKey([u8; 32]);

impl SegmentMaskKey {
    /// From its bytes, as handed to a delegate.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for a delegate.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

macro_rules! redacted {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

redacted!(OwnerSecrets, ChunkSecret, ChunkKey, MaskSecret, SegmentMaskKey);
