//! Stellar's spelling of accounts (`G…`) and contracts (`C…`): base32 with a version and a checksum.

use crate::error::AddressError;
use layr_types::{AccountKey, ContractId};
use stellar_strkey::Contract;
use stellar_strkey::ed25519::{PrivateKey, PublicKey};
use zeroize::Zeroize as _;

/// An account's `G…` address.
#[must_use]
pub fn account_address(account: &AccountKey) -> String {
    PublicKey(account.0).to_string().as_str().to_owned()
}

/// A contract's `C…` address.
#[must_use]
pub fn contract_address(contract: &ContractId) -> String {
    Contract(contract.0).to_string().as_str().to_owned()
}

/// Reads a `G…` address.
///
/// # Errors
/// [`AddressError::NotAccount`] for anything else, [`AddressError::IsSecret`] for an `S…` key.
pub fn parse_account_address(text: &str) -> Result<AccountKey, AddressError> {
    let text = text.trim();
    PublicKey::from_string(text)
        .map(|key| AccountKey(key.0))
        .map_err(|_| secret_or(text, AddressError::NotAccount))
}

/// Reads a `C…` address.
///
/// # Errors
/// [`AddressError::NotContract`] for anything else, [`AddressError::IsSecret`] for an `S…` key.
pub fn parse_contract_address(text: &str) -> Result<ContractId, AddressError> {
    let text = text.trim();
    Contract::from_string(text)
        .map(|contract| ContractId(contract.0))
        .map_err(|_| secret_or(text, AddressError::NotContract))
}

fn secret_or(text: &str, otherwise: AddressError) -> AddressError {
    match PrivateKey::from_string(text) {
        Ok(mut secret) => {
            secret.0.zeroize();
            AddressError::IsSecret
        }
        Err(_) => otherwise,
    }
}
