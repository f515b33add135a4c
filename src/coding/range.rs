//! Range reads: which chunks, and which leaves of which sectors, a byte range of a file needs.
//!
//! Pure arithmetic over a file's chunk records. Chunks are sealed whole, so a chunk is the least that can be
//! read; of its segment only the leaves under it are fetched.

use crate::{ChunkRecord, ShardIndex, Span};
use layr_types::{LEAF_BYTES, SECTOR_BYTES, SegmentId};
use std::ops::Range;

/// A chunk a range needs, and which of its plaintext belongs to the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkPart {
    /// Position in the file's list of chunks.
    pub chunk: usize,
    /// The bytes of its plaintext that lie in the range; never empty.
    pub bytes: Range<usize>,
}

/// A leaf-aligned byte range of one data shard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SectorPart {
    /// The segment.
    pub segment: SegmentId,
    /// The data shard whose unmasked bytes these are.
    pub shard: ShardIndex,
    /// The bytes of the sector, both ends multiples of 1 KiB.
    pub bytes: Range<usize>,
}

/// The chunks under file bytes `range`, in order. Whatever lies past the file's end is left out.
#[must_use]
pub fn chunks_in(chunks: &[ChunkRecord], range: Range<u64>) -> Vec<ChunkPart> {
    let mut parts = Vec::new();
    let mut start = 0u64;
    for (chunk, record) in chunks.iter().enumerate() {
        let end = start + u64::from(record.plain_len);
        let from = range.start.max(start);
        let to = range.end.min(end);
        if from < to {
            parts.push(ChunkPart { chunk, bytes: within(from - start)..within(to - start) });
        }
        start = end;
        if start >= range.end {
            break;
        }
    }
    parts
}

/// The sector ranges under one span of a segment, widened to whole leaves.
pub fn sectors_in(span: &Span) -> impl Iterator<Item = SectorPart> + use<> {
    let segment = span.segment;
    let (start, end) = (within(span.offset.into()), within(span.offset.into()) + within(span.len.into()));
    (start / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES)).map_while(move |sector| {
        let origin = sector * SECTOR_BYTES;
        let from = start.max(origin) - origin;
        let to = end.min(origin + SECTOR_BYTES) - origin;
        let bytes = from - from % LEAF_BYTES..to.next_multiple_of(LEAF_BYTES);
        let shard = ShardIndex(u8::try_from(sector).ok()?);
        Some(SectorPart { segment, shard, bytes })
    })
}

/// The sector ranges under many spans, each leaf once: sorted, and merged where they touch.
#[must_use]
pub fn sectors_of<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Vec<SectorPart> {
    let mut parts: Vec<SectorPart> = spans.into_iter().flat_map(sectors_in).collect();
    parts.sort_by(|a, b| {
        (a.segment, a.shard, a.bytes.start, a.bytes.end).cmp(&(
            b.segment,
            b.shard,
            b.bytes.start,
            b.bytes.end,
        ))
    });
    let mut merged: Vec<SectorPart> = Vec::with_capacity(parts.len());
    for part in parts {
        match merged.last_mut() {
            Some(last)
                if last.segment == part.segment
                    && last.shard == part.shard
                    && part.bytes.start <= last.bytes.end =>
            {
                last.bytes.end = last.bytes.end.max(part.bytes.end);
            }
            _ => merged.push(part),
        }
    }
    merged
}

/// Offsets in a chunk or segment fit the machine's word: they are below 2³³.
fn within(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
