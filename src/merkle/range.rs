//! Proofs for reads: which groups of a sector are genuine, decided before the first of them arrives.
//!
//! A host that sends groups `first..first + count` sends ahead of them, in tree order, the hash of every one of
//! these groups and of every largest subtree outside the range: between 7 and 64 hashes. They lead to the
//! sector's root or the read stops there; afterwards each group is checked alone, on arrival, in any order.

use crate::error::ProofError;
use crate::hash::{Digest, parent_cv, top};
use crate::sector::{SectorOutboard, group_hash};
use alloc::vec::Vec;
use core::ops::Range;
use layr_types::{GROUP_BYTES, GROUPS_PER_SECTOR, SectorRoot};

/// Some consecutive groups of a sector, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GroupRange {
    first: usize,
    end: usize,
}

impl GroupRange {
    /// All groups of a sector.
    pub const ALL: Self = Self { first: 0, end: GROUPS_PER_SECTOR };

    /// `count` groups from position `first`.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] if there are none or they reach beyond the sector.
    pub fn new(first: usize, count: usize) -> Result<Self, ProofError> {
        match first.checked_add(count) {
            Some(end) if count > 0 && end <= GROUPS_PER_SECTOR => Ok(Self { first, end }),
            _ => Err(ProofError::OutOfRange { index: first as u64, count: GROUPS_PER_SECTOR as u64 }),
        }
    }

    /// The groups that hold `len` bytes from byte `offset` of a sector.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] if there are none or they reach beyond the sector.
    pub fn covering(offset: usize, len: usize) -> Result<Self, ProofError> {
        let end = offset.checked_add(len).map_or(usize::MAX, |end| end.div_ceil(GROUP_BYTES));
        let first = offset / GROUP_BYTES;
        Self::new(first, if len == 0 { 0 } else { end.saturating_sub(first) })
    }

    /// Positions of the groups, 0 to 63.
    #[must_use]
    pub const fn groups(self) -> Range<usize> {
        self.first..self.end
    }

    /// Bytes of the groups.
    #[must_use]
    pub const fn bytes(self) -> usize {
        (self.end - self.first) * GROUP_BYTES
    }

    /// Hashes in the range's proof.
    #[must_use]
    pub fn proof_len(self) -> usize {
        let mut count = 0;
        self.visit(0..GROUPS_PER_SECTOR, &mut |_| count += 1);
        count
    }

    /// Calls `hash_at` for each hash of the proof in tree order, with the groups it stands for.
    fn visit(self, subtree: Range<usize>, hash_at: &mut impl FnMut(Range<usize>)) {
        let outside = subtree.end <= self.first || subtree.start >= self.end;
        if outside || subtree.len() == 1 {
            return hash_at(subtree);
        }
        let middle = usize::midpoint(subtree.start, subtree.end);
        self.visit(subtree.start..middle, hash_at);
        self.visit(middle..subtree.end, hash_at);
    }
}

impl SectorOutboard {
    /// The proof a reader of `range` needs: concatenated hashes, [`GroupRange::proof_len`] × 32 bytes.
    #[must_use]
    pub fn range_proof(&self, range: GroupRange) -> Vec<u8> {
        let mut out = Vec::with_capacity(range.proof_len() * 32);
        range.visit(0..GROUPS_PER_SECTOR, &mut |subtree| out.extend_from_slice(&self.subtree(subtree)));
        out
    }

    /// Chaining value of a perfect subtree of groups, smaller than the sector.
    fn subtree(&self, groups: Range<usize>) -> Digest {
        let mut nodes = [[0; 32]; GROUPS_PER_SECTOR / 2];
        let mut width = groups.len();
        nodes[..width].copy_from_slice(&self.groups()[groups]);
        while width > 1 {
            width /= 2;
            for place in 0..width {
                nodes[place] = parent_cv(&nodes[2 * place], &nodes[2 * place + 1]);
            }
        }
        nodes[0]
    }
}

/// Groups whose hashes are known to belong to a sector: the receipt of [`verify_range_proof`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedRange {
    range: GroupRange,
    hashes: [Digest; GROUPS_PER_SECTOR],
}

impl VerifiedRange {
    /// The groups it speaks of.
    #[must_use]
    pub const fn range(&self) -> GroupRange {
        self.range
    }

    /// Checks the bytes of the group at position `group` of the sector.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] for a group outside the range; [`ProofError::Mismatch`] for wrong bytes.
    pub fn check(&self, group: usize, bytes: &[u8; GROUP_BYTES]) -> Result<(), ProofError> {
        if !self.range.groups().contains(&group) {
            return Err(ProofError::OutOfRange { index: group as u64, count: GROUPS_PER_SECTOR as u64 });
        }
        match group_hash(bytes, group) == self.hashes[group] {
            true => Ok(()),
            false => Err(ProofError::Mismatch),
        }
    }
}

/// Checks a range proof against the sector's root.
///
/// # Errors
/// [`ProofError::PathLength`] if there is not exactly the number of hashes due, [`ProofError::Mismatch`] if they
/// do not lead to `root`.
pub fn verify_range_proof(
    proof: &[u8],
    range: GroupRange,
    root: &SectorRoot,
) -> Result<VerifiedRange, ProofError> {
    let expected = range.proof_len();
    if proof.len() != expected * 32 {
        return Err(ProofError::PathLength { expected, got: proof.len() / 32 });
    }
    let mut check = Check { range, proof: proof.as_chunks().0.iter(), hashes: [[0; 32]; GROUPS_PER_SECTOR] };
    let half = GROUPS_PER_SECTOR / 2;
    let left = check.subtree(0..half)?;
    let right = check.subtree(half..GROUPS_PER_SECTOR)?;
    if top(&left, &right) != *root {
        return Err(ProofError::Mismatch);
    }
    Ok(VerifiedRange { range, hashes: check.hashes })
}

/// A walk over the sector's tree that takes its known hashes from the proof.
struct Check<'a> {
    range: GroupRange,
    proof: core::slice::Iter<'a, Digest>,
    hashes: [Digest; GROUPS_PER_SECTOR],
}

impl Check<'_> {
    fn subtree(&mut self, groups: Range<usize>) -> Result<Digest, ProofError> {
        let outside = groups.end <= self.range.first || groups.start >= self.range.end;
        if outside || groups.len() == 1 {
            let hash = *self.proof.next().ok_or(ProofError::Truncated)?;
            if !outside {
                self.hashes[groups.start] = hash;
            }
            return Ok(hash);
        }
        let middle = usize::midpoint(groups.start, groups.end);
        let left = self.subtree(groups.start..middle)?;
        let right = self.subtree(middle..groups.end)?;
        Ok(parent_cv(&left, &right))
    }
}
