//! Making lost shards anew: any `k` others are unmasked, combined and masked again.
//!
//! Needs the segment's mask key alone, so whoever repairs cannot read: what stands between the masks is sealed.
//! What must never happen: an unmasked shard leaves this file.

use crate::decode::{Columns, rebuild_missing, slices_of};
use crate::mask::Mask;
use crate::{CommittedShard, DecodeError, Profile, SegmentMaskKey, ShardIndex, VerifiedShard};
use bytes::Bytes;
use layr_types::{SECTOR_BYTES, SectorRoot};

/// Makes the wanted shards anew, masked and committed, from any `k` others, in one pass over these. The caller
/// compares the roots with those it remembers.
///
/// # Errors
/// [`DecodeError`] if shards are too few, given twice, or do not exist.
pub fn repair_shards(
    key: &SegmentMaskKey,
    profile: Profile,
    shards: &[VerifiedShard],
    wanted: &[ShardIndex],
) -> Result<Vec<CommittedShard>, DecodeError> {
    let slices = slices_of(shards);
    let mut sectors: Vec<Vec<u8>> = wanted.iter().map(|_| vec![0; SECTOR_BYTES]).collect();
    let mut outputs: Vec<&mut [u8]> = sectors.iter_mut().map(Vec::as_mut_slice).collect();
    rebuild_missing(key, profile, Columns { start: 0, shards: &slices }, wanted, &mut outputs)?;
    let masked = wanted.iter().zip(sectors).map(|(index, mut sector)| {
        Mask::new(key, *index).apply(&mut sector);
        let root = SectorRoot(*blake3::hash(&sector).as_bytes());
        CommittedShard::new(*index, root, Bytes::from(sector))
    });
    Ok(masked.collect())
}

/// Makes one lost shard anew; [`repair_shards`] for several at once.
///
/// # Errors
/// [`DecodeError`].
pub fn repair_shard(
    key: &SegmentMaskKey,
    profile: Profile,
    shards: &[VerifiedShard],
    wanted: ShardIndex,
) -> Result<CommittedShard, DecodeError> {
    let mut made = repair_shards(key, profile, shards, &[wanted])?;
    Ok(made.pop().expect("one shard was wanted and one was made"))
}
