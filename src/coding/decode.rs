//! The way back: shards become a segment's bytes again, chunks open, lost shards are rebuilt.
//!
//! Data shards need no decoding, only unmasking; parity shards are used for what is missing and nothing else.
//! Whole sectors arrive as [`VerifiedShard`]s. Column ranges (a reader that fetched a few leaves and checked
//! their proofs) arrive as plain slices: a wrong byte there cannot hurt, because no chunk opens with it.

use crate::code::{Code, CodeError, Rebuild};
use crate::mask::Mask;
use crate::{ChunkRecord, CommittedShard, Profile, SegmentMaskKey, ShardIndex, VerifiedShard};
use bytes::Bytes;
use layr_types::{ByteCount, SECTOR_BYTES, SectorRoot, SegmentId};
use std::ops::Range;

/// Bytes of one decoding step.
const COLUMN: usize = 16 * 1024;

/// Why a segment or a range of it cannot be had from the shards at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Too few shards, or shards that do not exist.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The segment claims more bytes than it has room for.
    #[error("a {profile} segment cannot hold {used}")]
    Used {
        /// The claim.
        used: ByteCount,
        /// The segment's profile.
        profile: Profile,
    },
    /// A column range outside the sector.
    #[error("bytes {start} to {end} do not lie in one sector")]
    Range {
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
    /// A chunk's record points outside its segment, or to a segment that is not at hand.
    #[error("a chunk points to bytes {offset}..{offset}+{len} of segment {segment}, which are not there")]
    Span {
        /// The segment.
        segment: SegmentId,
        /// First byte.
        offset: u32,
        /// How many.
        len: u32,
    },
}

/// One shard's masked bytes over some column range.
#[derive(Debug, Clone, Copy)]
pub struct ShardSlice<'a> {
    /// Which shard.
    pub index: ShardIndex,
    /// Its bytes over the range.
    pub bytes: &'a [u8],
}

/// Rebuilds a segment's used bytes from any `k` of its shards.
///
/// # Errors
/// [`DecodeError`]; more than `k` shards are fine, the cheapest are used.
pub fn decode_segment(
    key: &SegmentMaskKey,
    profile: Profile,
    used: ByteCount,
    shards: &[VerifiedShard],
) -> Result<Vec<u8>, DecodeError> {
    if used > profile.capacity() {
        return Err(DecodeError::Used { used, profile });
    }
    let slices: Vec<_> =
        shards.iter().map(|shard| ShardSlice { index: shard.index(), bytes: shard.bytes() }).collect();
    let mut out = vec![0u8; profile.segment_bytes()];
    let data: Vec<ShardIndex> = profile.shards().take(usize::from(profile.k())).collect();
    let sectors = out.chunks_exact_mut(SECTOR_BYTES);
    rebuild_columns(key, profile, 0..SECTOR_BYTES, &slices, data.into_iter().zip(sectors))?;
    out.truncate(usize::try_from(used.0).unwrap_or(usize::MAX));
    Ok(out)
}

/// Rebuilds one byte range of one data shard, unmasked, from the same range of any `k` shards. With the wanted
/// shard among them this only unmasks, and no other shard is needed.
///
/// # Errors
/// [`DecodeError`] if the range leaves the sector, a slice has another length, or shards are too few.
pub fn decode_columns(
    key: &SegmentMaskKey,
    profile: Profile,
    columns: Range<usize>,
    shards: &[ShardSlice<'_>],
    wanted: ShardIndex,
) -> Result<Vec<u8>, DecodeError> {
    check_range(&columns)?;
    let mut out = vec![0u8; columns.len()];
    rebuild_columns(key, profile, columns, shards, core::iter::once((wanted, out.as_mut_slice())))?;
    Ok(out)
}

/// Makes one lost shard anew, masked and committed, from any `k` others. Needs the mask key alone: whoever
/// repairs cannot read.
///
/// # Errors
/// [`DecodeError`] as for [`decode_segment`].
pub fn repair_shard(
    key: &SegmentMaskKey,
    profile: Profile,
    shards: &[VerifiedShard],
    wanted: ShardIndex,
) -> Result<CommittedShard, DecodeError> {
    let slices: Vec<_> =
        shards.iter().map(|shard| ShardSlice { index: shard.index(), bytes: shard.bytes() }).collect();
    let mut bytes = decode_columns(key, profile, 0..SECTOR_BYTES, &slices, wanted)?;
    Mask::new(key, wanted).apply(&mut bytes);
    let root = SectorRoot(*blake3::hash(&bytes).as_bytes());
    Ok(CommittedShard::new(wanted, root, Bytes::from(bytes)))
}

/// Collects the sealed bytes of a chunk from the segments (or parts of segments) at hand.
///
/// `find` returns the bytes of one span; it is asked once per span, in order.
///
/// # Errors
/// [`DecodeError::Span`] if `find` has no such bytes or the wrong number of them.
pub fn gather_chunk<'a>(
    record: &ChunkRecord,
    mut find: impl FnMut(&crate::Span) -> Option<&'a [u8]>,
) -> Result<Vec<u8>, DecodeError> {
    let mut sealed = Vec::new();
    for span in &record.spans {
        let missing = DecodeError::Span { segment: span.segment, offset: span.offset, len: span.len };
        let bytes = find(span).ok_or(missing)?;
        if bytes.len() as u64 != u64::from(span.len) || sealed.len() > crate::MAX_SEALED_BYTES {
            return Err(missing);
        }
        sealed.extend_from_slice(bytes);
    }
    Ok(sealed)
}

