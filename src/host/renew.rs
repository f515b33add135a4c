//! Renewal: a new agreement takes over an old one's slot, money and contents, and no byte travels.
//!
//! The host checks terms, split and first revision with its own computation and signs all three at once. From then
//! on the old agreement stands still until the owner's `renew` transaction is seen or the consent has lapsed with
//! the offer. The hand-over is one batch: the new agreement takes the old one's shelf, so that a crash finds the
//! contents with one of the two and never with both or none.

use crate::admit::Promise;
use crate::agreement::{Agreement, AgreementState, Heir, encode_revision};
use crate::append::check_signature;
use crate::batch::Batch;
use crate::desk::Seat;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{SignedSplit, SlotPlace, Table};
use crate::reads::check_changeable;
use crate::rows;
use crate::space::Account;
use layr_identity::verify;
use layr_market::{FinalReason, Phase, Revision, Settlement, SoftwareSha256, Terms};
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{CoSigned, Proposal, Refusal, Renew, Renewed};
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
use std::sync::Arc;

impl Host {
    /// Consents to a renewal by `peer`. The same request again returns the same signatures.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub async fn renew(self: &Arc<Self>, peer: NodeKey, renew: Renew) -> Result<Renewed, Refusal> {
        let proposal = Proposal { terms: renew.terms.clone(), offer: renew.offer.clone() };
        let now = self.clock.fresh().await.map_err(HostError::from)?;
        self.check_proposal(&peer, &proposal).await?;
        if !verify(&peer, &renew.split.digest(&SoftwareSha256), &renew.signature) {
            return Err(Refusal::BadSignature);
        }
        let id = renew.terms.id(&SoftwareSha256, &self.config.context);
        if let Some(carried) = &renew.carried {
            check_signature(&peer, &carried.revision, &carried.signature)?;
        }
        let deposited = self.free_collateral(renew.terms.token).await?;
        let signed = renew.clone();
        self.write(move |host| host.bequeath(&peer, id, (&signed, deposited), now)).await?;
        let signer = &self.ports.signer;
        let carried = renew.carried.as_ref();
        Ok(Renewed {
            terms: signer.sign(&id.0),
            split: signer.sign(&renew.split.digest(&SoftwareSha256)),
            carried: carried.map(|carried| signer.sign(&carried.revision.digest(&SoftwareSha256))),
        })
    }

    /// Writes down the new agreement and, in the old one, that it has an heir.
    fn bequeath(
        &self,
        peer: &NodeKey,
        id: AgreementId,
        (renew, deposited): (&Renew, Stroops),
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let mut desk = self.desk();
        let mut old = self.agreement_of(peer, &renew.terms.previous)?;
        if old.heir.is_some_and(|heir| heir.id == id && heir.split.split == renew.split) {
            return Ok(());
        }
        check_renewal(&old, &renew.terms, now)?;
        check_carried(&old, id, renew)?;
        check_split(&old, renew, now)?;
        let held = desk.seats.get(&old.id).map_or(0, |seat| seat.held + seat.in_flight);
        if renew.terms.capacity.whole_sectors() < held {
            return Err(Refusal::OverCapacity);
        }
        let inherits = old.capacity().min(renew.terms.capacity.whole_sectors());
        let promise = Promise { inherits, released: renew.split.host, deposited };
        self.check_room(&desk, &renew.terms, &promise)?;
        let host = self.ports.signer.sign(&renew.split.digest(&SoftwareSha256));
        let split = SignedSplit { split: renew.split, owner: renew.signature, host };
        old.heir = Some(Heir { id, until: renew.terms.offer_expiry, split });
        let mut heir = Agreement::proposed(id, renew.terms.clone());
        heir.reads = self.reads_of(&renew.terms, &renew.offer.offer);
        heir.inherits = inherits;
        heir.peaks = old.peaks.clone();
        let mut batch = Batch::new();
        if let Some(carried) = &renew.carried {
            let host = self.ports.signer.sign(&carried.revision.digest(&SoftwareSha256));
            let signed = CoSigned { revision: carried.revision.clone(), owner: carried.signature, host };
            let key = rows::numbered_key(&id, carried.revision.n);
            batch.put(Table::Revisions, key, encode_revision(&signed));
            heir.newest = Some(signed);
        }
        let mut space = desk.space;
        space.transfer(Account::Free, Account::Reserved, heir.promised()).map_err(HostError::from)?;
        batch.agreement(&old, None);
        batch.agreement(&heir, None);
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        desk.seat(&old);
        desk.seats.insert(id, Seat::of(&heir));
        Ok(())
    }

    /// Opens `heir` and gives it everything its predecessor held, in one batch.
    pub(crate) fn hand_over(&self, old: &AgreementId, heir: &AgreementId) -> Result<(), HostError> {
        let mut desk = self.desk();
        let (Some(mut old), Some(mut heir)) = (self.agreement(old)?, self.agreement(heir)?) else {
            return Err(HostError::Dangling { table: Table::Agreements });
        };
        if heir.state != AgreementState::Proposed {
            return Ok(());
        }
        let (old_due, heir_due) = (old.due, heir.due);
        if let Some(will) = old.heir.take()
            && old.state != AgreementState::Settled
        {
            old.step(AgreementState::Settled)?;
            let (host, owner) = (will.split.split.host, will.split.split.owner);
            old.settlement = Some(Settlement { host, owner, burn: Stroops::ZERO });
            old.split = Some(will.split);
        }
        let mut space = desk.space;
        let promised = old.promised() + heir.promised();
        (old.handed, heir.inherits, heir.shelf) = (true, 0, old.shelf);
        space.transfer(Account::Reserved, Account::Free, promised.saturating_sub(heir.promised()))?;
        heir.step(AgreementState::Open)?;
        heir.due = heir.terms.start;
        old.due = heir.terms.start;
        let mut batch = Batch::new();
        batch.agreement(&old, Some(old_due));
        batch.agreement(&heir, Some(heir_due));
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        let held = desk.seats.get(&old.id).map_or(0, |seat| seat.held);
        desk.seat(&old);
        desk.seat(&heir);
        if let Some(seat) = desk.seats.get_mut(&heir.id) {
            seat.held = held;
        }
        tracing::info!(old = %old.id, new = %heir.id, "an agreement was renewed");
        Ok(())
    }

    /// The renewal of `heir`'s predecessor has lapsed with its offer: the old agreement goes on.
    pub(crate) fn disinherit(&self, heir: &Agreement) -> Result<Option<Agreement>, HostError> {
        let old = self.agreement(&heir.terms.previous)?;
        Ok(old.filter(|old| old.heir.is_some_and(|known| known.id == heir.id)).map(|mut old| {
            old.heir = None;
            old
        }))
    }
}

