//! Admission: from a proposal to an open agreement. Space and collateral are promised before the host signs,
//! and the promise is on disk before the signature leaves.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::desk::{Desk, Seat};
use crate::error::HostError;
use crate::host::Host;
use crate::space::Account;
use layr_identity::verify;
use layr_market::{Request, SoftwareSha256, Terms};
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Proposal, Refusal};
use layr_types::{AgreementId, ByteCount, NodeKey, Signature, Stroops, UnixSeconds};
use std::sync::Arc;

impl Host {
    /// Reserves the capacity of `proposal` for `peer` and signs the agreement id. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn propose(self: &Arc<Self>, peer: NodeKey, proposal: Proposal) -> Result<Signature, Refusal> {
        let expires = proposal.offer.offer.expires;
        let now = self.clock.recent().await.map_err(HostError::from)?;
        self.check_offer(&proposal)?;
        let now = if now > expires { self.clock.fresh().await.map_err(HostError::from)? } else { now };
        self.check_terms(&peer, &proposal, now)?;
        let terms = proposal.terms;
        let deposited = self.ports.ledger.free_collateral(terms.token).await.map_err(HostError::from)?;
        let id = terms.id(&SoftwareSha256, &self.config.context);
        self.write(move |host| host.reserve(id, terms, deposited)).await?;
        Ok(self.ports.signer.sign(&id.0))
    }

    fn check_offer(&self, proposal: &Proposal) -> Result<(), Refusal> {
        let signed = &proposal.offer;
        let digest = signed.offer.digest(&SoftwareSha256, &self.config.context);
        let ours = signed.offer.host_key == self.key() && verify(&self.key(), &digest, &signed.signature);
        if ours { Ok(()) } else { Err(Refusal::BadSignature) }
    }

    /// Everything that needs no state: the terms are what the offer means for the request in them.
    fn check_terms(&self, peer: &NodeKey, proposal: &Proposal, now: UnixSeconds) -> Result<(), Refusal> {
        let (terms, offer) = (&proposal.terms, &proposal.offer.offer);
        if now > offer.expires {
            return Err(Refusal::OfferExpired { expired: offer.expires });
        }
        let drafted = offer.draft(&Request::of(terms)).is_ok_and(|drafted| drafted == *terms);
        let term = u64::from(offer.min_term)..=u64::from(offer.max_term);
        let earliest = UnixSeconds(offer.issued.0.saturating_sub(MAX_CLOCK_SKEW_SECONDS));
        let starts = earliest..=offer.expires.plus(MAX_CLOCK_SKEW_SECONDS);
        if terms.capacity > offer.free {
            return Err(Refusal::Full { free: offer.free });
        }
        if !drafted
            || terms.owner_key != *peer
            || !term.contains(&terms.seconds())
            || !starts.contains(&terms.start)
        {
            return Err(Refusal::TermsNotOffered);
        }
        Ok(())
    }

    /// Moves the capacity from free to reserved, unless it is already.
    fn reserve(&self, id: AgreementId, terms: Terms, deposited: Stroops) -> Result<(), Refusal> {
        if self.desk().seats.contains_key(&id) {
            return Ok(());
        }
        let slots = {
            let desk = self.desk();
            self.check_room(&desk, &terms, deposited)?;
            desk.space.usable() - desk.space.free + terms.capacity.whole_sectors()
        };
        let slots = u32::try_from(slots).map_err(|_| Refusal::TooMany)?;
        self.ports.sectors.reserve(slots).map_err(HostError::from)?;
        let mut desk = self.desk();
        if desk.seats.contains_key(&id) {
            return Ok(());
        }
        self.check_room(&desk, &terms, deposited)?;
        let agreement = Agreement::proposed(id, terms);
        let mut space = desk.space;
        space.transfer(Account::Free, Account::Reserved, agreement.capacity()).map_err(HostError::from)?;
        let mut batch = Batch::new();
        batch.agreement(&agreement, None);
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        desk.seats.insert(id, Seat::of(&agreement));
        Ok(())
    }

    fn check_room(&self, desk: &Desk, terms: &Terms, deposited: Stroops) -> Result<(), Refusal> {
        let policy = &self.config.offer;
        if !policy.accepting {
            return Err(Refusal::NotAccepting);
        }
        if desk.unopened_by(&terms.owner_key) >= policy.max_unopened_per_owner as usize {
            return Err(Refusal::Busy);
        }
        if terms.capacity.whole_sectors() > desk.space.free {
            let free = ByteCount::from_sectors(desk.space.free).unwrap_or(ByteCount::ZERO);
            return Err(Refusal::Full { free });
        }
        let uncommitted = deposited.checked_sub(desk.promised()).unwrap_or(Stroops::ZERO);
        if terms.collateral > uncommitted { Err(Refusal::CollateralShort) } else { Ok(()) }
    }

    /// Looks at the ledger whether the agreement is open, and remembers it.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] while the slot does not hold the agreement's opening state.
    pub async fn activate(self: &Arc<Self>, peer: NodeKey, id: AgreementId) -> Result<(), Refusal> {
        let agreement = self.blocking(move |host| host.agreement_of(&peer, &id)).await?;
        match agreement.state {
            AgreementState::Proposed => {}
            AgreementState::Open | AgreementState::Parting => return Ok(()),
            AgreementState::Settled | AgreementState::Lapsed => return Err(Refusal::Ended),
        }
        let held = self.ports.ledger.slot(agreement.place()).await.map_err(HostError::from)?;
        let opening = agreement.opening_state().commitment(&SoftwareSha256, &id);
        if held != Some(opening) {
            return Err(Refusal::NotOpen);
        }
        self.write(move |host| host.opened(&id)).await
    }

    /// Marks a proposed agreement as open.
    pub(crate) fn opened(&self, id: &AgreementId) -> Result<(), Refusal> {
        let mut desk = self.desk();
        let Some(mut agreement) = self.agreement(id)? else { return Err(Refusal::UnknownAgreement) };
        if agreement.state != AgreementState::Proposed {
            return Ok(());
        }
        let was_due = agreement.due;
        agreement.step(AgreementState::Open)?;
        agreement.due = agreement.terms.end;
        let mut batch = Batch::new();
        batch.agreement(&agreement, Some(was_due));
        self.apply(batch)?;
        if let Some(seat) = desk.seats.get_mut(id) {
            seat.state = AgreementState::Open;
        }
        Ok(())
    }

    /// Gives back the space of a proposal that was never opened.
    pub(crate) fn lapsed(&self, id: &AgreementId) -> Result<(), HostError> {
        let mut desk = self.desk();
        let Some(mut agreement) = self.agreement(id)? else { return Ok(()) };
        agreement.step(AgreementState::Lapsed)?;
        let mut space = desk.space;
        space.transfer(Account::Reserved, Account::Free, agreement.capacity())?;
        let mut batch = Batch::new();
        batch.retire(&agreement);
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        desk.seats.remove(id);
        Ok(())
    }
}
