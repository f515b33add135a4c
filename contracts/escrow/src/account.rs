//! Addresses and money at rest: who a host key is paid to, its free balance, what waits for an owner.

use crate::error::Error;
use crate::event::{Deposited, Registered, Withdrawn};
use crate::hash::{HostSha256, check_signature, context};
use crate::{payout, storage};
use layr_market::{Kind, message_digest};
use soroban_sdk::{
    Address, Bytes, BytesN, Env,
    xdr::{FromXdr as _, ToXdr as _},
};

/// XDR in front of a classic account's key: `ScVal` address, account, Ed25519.
const ACCOUNT_HEAD: [u8; 12] = [0, 0, 0, 18, 0, 0, 0, 0, 0, 0, 0, 0];
/// XDR in front of a contract's id: `ScVal` address, contract.
const CONTRACT_HEAD: [u8; 8] = [0, 0, 0, 18, 0, 0, 0, 1];

/// The address of the classic account with this key.
pub fn account_address(env: &Env, key: &[u8; 32]) -> Result<Address, Error> {
    address(env, &ACCOUNT_HEAD, key)
}

/// The address of the contract with this id.
pub fn contract_address(env: &Env, id: &[u8; 32]) -> Result<Address, Error> {
    address(env, &CONTRACT_HEAD, id)
}

fn address(env: &Env, head: &[u8], key: &[u8; 32]) -> Result<Address, Error> {
    let mut xdr = Bytes::from_slice(env, head);
    xdr.extend_from_array(key);
    Address::from_xdr(env, &xdr).map_err(|_| Error::WrongAccount)
}

/// The key of a classic account's address.
fn account_key(env: &Env, address: &Address) -> Result<[u8; 32], Error> {
    let xdr = address.to_xdr(env);
    let mut bytes = [0; 44];
    if xdr.len() != 44 {
        return Err(Error::WrongAccount);
    }
    xdr.copy_into_slice(&mut bytes);
    let (head, key) = bytes.split_at(12);
    if head != ACCOUNT_HEAD {
        return Err(Error::WrongAccount);
    }
    key.try_into().map_err(|_| Error::WrongAccount)
}

/// Refuses what is not a movement of an allowed token.
pub fn check_movement(env: &Env, token: &Address, amount: i128) -> Result<(), Error> {
    if amount <= 0 {
        return Err(Error::AmountNotPositive);
    }
    if !storage::config(env).tokens.contains(token) {
        return Err(Error::TokenNotAllowed);
    }
    Ok(())
}

/// Binds `host_key` to `account`; the account it was bound to before must agree.
pub fn register(
    env: &Env,
    account: &Address,
    host_key: &BytesN<32>,
    host_sig: &BytesN<64>,
) -> Result<(), Error> {
    account.require_auth();
    if let Some(previous) = storage::account(env, host_key)
        && previous != *account
    {
        previous.require_auth();
    }
    let payload = account_key(env, account)?;
    let digest = message_digest(&HostSha256(env), Kind::Registration, &context(env), &payload);
    check_signature(env, &host_key.to_array(), &digest, host_sig);
    storage::set_account(env, host_key, account);
    Registered { host_key: host_key.clone(), account: account.clone() }.publish(env);
    Ok(())
}

/// Takes from a free balance.
pub fn take(env: &Env, key: &BytesN<32>, token: &Address, amount: i128) -> Result<(), Error> {
    if storage::add_balance(env, key, token, -amount) < 0 {
        return Err(Error::BalanceTooSmall);
    }
    Ok(())
}

/// The account registered for a host key, which has authorised the call.
pub fn require_registered(env: &Env, key: &BytesN<32>) -> Result<Address, Error> {
    let account = storage::account(env, key).ok_or(Error::NotRegistered)?;
    account.require_auth();
    Ok(account)
}

/// Adds to a free balance.
pub fn deposit(
    env: &Env,
    from: &Address,
    key: &BytesN<32>,
    token: &Address,
    amount: i128,
) -> Result<(), Error> {
    from.require_auth();
    check_movement(env, token, amount)?;
    storage::add_balance(env, key, token, amount);
    payout::receive(env, token, from, amount);
    Deposited { key: key.clone(), amount, token: token.clone() }.publish(env);
    Ok(())
}

/// Pays free balance to the registered account.
pub fn withdraw(env: &Env, key: &BytesN<32>, token: &Address, amount: i128) -> Result<(), Error> {
    let account = require_registered(env, key)?;
    check_movement(env, token, amount)?;
    take(env, key, token, amount)?;
    payout::send(env, token, &account, amount);
    Withdrawn { key: key.clone(), amount, token: token.clone() }.publish(env);
    Ok(())
}

/// Pays what a failed transfer left.
pub fn owner_withdraw(env: &Env, owner: &Address, token: &Address) -> Result<i128, Error> {
    let amount = storage::credit(env, owner, token);
    check_movement(env, token, amount)?;
    storage::set_credit(env, owner, token, 0);
    payout::send(env, token, owner, amount);
    Ok(amount)
}
