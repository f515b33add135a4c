//! Coding, masking and hashing one segment: from packed sectors to a [`CommittedSegment`].
//!
//! The three happen together, column by column, so that every byte is touched by all of them while it is in
//! cache: parity is computed from the column, then each shard's column is masked and fed to its hash.

use crate::buffers::{SectorBuffer, SectorPool};
use crate::code::{Code, CodeError};
use crate::mask::Mask;
use crate::pack::PackedSegment;
use crate::{CommittedSegment, CommittedShard, SegmentMaskKey, ShardIndex};
use layr_types::{ByteCount, SECTOR_BYTES, SectorRoot};

/// Bytes of one column; a power of two, so that BLAKE3 sees whole subtrees. Between 16 and 64 KiB the pipeline's
/// speed does not depend on it.
const COLUMN: usize = 32 * 1024;

/// One shard on its way.
struct Shard {
    index: ShardIndex,
    bytes: SectorBuffer,
    mask: Mask,
    hash: blake3::Hasher,
}

impl Shard {
    fn new(index: ShardIndex, bytes: SectorBuffer, key: &SegmentMaskKey) -> Self {
        Self { index, bytes, mask: Mask::new(key, index), hash: blake3::Hasher::new() }
    }

    fn finish_column(&mut self, column: core::ops::Range<usize>) {
        let bytes = &mut self.bytes.as_mut()[column];
        self.mask.apply(bytes);
        self.hash.update(bytes);
    }

    fn commit(self) -> CommittedShard {
        let root = SectorRoot(*self.hash.finalize().as_bytes());
        CommittedShard::new(self.index, root, self.bytes.freeze())
    }
}

/// Codes, masks and hashes a packed segment.
///
/// # Errors
/// [`CodeError`] if the coder is for another profile than the segment.
pub(crate) fn commit(
    code: &Code,
    segment: PackedSegment,
    pool: &SectorPool,
) -> Result<CommittedSegment, CodeError> {
    let PackedSegment { id, mask, used, profile, data, .. } = segment;
    let parity = (0..profile.spare()).map(|_| pool.take());
    let buffers = profile.shards().zip(data.into_iter().chain(parity));
    let mut shards: Vec<Shard> = buffers.map(|(index, bytes)| Shard::new(index, bytes, &mask)).collect();
    for start in (0..SECTOR_BYTES).step_by(COLUMN) {
        let column = start..start + COLUMN;
        let (data, parity) = shards.split_at_mut(usize::from(profile.k()));
        let inputs: Vec<&[u8]> = data.iter().map(|shard| &shard.bytes.as_ref()[column.clone()]).collect();
        let mut outputs: Vec<&mut [u8]> =
            parity.iter_mut().map(|shard| &mut shard.bytes.as_mut()[column.clone()]).collect();
        code.encode(&inputs, &mut outputs)?;
        shards.iter_mut().for_each(|shard| shard.finish_column(column.clone()));
    }
    let shards = shards.into_iter().map(Shard::commit).collect();
    Ok(CommittedSegment::new(id, ByteCount(used as u64), profile, shards))
}
