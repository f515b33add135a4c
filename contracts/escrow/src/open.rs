//! `open`: the owner's escrow in, the host's collateral locked, the slot set.

use crate::account::{account_address, contract_address};
use crate::agreement::read_terms;
use crate::error::Error;
use crate::event::Opened;
use crate::hash::{HostSha256, check_signature};
use crate::storage;
use crate::types::{Config, MAX_OPEN, OPENING_SLACK_SECONDS, Opening};
use layr_market::{SlotState, Terms};
use layr_types::{AgreementId, UnixSeconds};
use soroban_sdk::{Address, Bytes, BytesN, Env, IntoVal as _, Map, Vec, token};

/// Opens every agreement of the batch or none.
///
/// The owner authorises the ids, not the batch: they bind every word of it, and an authorisation repeats its
/// arguments in the transaction. Ids are known only here, so the locks come first; without the
/// authorisation none of them stays.
pub fn open(env: &Env, owner: &Address, batch: &Vec<Opening>) -> Result<(), Error> {
    if batch.is_empty() || batch.len() > MAX_OPEN {
        return Err(Error::BatchSize);
    }
    let config = storage::config(env);
    let mut ids = Bytes::new(env);
    let mut due = Map::<Address, i128>::new(env);
    for opening in batch.iter() {
        let locked = lock(env, owner, &config, &opening)?;
        ids.extend_from_array(&locked.id.0);
        let sum = due.get(locked.token.clone()).unwrap_or(0) + locked.amount;
        due.set(locked.token, sum);
    }
    let digest = env.crypto().sha256(&ids).to_bytes();
    owner.require_auth_for_args((digest,).into_val(env));
    for (token, amount) in due.iter() {
        token::TokenClient::new(env, &token).transfer(owner, env.current_contract_address(), &amount);
    }
    Ok(())
}

/// One agreement whose slot is set and whose collateral is locked; the owner's part is still due.
struct Locked {
    id: AgreementId,
    token: Address,
    amount: i128,
}

/// Until when terms can be opened; only later can they be closed, so that they are never opened twice.
pub fn last_opening(terms: &Terms) -> UnixSeconds {
    terms.offer_expiry.min(terms.start.plus(OPENING_SLACK_SECONDS))
}

/// Checks one opening, locks the collateral and sets the slot.
fn lock(env: &Env, owner: &Address, config: &Config, opening: &Opening) -> Result<Locked, Error> {
    let (terms, id) = read_terms(env, &opening.terms)?;
    terms.check().map_err(|_| Error::TermsOutOfBounds)?;
    if account_address(env, &terms.owner_account.0)? != *owner {
        return Err(Error::WrongAccount);
    }
    let token = contract_address(env, &terms.token.0)?;
    if !config.tokens.contains(&token) {
        return Err(Error::TokenNotAllowed);
    }
    check_times(&terms, storage::now(env))?;
    if storage::slot(env, owner, terms.folder, terms.slot.into()) != [0; 32] {
        return Err(Error::SlotTaken);
    }
    check_signature(env, &terms.host_key.0, &id.0, &opening.host_sig);
    let host_key = BytesN::from_array(env, &terms.host_key.0);
    if storage::add_balance(env, &host_key, &token, -terms.collateral.0) < 0 {
        return Err(Error::BalanceTooSmall);
    }
    let commitment = SlotState::opening(&terms).commitment(&HostSha256(env), &id);
    storage::set_slot(env, owner, terms.folder, terms.slot.into(), &commitment);
    let windows = u64::from(terms.publish_window) + u64::from(terms.proof_window);
    let ledgers = storage::ledgers_until(env, terms.end.plus(2 * windows));
    storage::extend_folder(env, owner, terms.folder, ledgers);
    storage::extend_balance(env, &host_key, &token, ledgers);
    Opened { owner: owner.clone(), host_key, id: BytesN::from_array(env, &id.0) }.publish(env);
    Ok(Locked { id, token, amount: terms.escrow.0 + terms.voucher_part.0 })
}

fn check_times(terms: &Terms, now: UnixSeconds) -> Result<(), Error> {
    if now > terms.offer_expiry {
        return Err(Error::OfferExpired);
    }
    let distance = now.since(terms.start).max(terms.start.since(now));
    if distance > OPENING_SLACK_SECONDS || now >= terms.end {
        return Err(Error::StartOutOfRange);
    }
    Ok(())
}
