//! Answers: proofs, and admissions of loss.

use crate::challenge::MAX_LEAVES;
use bytes::Bytes;
use layr_merkle::MAX_LEAF_PROOF_BYTES;
use serde::{Deserialize, Serialize};

/// The most bytes of proofs an answer can carry; a transport refuses longer ones before it allocates.
pub const MAX_ANSWER_BYTES: usize = MAX_LEAVES as usize * MAX_LEAF_PROOF_BYTES;

/// How a leaf is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Loss {
    /// The host no longer has it.
    Missing,
    /// What the host has is not what was stored.
    Corrupt,
}

/// A host's admission about one leaf of a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// The leaf's place in the challenge, from 0.
    pub position: u16,
    /// What happened to it.
    pub loss: Loss,
}

/// A host's answer: for every leaf of the challenge a proof or an admission.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Admissions, positions ascending. An honest host says what it finds rotten: it costs it less than being
    /// caught, and repair starts earlier.
    pub lost: Vec<Lost>,
    /// The other leaves' proofs, one behind the other, in the challenge's order
    /// (`layr_merkle::verify_leaf_proof`).
    pub proofs: Bytes,
}

impl Answer {
    /// Whether it is small enough to look at: at most [`MAX_LEAVES`] admissions, at most [`MAX_ANSWER_BYTES`].
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.lost.len() <= usize::from(MAX_LEAVES) && self.proofs.len() <= MAX_ANSWER_BYTES
    }
}
