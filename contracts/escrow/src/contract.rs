//! The entry points: one call each into the room that does the work.
//!
//! # Security
//!
//! `register` and `deposit` want the paying account's authorisation, `withdraw`, `bond`, `unbond` and `release`
//! the registered account's, `redeem` that of the agreement's host, `open` and `renew` the owner's,
//! `start_rotation` the account of the side whose key changes, `challenge` that of whoever pays the bond. Everything else may be called by anyone, because what it
//! does was signed by the parties it concerns, proved, or follows from the clock.

#![allow(missing_docs, reason = "the SDK's macros add functions without any")]
#![allow(clippy::too_many_arguments, reason = "the environment comes on top of a call's five arguments")]

use crate::error::Error;
use crate::types::{
    Accusation, BOND_DELAY_SECONDS, Bond, Closing, Config, Constants, MAX_CLOSE, MAX_OPEN, MAX_RENEW,
    MAX_TOKENS, OPENING_SLACK_SECONDS, Opening, Publication, Renewal, SLOTS_PER_FOLDER, VERSION,
};
use crate::{
    account, beacon, bond, challenge, close, expire, notice, open, payout, prove, publish, redeem, renew,
    rotate, storage,
};
use soroban_sdk::{Address, Bytes, BytesN, Env, Vec, contract, contractimpl, panic_with_error};

/// The escrow.
#[contract]
pub struct Escrow;

#[contractimpl]
impl Escrow {
    /// Fixes beacon and tokens for ever.
    pub fn __constructor(env: Env, config: Config) {
        if !is_sound(&env, &config) {
            panic_with_error!(&env, Error::BadConfig);
        }
        storage::set_config(&env, &config);
    }

    /// Binds a host key to the account it is paid to.
    pub fn register(
        env: Env,
        account: Address,
        host_key: BytesN<32>,
        host_sig: BytesN<64>,
    ) -> Result<(), Error> {
        account::register(&env, &account, &host_key, &host_sig)
    }

    /// Adds to a host key's free balance.
    pub fn deposit(
        env: Env,
        from: Address,
        key: BytesN<32>,
        token: Address,
        amount: i128,
    ) -> Result<(), Error> {
        account::deposit(&env, &from, &key, &token, amount)
    }

    /// Pays free balance to the registered account.
    pub fn withdraw(env: Env, key: BytesN<32>, token: Address, amount: i128) -> Result<(), Error> {
        account::withdraw(&env, &key, &token, amount)
    }

    /// Pays an owner what an earlier transfer failed to bring.
    pub fn owner_withdraw(env: Env, owner: Address, token: Address) -> Result<i128, Error> {
        account::owner_withdraw(&env, &owner, &token)
    }

    /// Opens 1 to 40 agreements.
    pub fn open(env: Env, owner: Address, batch: Vec<Opening>) -> Result<(), Error> {
        open::open(&env, &owner, &batch)
    }

    /// Puts a newer co-signed revision on record.
    pub fn publish(env: Env, publication: Publication) -> Result<(), Error> {
        publish::publish(&env, &publication)
    }

    /// Closes 1 to 20 agreements as both parties signed.
    pub fn close(env: Env, batch: Vec<Closing>) -> Result<(), Error> {
        close::close(&env, &batch)
    }

    /// Verifies a beacon round.
    pub fn post_beacon(env: Env, round: u64, signature: BytesN<96>) -> Result<(), Error> {
        beacon::post(&env, round, &signature)
    }

    /// Proves the published revision's leaves.
    pub fn prove(env: Env, terms: Bytes, state: Bytes, revision: Bytes, proofs: Bytes) -> Result<(), Error> {
        prove::prove(&env, &terms, &state, (&revision, &proofs))
    }

    /// Ends an agreement nobody proved.
    pub fn expire(env: Env, terms: Bytes, state: Bytes, revision: Bytes) -> Result<(), Error> {
        expire::expire(&env, &terms, &state, &revision)
    }

    /// Renews 1 to 20 agreements in their slots.
    pub fn renew(env: Env, owner: Address, batch: Vec<Renewal>) -> Result<(), Error> {
        renew::renew(&env, &owner, &batch)
    }

    /// Demands leaves in mid-term.
    pub fn challenge(env: Env, accusation: Accusation) -> Result<(), Error> {
        challenge::challenge(&env, &accusation)
    }

    /// Shows the leaves a challenge demands.
    pub fn respond(
        env: Env,
        terms: Bytes,
        state: Bytes,
        revision: Bytes,
        leaves: Bytes,
        proofs: Bytes,
    ) -> Result<(), Error> {
        challenge::respond(&env, &terms, &state, (&revision, &leaves, &proofs))
    }

