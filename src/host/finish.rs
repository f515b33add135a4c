//! The end by consent: the host signs the split that `settle()` computes, and no other.
//!
//! What is due follows from the newest revision alone, so that owner and host compute the same whatever their
//! clocks say: over the whole term where it is over, else up to the notice after the newest revision's time.
//! That moment must not lie in the past, or the host would be giving away what it has earned since; an owner
//! who wants out early has an audit acknowledged first.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::SignedSplit;
use layr_identity::verify;
use layr_market::{FinalReason, Outcome, Revision, Settled, Settlement, SoftwareSha256, Terms, settle};
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Finish, Refusal};
use layr_types::{NodeKey, Signature, Stroops, UnixSeconds};
use std::sync::Arc;

/// How long the owner may take to bring the split to the ledger before the host does, seconds.
const OWNER_CLOSES_WITHIN: u64 = 600;

/// The moment up to which an end for `reason` pays, given the newest revision.
#[must_use]
pub fn paid_until(terms: &Terms, newest: &Revision, reason: FinalReason) -> UnixSeconds {
    match reason {
        FinalReason::TermOver => terms.end,
        FinalReason::Early => newest.time.plus(u64::from(terms.notice)).min(terms.end),
        FinalReason::Renewed => newest.time.min(terms.end),
    }
}

/// The split a host signs for `reason`; `newest.n` is 0 while nothing was ever stored.
///
/// # Errors
/// [`layr_market::SettleError`] for a revision that does not fit its terms.
pub fn fair_split(
    terms: &Terms,
    newest: &Revision,
    reason: FinalReason,
) -> Result<Settlement, layr_market::SettleError> {
    let outcome = if newest.n == 0 { Outcome::Unused } else { Outcome::Proved(newest) };
    settle(terms, Settled::default(), paid_until(terms, newest, reason), outcome)
}

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
        match agreement.state {
            AgreementState::Open => {}
            AgreementState::Proposed => return Err(Refusal::NotOpen),
            _ => return Err(Refusal::Ended),
        }
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
    let until = paid_until(&agreement.terms, &newest, split.reason);
    let timely = match split.reason {
        FinalReason::TermOver => now >= agreement.terms.end,
        FinalReason::Early | FinalReason::Renewed => {
            until == agreement.terms.end || until.plus(MAX_CLOCK_SKEW_SECONDS) >= now
        }
    };
    let fair = fair_split(&agreement.terms, &newest, split.reason).map_err(|_| Refusal::SplitMismatch)?;
    let expected = Settlement { host: split.host, owner: split.owner, burn: Stroops::ZERO };
    if timely && fair == expected { Ok(()) } else { Err(Refusal::SplitMismatch) }
}
