//! The receipts of this room: shards that are masked and whose roots are known.
//!
//! A [`CommittedSegment`] can only come out of the encoder or out of a repair, so whoever holds one knows that
//! every shard is exactly one sector, masked, and hashes to its root. A [`VerifiedShard`] is the way back: bytes
//! from a stranger that were found to hash to the root the owner remembers.

use crate::{Profile, ShardIndex};
use bytes::Bytes;
use layr_types::{ByteCount, SECTOR_BYTES, SectorRoot, SegmentId};

/// One shard, masked and hashed: ready to be placed.
#[derive(Debug, Clone)]
pub struct CommittedShard {
    index: ShardIndex,
    root: SectorRoot,
    bytes: Bytes,
}

impl CommittedShard {
    /// Hashes the masked bytes of one shard.
    pub(crate) const fn new(index: ShardIndex, root: SectorRoot, bytes: Bytes) -> Self {
        Self { index, root, bytes }
    }

    /// The shard's place in its segment.
    #[must_use]
    pub const fn index(&self) -> ShardIndex {
        self.index
    }

    /// BLAKE3 of [`Self::bytes`].
    #[must_use]
    pub const fn root(&self) -> SectorRoot {
        self.root
    }

    /// The masked sector, 1 MiB. Cloning shares the bytes; dropping the last clone returns the buffer.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

/// A whole segment, coded, masked and hashed.
#[derive(Debug, Clone)]
pub struct CommittedSegment {
    id: SegmentId,
    used: ByteCount,
    profile: Profile,
    shards: Vec<CommittedShard>,
}

impl CommittedSegment {
    pub(crate) const fn new(
        id: SegmentId,
        used: ByteCount,
        profile: Profile,
        shards: Vec<CommittedShard>,
    ) -> Self {
        Self { id, used, profile, shards }
    }

    /// The segment's name, a keyed digest of what lies in it: encoding the same again gives the same name.
    #[must_use]
    pub const fn id(&self) -> SegmentId {
        self.id
    }

    /// Bytes of sealed chunks; the rest of its `k` sectors is padding.
    #[must_use]
    pub const fn used(&self) -> ByteCount {
        self.used
    }

    /// This segment's own profile: the encoder's, or a smaller one for a last segment that is not full.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// All `n` shards in order of index.
    #[must_use]
    pub fn shards(&self) -> &[CommittedShard] {
        &self.shards
    }

    /// Gives the shards away, to be sent each on its own.
    #[must_use]
    pub fn into_shards(self) -> Vec<CommittedShard> {
        self.shards
    }
}

/// A sector that came from outside and was found to be the shard it was asked for.
#[derive(Debug, Clone)]
pub struct VerifiedShard {
    index: ShardIndex,
    bytes: Bytes,
}

impl VerifiedShard {
    /// Checks length and hash.
    ///
    /// # Errors
    /// [`ShardError`] names which of the two does not fit; the bytes are then not what was stored.
    pub fn check(index: ShardIndex, root: &SectorRoot, bytes: Bytes) -> Result<Self, ShardError> {
        if bytes.len() != SECTOR_BYTES {
            return Err(ShardError::Length(bytes.len()));
        }
        if blake3::hash(&bytes) != blake3::Hash::from_bytes(root.0) {
            return Err(ShardError::Root { index });
        }
        Ok(Self { index, bytes })
    }

    /// The shard's place in its segment.
    #[must_use]
    pub const fn index(&self) -> ShardIndex {
        self.index
    }

    /// The masked sector.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl From<CommittedShard> for VerifiedShard {
    fn from(shard: CommittedShard) -> Self {
        Self { index: shard.index, bytes: shard.bytes }
    }
}

/// Why a received sector is not the shard that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// It is this many bytes long instead of one sector.
    #[error("a shard is {SECTOR_BYTES} bytes, got {0}")]
    Length(usize),
    /// Its hash is not the root.
    #[error("shard {index} does not hash to its root")]
    Root {
        /// Which shard.
        index: ShardIndex,
    },
}
