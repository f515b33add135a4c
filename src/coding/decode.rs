//! The way back: shards become a segment's bytes again, chunks open, lost shards are rebuilt.
//!
//! Data shards need no decoding, only unmasking; parity shards are used for what is missing and nothing else.
//! Whole sectors arrive as [`VerifiedShard`]s. Column ranges (a reader that fetched a few leaves and checked
//! their proofs) arrive as plain slices: a wrong byte there cannot hurt, because no chunk opens with it.

use crate::code::{Code, CodeError};
use crate::mask::Mask;
use crate::{ChunkRecord, Profile, SegmentMaskKey, ShardIndex, VerifiedShard};
use layr_types::{ByteCount, SECTOR_BYTES, SegmentId};
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

/// The same range of several shards.
#[derive(Clone, Copy)]
pub(crate) struct Columns<'a> {
    /// Where in the sector the range begins.
    pub(crate) start: usize,
    pub(crate) shards: &'a [ShardSlice<'a>],
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
    let slices = slices_of(shards);
    let mut out = Vec::with_capacity(profile.segment_bytes());
    let mut missing = Vec::new();
    for index in profile.shards().filter(|index| profile.is_data(*index)) {
        match slices.iter().find(|shard| shard.index == index) {
            Some(shard) => append_unmasked(Mask::new(key, index), shard.bytes, &mut out),
            None => {
                missing.push(index);
                out.resize(out.len() + SECTOR_BYTES, 0);
            }
        }
    }
    if !missing.is_empty() {
        let lost = |(at, _): &(usize, &mut [u8])| missing.iter().any(|index| index.position() == *at);
        let sectors = out.chunks_exact_mut(SECTOR_BYTES).enumerate().filter(lost);
        let mut outputs: Vec<&mut [u8]> = sectors.map(|(_, sector)| sector).collect();
        rebuild_missing(key, profile, Columns { start: 0, shards: &slices }, &missing, &mut outputs)?;
    }
    out.truncate(usize::try_from(used.0).unwrap_or(usize::MAX));
    Ok(out)
}

/// Copies a shard to the end of `out` and unmasks it there, step by step while it is in cache.
fn append_unmasked(mut mask: Mask, shard: &[u8], out: &mut Vec<u8>) {
    for step in shard.chunks(COLUMN) {
        let from = out.len();
        out.extend_from_slice(step);
        mask.apply(&mut out[from..]);
    }
}

pub(crate) fn slices_of(shards: &[VerifiedShard]) -> Vec<ShardSlice<'_>> {
    shards.iter().map(|shard| ShardSlice { index: shard.index(), bytes: shard.bytes() }).collect()
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
    if let Some(shard) = shards.iter().find(|shard| shard.bytes.len() != columns.len()) {
        let (expected, found) = (columns.len(), shard.bytes.len());
        return Err(CodeError::Uneven { expected, found }.into());
    }
    if let Some(shard) = shards.iter().find(|shard| shard.index == wanted) {
        let mut out = Vec::with_capacity(columns.len());
        append_unmasked(mask_at(key, wanted, columns.start), shard.bytes, &mut out);
        return Ok(out);
    }
    let mut out = vec![0u8; columns.len()];
    rebuild_missing(key, profile, Columns { start: columns.start, shards }, &[wanted], &mut [&mut out])?;
    Ok(out)
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

/// Rebuilds the missing shards' columns from `start` on: unmask a step of every source, combine, go on.
pub(crate) fn rebuild_missing(
    key: &SegmentMaskKey,
    profile: Profile,
    columns: Columns<'_>,
    missing: &[ShardIndex],
    outputs: &mut [&mut [u8]],
) -> Result<(), DecodeError> {
    let present: Vec<ShardIndex> = columns.shards.iter().map(|shard| shard.index).collect();
    let plan = Code::new(profile)?.rebuild(&present, missing)?;
    let at_hand = |index: &ShardIndex| columns.shards.iter().find(|shard| shard.index == *index);
    let sources: Vec<&ShardSlice<'_>> = plan.sources().iter().filter_map(at_hand).collect();
    let mut masks: Vec<Mask> =
        sources.iter().map(|source| mask_at(key, source.index, columns.start)).collect();
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
