//! Money that leaves: transfers that must succeed, and transfers whose failure becomes a credit.

use crate::account::contract_address;
use crate::error::Error;
use crate::event::Credited;
use crate::storage;
use crate::types::BURN_ADDRESS_SEED;
use soroban_sdk::{Address, Bytes, Env, token};

/// Takes an amount from somebody who has authorised it, or traps.
pub fn receive(env: &Env, token: &Address, from: &Address, amount: i128) {
    token::TokenClient::new(env, token).transfer(from, env.current_contract_address(), &amount);
}

/// Transfers or traps.
pub fn send(env: &Env, token: &Address, to: &Address, amount: i128) {
    token::TokenClient::new(env, token).transfer(&env.current_contract_address(), to, &amount);
}

/// Transfers; where that fails (no trust line, a frozen or vanished account), the amount stays here and
/// waits for `owner_withdraw`. A settlement can therefore not be blocked by whoever is paid.
pub fn pay(env: &Env, token: &Address, to: &Address, amount: i128) {
    if amount == 0 {
        return;
    }
    let sent = token::TokenClient::new(env, token).try_transfer(&env.current_contract_address(), to, &amount);
    if !matches!(sent, Ok(Ok(()))) {
        let sum = storage::credit(env, to, token) + amount;
        storage::set_credit(env, to, token, sum);
        Credited { owner: to.clone(), amount, token: token.clone() }.publish(env);
    }
}

/// Where burnt money goes: a contract address no deployment leads to, since ids are hashes of other preimages.
pub fn burn_address(env: &Env) -> Result<Address, Error> {
    let id = env.crypto().sha256(&Bytes::from_slice(env, BURN_ADDRESS_SEED));
    contract_address(env, &id.to_array())
}

/// Payments to owners, added up while owner and token stay the same.
pub struct Run<'a> {
    env: &'a Env,
    open: Option<(Address, Address, i128)>,
}

impl<'a> Run<'a> {
    /// Nothing to pay yet.
    pub const fn new(env: &'a Env) -> Self {
        Self { env, open: None }
    }

    /// Adds a payment; pays the run so far if this one is for somebody or something else.
    pub fn add(&mut self, token: &Address, owner: &Address, amount: i128) {
        match &mut self.open {
            Some((t, o, sum)) if t == token && o == owner => *sum += amount,
            _ => {
                self.flush();
                self.open = Some((token.clone(), owner.clone(), amount));
            }
        }
    }

    /// Pays what has been added.
    pub fn flush(&mut self) {
        if let Some((token, owner, sum)) = self.open.take() {
            pay(self.env, &token, &owner, sum);
        }
    }
}
