//! `prove`: the host shows the leaves that a beacon round, fixed after the root froze, chose.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Proved;
use crate::hash::HostSha256;
use crate::storage;
use layr_market::{BeaconSchedule, Outcome, Revision, Stage, leaf_index};
use layr_merkle::{MAX_LEAF_PROOF_BYTES, leaf_proof_bytes, verify_leaf_proof};
use layr_types::{LeafIndex, UnixSeconds};
use soroban_sdk::{Bytes, Env};

/// Settles an agreement in the host's favour, against proofs.
pub fn prove(env: &Env, terms: &Bytes, state: &Bytes, args: (&Bytes, &Bytes)) -> Result<(), Error> {
    let (revision, proofs) = args;
    let agreement = Agreement::load(env, terms, state)?;
    agreement.require_unchallenged()?;
    if agreement.stage() != Stage::Proving {
        return Err(Error::WrongStage);
    }
    let revision = agreement.read_published(revision)?;
    let frozen = agreement.terms.freezes_at(agreement.state.ending_at);
    let mut checker = Proofs::new(&revision, proofs);
    checker.samples(env, &agreement, frozen)?;
    checker.finish()?;
    let shares = agreement.end(Outcome::Proved(&revision))?;
    let id = agreement.event_id();
    Proved { id, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok(())
}

/// Leaf proofs of one revision, one after the other.
pub struct Proofs<'a> {
    revision: &'a Revision,
    all: &'a Bytes,
    at: u32,
}

impl<'a> Proofs<'a> {
    /// None checked yet.
    pub const fn new(revision: &'a Revision, all: &'a Bytes) -> Self {
        Self { revision, all, at: 0 }
    }

    /// Checks the proofs of the leaves that are chosen by the round deciding over a root frozen at `frozen`.
    /// A revision that holds nothing needs neither.
    pub fn samples(
        &mut self,
        env: &Env,
        agreement: &Agreement<'_>,
        frozen: UnixSeconds,
    ) -> Result<(), Error> {
        if self.revision.sectors == 0 {
            return Ok(());
        }
        let seed = seed(env, frozen)?;
        let (name, leaves) = ((&agreement.id, self.revision.n), self.revision.leaves());
        for i in 0..u32::from(agreement.terms.samples) {
            let index = leaf_index(&HostSha256(env), &seed, name, i, leaves).ok_or(Error::ProofInvalid)?;
            self.check(index)?;
        }
        Ok(())
    }

    /// Checks the next proof, of the leaf at `index`.
    pub fn check(&mut self, index: LeafIndex) -> Result<(), Error> {
        let Revision { root, sectors, .. } = *self.revision;
        let size = leaf_proof_bytes(index, sectors).map_err(|_| Error::ProofInvalid)?;
        let end = self.at + u32::try_from(size).map_err(|_| Error::ProofInvalid)?;
        if end > self.all.len() {
            return Err(Error::ProofInvalid);
        }
        let mut buffer = [0; MAX_LEAF_PROOF_BYTES];
        let proof = buffer.get_mut(..size).ok_or(Error::ProofInvalid)?;
        self.all.slice(self.at..end).copy_into_slice(proof);
        verify_leaf_proof(proof, index, root, sectors).map_err(|_| Error::ProofInvalid)?;
        self.at = end;
        Ok(())
    }

    /// Refuses bytes behind the last proof.
    pub fn finish(self) -> Result<(), Error> {
        if self.at == self.all.len() { Ok(()) } else { Err(Error::ProofSurplus) }
    }
}

/// The randomness of the round that decides over a root frozen at `frozen`.
fn seed(env: &Env, frozen: UnixSeconds) -> Result<[u8; 32], Error> {
    let config = storage::config(env);
    let genesis = UnixSeconds(config.beacon_genesis);
    let schedule = BeaconSchedule { genesis, period: config.beacon_period };
    let round = schedule.deciding_round(frozen);
    Ok(storage::beacon(env, round).ok_or(Error::BeaconMissing)?.to_array())
}
