//! One agreement as the ledger knows it. Holding an [`Agreement`] says: the slot its terms name holds the
//! commitment to these terms and this state, at this moment.
//!
//! Digests are taken over the bytes as they came: decoding accepts canonical ones only, so they are what
//! `layr-market` would encode, and the contract pays no rent for encoders it can do without.

use crate::account::{account_address, contract_address};
use crate::error::Error;
use crate::hash::{HostSha256, context};
use crate::payout::{burn_address, pay};
use crate::storage;
use layr_market::{
    Kind, MoveError, Outcome, Phase, REVISION_BYTES, Revision, SLOT_STATE_BYTES, SettleError, Settled,
    Settlement, Sha256 as _, SlotState, Stage, TERMS_BYTES, Terms, digest, message_digest, settle,
};
use layr_types::{AgreementId, UnixSeconds};
use soroban_sdk::{Address, Bytes, BytesN, Env};

/// A verified agreement.
pub struct Agreement<'a> {
    env: &'a Env,
    /// Its terms.
    pub terms: Terms,
    /// Its id.
    pub id: AgreementId,
    /// Its state.
    pub state: SlotState,
    /// The owner's account.
    pub owner: Address,
    /// The escrowed asset.
    pub token: Address,
}

/// Copies an argument of exactly `N` bytes.
pub fn exactly<const N: usize>(bytes: &Bytes) -> Result<[u8; N], Error> {
    let fixed: BytesN<N> = bytes.try_into().map_err(|_| Error::Malformed)?;
    Ok(fixed.to_array())
}

/// Reads terms and computes the id they have here.
pub fn read_terms(env: &Env, bytes: &Bytes) -> Result<(Terms, AgreementId), Error> {
    let raw = exactly::<TERMS_BYTES>(bytes)?;
    let terms = Terms::decode(&raw).map_err(|_| Error::Malformed)?;
    let id = message_digest(&HostSha256(env), Kind::Terms, &context(env), &raw);
    Ok((terms, AgreementId(id)))
}

/// What the slot of an agreement in this state holds: [`SlotState::commitment`], over bytes already encoded.
pub fn commitment(env: &Env, id: &AgreementId, state: &[u8; SLOT_STATE_BYTES]) -> [u8; 32] {
    HostSha256(env).sha256(&[Kind::Slot.tag(), &id.0, state])
}

impl<'a> Agreement<'a> {
    /// Checks terms and state against the slot.
    pub fn load(env: &'a Env, terms: &Bytes, state: &Bytes) -> Result<Self, Error> {
        let (terms, id) = read_terms(env, terms)?;
        let raw = exactly::<SLOT_STATE_BYTES>(state)?;
        let state = SlotState::decode(&raw).map_err(|_| Error::Malformed)?;
        let owner = account_address(env, &terms.owner_account.0)?;
        let held = storage::slot(env, &owner, terms.folder, terms.slot.into());
        if held != commitment(env, &id, &raw) {
            return Err(Error::SlotMismatch);
        }
        let token = contract_address(env, &terms.token.0)?;
        Ok(Self { env, terms, id, state, owner, token })
    }

    /// Where it stands now.
    pub fn stage(&self) -> Stage {
        self.state.stage(&self.terms, storage::now(self.env))
    }

    /// Its id for an event.
    pub fn event_id(&self) -> BytesN<32> {
        BytesN::from_array(self.env, &self.id.0)
    }

    /// The bytes of a signed object of this agreement, with its digest. They all open with a version byte and
    /// the agreement's id.
    pub fn read<const N: usize>(&self, bytes: &Bytes, kind: Kind) -> Result<([u8; N], [u8; 32]), Error> {
        let raw = exactly::<N>(bytes)?;
        if raw.get(1..33) != Some(&self.id.0[..]) {
            return Err(Error::WrongAgreement);
        }
        Ok((raw, digest(&HostSha256(self.env), kind, &raw)))
    }

    /// Reads a revision of this agreement; with its digest.
    pub fn read_revision(&self, bytes: &Bytes) -> Result<(Revision, [u8; 32]), Error> {
        let (raw, digest) = self.read::<REVISION_BYTES>(bytes, Kind::Revision)?;
        Ok((Revision::decode(&raw).map_err(|_| Error::Malformed)?, digest))
    }

    /// Reads the revision on record.
    pub fn read_published(&self, bytes: &Bytes) -> Result<Revision, Error> {
        let (revision, digest) = self.read_revision(bytes)?;
        if self.state.n == 0 || digest != self.state.revision {
            return Err(Error::WrongRevision);
        }
        Ok(revision)
    }

    /// Refuses while a challenge is open: it is over before the agreement ends, or nobody has answered it.
    pub fn require_unchallenged(&self) -> Result<(), Error> {
        match self.state.phase {
            Phase::Active => Ok(()),
            Phase::Challenged => Err(Error::ChallengeOpen),
        }
    }

    /// Puts the state that follows into the slot; returns its bytes, for the event.
    pub fn enter(&self, next: Result<SlotState, MoveError>) -> Result<Bytes, Error> {
        let next = next.map_err(|error| Error::of_move(error, self.state.phase))?;
        let raw = next.encode();
        self.set_slot(&commitment(self.env, &self.id, &raw));
        Ok(Bytes::from_slice(self.env, &raw))
    }

    /// The key the host's balance is kept under.
    pub fn host(&self) -> BytesN<32> {
        BytesN::from_array(self.env, &self.terms.host_key.0)
    }

    /// Ends it: frees the slot, adds the host's share to its balance, burns. The owner's share is left to the
    /// caller, and so is the bond of an open challenge.
    pub fn settle(&self, outcome: Outcome<'_>) -> Result<Settlement, Error> {
        let settled = Settled { floor: self.state.floor, voucher: self.state.voucher };
        let ending = self.terms.end.min(self.ending());
        let split = settle(&self.terms, settled, ending, outcome).map_err(|error| match error {
            SettleError::Revision => Error::RevisionUnfit,
            _ => Error::SplitUnfit,
        })?;
        self.set_slot(&[0; 32]);
        storage::add_balance(self.env, &self.host(), &self.token, split.host.0);
        if split.burn.0 > 0 {
            pay(self.env, &self.token, &burn_address(self.env)?, split.burn.0);
        }
        Ok(split)
    }

    /// Ends it and pays the owner its share; with it the bond of a challenge nobody answered.
    pub fn end(&self, outcome: Outcome<'_>) -> Result<Settlement, Error> {
        let split = self.settle(outcome)?;
        pay(self.env, &self.token, &self.owner, split.owner.0 + self.state.challenge.bond.0);
        Ok(split)
    }

    fn ending(&self) -> UnixSeconds {
        self.state.ending_at.min(storage::now(self.env))
    }

    fn set_slot(&self, commitment: &[u8; 32]) {
        storage::set_slot(self.env, &self.owner, self.terms.folder, self.terms.slot.into(), commitment);
    }
}
