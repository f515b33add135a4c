//! The proof that one leaf of an agreement is what it was: leaf, path in its sector, path in the agreement.
//!
//! Canonical encoding, nothing in it optional:
//!
//! ```text
//! sector path     10 × 32   siblings from the leaf upwards
//! leaf            1024
//! path length      1        what position and count admit, no other value
//! agreement path   n × 32   siblings from the record upwards
//! ```
//!
//! Positions are not in it: the challenge fixes them. Only full sectors can be proved.

use crate::error::ProofError;
use crate::hash::{Digest, leaf_cv, parent_cv, record_hash, top};
use crate::path::{MAX_PATH_LEN, fold, path_len};
use layr_types::{AgreementRoot, LEAF_BYTES, LeafIndex, SectorRoot};

/// Hashes between a leaf and its sector's root.
pub const SECTOR_PATH_LEN: usize = 10;
/// Bytes before the agreement path.
const FIXED: usize = SECTOR_PATH_LEN * 32 + LEAF_BYTES + 1;
/// Bytes of the longest proof.
pub const MAX_LEAF_PROOF_BYTES: usize = FIXED + MAX_PATH_LEN * 32;

/// A proof's parts, borrowed from its bytes. Holding one says only that the lengths are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafProof<'a> {
    /// Siblings from the leaf to its sector's root.
    pub sector_path: &'a [Digest],
    /// The leaf.
    pub leaf: &'a [u8; LEAF_BYTES],
    /// Siblings from the sector's record to the agreement's root.
    pub path: &'a [Digest],
}

impl<'a> LeafProof<'a> {
    /// Takes the proof of the leaf at `index` from the front of `bytes`; returns what follows it.
    ///
    /// # Errors
    /// Any [`ProofError`] but `Mismatch`, which only [`LeafProof::verify`] can find.
    pub fn split(bytes: &'a [u8], index: LeafIndex, sectors: u64) -> Result<(Self, &'a [u8]), ProofError> {
        let expected = path_len(index.sector().0, sectors)?;
        let (sector_path, rest) = take(bytes, SECTOR_PATH_LEN * 32)?;
        let (leaf, rest) = rest.split_first_chunk().ok_or(ProofError::Truncated)?;
        let (length, rest) = rest.split_first().ok_or(ProofError::Truncated)?;
        if usize::from(*length) != expected {
            return Err(ProofError::PathLength { expected, got: usize::from(*length) });
        }
        let (path, rest) = take(rest, expected * 32)?;
        Ok((Self { sector_path: sector_path.as_chunks().0, leaf, path: path.as_chunks().0 }, rest))
    }

    /// The root of the sector that holds this leaf at `within` (0 to 1023).
    #[must_use]
    pub fn sector_root(&self, within: usize) -> SectorRoot {
        let Some((last, below)) = self.sector_path.split_last() else {
            return SectorRoot::default();
        };
        let mut node = leaf_cv(self.leaf, within);
        let mut at = within;
        for sibling in below {
            node = if at & 1 == 0 { parent_cv(&node, sibling) } else { parent_cv(sibling, &node) };
            at >>= 1;
        }
        if at & 1 == 0 { top(&node, last) } else { top(last, &node) }
    }

    /// Checks that this is the leaf at `index` of the agreement with this root and sector count.
    ///
    /// # Errors
    /// [`ProofError::Mismatch`] where it is not.
    pub fn verify(&self, index: LeafIndex, root: AgreementRoot, sectors: u64) -> Result<(), ProofError> {
        let record = record_hash(&self.sector_root(index.within_sector()));
        if AgreementRoot(fold(record, index.sector().0, sectors, self.path)?) == root {
            return Ok(());
        }
        Err(ProofError::Mismatch)
    }
}

fn take(bytes: &[u8], n: usize) -> Result<(&[u8], &[u8]), ProofError> {
    bytes.split_at_checked(n).ok_or(ProofError::Truncated)
}

/// Checks the proof at the front of `bytes` and returns the bytes behind it, where the next one may stand.
///
/// # Errors
/// [`ProofError`]; no input makes it panic.
pub fn verify_leaf_proof(
    bytes: &[u8],
    index: LeafIndex,
    root: AgreementRoot,
    sectors: u64,
) -> Result<&[u8], ProofError> {
    let (proof, rest) = LeafProof::split(bytes, index, sectors)?;
    proof.verify(index, root, sectors)?;
    Ok(rest)
}

/// Bytes of the proof of the leaf at `index` in an agreement of `sectors`.
///
/// # Errors
/// [`ProofError::OutOfRange`] or [`ProofError::TooManySectors`] where there is no such leaf.
pub fn leaf_proof_bytes(index: LeafIndex, sectors: u64) -> Result<usize, ProofError> {
    Ok(FIXED + 32 * path_len(index.sector().0, sectors)?)
}
