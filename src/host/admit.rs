//! Admission: from a proposal to an open agreement. Space and collateral are promised before the host signs,
//! and the promise is on disk before the signature leaves.

use crate::agreement::{Agreement, AgreementState, Reads};
use crate::batch::Batch;
use crate::desk::{Desk, Seat};
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::rows;
use crate::space::Account;
use layr_identity::verify;
use layr_market::{Offer, Request, SoftwareSha256, Terms};
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Proposal, Refusal};
use layr_types::{AgreementId, ByteCount, ContractId, NodeKey, Signature, Stroops, UnixSeconds};
use std::sync::Arc;

/// What stands against new terms.
pub(crate) struct Promise {
    /// Sectors that a predecessor's promise covers.
    pub inherits: u64,
    /// What the predecessor's end gives back to the host's balance before the new collateral is taken.
    pub released: Stroops,
    /// The host's free balance.
    pub deposited: Stroops,
}

impl Host {
    /// Reserves the capacity of `proposal` for `peer` and signs the agreement id. Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn propose(self: &Arc<Self>, peer: NodeKey, proposal: Proposal) -> Result<Signature, Refusal> {
        self.check_proposal(&peer, &proposal).await?;
        if proposal.terms.previous != AgreementId::default() {
            return Err(Refusal::TermsNotOffered);
        }
        let deposited = self.free_collateral(proposal.terms.token).await?;
        let id = proposal.terms.id(&SoftwareSha256, &self.config.context);
        self.write(move |host| host.reserve(id, proposal, deposited)).await?;
        Ok(self.ports.signer.sign(&id.0))
    }

    /// Checks everything about a proposal that needs no state.
    pub(crate) async fn check_proposal(&self, peer: &NodeKey, proposal: &Proposal) -> Result<(), Refusal> {
        let expires = proposal.offer.offer.expires;
        let now = self.clock.recent().await.map_err(HostError::from)?;
        self.check_offer(proposal)?;
        let now = if now > expires { self.clock.fresh().await.map_err(HostError::from)? } else { now };
        self.check_terms(peer, proposal, now)
    }

    pub(crate) async fn free_collateral(&self, token: ContractId) -> Result<Stroops, Refusal> {
        Ok(self.ports.ledger.free_collateral(token).await.map_err(HostError::from)?)
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
        let drafted = offer.draft(&Request::of(terms));
        let drafted = drafted.is_ok_and(|drafted| Terms { previous: terms.previous, ..drafted } == *terms);
        let term = u64::from(offer.min_term)..=u64::from(offer.max_term);
        let earliest = UnixSeconds(offer.issued.0.saturating_sub(MAX_CLOCK_SKEW_SECONDS));
        let starts = earliest..=offer.expires.plus(MAX_CLOCK_SKEW_SECONDS);
        let renewal = terms.previous != AgreementId::default();
        if terms.capacity > offer.free && !renewal {
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
    fn reserve(&self, id: AgreementId, proposal: Proposal, deposited: Stroops) -> Result<(), Refusal> {
        let Proposal { terms, offer } = proposal;
        let promise = Promise { inherits: 0, released: Stroops::ZERO, deposited };
        if self.desk().seats.contains_key(&id) {
            return Ok(());
        }
        let slots = {
            let desk = self.desk();
            self.check_room(&desk, &terms, &promise)?;
            desk.space.usable() - desk.space.free + terms.capacity.whole_sectors()
        };
        let slots = u32::try_from(slots).map_err(|_| Refusal::TooMany)?;
        self.ports.sectors.reserve(slots).map_err(HostError::from)?;
        let mut desk = self.desk();
        if desk.seats.contains_key(&id) {
            return Ok(());
        }
        self.check_room(&desk, &terms, &promise)?;
        let reads = self.reads_of(&terms, &offer.offer);
        let agreement = Agreement { reads, ..Agreement::proposed(id, terms) };
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

    /// What reading costs under terms drafted from `offer` today.
    pub(crate) fn reads_of(&self, terms: &Terms, offer: &Offer) -> Reads {
        let percent = u128::from(self.config.offer.free_reads_percent);
        let free = u128::from(terms.capacity.0).saturating_mul(percent) / 100;
        let free = ByteCount(u64::try_from(free).unwrap_or(u64::MAX));
        Reads { rate: offer.egress_rate, free, ..Reads::default() }
    }

    /// Whether space and collateral suffice for `terms`.
    pub(crate) fn check_room(&self, desk: &Desk, terms: &Terms, promise: &Promise) -> Result<(), Refusal> {
        let policy = &self.config.offer;
        if !policy.accepting {
            return Err(Refusal::NotAccepting);
        }
        if desk.unopened_by(&terms.owner_key) >= policy.max_unopened_per_owner as usize {
            return Err(Refusal::Busy);
        }
        if terms.capacity.whole_sectors().saturating_sub(promise.inherits) > desk.space.free {
            let free = ByteCount::from_sectors(desk.space.free).unwrap_or(ByteCount::ZERO);
            return Err(Refusal::Full { free });
        }
        let uncommitted = promise.deposited.checked_sub(desk.promised()).unwrap_or(Stroops::ZERO);
        let uncommitted = uncommitted.checked_add(promise.released).unwrap_or(uncommitted);
        if terms.collateral > uncommitted { Err(Refusal::CollateralShort) } else { Ok(()) }
    }

    /// Looks at the ledger whether the agreement is open, and remembers it. Of an agreement that is open already
    /// it looks at what the slot holds now: an owner who has moved it need not wait for the watcher.
    ///
    /// # Errors
    /// [`Refusal::NotOpen`] while the slot does not hold the agreement's opening state.
    pub async fn activate(self: &Arc<Self>, peer: NodeKey, id: AgreementId) -> Result<(), Refusal> {
        let agreement = self.blocking(move |host| host.agreement_of(&peer, &id)).await?;
        match agreement.state {
            AgreementState::Proposed => {}
            AgreementState::Open | AgreementState::Parting => {
                return Ok(self.look_at_slot(&agreement).await.map(drop)?);
            }
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
        let Some(agreement) = self.agreement(id)? else { return Err(Refusal::UnknownAgreement) };
        if agreement.state != AgreementState::Proposed {
            return Ok(());
        }
        let old = self.agreement(&agreement.terms.previous)?;
        if let Some(old) = old.filter(|old| old.heir.is_some_and(|heir| heir.id == *id)) {
            return Ok(self.hand_over(&old.id, id)?);
        }
        let mut desk = self.desk();
        let Some(mut agreement) = self.agreement(id)? else { return Err(Refusal::UnknownAgreement) };
        if agreement.state != AgreementState::Proposed {
            return Ok(());
        }
        let was_due = agreement.due;
        agreement.step(AgreementState::Open)?;
        agreement.due = agreement.terms.start;
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
        space.transfer(Account::Reserved, Account::Free, agreement.promised())?;
        let mut batch = Batch::new();
        batch.retire(&agreement);
        if let Some(carried) = &agreement.newest {
            batch.delete(Table::Revisions, rows::numbered_key(id, carried.revision.n));
        }
        let old = self.disinherit(&agreement)?;
        if let Some(old) = &old {
            batch.agreement(old, None);
        }
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        desk.seats.remove(id);
        if let Some(old) = &old {
            desk.seat(old);
        }
        Ok(())
    }
}
