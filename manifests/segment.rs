//! Where a segment's shards lie.
//!
//! Segments are shared by files, so the catalogue holds each once and manifests refer to it by id.

use crate::error::{Flaw, FormatError};
use crate::frame::{SEGMENT, decode, encode};
use layr_coding::{Profile, ShardIndex};
use layr_types::{AgreementId, ByteCount, NodeKey, SectorRoot, SegmentId};
use serde::{Deserialize, Serialize};

/// Most placements a segment may list: every shard twice, as while shards move between hosts.
pub const MAX_PLACEMENTS: usize = 256;

/// One placed shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardRecord {
    /// Which shard.
    pub index: ShardIndex,
    /// BLAKE3 of its masked sector.
    pub root: SectorRoot,
    /// The host that keeps it.
    pub host: NodeKey,
    /// The agreement under which it is kept.
    pub agreement: AgreementId,
}

/// One segment and its placed shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRecord {
    /// The segment's name; its mask key is derived from it.
    pub id: SegmentId,
    /// Its own profile, which a small last segment does not share with its file.
    pub profile: Profile,
    /// Bytes of sealed chunks in it.
    pub used: ByteCount,
    /// The shards that are placed, by index. A shard may be missing (lost, not yet repaired) and may be on two
    /// hosts (while it moves), but never twice on one host.
    pub shards: Vec<ShardRecord>,
}

impl SegmentRecord {
    /// The placed shards of one index.
    pub fn placements(&self, index: ShardIndex) -> impl Iterator<Item = &ShardRecord> {
        self.shards.iter().filter(move |shard| shard.index == index)
    }

    /// How many distinct shards are placed.
    #[must_use]
    pub fn placed(&self) -> usize {
        self.profile.shards().filter(|index| self.placements(*index).next().is_some()).count()
    }

    /// Encodes the record alone, as journals keep it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(SEGMENT, &WireSegments::pack([self]))
    }

    /// Decodes what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// [`FormatError`] for anything else.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |flaw| FormatError::Invalid { object: SEGMENT.name, flaw };
        let mut segments = decode::<WireSegments>(SEGMENT, bytes)?.unpack().map_err(invalid)?;
        match (segments.pop(), segments.len()) {
            (Some(segment), 0) => Ok(segment),
            (_, more) => Err(invalid(Flaw::Count(more))),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Flaw> {
        if self.used == ByteCount::ZERO || self.used > self.profile.capacity() {
            return Err(Flaw::Used(self.id));
        }
        let bad = Err(Flaw::Shards(self.id));
        if self.shards.len() > MAX_PLACEMENTS {
            return bad;
        }
        for (at, shard) in self.shards.iter().enumerate() {
            let earlier = &self.shards[..at];
            let twice = |other: &ShardRecord| {
                other.index == shard.index && (other.host == shard.host || other.root != shard.root)
            };
            if !self.profile.contains(shard.index) || earlier.iter().any(twice) {
                return bad;
            }
        }
        Ok(())
    }
}

/// Segments as written: every host and agreement once, shards pointing to them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct WireSegments {
    places: Vec<(NodeKey, AgreementId)>,
    segments: Vec<WireSegment>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireSegment {
    id: SegmentId,
    profile: Profile,
    used: u64,
    shards: Vec<(ShardIndex, u32, SectorRoot)>,
}

impl WireSegments {
    pub(crate) fn pack<'a>(segments: impl IntoIterator<Item = &'a SegmentRecord>) -> Self {
        let mut wire = Self::default();
        let mut known = std::collections::HashMap::new();
        for segment in segments {
            let mut shards = Vec::with_capacity(segment.shards.len());
            for shard in &segment.shards {
                let place = (shard.host, shard.agreement);
                let at = *known.entry(place).or_insert_with(|| {
                    wire.places.push(place);
                    position(wire.places.len() - 1)
                });
                shards.push((shard.index, at, shard.root));
            }
            let SegmentRecord { id, profile, used, .. } = *segment;
            wire.segments.push(WireSegment { id, profile, used: used.0, shards });
        }
        wire
    }

    pub(crate) fn unpack(self) -> Result<Vec<SegmentRecord>, Flaw> {
        let places = self.places;
        self.segments.into_iter().map(|segment| segment.unpack(&places)).collect()
    }
}

impl WireSegment {
    fn unpack(self, places: &[(NodeKey, AgreementId)]) -> Result<SegmentRecord, Flaw> {
        let mut shards = Vec::with_capacity(self.shards.len().min(MAX_PLACEMENTS));
        for (index, place, root) in self.shards {
            let place = usize::try_from(place).ok().and_then(|at| places.get(at));
            let (host, agreement) = *place.ok_or(Flaw::Index)?;
            shards.push(ShardRecord { index, root, host, agreement });
        }
        let (id, profile, used) = (self.id, self.profile, ByteCount(self.used));
        let segment = SegmentRecord { id, profile, used, shards };
        segment.check()?;
        Ok(segment)
    }
}

/// A table's positions fit 32 bits: four billion entries would not fit the largest object.
pub(crate) fn position(at: usize) -> u32 {
    u32::try_from(at).expect("a table of an object has fewer than 2^32 entries")
}
