//! The itinerary of a download: which segments are visited in which order, and which bytes of each.
//!
//! A file's chunks lie in its segments mostly in order; deduplication makes it come back to earlier ones. The last
//! few segments stay in memory, so coming back soon costs nothing, and coming back late costs one more visit.
//! Pure, and the same whenever the same file is read.

use crate::fetch::Want;
use layr_coding::{ChunkRecord, ShardIndex, chunks_in, sectors_in};
use layr_manifests::SegmentRecord;
use layr_merkle::GroupRange;
use layr_types::{SECTOR_BYTES, SegmentId};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A chunk to open once its segments have been visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) chunk: ChunkRecord,
    /// Which of its plaintext is wanted.
    pub(crate) bytes: Range<usize>,
    /// The visit at which each span lies ready, in the order of the spans.
    pub(crate) visits: Vec<usize>,
}

impl Stop {
    /// The visit after which it can be opened.
    pub(crate) fn ready_after(&self) -> usize {
        self.visits.iter().copied().max().unwrap_or(0)
    }
}

/// The whole way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Itinerary {
    pub(crate) visits: Vec<Want>,
    pub(crate) stops: Vec<Stop>,
}

/// A segment the catalogue does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) SegmentId);

struct Visit {
    segment: SegmentId,
    shards: BTreeSet<ShardIndex>,
    bytes: Range<usize>,
}

/// Plans the reading of file bytes `range`, with the `kept` last visits staying in memory.
pub(crate) fn plan(
    chunks: &[ChunkRecord],
    range: Range<u64>,
    segments: &BTreeMap<SegmentId, SegmentRecord>,
    kept: usize,
) -> Result<Itinerary, Unknown> {
    let mut visits: Vec<Visit> = Vec::new();
    let mut stops = Vec::new();
    for part in chunks_in(chunks, range) {
        let Some(chunk) = chunks.get(part.chunk) else { continue };
        let mut ready = Vec::with_capacity(chunk.spans.len());
        // A chunk's own visits must all still be there when it is opened.
        let newest = visits.len() + chunk.spans.len();
        for span in &chunk.spans {
            let oldest = newest.saturating_sub(kept);
            let recent = visits.iter().enumerate().skip(oldest).rev();
            let mut found = recent.filter(|(_, visit)| visit.segment == span.segment).map(|(at, _)| at);
            let at = found.next().unwrap_or_else(|| {
                let nothing = Range { start: SECTOR_BYTES, end: 0 };
                visits.push(Visit { segment: span.segment, shards: BTreeSet::new(), bytes: nothing });
                visits.len() - 1
            });
            if let Some(visit) = visits.get_mut(at) {
                for sector in sectors_in(span) {
                    visit.shards.insert(sector.shard);
                    visit.bytes.start = visit.bytes.start.min(sector.bytes.start);
                    visit.bytes.end = visit.bytes.end.max(sector.bytes.end);
                }
            }
            ready.push(at);
        }
        stops.push(Stop { chunk: chunk.clone(), bytes: part.bytes, visits: ready });
    }
    let visits = visits.into_iter().map(|visit| want(visit, segments)).collect::<Result<_, _>>()?;
    Ok(Itinerary { visits, stops })
}

/// A visit as the fetcher wants it: nearly whole segments whole.
fn want(visit: Visit, segments: &BTreeMap<SegmentId, SegmentRecord>) -> Result<Want, Unknown> {
    let segment = segments.get(&visit.segment).ok_or(Unknown(visit.segment))?.clone();
    let k = usize::from(segment.profile.k());
    let range = GroupRange::covering(visit.bytes.start, visit.bytes.end.saturating_sub(visit.bytes.start));
    let range = range.unwrap_or(GroupRange::ALL);
    let nearly = visit.shards.len() * 4 >= k * 3 && range.bytes() * 4 >= SECTOR_BYTES * 3;
    if nearly {
        let shards = segment.profile.shards().take(k).collect();
        return Ok(Want { segment, shards, range: GroupRange::ALL });
    }
    Ok(Want { segment, shards: visit.shards.into_iter().collect(), range })
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_coding::{Profile, Span};
    use layr_types::{ByteCount, ChunkId};
    use proptest::prelude::*;

    fn segments(count: u8) -> BTreeMap<SegmentId, SegmentRecord> {
        let record = |number: u8| SegmentRecord {
            id: SegmentId([number; 32]),
            profile: Profile::SMALL,
            used: ByteCount(4 * SECTOR_BYTES as u64),
            shards: Vec::new(),
        };
        (0..count).map(|number| (SegmentId([number; 32]), record(number))).collect()
    }

    fn chunk(number: u8, spans: &[(u8, u32, u32)]) -> ChunkRecord {
        let span = |(segment, offset, len): &(u8, u32, u32)| Span {
            segment: SegmentId([*segment; 32]),
            offset: *offset,
            len: *len,
        };
        ChunkRecord { id: ChunkId([number; 32]), plain_len: 1000, spans: spans.iter().map(span).collect() }
    }

    #[test]
    fn a_whole_segment_is_fetched_whole_and_a_corner_of_one_as_a_corner() {
        let chunks = [chunk(0, &[(0, 0, 4 << 20)]), chunk(1, &[(1, 20_000, 500)])];
        let way = plan(&chunks, 0..2000, &segments(2), 4).unwrap();
        assert_eq!(way.visits[0].range, GroupRange::ALL);
        assert_eq!(way.visits[0].shards.len(), 4);
        assert_eq!((way.visits[1].range, way.visits[1].shards.len()), (GroupRange::new(1, 1).unwrap(), 1));
    }

    #[test]
    fn an_unknown_segment_is_named() {
        let chunks = [chunk(0, &[(7, 0, 500)])];
        assert_eq!(plan(&chunks, 0..1000, &segments(2), 4), Err(Unknown(SegmentId([7; 32]))));
    }

    proptest! {
        #[test]
        fn every_span_of_every_stop_is_covered_by_its_visit_and_still_kept(
            spans in proptest::collection::vec(proptest::collection::vec((0u8..6, 0u32..4_000_000, 1u32..190_000), 1..3), 1..40),
            kept in 2usize..6, from in 0u64..20_000, len in 1u64..20_000,
        ) {
            let chunks: Vec<ChunkRecord> =
                spans.iter().enumerate().map(|(at, spans)| chunk(u8::try_from(at).unwrap(), spans)).collect();
            let way = plan(&chunks, from..from + len, &segments(6), kept).unwrap();
            let mut newest = 0;
            for stop in &way.stops {
                newest = newest.max(stop.ready_after());
                for (span, at) in stop.chunk.spans.iter().zip(&stop.visits) {
                    prop_assert!(at + kept > newest, "visit {at} is gone at {newest}");
                    let visit = &way.visits[*at];
                    prop_assert_eq!(visit.segment.id, span.segment);
                    for sector in sectors_in(span) {
                        prop_assert!(visit.shards.contains(&sector.shard));
                        let groups = visit.range.groups();
                        prop_assert!(groups.start * 16384 <= sector.bytes.start && sector.bytes.end <= groups.end * 16384);
                    }
                }
            }
        }
    }
}