    /// Ends an agreement whose challenge nobody answered.
    pub fn default(env: Env, terms: Bytes, state: Bytes, revision: Bytes) -> Result<(), Error> {
        expire::default(&env, &terms, &state, &revision)
    }

    /// Gives notice: the agreement ends earlier.
    pub fn start_close(
        env: Env,
        terms: Bytes,
        state: Bytes,
        notice: Bytes,
        sig: BytesN<64>,
    ) -> Result<(), Error> {
        notice::start_close(&env, &terms, &state, (&notice, &sig))
    }

    /// Records the owner's largest promise for bytes read.
    pub fn redeem(
        env: Env,
        terms: Bytes,
        state: Bytes,
        voucher: Bytes,
        sig: BytesN<64>,
    ) -> Result<(), Error> {
        redeem::redeem(&env, &terms, &state, (&voucher, &sig))
    }

    /// Changes a key as both parties signed.
    pub fn rotate(
        env: Env,
        terms: Bytes,
        state: Bytes,
        rotation: Bytes,
        owner_sig: BytesN<64>,
        host_sig: BytesN<64>,
    ) -> Result<(), Error> {
        rotate::rotate(&env, &terms, &state, (&rotation, &owner_sig, &host_sig))
    }

    /// Asks for another key by one side's account alone.
    pub fn start_rotation(env: Env, terms: Bytes, state: Bytes, rotation: Bytes) -> Result<(), Error> {
        rotate::start_rotation(&env, &terms, &state, &rotation)
    }

    /// Completes such a change when its time has come.
    pub fn finish_rotation(env: Env, terms: Bytes, state: Bytes, rotation: Bytes) -> Result<(), Error> {
        rotate::finish_rotation(&env, &terms, &state, &rotation)
    }

    /// Moves free balance into a host key's bond.
    pub fn bond(env: Env, key: BytesN<32>, token: Address, amount: i128) -> Result<(), Error> {
        bond::bond(&env, &key, &token, amount)
    }

    /// Lets part of a bond leave.
    pub fn unbond(env: Env, key: BytesN<32>, token: Address, amount: i128) -> Result<(), Error> {
        bond::unbond(&env, &key, &token, amount)
    }

    /// Moves what has left a bond back to the free balance.
    pub fn release(env: Env, key: BytesN<32>, token: Address) -> Result<(), Error> {
        bond::release(&env, &key, &token)
    }

    /// A host key's bond.
    pub fn bonded(env: Env, key: BytesN<32>, token: Address) -> Bond {
        storage::bond(&env, &key, &token)
    }

    /// Extends a folder's life.
    pub fn bump(env: Env, owner: Address, folder: u32, ledgers: u32) {
        storage::extend_folder(&env, &owner, folder, ledgers);
    }

    /// A slot's commitment.
    pub fn slot(env: Env, owner: Address, folder: u32, slot: u32) -> BytesN<32> {
        BytesN::from_array(&env, &storage::slot(&env, &owner, folder, slot))
    }

    /// All commitments of a folder.
    pub fn folder(env: Env, owner: Address, folder: u32) -> Bytes {
        storage::folder(&env, &owner, folder)
    }

    /// A host key's free balance.
    pub fn balance(env: Env, key: BytesN<32>, token: Address) -> i128 {
        storage::balance(&env, &key, &token)
    }

    /// What waits for an owner.
    pub fn credit(env: Env, owner: Address, token: Address) -> i128 {
        storage::credit(&env, &owner, &token)
    }

    /// A host key's account.
    pub fn account(env: Env, host_key: BytesN<32>) -> Option<Address> {
        storage::account(&env, &host_key)
    }

    /// A posted round's randomness.
    pub fn beacon(env: Env, round: u64) -> Option<BytesN<32>> {
        storage::beacon(&env, round)
    }

    /// What the constructor was given.
    pub fn config(env: Env) -> Config {
        storage::config(&env)
    }

    /// What every deployment shares.
    pub fn constants(env: Env) -> Result<Constants, Error> {
        Ok(Constants {
            bond_delay: BOND_DELAY_SECONDS,
            burn: payout::burn_address(&env)?,
            max_close: MAX_CLOSE,
            max_open: MAX_OPEN,
            max_renew: MAX_RENEW,
            opening_slack: OPENING_SLACK_SECONDS,
            slots: SLOTS_PER_FOLDER,
            version: VERSION,
        })
    }
}

fn is_sound(env: &Env, config: &Config) -> bool {
    let tokens = &config.tokens;
    let distinct = tokens.iter().all(|token| tokens.first_index_of(&token) == tokens.last_index_of(&token));
    let count = (1..=MAX_TOKENS).contains(&tokens.len());
    count
        && distinct
        && config.beacon_period > 0
        && config.min_bond >= 0
        && beacon::is_key(env, &config.beacon_key)
}
