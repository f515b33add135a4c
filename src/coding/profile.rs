//! The shape of the code: how many shards a segment has and how many of them rebuild it.
//!
//! A [`Profile`] is validated once, on construction and on decode, and trusted afterwards. It never says
//! where shards go.

use core::fmt;
use core::str::FromStr;
use layr_types::{ByteCount, SECTOR_BYTES};
use serde::{Deserialize, Serialize};

/// Most shards a segment may have: one per host, and no owner keeps a segment on more hosts than this.
pub const MAX_SHARDS: u8 = 128;

/// `k`-of-`n`: a segment of `k` sectors becomes `n` shards, any `k` of which rebuild it.
///
/// Always `1 ≤ k ≤ n ≤ 128`. Prints and parses as `10/30`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u8, u8)", into = "(u8, u8)")]
pub struct Profile {
    k: u8,
    n: u8,
}

impl Profile {
    /// Ten of thirty: the default where there are enough hosts.
    pub const WIDE: Self = Self { k: 10, n: 30 };
    /// Four of twelve: for small networks.
    pub const SMALL: Self = Self { k: 4, n: 12 };

    /// A validated profile.
    ///
    /// # Errors
    /// [`ProfileError::OutOfRange`] unless `1 ≤ k ≤ n ≤ 128`.
    pub const fn new(k: u8, n: u8) -> Result<Self, ProfileError> {
        if k == 0 || k > n || n > MAX_SHARDS {
            return Err(ProfileError::OutOfRange { k, n });
        }
        Ok(Self { k, n })
    }

    /// Shards needed to rebuild the segment; also its size in sectors.
    #[must_use]
    pub const fn k(self) -> u8 {
        self.k
    }

    /// Shards a segment has in all.
    #[must_use]
    pub const fn n(self) -> u8 {
        self.n
    }

    /// Shards that can be lost without losing the segment.
    #[must_use]
    pub const fn spare(self) -> u8 {
        self.n - self.k
    }

    /// Bytes a full segment holds.
    #[must_use]
    pub const fn segment_bytes(self) -> usize {
        self.k as usize * SECTOR_BYTES
    }

    /// The same, as a quantity.
    #[must_use]
    pub const fn capacity(self) -> ByteCount {
        ByteCount(self.k as u64 * SECTOR_BYTES as u64)
    }

    /// The profile of a segment that holds only `used` bytes: as few data shards as hold them, and as many
    /// spare ones as ever, so that a small last segment survives as many losses at a fraction of the price.
    #[must_use]
    pub fn shrunk_to(self, used: usize) -> Self {
        let sectors = used.div_ceil(SECTOR_BYTES).clamp(1, usize::from(self.k));
        let k = u8::try_from(sectors).unwrap_or(self.k);
        Self { k, n: k + self.spare() }
    }

    /// All shard indices, data shards first.
    pub fn shards(self) -> impl Iterator<Item = ShardIndex> {
        (0..self.n).map(ShardIndex)
    }

    /// True where `index` is a shard of such a segment.
    #[must_use]
    pub const fn contains(self, index: ShardIndex) -> bool {
        index.0 < self.n
    }

    /// True where `index` is a data shard: its unmasked bytes are the segment's own.
    #[must_use]
    pub const fn is_data(self, index: ShardIndex) -> bool {
        index.0 < self.k
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self::WIDE
    }
}

impl TryFrom<(u8, u8)> for Profile {
    type Error = ProfileError;
    fn try_from((k, n): (u8, u8)) -> Result<Self, ProfileError> {
        Self::new(k, n)
    }
}

impl From<Profile> for (u8, u8) {
    fn from(profile: Profile) -> Self {
        (profile.k, profile.n)
    }
}

impl FromStr for Profile {
    type Err = ProfileError;
    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let (k, n) = text.split_once('/').ok_or(ProfileError::Syntax)?;
        let parse = |part: &str| part.trim().parse::<u8>().map_err(|_| ProfileError::Syntax);
        Self::new(parse(k)?, parse(n)?)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.k, self.n)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({self})")
    }
}

/// A shard's position in its segment: data shards `0..k`, then parity up to `n`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardIndex(pub u8);

impl ShardIndex {
    /// As a position in a list.
    #[must_use]
    pub const fn position(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for ShardIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Why two numbers, or a text, are not a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The numbers break `1 ≤ k ≤ n ≤ 128`.
    #[error("{k}/{n} is not a profile: it needs 1 ≤ k ≤ n ≤ {MAX_SHARDS}")]
    OutOfRange {
        /// Shards needed.
        k: u8,
        /// Shards made.
        n: u8,
    },
    /// The text is not two numbers around a slash.
    #[error("a profile is written k/n, for example 10/30")]
    Syntax,
}
