//! The prover: a host's honest answer, checked against the signed root before it leaves.

use crate::answer::{Answer, Loss, Lost};
use crate::challenge::{Challenge, ChallengeError, Commitment};
use layr_merkle::{Digest, LeafPath, SectorOutboard, verify_leaf_proof};
use layr_types::{GROUP_BYTES, LeafIndex, SectorRoot};

/// What a host keeps of one leaf's surroundings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLeaf {
    /// The 16 KiB group that holds the leaf, as read from the disk.
    pub group: Box<[u8; GROUP_BYTES]>,
    /// The group hashes of its sector.
    pub outboard: SectorOutboard,
    /// The sector's root, as recorded when it was stored.
    pub sector_root: SectorRoot,
    /// The sector's path in the agreement tree ([`layr_merkle::AgreementTree::path`]).
    pub path: Vec<Digest>,
}

/// Why a leaf could not be loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is gone for good, and the host says so.
    #[error("the leaf is lost: {0:?}")]
    Lost(Loss),
    /// The disk does not answer now; it may later. Never admitted as a loss.
    #[error("the store cannot be read at the moment")]
    Unavailable(#[source] Box<dyn core::error::Error + Send + Sync>),
}

/// Where a host's leaves come from.
pub trait LeafSource {
    /// Loads what the proof of `leaf` needs: one group, one outboard, one path.
    ///
    /// # Errors
    /// [`SourceError::Lost`] is admitted to the owner and costs collateral; anything that may pass is
    /// [`SourceError::Unavailable`].
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError>;
}

/// Why a host does not answer (it refuses; it does not confess).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The challenge is not about the revision at hand, or out of bounds.
    #[error("the challenge does not fit the revision at hand")]
    Challenge(#[from] ChallengeError),
    /// The store cannot be read at the moment.
    #[error(transparent)]
    Source(SourceError),
    /// The stored sector is sound but its path does not lead to the signed root: the host's tree is out of step
    /// with its revision. A fault of the program, not of the data.
    #[error("the tree kept for sector {0} is out of step with the revision")]
    OutOfStep(u64),
}

/// Answers `challenge` from `source`: a proof for every leaf that is sound, an admission for every other.
///
/// Each proof is verified against the signed root before it is sent, so a host with the data cannot fail by
/// sending a wrong one.
///
/// # Errors
/// [`ProveError`] where the host should refuse instead of answering.
pub fn prove(
    challenge: &Challenge,
    held: &Commitment,
    source: &dyn LeafSource,
) -> Result<Answer, ProveError> {
    let (mut lost, mut proofs) = (Vec::new(), Vec::new());
    for (position, leaf) in (0u16..).zip(challenge.leaves(held)?) {
        let proved = match source.load(leaf) {
            Ok(stored) => append_proof(leaf, &stored, held, &mut proofs)?,
            Err(SourceError::Lost(loss)) => Err(loss),
            Err(unavailable) => return Err(ProveError::Source(unavailable)),
        };
        if let Err(loss) = proved {
            lost.push(Lost { position, loss });
        }
    }
    Ok(Answer { lost, proofs: proofs.into() })
}

/// Appends one proof, or says how the leaf is lost.
fn append_proof(
    leaf: LeafIndex,
    stored: &StoredLeaf,
    held: &Commitment,
    proofs: &mut Vec<u8>,
) -> Result<Result<(), Loss>, ProveError> {
    if stored.outboard.root() != stored.sector_root {
        return Ok(Err(Loss::Corrupt));
    }
    let Ok(path) = LeafPath::new(leaf.within_sector(), &stored.group, &stored.outboard) else {
        return Ok(Err(Loss::Corrupt));
    };
    let start = proofs.len();
    let written = path.write_proof(&stored.path, proofs);
    let checked = written.and_then(|()| verify_leaf_proof(&proofs[start..], leaf, held.root, held.sectors));
    match checked {
        Ok(_) => Ok(Ok(())),
        Err(_) => Err(ProveError::OutOfStep(leaf.sector().0)),
    }
}
