//! The frontier of an agreement tree: all that appending needs.
//!
//! A tree of `count` records is a row of perfect subtrees, one for every bit set in `count`; their roots are
//! its peaks. Whoever holds them (at most 40 hashes) computes the root after any number of appends, which is
//! how an owner checks each revision without keeping the tree.

use crate::error::ProofError;
use crate::hash::{Digest, EMPTY_AGREEMENT_ROOT, node_hash, record_hash};
use crate::path::MAX_SECTORS;
use layr_types::{AgreementRoot, SectorRoot};

/// Peaks a tree can have room for: levels 0 to 40.
const LEVELS: usize = 41;
/// Bytes of the longest encoding.
pub const MAX_PEAKS_BYTES: usize = 8 + 40 * 32;

/// The peaks of one agreement tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peaks {
    count: u64,
    /// The peak of 2^level records stands at `level`; zeros where `count` has no bit.
    levels: [Digest; LEVELS],
}

impl Default for Peaks {
    fn default() -> Self {
        Self::new()
    }
}

impl Peaks {
    /// The peaks of the empty tree.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0, levels: [[0; 32]; LEVELS] }
    }

    /// Records in the tree.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Appends the record of one full sector.
    ///
    /// # Errors
    /// [`ProofError::TooManySectors`] at the bound; nothing has changed then.
    pub fn append(&mut self, root: &SectorRoot) -> Result<(), ProofError> {
        if self.count >= MAX_SECTORS {
            return Err(ProofError::TooManySectors(self.count.saturating_add(1)));
        }
        let mut node = record_hash(root);
        for (level, peak) in self.levels.iter_mut().enumerate() {
            if (self.count >> level) & 1 == 0 {
                *peak = node;
                break;
            }
            node = node_hash(peak, &node);
            *peak = [0; 32];
        }
        self.count += 1;
        Ok(())
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> AgreementRoot {
        self.iter().reduce(|right, left| node_hash(&left, &right)).map_or(EMPTY_AGREEMENT_ROOT, AgreementRoot)
    }

    /// The peaks, smallest subtree first.
    fn iter(&self) -> impl Iterator<Item = Digest> + '_ {
        let count = self.count;
        self.levels
            .iter()
            .enumerate()
            .filter(move |(level, _)| (count >> level) & 1 == 1)
            .map(|(_, peak)| *peak)
    }

    /// Assembles peaks from `nodes`, smallest subtree first: one for each bit of `count`.
    pub(crate) fn assemble(count: u64, mut nodes: impl Iterator<Item = Digest>) -> Result<Self, ProofError> {
        if count > MAX_SECTORS {
            return Err(ProofError::TooManySectors(count));
        }
        let mut peaks = Self { count, ..Self::new() };
        for (level, peak) in peaks.levels.iter_mut().enumerate() {
            if (count >> level) & 1 == 1 {
                *peak = nodes.next().ok_or(ProofError::Truncated)?;
            }
        }
        Ok(peaks)
    }

    /// Bytes of the encoding.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        8 + 32 * self.count.count_ones() as usize
    }

    /// Canonical encoding: the count (eight bytes, big-endian), then the peaks, smallest subtree first.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn encode(&self) -> alloc::vec::Vec<u8> {
        let mut out = alloc::vec::Vec::with_capacity(self.encoded_len());
        out.extend_from_slice(&self.count.to_be_bytes());
        self.iter().for_each(|peak| out.extend_from_slice(&peak));
        out
    }

    /// Reads what [`Peaks::encode`] wrote. Whether they are the peaks of a tree with a given root is for
    /// [`Peaks::root`] to tell.
    ///
    /// # Errors
    /// [`ProofError`] where the bytes are not exactly an encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        let (count, rest) = bytes.split_first_chunk().ok_or(ProofError::Truncated)?;
        let count = u64::from_be_bytes(*count);
        let due = 32 * count.count_ones() as usize;
        if rest.len() > due {
            return Err(ProofError::TrailingBytes(rest.len() - due));
        }
        Self::assemble(count, rest.as_chunks().0.iter().copied())
    }
}
