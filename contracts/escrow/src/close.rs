//! `close`: both sign how the locked money is split; the cheap end of almost every agreement.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Closed;
use crate::hash::check_signature;
use crate::open::{check_batch, last_opening};
use crate::payout::Run;
use crate::storage;
use crate::types::{Closing, MAX_CLOSE};
use layr_market::{FINAL_BYTES, FinalReason, FinalSplit, Kind, Outcome};
use layr_types::Stroops;
use soroban_sdk::{Env, Vec};

/// Closes every agreement of the batch or none. The bond of an open challenge goes to the owner's account.
pub fn close(env: &Env, batch: &Vec<Closing>) -> Result<(), Error> {
    check_batch(batch.len(), MAX_CLOSE)?;
    let mut run = Run::new(env);
    for closing in batch.iter() {
        let (agreement, owner) = close_one(env, &closing, false)?;
        run.add(&agreement.token, &agreement.owner, owner.0 + agreement.state.challenge.bond.0);
    }
    run.flush();
    Ok(())
}

/// Ends one agreement as both signed; returns it with the owner's share, which is still to be paid.
///
/// A split signed for a renewal ends nothing else: whoever signed it gave up a proof for a host that goes on.
pub fn close_one<'a>(
    env: &'a Env,
    closing: &Closing,
    renewal: bool,
) -> Result<(Agreement<'a>, Stroops), Error> {
    let agreement = Agreement::load(env, &closing.terms, &closing.state)?;
    if storage::now(env) <= last_opening(&agreement.terms) {
        return Err(Error::StillOpenable);
    }
    let (raw, digest) = agreement.read::<FINAL_BYTES>(&closing.split, Kind::Final)?;
    let split = FinalSplit::decode(&raw).map_err(|_| Error::Malformed)?;
    if (split.reason == FinalReason::Renewed) != renewal {
        return Err(Error::NotRenewal);
    }
    if split.n < agreement.state.n {
        return Err(Error::OldRevision);
    }
    check_signature(env, &agreement.state.owner_key.0, &digest, &closing.owner_sig);
    check_signature(env, &agreement.state.host_key.0, &digest, &closing.host_sig);
    let shares = agreement.settle(Outcome::Cooperative(&split))?;
    let id = agreement.event_id();
    Closed { id, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok((agreement, shares.owner))
}
