//! `expire` and `default`: a deadline is over and nobody proved. Anyone may say so.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::{Defaulted, Expired};
use crate::storage;
use layr_market::{Outcome, Phase, Stage};
use soroban_sdk::{Bytes, Env};

/// Settles an agreement that was not proved, or never used.
pub fn expire(env: &Env, terms: &Bytes, state: &Bytes, revision: &Bytes) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    agreement.require_unchallenged()?;
    if agreement.stage() != Stage::Over {
        return Err(Error::WrongStage);
    }
    let shares = if agreement.state.n == 0 && revision.is_empty() {
        agreement.end(Outcome::Unused)?
    } else {
        agreement.end(Outcome::Missed(&agreement.read_published(revision)?))?
    };
    let id = agreement.event_id();
    Expired { id, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok(())
}

/// Settles an agreement whose challenge nobody answered in time.
pub fn default(env: &Env, terms: &Bytes, state: &Bytes, revision: &Bytes) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    if agreement.state.phase == Phase::Active {
        return Err(Error::NoChallenge);
    }
    if !agreement.state.in_default(&agreement.terms, storage::now(env)) {
        return Err(Error::WrongStage);
    }
    let shares = agreement.end(Outcome::Missed(&agreement.read_published(revision)?))?;
    let (id, bond) = (agreement.event_id(), agreement.state.challenge.bond.0);
    Defaulted { id, bond, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok(())
}
