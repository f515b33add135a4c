//! One agreement as the ledger knows it. Holding an [`Agreement`] says: the slot its terms name holds the
//! commitment to these terms and this state, at this moment.
//!
//! Digests are taken over the bytes as they came: decoding accepts canonical ones only, so they are what
//! `layr-market` would encode, and the contract pays no rent for encoders it can do without.

use crate::account::{account_address, contract_address};
use crate::error::Error;
use crate::hash::{HostSha256, context};
use crate::payout::{Run, burn_address, pay};
use crate::storage;
use layr_market::{
    Kind, Outcome, REVISION_BYTES, Revision, SLOT_STATE_BYTES, SettleError, Settled, Settlement, Sha256 as _,
    SlotState, Stage, TERMS_BYTES, Terms, digest, message_digest, settle,
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

impl<'a> Agreement<'a> {
    /// Checks terms and state against the slot.
    pub fn load(env: &'a Env, terms: &Bytes, state: &Bytes) -> Result<Self, Error> {
        let (terms, id) = read_terms(env, terms)?;
        let raw = exactly::<SLOT_STATE_BYTES>(state)?;
        let state = SlotState::decode(&raw).map_err(|_| Error::Malformed)?;
        let owner = account_address(env, &terms.owner_account.0)?;
        let held = storage::slot(env, &owner, terms.folder, terms.slot.into());
        if held != HostSha256(env).sha256(&[Kind::Slot.tag(), &id.0, &raw]) {
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

    /// Reads a revision of this agreement; with its digest.
    pub fn read_revision(&self, bytes: &Bytes) -> Result<(Revision, [u8; 32]), Error> {
        let raw = exactly::<REVISION_BYTES>(bytes)?;
        let revision = Revision::decode(&raw).map_err(|_| Error::Malformed)?;
        if revision.id != self.id {
            return Err(Error::WrongAgreement);
        }
        Ok((revision, digest(&HostSha256(self.env), Kind::Revision, &raw)))
    }

    /// Reads the revision on record.
    pub fn read_published(&self, bytes: &Bytes) -> Result<Revision, Error> {
        let (revision, digest) = self.read_revision(bytes)?;
        if self.state.n == 0 || digest != self.state.revision {
            return Err(Error::WrongRevision);
        }
        Ok(revision)
    }

    /// Puts another state into the slot.
    pub fn replace(&self, state: &SlotState) {
        self.set_slot(&state.commitment(&HostSha256(self.env), &self.id));
    }

    /// Ends it: frees the slot, adds the host's share to its balance, burns, and adds the owner's share to
    /// `run`.
    pub fn settle(&self, outcome: Outcome<'_>, run: &mut Run<'_>) -> Result<Settlement, Error> {
        let settled = Settled { floor: self.state.floor, voucher: self.state.voucher };
        let ending = self.terms.end.min(self.ending());
        let split = settle(&self.terms, settled, ending, outcome).map_err(|error| match error {
            SettleError::Revision => Error::RevisionUnfit,
            _ => Error::SplitUnfit,
        })?;
        self.set_slot(&[0; 32]);
        let host = BytesN::from_array(self.env, &self.terms.host_key.0);
        storage::add_balance(self.env, &host, &self.token, split.host.0);
        run.add(&self.token, &self.owner, split.owner.0);
        if split.burn.0 > 0 {
            pay(self.env, &self.token, &burn_address(self.env)?, split.burn.0);
        }
        Ok(split)
    }

    fn ending(&self) -> UnixSeconds {
        self.state.ending_at.min(storage::now(self.env))
    }

    fn set_slot(&self, commitment: &[u8; 32]) {
        storage::set_slot(self.env, &self.owner, self.terms.folder, self.terms.slot.into(), commitment);
    }
}
