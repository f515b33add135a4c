//! Packing: sealed chunks, back to back, into segments of `k` sectors.
//!
//! A chunk may straddle two segments. Keeping chunks whole would waste half a chunk per segment on average,
//! an eighth of everything at 4/12; a straddling chunk costs one more span in its record and needs two
//! segments, each of which survives the same losses. Many small chunks share a segment. The last segment of
//! a session is closed at its used length and shrinks to the sectors it fills, so ten kibibytes cost one data
//! sector and the spare ones, and a thousand small files a few sectors in all.
//!
//! A segment is named by a keyed digest of what lies in it (chunk ids, seals and positions, which determine
//! every byte), so encoding the same files again names, masks and commits the same shards, and an interrupted
//! upload finds its sectors where it left them. The name covers `k` but not `n`: more spare shards continue the
//! same code, so a name still means one set of bytes and its mask covers nothing twice.

use crate::buffers::{SectorBuffer, SectorPool};
use crate::{MaskSecret, Profile, SegmentMaskKey};
use layr_types::{SECTOR_BYTES, SegmentId};

/// A run of bytes in a segment that has no name yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpenSpan {
    /// The segment's number in this session, from 0.
    pub(crate) ordinal: u64,
    pub(crate) offset: u32,
    pub(crate) len: u32,
}

/// A closed segment before coding: its data sectors, padded with zeros.
#[derive(Debug)]
pub(crate) struct PackedSegment {
    pub(crate) ordinal: u64,
    pub(crate) id: SegmentId,
    pub(crate) mask: SegmentMaskKey,
    pub(crate) used: usize,
    pub(crate) profile: Profile,
    pub(crate) data: Vec<SectorBuffer>,
}

/// The open segment and what is needed to close it.
#[derive(Debug)]
pub(crate) struct Packer {
    profile: Profile,
    pool: SectorPool,
    secret: MaskSecret,
    namer: blake3::Hasher,
    data: Vec<SectorBuffer>,
    used: usize,
    ordinal: u64,
}

impl Packer {
    pub(crate) fn new(secret: &MaskSecret, profile: Profile, pool: SectorPool) -> Self {
        let namer = secret.segment_namer();
        Self { profile, pool, secret: secret.clone(), namer, data: Vec::new(), used: 0, ordinal: 0 }
    }

    /// Appends bytes that `name` determines; segments that fill up on the way are handed to `closed`.
    pub(crate) fn push(
        &mut self,
        name: &[u8],
        bytes: &[u8],
        closed: &mut impl FnMut(PackedSegment),
    ) -> Vec<OpenSpan> {
        let mut spans = Vec::with_capacity(1);
        let mut at = 0;
        while at < bytes.len() {
            let room = self.profile.segment_bytes() - self.used;
            let len = room.min(bytes.len() - at);
            let span = OpenSpan { ordinal: self.ordinal, offset: small(self.used), len: small(len) };
            self.write(&bytes[at..at + len]);
            self.namer.update(name);
            self.namer.update(&small(at).to_le_bytes());
            self.namer.update(&span.len.to_le_bytes());
            spans.push(span);
            at += len;
            if self.used == self.profile.segment_bytes() {
                self.close().into_iter().for_each(&mut *closed);
            }
        }
        spans
    }

    /// Closes the open segment at its used length; `None` if nothing lies in it.
    pub(crate) fn close(&mut self) -> Option<PackedSegment> {
        if self.used == 0 {
            return None;
        }
        let profile = self.profile.shrunk_to(self.used);
        let filled = self.used % SECTOR_BYTES;
        if let Some(last) = self.data.last_mut().filter(|_| filled > 0) {
            last.as_mut()[filled..].fill(0);
        }
        let mut namer = core::mem::replace(&mut self.namer, self.secret.segment_namer());
        namer.update(&[profile.k()]);
        namer.update(&small(self.used).to_le_bytes());
        let id = SegmentId(*namer.finalize().as_bytes());
        let segment = PackedSegment {
            ordinal: self.ordinal,
            id,
            mask: self.secret.segment(&id),
            used: self.used,
            profile,
            data: core::mem::take(&mut self.data),
        };
        self.used = 0;
        self.ordinal += 1;
        Some(segment)
    }

    fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let offset = self.used % SECTOR_BYTES;
            if offset == 0 {
                self.data.push(self.pool.take());
            }
            let len = bytes.len().min(SECTOR_BYTES - offset);
            let (now, later) = bytes.split_at(len);
            if let Some(sector) = self.data.last_mut() {
                sector.as_mut()[offset..offset + len].copy_from_slice(now);
            }
            self.used += len;
            bytes = later;
        }
    }
}

/// Positions in a segment (at most 128 MiB) fit 32 bits.
pub(crate) fn small(value: usize) -> u32 {
    u32::try_from(value).expect("a position in a segment or chunk is below 128 MiB")
}
