//! `expire`: the proof window is over and nobody proved. Anyone may say so.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Expired;
use crate::payout::Run;
use layr_market::{Outcome, Stage};
use soroban_sdk::{Bytes, Env};

/// Settles an agreement that was not proved, or never used.
pub fn expire(env: &Env, terms: &Bytes, state: &Bytes, revision: &Bytes) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    if agreement.stage() != Stage::Over {
        return Err(Error::WrongStage);
    }
    let mut run = Run::new(env);
    let shares = if agreement.state.n == 0 && revision.is_empty() {
        agreement.settle(Outcome::Unused, &mut run)?
    } else {
        agreement.settle(Outcome::Missed(&agreement.read_published(revision)?), &mut run)?
    };
    run.flush();
    let id = agreement.event_id();
    Expired { id, burn: shares.burn.0, host: shares.host.0, owner: shares.owner.0 }.publish(env);
    Ok(())
}