const fn check_range(columns: &Range<usize>) -> Result<(), DecodeError> {
    if columns.start > columns.end || columns.end > SECTOR_BYTES {
        return Err(DecodeError::Range { start: columns.start, end: columns.end });
    }
    Ok(())
}

/// Unmasks what is at hand, rebuilds what is not.
fn rebuild_columns<'o>(
    key: &SegmentMaskKey,
    profile: Profile,
    columns: Range<usize>,
    shards: &[ShardSlice<'_>],
    wanted: impl Iterator<Item = (ShardIndex, &'o mut [u8])>,
) -> Result<(), DecodeError> {
    if let Some(shard) = shards.iter().find(|shard| shard.bytes.len() != columns.len()) {
        let (expected, found) = (columns.len(), shard.bytes.len());
        return Err(CodeError::Uneven { expected, found }.into());
    }
    let mut missing = Vec::new();
    for (index, out) in wanted {
        match shards.iter().find(|shard| shard.index == index) {
            Some(shard) => mask_at(key, index, columns.start).apply_to(shard.bytes, out),
            None => missing.push((index, out)),
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let present: Vec<ShardIndex> = shards.iter().map(|shard| shard.index).collect();
    let (indices, mut outputs): (Vec<_>, Vec<_>) = missing.into_iter().unzip();
    let plan = Code::new(profile)?.rebuild(&present, &indices)?;
    rebuild_missing(key, &plan, columns.start, shards, &mut outputs)
}

/// Runs the plan column by column: unmask a step of every source, combine, go on.
fn rebuild_missing(
    key: &SegmentMaskKey,
    plan: &Rebuild,
    start: usize,
    shards: &[ShardSlice<'_>],
    outputs: &mut [&mut [u8]],
) -> Result<(), DecodeError> {
    let at_hand = |index: &ShardIndex| shards.iter().find(|shard| shard.index == *index);
    let sources: Vec<&ShardSlice<'_>> = plan.sources().iter().filter_map(at_hand).collect();
    let mut masks: Vec<Mask> = sources.iter().map(|source| mask_at(key, source.index, start)).collect();
    let len = outputs.first().map_or(0, |output| output.len());
    let mut scratch = vec![[0u8; COLUMN]; sources.len()];
    for from in (0..len).step_by(COLUMN) {
        let step = from..len.min(from + COLUMN);
        for ((source, mask), plain) in sources.iter().zip(&mut masks).zip(&mut scratch) {
            mask.apply_to(&source.bytes[step.clone()], &mut plain[..step.len()]);
        }
        let inputs: Vec<&[u8]> = scratch.iter().map(|plain| &plain[..step.len()]).collect();
        let mut wanted: Vec<&mut [u8]> = outputs.iter_mut().map(|out| &mut out[step.clone()]).collect();
        plan.columns(&inputs, &mut wanted)?;
    }
    Ok(())
}

fn mask_at(key: &SegmentMaskKey, index: ShardIndex, offset: usize) -> Mask {
    Mask::at(key, index, crate::pack::small(offset))
}
