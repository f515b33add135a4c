//! Ed25519 signatures, signer weights and thresholds, and the rule that no signature may be idle.

use ed25519_dalek::{Signature, VerifyingKey};
use stellar_xdr::{AccountEntry, AccountId, DecoratedSignature, PublicKey, SignerKey};

/// How much weight an operation demands of its source account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Low,
    Medium,
    High,
}

impl Level {
    fn threshold(self, account: &AccountEntry) -> u8 {
        let [_, low, medium, high] = account.thresholds.0;
        match self {
            Self::Low => low,
            Self::Medium => medium,
            Self::High => high,
        }
    }
}

/// The signatures of one envelope, remembering which have served.
pub(crate) struct Signatures<'a> {
    hash: [u8; 32],
    signatures: &'a [DecoratedSignature],
    used: Vec<bool>,
}

impl<'a> Signatures<'a> {
    pub(crate) fn over(hash: [u8; 32], signatures: &'a [DecoratedSignature]) -> Self {
        Self { hash, signatures, used: vec![false; signatures.len()] }
    }

    /// Whether `account` signed with enough weight for `level`.
    pub(crate) fn authorize(&mut self, account: &AccountEntry, level: Level) -> bool {
        let PublicKey::PublicKeyTypeEd25519(master) = &account.account_id.0;
        let mut signers = vec![(master.0, u32::from(account.thresholds.0[0]))];
        for signer in account.signers.iter() {
            if let SignerKey::Ed25519(key) = &signer.key {
                signers.push((key.0, signer.weight.min(255)));
            }
        }
        self.reaches(&signers, u32::from(level.threshold(account)).max(1))
    }

    /// Whether the key of an account that does not exist yet signed.
    pub(crate) fn authorize_key(&mut self, account: &AccountId) -> bool {
        let PublicKey::PublicKeyTypeEd25519(key) = &account.0;
        self.reaches(&[(key.0, 1)], 1)
    }

    /// Whether this extra signer of the preconditions signed; only plain keys are supported.
    pub(crate) fn authorize_extra(&mut self, signer: &SignerKey) -> bool {
        matches!(signer, SignerKey::Ed25519(key) if self.reaches(&[(key.0, 1)], 1))
    }

    /// Whether every signature served some purpose.
    pub(crate) fn all_used(&self) -> bool {
        self.used.iter().all(|used| *used)
    }

    fn reaches(&mut self, signers: &[([u8; 32], u32)], needed: u32) -> bool {
        let mut total = 0_u32;
        for (key, weight) in signers.iter().filter(|(_, weight)| *weight > 0) {
            let position = self.signatures.iter().position(|signature| verifies(key, &self.hash, signature));
            if let Some(used) = position.and_then(|at| self.used.get_mut(at)) {
                *used = true;
                total = total.saturating_add(*weight);
            }
            if total >= needed {
                return true;
            }
        }
        false
    }
}

fn verifies(key: &[u8; 32], hash: &[u8; 32], decorated: &DecoratedSignature) -> bool {
    if key[28..] != decorated.hint.0 {
        return false;
    }
    let Ok(signature) = Signature::from_slice(decorated.signature.0.as_slice()) else { return false };
    VerifyingKey::from_bytes(key).is_ok_and(|key| key.verify_strict(hash, &signature).is_ok())
}
