//! `open`: the owner's escrow in, the host's collateral locked, the slot set.

use crate::account::{account_address, contract_address, take};
use crate::agreement::{commitment, read_terms};
use crate::error::Error;
use crate::event::Opened;
use crate::hash::check_signature;
use crate::payout::{pay, receive};
use crate::storage;
use crate::types::{Config, MAX_OPEN, OPENING_SLACK_SECONDS, Opening};
use layr_market::{SlotState, Terms};
use layr_types::UnixSeconds;
use soroban_sdk::{Address, Bytes, BytesN, Env, IntoVal as _, Map, Vec};

/// Refuses a batch that is empty or too long.
pub fn check_batch(size: u32, most: u32) -> Result<(), Error> {
    if (1..=most).contains(&size) { Ok(()) } else { Err(Error::BatchSize) }
}

/// Opens every agreement of the batch or none.
pub fn open(env: &Env, owner: &Address, batch: &Vec<Opening>) -> Result<(), Error> {
    check_batch(batch.len(), MAX_OPEN)?;
    let mut openings = Openings::new(env, owner);
    for opening in batch.iter() {
        openings.lock(&opening)?;
    }
    openings.collect();
    Ok(())
}

/// Agreements of one owner whose slots are set and whose collateral is locked; the owner's part is still due.
///
/// The owner authorises the ids, not the batch: they bind every word of it, and an authorisation repeats its
/// arguments in the transaction. Ids are known only here, so the locks come first; without the
/// authorisation none of them stays.
pub struct Openings<'a> {
    env: &'a Env,
    owner: &'a Address,
    config: Config,
    ids: Bytes,
    due: Map<Address, i128>,
}

/// Until when terms can be opened; only later can they be closed, so that they are never opened twice.
pub fn last_opening(terms: &Terms) -> UnixSeconds {
    terms.offer_expiry.min(terms.start.plus(OPENING_SLACK_SECONDS))
}

impl<'a> Openings<'a> {
    /// Nothing locked, nothing due.
    pub fn new(env: &'a Env, owner: &'a Address) -> Self {
        let config = storage::config(env);
        Self { env, owner, config, ids: Bytes::new(env), due: Map::new(env) }
    }

    /// Checks one opening, locks the collateral and sets the slot.
    pub fn lock(&mut self, opening: &Opening) -> Result<Terms, Error> {
        let (env, owner) = (self.env, self.owner);
        let (terms, id) = read_terms(env, &opening.terms)?;
        terms.check().map_err(|_| Error::TermsOutOfBounds)?;
        if account_address(env, &terms.owner_account.0)? != *owner {
            return Err(Error::WrongAccount);
        }
        let token = contract_address(env, &terms.token.0)?;
        if !self.config.tokens.contains(&token) {
            return Err(Error::TokenNotAllowed);
        }
        check_times(&terms, storage::now(env))?;
        if storage::slot(env, owner, terms.folder, terms.slot.into()) != [0; 32] {
            return Err(Error::SlotTaken);
        }
        check_signature(env, &terms.host_key.0, &id.0, &opening.host_sig);
        let host_key = BytesN::from_array(env, &terms.host_key.0);
        take(env, &host_key, &token, terms.collateral.0)?;
        let commitment = commitment(env, &id, &SlotState::opening(&terms).encode());
        storage::set_slot(env, owner, terms.folder, terms.slot.into(), &commitment);
        let windows = u64::from(terms.publish_window) + u64::from(terms.proof_window);
        let ledgers = storage::ledgers_until(env, terms.end.plus(2 * windows));
        storage::extend_folder(env, owner, terms.folder, ledgers);
        storage::extend_balance(env, &host_key, &token, ledgers);
        self.check_bond(&host_key, &token, ledgers)?;
        self.ids.extend_from_array(&id.0);
        self.add_due(&token, (terms.escrow + terms.voucher_part).0);
        Opened { owner: owner.clone(), host_key, id: BytesN::from_array(env, &id.0) }.publish(env);
        Ok(terms)
    }

    /// Where the deployment asks for bonds: the host has one, and it lives as long.
    fn check_bond(&self, host: &BytesN<32>, token: &Address, ledgers: u32) -> Result<(), Error> {
        if self.config.min_bond == 0 {
            return Ok(());
        }
        if storage::bond(self.env, host, token).amount < self.config.min_bond {
            return Err(Error::BondTooSmall);
        }
        storage::extend_bond(self.env, host, token, ledgers);
        Ok(())
    }

    /// Adds to what the owner pays of a token; negative amounts are what it gets.
    pub fn add_due(&mut self, token: &Address, amount: i128) {
        let sum = self.due.get(token.clone()).unwrap_or(0) + amount;
        self.due.set(token.clone(), sum);
    }

    /// Has the owner agree and pay, or be paid, one sum for each token.
    pub fn collect(self) {
        let (env, owner) = (self.env, self.owner);
        let digest = env.crypto().sha256(&self.ids).to_bytes();
        owner.require_auth_for_args((digest,).into_val(env));
        for (token, amount) in self.due.iter() {
            if amount > 0 {
                receive(env, &token, owner, amount);
            } else {
                pay(env, &token, owner, -amount);
            }
        }
    }
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
