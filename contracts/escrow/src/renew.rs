//! `renew`: one agreement ends by consent and its successor takes the same slot, in one transaction; the host's
//! collateral goes from one to the other over its free balance, and the owner pays or gets the difference.

use crate::agreement::Agreement;
use crate::close::close_one;
use crate::error::Error;
use crate::open::{Openings, check_batch};
use crate::types::{MAX_RENEW, Renewal};
use layr_market::Terms;
use soroban_sdk::{Address, Env, Vec};

/// Renews every agreement of the batch or none.
pub fn renew(env: &Env, owner: &Address, batch: &Vec<Renewal>) -> Result<(), Error> {
    check_batch(batch.len(), MAX_RENEW)?;
    let mut openings = Openings::new(env, owner);
    for renewal in batch.iter() {
        let (old, share) = close_one(env, &renewal.closing, true)?;
        old.require_unchallenged()?;
        openings.add_due(&old.token, -share.0);
        let new = openings.lock(&renewal.opening)?;
        if !continues(&old, &new) {
            return Err(Error::NotRenewal);
        }
    }
    openings.collect();
    Ok(())
}

/// True where these terms take the place of the old agreement's: between the same two, in the same slot and
/// asset. The host is known by its present key, which may have been rotated since the opening.
fn continues(old: &Agreement<'_>, new: &Terms) -> bool {
    new.previous == old.id
        && new.owner_account == old.terms.owner_account
        && new.host_key == old.state.host_key
        && new.token == old.terms.token
        && new.folder == old.terms.folder
        && new.slot == old.terms.slot
}
