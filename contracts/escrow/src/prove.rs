//! `prove`: the host shows the leaves that a beacon round, fixed after the root froze, chose.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Proved;
use crate::hash::HostSha256;
use crate::payout::Run;
use crate::storage;
use layr_market::{BeaconSchedule, Outcome, Revision, Stage, leaf_index};
use layr_merkle::{MAX_LEAF_PROOF_BYTES, leaf_proof_bytes, verify_leaf_proof};
use layr_types::{LeafIndex, UnixSeconds};
use soroban_sdk::{Bytes, Env};

/// Settles an agreement in the host's favour, against proofs.
pub fn prove(env: &Env, terms: &Bytes, state: &Bytes, args: (&Bytes, &Bytes)) -> Result<(), Error> {
    let (revision, proofs) = args;
    let agreement = Agreement::load(env, terms, state)?;
    if agreement.stage() != Stage::Proving {
        return Err(Error::WrongStage);
    }
    let revision = agreement.read_published(revision)?;
    let rest = if revision.sectors == 0 { 0 } else { check_all(env, &agreement, &revision, proofs)? };
    if rest != proofs.len() {
        return Err(Error::ProofSurplus);
    }
    let mut run = Run::new(env);
    let shares = agreement.settle(Outcome::Proved(&revision), &mut run)?;
    run.flush();
    let id = agreement.event_id();
    Proved { id, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok(())
}

/// Checks every proof; returns how many bytes they took.
fn check_all(
    env: &Env,
    agreement: &Agreement<'_>,
    revision: &Revision,
    proofs: &Bytes,
) -> Result<u32, Error> {
    let seed = seed(env, agreement)?;
    let mut at = 0;
    for i in 0..u32::from(agreement.terms.samples) {
        let name = (&agreement.id, revision.n);
        let index =
            leaf_index(&HostSha256(env), &seed, name, i, revision.leaves()).ok_or(Error::ProofInvalid)?;
        at += check_one(proofs, at, index, revision)?;
    }
    Ok(at)
}

/// The randomness of the deciding round.
fn seed(env: &Env, agreement: &Agreement<'_>) -> Result<[u8; 32], Error> {
    let config = storage::config(env);
    let genesis = UnixSeconds(config.beacon_genesis);
    let schedule = BeaconSchedule { genesis, period: config.beacon_period };
    let frozen = agreement.terms.freezes_at(agreement.state.ending_at);
    let round = schedule.deciding_round(frozen);
    Ok(storage::beacon(env, round).ok_or(Error::BeaconMissing)?.to_array())
}

/// Checks the proof that starts at `at`; returns its length.
fn check_one(proofs: &Bytes, at: u32, index: LeafIndex, revision: &Revision) -> Result<u32, Error> {
    let size = leaf_proof_bytes(index, revision.sectors).map_err(|_| Error::ProofInvalid)?;
    let length = u32::try_from(size).map_err(|_| Error::ProofInvalid)?;
    if at + length > proofs.len() {
        return Err(Error::ProofInvalid);
    }
    let mut buffer = [0; MAX_LEAF_PROOF_BYTES];
    let proof = buffer.get_mut(..size).ok_or(Error::ProofInvalid)?;
    proofs.slice(at..at + length).copy_into_slice(proof);
    verify_leaf_proof(proof, index, revision.root, revision.sectors).map_err(|_| Error::ProofInvalid)?;
    Ok(length)
}
