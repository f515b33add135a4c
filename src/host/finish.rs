//! The end by consent: the host signs the split that `settle()` computes, and no other.
//!
//! What is due follows from the newest revision, the slot and the largest voucher alone
//! (`layr_protocol::Ending`), so that owner and host compute the same whatever their clocks say. The moment it pays
//! up to must not lie in the past, or the host would be giving away what it has earned since; an owner who wants
//! out early has an audit acknowledged first.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::SignedSplit;
use crate::reads::check_changeable;
use layr_identity::verify;
use layr_market::{FinalReason, SoftwareSha256};
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Finish, Refusal};
use layr_types::{NodeKey, Signature, UnixSeconds};
use std::sync::Arc;

/// How long the owner may take to bring the split to the ledger before the host does, seconds.
const OWNER_CLOSES_WITHIN: u64 = 600;

impl Host {
    /// Signs a final split for `peer` if it is the fair one. The same split again returns the same signature.
    ///
    /// # Errors
    /// [`Refusal::SplitMismatch`] for any other split; [`Refusal::Ended`] once another has been signed.
    pub async fn finish(self: &Arc<Self>, peer: NodeKey, finish: Finish) -> Result<Signature, Refusal> {
        if !verify(&peer, &finish.split.digest(&SoftwareSha256), &finish.signature) {
            return Err(Refusal::BadSignature);
        }
        let now = self.clock.fresh().await.map_err(HostError::from)?;
        self.write(move |host| host.finish_at(&peer, &finish, now)).await
    }

    fn finish_at(&self, peer: &NodeKey, finish: &Finish, now: UnixSeconds) -> Result<Signature, Refusal> {
        let mut desk = self.desk();
        let mut agreement = self.agreement_of(peer, &finish.split.id)?;
        if let Some(signed) = agreement.split.as_ref().filter(|signed| signed.split == finish.split) {
            return Ok(signed.host);
        }
        check_changeable(&agreement)?;
        check_split(&agreement, finish, now)?;
        let was_due = agreement.due;
        let host = self.ports.signer.sign(&finish.split.digest(&SoftwareSha256));
        agreement.step(AgreementState::Parting)?;
        agreement.split = Some(SignedSplit { split: finish.split, owner: finish.signature, host });
        agreement.due = now.plus(OWNER_CLOSES_WITHIN);
        let mut batch = Batch::new();
        batch.agreement(&agreement, Some(was_due));
        self.apply(batch)?;
        if let Some(seat) = desk.seats.get_mut(&agreement.id) {
            seat.state = AgreementState::Parting;
        }
        Ok(host)
    }
}

fn check_split(agreement: &Agreement, finish: &Finish, now: UnixSeconds) -> Result<(), Refusal> {
    let (split, newest) = (&finish.split, agreement.current());
    if split.n != newest.n {
        return Err(Refusal::Stale { newest: newest.n });
    }
    let ending = agreement.ending(&newest);
    let until = ending.paid_until(split.reason);
    let timely = match split.reason {
        FinalReason::TermOver => now >= agreement.slot.ending_at,
        FinalReason::Early => until == agreement.slot.ending_at || until.plus(MAX_CLOCK_SKEW_SECONDS) >= now,
        // Only a renewal may use such a split, and it is signed with the renewal.
        FinalReason::Renewed => false,
    };
    let fair = ending.fair_split(split.reason).map_err(|_| Refusal::SplitMismatch)?;
    if timely && fair == *split { Ok(()) } else { Err(Refusal::SplitMismatch) }
}
