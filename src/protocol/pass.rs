//! Passes: an owner lets another node read what lies under its agreements, until a moment of the ledger's clock.
//!
//! The reader shows the pass to each host it wants to read from; the owner revokes it there by its number. A pass
//! lets nobody do anything but read sectors, which are masked and sealed: without keys they are noise.

use layr_market::{Context, Sha256 as _, SoftwareSha256};
use layr_types::{NodeKey, Signature, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Opens the signed bytes.
const TAG: &[u8; 16] = b"layr/v1/readpass";

/// Who may read whose sectors, until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ReadPass {
    /// Whose agreements.
    pub owner: NodeKey,
    /// Who may read.
    pub reader: NodeKey,
    /// Until when, by the ledger's clock.
    pub ends: UnixSeconds,
    /// The owner's number for it: what it is revoked by.
    pub number: u64,
}

impl ReadPass {
    /// SHA-256(tag ‖ network ‖ contract ‖ owner ‖ reader ‖ ends (8) ‖ number (8)): what the owner's node key signs.
    #[must_use]
    pub fn digest(&self, context: &Context) -> [u8; 32] {
        SoftwareSha256.sha256(&[
            TAG,
            &context.network.0,
            &context.contract.0,
            &self.owner.0,
            &self.reader.0,
            &self.ends.0.to_be_bytes(),
            &self.number.to_be_bytes(),
        ])
    }
}

/// A pass and its owner's signature over [`ReadPass::digest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPass {
    /// The pass.
    pub pass: ReadPass,
    /// By its owner's node key.
    pub signature: Signature,
}
