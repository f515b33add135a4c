//! Removal by swap and trim, checked by a peer that knows only the root and the count.
//!
//! Canonical encoding of a proof, everything else follows from position and count:
//!
//! ```text
//! last record                   32   hash of the record that moves
//! path of the last record   n × 32   in the tree before
//! path of the removed one   m × 32   in the tree without the last; absent if they are the same
//! ```
//!
//! The last record's path consists of left siblings only, and these are exactly the peaks of the tree without
//! it; so the first part yields the shortened tree, in which the second replaces one record.

use crate::error::ProofError;
use crate::hash::{Digest, record_hash};
use crate::path::{MAX_PATH_LEN, Shape, fold};
use crate::peaks::Peaks;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use layr_types::{AgreementRoot, SectorIndex, SectorRoot};

/// Which records lie elsewhere after the places `removed` have been removed one after the other, the highest
/// first, each by swap and trim: pairs of a new place and the place the record had before, by new place. What is
/// not named stays where it is; places from `count - removed.len()` on are gone.
///
/// # Errors
/// [`ProofError::OutOfRange`] for a place that does not exist, or does not lie below the one before it.
pub fn trim_moves(
    removed: &[SectorIndex],
    count: u64,
) -> Result<Vec<(SectorIndex, SectorIndex)>, ProofError> {
    let (mut moved, mut left, mut below) = (BTreeMap::new(), count, count);
    for at in removed {
        if at.0 >= below {
            return Err(ProofError::OutOfRange { index: at.0, count: below });
        }
        below = at.0;
        left -= 1;
        let record = moved.remove(&left).unwrap_or(left);
        if at.0 != left {
            moved.insert(at.0, record);
        }
    }
    Ok(moved.into_iter().map(|(to, from)| (SectorIndex(to), SectorIndex(from))).collect())
}

/// Bytes of the longest removal proof.
pub const MAX_REMOVAL_PROOF_BYTES: usize = 32 * (1 + 2 * MAX_PATH_LEN);

/// The root of the agreement (`root`, `count`) after the sector `removed` at `at` has been replaced by the last
/// one and the tree shortened to `count - 1`.
///
/// # Errors
/// [`ProofError`] where the proof does not show that `removed` was there, or that this is what remains.
pub fn verify_removal(
    proof: &[u8],
    at: SectorIndex,
    removed: &SectorRoot,
    (root, count): (AgreementRoot, u64),
) -> Result<AgreementRoot, ProofError> {
    Shape::of(at.0, count)?;
    let last = count - 1;
    let lengths =
        (Shape::of(last, count)?.len(), if at.0 == last { 0 } else { Shape::of(at.0, last)?.len() });
    let (hashes, rest) = proof.as_chunks::<32>();
    let expected = 1 + lengths.0 + lengths.1;
    if hashes.len() != expected || !rest.is_empty() {
        return Err(ProofError::PathLength { expected, got: proof.len().div_ceil(32) });
    }
    let (record, paths) = hashes.split_first().ok_or(ProofError::Truncated)?;
    let (last_path, path) = paths.split_at(lengths.0);
    expect(fold(*record, last, count, last_path)?, root)?;
    let shortened = Peaks::assemble(last, last_path.iter().copied())?.root();
    if at.0 == last {
        return if *record == record_hash(removed) { Ok(shortened) } else { Err(ProofError::Mismatch) };
    }
    expect(fold(record_hash(removed), at.0, last, path)?, shortened)?;
    fold(*record, at.0, last, path).map(AgreementRoot)
}

fn expect(hash: Digest, root: AgreementRoot) -> Result<(), ProofError> {
    if AgreementRoot(hash) == root { Ok(()) } else { Err(ProofError::Mismatch) }
}
