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
use layr_types::{AgreementRoot, SectorIndex, SectorRoot};

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