fn check_renewal(old: &Agreement, terms: &Terms, now: UnixSeconds) -> Result<(), Refusal> {
    check_changeable(old)?;
    if now >= old.slot.ending_at {
        return Err(Refusal::Ended);
    }
    if old.slot.phase != Phase::Active {
        return Err(Refusal::Challenged);
    }
    let same = SlotPlace::of(terms) == old.place()
        && terms.host_key == old.terms.host_key
        && terms.token == old.terms.token;
    if same { Ok(()) } else { Err(Refusal::NotRenewal) }
}

/// The first revision holds exactly what the old agreement's newest one holds.
fn check_carried(old: &Agreement, id: AgreementId, renew: &Renew) -> Result<(), Refusal> {
    let newest = old.current();
    let expected = (newest.sectors > 0).then(|| {
        let opening = Revision::opening(&renew.terms, id);
        opening.append(&renew.terms, renew.terms.start, newest.root, newest.sectors)
    });
    let expected = expected.transpose().map_err(crate::append::revision_refusal)?;
    let same = expected.as_ref() == renew.carried.as_ref().map(|carried| &carried.revision);
    if same { Ok(()) } else { Err(Refusal::RevisionMismatch) }
}

/// The split is the fair one, and its moment does not lie in the past.
fn check_split(old: &Agreement, renew: &Renew, now: UnixSeconds) -> Result<(), Refusal> {
    let newest = old.current();
    if renew.split.n != newest.n {
        return Err(Refusal::Stale { newest: newest.n });
    }
    let ending = old.ending(&newest);
    let timely =
        newest.sectors == 0 || ending.paid_until(FinalReason::Renewed).plus(MAX_CLOCK_SKEW_SECONDS) >= now;
    let fair = ending.fair_split(FinalReason::Renewed).is_ok_and(|fair| fair == renew.split);
    if timely && fair { Ok(()) } else { Err(Refusal::SplitMismatch) }
}
