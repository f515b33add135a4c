//! The host's price list: signed, short-lived, and quoting exactly the space that is free.

use crate::error::HostError;
use crate::host::Host;
use layr_market::{Offer, SoftwareSha256};
use layr_protocol::SignedOffer;
use layr_types::{ByteCount, UnixSeconds};
use std::sync::PoisonError;

impl Host {
    /// The offer at `now`: the last one while it has half its life left and still tells the truth about space.
    #[must_use]
    pub fn current_offer(&self, now: UnixSeconds) -> SignedOffer {
        let fresh = self.draft_offer(now);
        let mut last = self.offer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref().filter(|last| still_good(&last.offer, &fresh)) {
            return last.clone();
        }
        let signature = self.ports.signer.sign(&fresh.digest(&SoftwareSha256, &self.config.context));
        let signed = SignedOffer { offer: fresh, signature };
        *last = Some(signed.clone());
        signed
    }

    /// The offer by the ledger's clock.
    ///
    /// # Errors
    /// [`HostError::Ledger`].
    pub async fn offer_now(&self) -> Result<SignedOffer, HostError> {
        Ok(self.current_offer(self.clock.recent().await?))
    }

    fn draft_offer(&self, now: UnixSeconds) -> Offer {
        let policy = &self.config.offer;
        // Where the records cannot be read nothing is promised.
        let accepting = policy.accepting && !self.is_leaving().unwrap_or(true);
        let free = if accepting { self.space().free } else { 0 };
        Offer {
            host_key: self.key(),
            token: self.config.token,
            rate: policy.rate,
            base_fee: policy.base_fee,
            collateral_percent: policy.collateral_percent,
            free: ByteCount::from_sectors(free).unwrap_or(ByteCount::ZERO),
            min_term: policy.min_term,
            max_term: policy.max_term,
            publish_window: policy.publish_window,
            proof_window: policy.proof_window,
            notice: policy.notice,
            challenge_gap: policy.challenge_gap,
            max_challenges: policy.max_challenges,
            disclosure_price: policy.disclosure_price,
            exit_fee: policy.exit_fee,
            samples: policy.samples,
            egress_rate: policy.egress_rate,
            issued: now,
            expires: now.plus(u64::from(policy.offer_life)),
        }
    }
}

/// Whether nothing but time has changed, and not too much of that.
fn still_good(last: &Offer, fresh: &Offer) -> bool {
    let life = fresh.expires.since(fresh.issued);
    let same = Offer { issued: fresh.issued, expires: fresh.expires, ..last.clone() } == *fresh;
    same && last.issued <= fresh.issued && last.expires.since(fresh.issued) > life / 2
}
