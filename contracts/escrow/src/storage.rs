//! What stands on the ledger: folders of slots, balances, credits, accounts, beacon rounds, and the
//! configuration. Nothing here decides anything.
//!
//! Lives are counted in ledgers, terms in seconds: a ledger is taken to last 2.5 s, half of today's, so that a
//! faster network does not shorten them. The instance is never extended here, since whoever did would pay the
//! rent of the whole code.

use crate::types::{Bond, Config, SLOTS_PER_FOLDER};
use layr_types::UnixSeconds;
use soroban_sdk::{Address, Bytes, BytesN, Env, contracttype};

/// Two days of ledgers at 5 s: how long a posted round is kept.
const BEACON_LEDGERS: u32 = 34_560;

/// The keys of all entries.
#[contracttype]
#[derive(Clone)]
pub enum Key {
    /// The configuration.
    Config,
    /// An owner's folder, by number.
    Folder(Address, u32),
    /// A host key's free balance of a token.
    Balance(BytesN<32>, Address),
    /// What a failed transfer left to an owner, of a token.
    Credit(Address, Address),
    /// A host key's account.
    Account(BytesN<32>),
    /// A beacon round's randomness.
    Beacon(u64),
    /// A host key's bond of a token.
    Bond(BytesN<32>, Address),
}

// QUERY

/// The configuration.
pub fn config(env: &Env) -> Config {
    env.storage().instance().get(&Key::Config).expect("the constructor writes it")
}

/// An owner's folder; empty if it was never used.
pub fn folder(env: &Env, owner: &Address, number: u32) -> Bytes {
    let key = Key::Folder(owner.clone(), number);
    env.storage().persistent().get(&key).unwrap_or_else(|| Bytes::new(env))
}

/// A slot's commitment; zeros if it is free.
pub fn slot(env: &Env, owner: &Address, number: u32, slot: u32) -> [u8; 32] {
    let mut out = [0; 32];
    let all = folder(env, owner, number);
    let at = slot.min(SLOTS_PER_FOLDER) * 32;
    if at < all.len() {
        all.slice(at..at + 32).copy_into_slice(&mut out);
    }
    out
}

/// A host key's free balance.
pub fn balance(env: &Env, key: &BytesN<32>, token: &Address) -> i128 {
    env.storage().persistent().get(&Key::Balance(key.clone(), token.clone())).unwrap_or(0)
}

/// What waits for an owner.
pub fn credit(env: &Env, owner: &Address, token: &Address) -> i128 {
    env.storage().persistent().get(&Key::Credit(owner.clone(), token.clone())).unwrap_or(0)
}

/// A host key's account.
pub fn account(env: &Env, key: &BytesN<32>) -> Option<Address> {
    env.storage().persistent().get(&Key::Account(key.clone()))
}

/// A posted round's randomness.
pub fn beacon(env: &Env, round: u64) -> Option<BytesN<32>> {
    env.storage().temporary().get(&Key::Beacon(round))
}

/// A host key's bond.
pub fn bond(env: &Env, key: &BytesN<32>, token: &Address) -> Bond {
    let none = Bond { amount: 0, free_at: 0, leaving: 0 };
    env.storage().persistent().get(&Key::Bond(key.clone(), token.clone())).unwrap_or(none)
}

/// The ledger's time.
pub fn now(env: &Env) -> UnixSeconds {
    UnixSeconds(env.ledger().timestamp())
}

// CHANGE

/// Writes the configuration, once.
pub fn set_config(env: &Env, config: &Config) {
    env.storage().instance().set(&Key::Config, config);
}

/// Writes one slot; the folder grows to it.
pub fn set_slot(env: &Env, owner: &Address, number: u32, slot: u32, commitment: &[u8; 32]) {
    let mut all = folder(env, owner, number);
    let at = slot * 32;
    while all.len() < at {
        all.extend_from_array(&[0; 32]);
    }
    all.copy_from_slice(at, commitment);
    env.storage().persistent().set(&Key::Folder(owner.clone(), number), &all);
}

/// Adds to a host key's free balance (or takes from it, where negative); returns the new one.
pub fn add_balance(env: &Env, key: &BytesN<32>, token: &Address, amount: i128) -> i128 {
    let sum = balance(env, key, token) + amount;
    env.storage().persistent().set(&Key::Balance(key.clone(), token.clone()), &sum);
    sum
}

/// Writes what waits for an owner.
pub fn set_credit(env: &Env, owner: &Address, token: &Address, amount: i128) {
    let key = Key::Credit(owner.clone(), token.clone());
    if amount == 0 {
        env.storage().persistent().remove(&key);
    } else {
        env.storage().persistent().set(&key, &amount);
    }
}

/// Binds a host key to an account.
pub fn set_account(env: &Env, key: &BytesN<32>, account: &Address) {
    env.storage().persistent().set(&Key::Account(key.clone()), account);
}

/// Writes a host key's bond.
pub fn set_bond(env: &Env, key: &BytesN<32>, token: &Address, bond: &Bond) {
    env.storage().persistent().set(&Key::Bond(key.clone(), token.clone()), bond);
}

/// Keeps a round's randomness for two days.
pub fn set_beacon(env: &Env, round: u64, randomness: &BytesN<32>) {
    let key = Key::Beacon(round);
    env.storage().temporary().set(&key, randomness);
    env.storage().temporary().extend_ttl(&key, BEACON_LEDGERS, BEACON_LEDGERS);
}

// HELPERS

/// Makes sure a folder lives for so many ledgers.
pub fn extend_folder(env: &Env, owner: &Address, number: u32, ledgers: u32) {
    extend(env, &Key::Folder(owner.clone(), number), ledgers);
}

/// Makes sure a balance lives for so many ledgers.
pub fn extend_balance(env: &Env, key: &BytesN<32>, token: &Address, ledgers: u32) {
    extend(env, &Key::Balance(key.clone(), token.clone()), ledgers);
}

/// Makes sure a bond lives for so many ledgers.
pub fn extend_bond(env: &Env, key: &BytesN<32>, token: &Address, ledgers: u32) {
    extend(env, &Key::Bond(key.clone(), token.clone()), ledgers);
}

/// Ledgers from now to `until` at 2.5 s each.
pub fn ledgers_until(env: &Env, until: UnixSeconds) -> u32 {
    let ledgers = until.since(now(env)).saturating_mul(2) / 5;
    u32::try_from(ledgers).unwrap_or(u32::MAX)
}

fn extend(env: &Env, key: &Key, ledgers: u32) {
    let ledgers = ledgers.min(env.storage().max_ttl());
    env.storage().persistent().extend_ttl(key, ledgers, ledgers);
}

/// The keys of folder 0 and of a balance, for tests that look at their lives.
#[cfg(test)]
pub fn keys_of(owner: &Address, (key, token): (&BytesN<32>, &Address)) -> [Key; 2] {
    [Key::Folder(owner.clone(), 0), Key::Balance(key.clone(), token.clone())]
}
