//! `close`: both sign how the locked money is split; the cheap end of almost every agreement.

use crate::agreement::{Agreement, exactly};
use crate::error::Error;
use crate::event::Closed;
use crate::hash::{HostSha256, check_signature};
use crate::open::last_opening;
use crate::payout::Run;
use crate::storage;
use crate::types::{Closing, MAX_CLOSE};
use layr_market::{FINAL_BYTES, FinalSplit, Kind, Outcome, digest};
use soroban_sdk::{Env, Vec};

/// Closes every agreement of the batch or none.
pub fn close(env: &Env, batch: &Vec<Closing>) -> Result<(), Error> {
    if batch.is_empty() || batch.len() > MAX_CLOSE {
        return Err(Error::BatchSize);
    }
    let mut run = Run::new(env);
    for closing in batch.iter() {
        close_one(env, &closing, &mut run)?;
    }
    run.flush();
    Ok(())
}

fn close_one(env: &Env, closing: &Closing, run: &mut Run<'_>) -> Result<(), Error> {
    let agreement = Agreement::load(env, &closing.terms, &closing.state)?;
    if storage::now(env) <= last_opening(&agreement.terms) {
        return Err(Error::StillOpenable);
    }
    let raw = exactly::<FINAL_BYTES>(&closing.split)?;
    let split = FinalSplit::decode(&raw).map_err(|_| Error::Malformed)?;
    if split.id != agreement.id {
        return Err(Error::WrongAgreement);
    }
    if split.n < agreement.state.n {
        return Err(Error::OldRevision);
    }
    let digest = digest(&HostSha256(env), Kind::Final, &raw);
    check_signature(env, &agreement.state.owner_key.0, &digest, &closing.owner_sig);
    check_signature(env, &agreement.state.host_key.0, &digest, &closing.host_sig);
    let shares = agreement.settle(Outcome::Cooperative(&split), run)?;
    let id = agreement.event_id();
    Closed { id, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok(())
}
