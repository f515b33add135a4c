//! A new key for an owner, with the host's consent.
//!
//! The ledger only counts signatures by present keys. So before the host countersigns, the new key must have
//! signed what the host would need: the newest revision and the largest voucher. Nothing changes from then on until
//! the rotation is on the ledger, or the host would hold revisions that count for nothing.

use crate::agreement::{Agreement, AgreementState, Attempts, NextKey};
use crate::batch::Batch;
use crate::host::Host;
use crate::reads::check_changeable;
use layr_identity::verify;
use layr_market::{Party, Phase, SlotState, SoftwareSha256};
use layr_protocol::{Refusal, Rotate};
use layr_types::{NodeKey, Signature};
use std::sync::Arc;

const NONE: Signature = Signature([0; 64]);

impl Host {
    /// Countersigns a new key of `peer`'s. The same request again returns the same signature.
    ///
    /// # Errors
    /// [`Refusal::RotationUnfit`], [`Refusal::BadSignature`], or why nothing may change now.
    pub async fn rotate(self: &Arc<Self>, peer: NodeKey, rotate: Rotate) -> Result<Signature, Refusal> {
        let digest = rotate.rotation.digest(&SoftwareSha256);
        if !verify(&peer, &digest, &rotate.signature) {
            return Err(Refusal::BadSignature);
        }
        self.write(move |host| host.rotate_to(&peer, &rotate)).await?;
        Ok(self.ports.signer.sign(&digest))
    }

    fn rotate_to(&self, peer: &NodeKey, rotate: &Rotate) -> Result<(), Refusal> {
        let _desk = self.desk();
        let mut agreement = self.agreement_of(peer, &rotate.rotation.id)?;
        let next = next_key(&agreement, rotate).ok_or(Refusal::RotationUnfit)?;
        if agreement.next_key == Some(next) {
            return Ok(());
        }
        check_changeable(&agreement)?;
        agreement.next_key = Some(next);
        let mut batch = Batch::new();
        batch.agreement(&agreement, None);
        Ok(self.apply(batch)?)
    }
}

/// What the new key has signed, if that is everything it must.
fn next_key(agreement: &Agreement, rotate: &Rotate) -> Option<NextKey> {
    let (rotation, to) = (&rotate.rotation, rotate.rotation.to);
    if rotation.party != Party::Owner || agreement.slot.rotated(rotation).is_err() {
        return None;
    }
    let signed = |digest: Option<[u8; 32]>, signature: Option<Signature>| match (digest, signature) {
        (None, None) => Some(NONE),
        (Some(digest), Some(signature)) => verify(&to, &digest, &signature).then_some(signature),
        _ => None,
    };
    let newest = agreement.newest.as_ref().map(|newest| newest.revision.digest(&SoftwareSha256));
    let voucher = agreement.reads.voucher.map(|signed| signed.voucher.digest(&SoftwareSha256));
    Some(NextKey {
        to,
        n: agreement.current().n,
        newest: signed(newest, rotate.newest)?,
        voucher: signed(voucher, rotate.voucher)?,
    })
}

impl Agreement {
    /// Takes over what the ledger's slot holds. Where it shows the owner's new key, what that key has signed
    /// beforehand replaces what the old one signed.
    pub(crate) fn adopt(&mut self, state: SlotState) {
        if self.state != AgreementState::Parting {
            self.attempts = Attempts::default();
        }
        if state.phase == Phase::Active {
            self.leaves.clear();
        }
        self.leaving &= state.ending_at == self.slot.ending_at;
        self.slot = state;
        let Some(next) = self.next_key.filter(|next| next.to == state.owner_key) else { return };
        self.next_key = None;
        if let Some(newest) = self.newest.as_mut().filter(|newest| newest.revision.n == next.n) {
            newest.owner = next.newest;
        }
        if let Some(voucher) = self.reads.voucher.as_mut() {
            voucher.signature = next.voucher;
        }
    }
}
