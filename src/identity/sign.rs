//! Signing 32-byte digests, and checking such signatures the way the ledger's host does.

use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use layr_types::{AccountKey, NodeKey, Signature};
use std::sync::Arc;
use zeroize::Zeroizing;

/// An Ed25519 key that signs digests. Cheap to clone; the secret exists once and is wiped with the last clone.
#[derive(Clone)]
pub struct Signer {
    key: Arc<SigningKey>,
}

impl Signer {
    /// The signer for a 32-byte Ed25519 seed.
    #[must_use]
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self { key: Arc::new(SigningKey::from_bytes(seed)) }
    }

    /// Signs a digest; the domain separation lies in how the digest was made (`layr_market::Kind`).
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> Signature {
        Signature(self.key.sign(digest).to_bytes())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    pub(crate) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes())
    }
}

/// Shows the public key only.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", NodeKey(self.public()))
    }
}

/// True where `signature` over `digest` is by the holder of `signer`.
///
/// Strict: keys of small order and non-canonical signatures are refused, as the contract's host refuses them,
/// so that nothing accepted here fails on the ledger.
#[must_use]
pub fn verify(signer: &NodeKey, digest: &[u8; 32], signature: &Signature) -> bool {
    verify_bytes(&signer.0, digest, signature)
}

/// The same for an account key.
#[must_use]
pub fn verify_account(signer: &AccountKey, digest: &[u8; 32], signature: &Signature) -> bool {
    verify_bytes(&signer.0, digest, signature)
}

fn verify_bytes(key: &[u8; 32], digest: &[u8; 32], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(digest, &signature).is_ok())
}
