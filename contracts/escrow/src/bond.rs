//! `bond`, `unbond`, `release`: what a host key keeps here besides its collateral, so that many cheap identities
//! are not cheap. It moves only between its own bond and its own free balance.

use crate::account::{check_movement, require_registered, take};
use crate::error::Error;
use crate::event::{Bonded, Released, Unbonding};
use crate::storage;
use crate::types::{BOND_DELAY_SECONDS, Bond};
use soroban_sdk::{Address, BytesN, Env};

/// From the free balance into the bond.
pub fn bond(env: &Env, key: &BytesN<32>, token: &Address, amount: i128) -> Result<(), Error> {
    require_registered(env, key)?;
    check_movement(env, token, amount)?;
    take(env, key, token, amount)?;
    let held = storage::bond(env, key, token);
    storage::set_bond(env, key, token, &Bond { amount: held.amount + amount, ..held });
    Bonded { key: key.clone(), amount, token: token.clone() }.publish(env);
    Ok(())
}

/// Out of the bond; the delay starts for all that is leaving.
pub fn unbond(env: &Env, key: &BytesN<32>, token: &Address, amount: i128) -> Result<(), Error> {
    require_registered(env, key)?;
    check_movement(env, token, amount)?;
    let held = storage::bond(env, key, token);
    if held.amount < amount {
        return Err(Error::BondTooSmall);
    }
    let free_at = storage::now(env).plus(BOND_DELAY_SECONDS).0;
    let next = Bond { amount: held.amount - amount, free_at, leaving: held.leaving + amount };
    storage::set_bond(env, key, token, &next);
    Unbonding { key: key.clone(), amount, free_at, token: token.clone() }.publish(env);
    Ok(())
}

/// Back into the free balance, after the delay.
pub fn release(env: &Env, key: &BytesN<32>, token: &Address) -> Result<(), Error> {
    require_registered(env, key)?;
    let held = storage::bond(env, key, token);
    check_movement(env, token, held.leaving)?;
    if storage::now(env).0 < held.free_at {
        return Err(Error::BondLeaving);
    }
    storage::set_bond(env, key, token, &Bond { free_at: 0, leaving: 0, ..held });
    storage::add_balance(env, key, token, held.leaving);
    Released { key: key.clone(), amount: held.leaving, token: token.clone() }.publish(env);
    Ok(())
}
