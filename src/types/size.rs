//! Sizes and positions: bytes, sectors, leaves.

use core::fmt;

/// Bytes in one leaf, the unit of proof: 1 KiB, one BLAKE3 chunk.
pub const LEAF_BYTES: usize = 1024;
/// Leaves in one sector.
pub const LEAVES_PER_SECTOR: usize = 1024;
/// Bytes in one sector, the unit of storage on a host: 1 MiB.
pub const SECTOR_BYTES: usize = LEAF_BYTES * LEAVES_PER_SECTOR;
/// Leaves in one group: hosts keep one hash per group, so that a leaf is proved from one 16 KiB read.
pub const LEAVES_PER_GROUP: usize = 16;
/// Bytes in one group: 16 KiB.
pub const GROUP_BYTES: usize = LEAF_BYTES * LEAVES_PER_GROUP;
/// Groups in one sector.
pub const GROUPS_PER_SECTOR: usize = LEAVES_PER_SECTOR / LEAVES_PER_GROUP;
/// Bytes in a gibibyte, the unit prices are quoted in.
pub const GIB: u64 = 1 << 30;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ByteCount(pub u64);

impl ByteCount {
    /// No bytes.
    pub const ZERO: Self = Self(0);
    /// One sector's bytes.
    pub const SECTOR: Self = Self(SECTOR_BYTES as u64);

    /// The bytes of this many sectors, or `None` where that does not fit.
    #[must_use]
    pub const fn from_sectors(sectors: u64) -> Option<Self> {
        match sectors.checked_mul(SECTOR_BYTES as u64) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// Whole sectors that fit into these bytes.
    #[must_use]
    pub const fn whole_sectors(self) -> u64 {
        self.0 / SECTOR_BYTES as u64
    }
}

/// Shows binary units with at most two decimals: `512 B`, `1 KiB`, `1.5 GiB`.
impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(&str, u32); 5] = [("PiB", 50), ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];
        for (unit, shift) in UNITS {
            if self.0 >> shift > 0 {
                let hundredths = (u128::from(self.0) * 100) >> shift;
                let (whole, part) = (hundredths / 100, hundredths % 100);
                return match part {
                    0 => write!(f, "{whole} {unit}"),
                    p if p % 10 == 0 => write!(f, "{whole}.{} {unit}", p / 10),
                    p => write!(f, "{whole}.{p:02} {unit}"),
                };
            }
        }
        write!(f, "{} B", self.0)
    }
}

impl fmt::Debug for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteCount({})", self.0)
    }
}

/// A sector's position in an agreement, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SectorIndex(pub u64);

/// A leaf's position in an agreement, from 0: sector index × 1024 + position in the sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LeafIndex(pub u64);

impl LeafIndex {
    /// The sector this leaf lies in.
    #[must_use]
    pub const fn sector(self) -> SectorIndex {
        SectorIndex(self.0 / LEAVES_PER_SECTOR as u64)
    }

    /// The leaf's position within its sector, 0 to 1023.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "the remainder is below 1024")]
    pub const fn within_sector(self) -> usize {
        (self.0 % LEAVES_PER_SECTOR as u64) as usize
    }
}
