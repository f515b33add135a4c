//! Looking at money from outside: what a contract holds, what has been burned, what the ledger has taken. For
//! whoever wants to check that nothing was created or lost.

use crate::client::LedgerClient;
use crate::error::{Cause, LedgerError, Stage};
use crate::xdr::{self, from, to};
use layr_types::{ContractId, Stroops};
use sha2::{Digest as _, Sha256};
use stellar_xdr::{ContractDataDurability, LedgerEntryData, LedgerHeader, ScVal};

/// What the burn address is the hash of; the same as in the escrow contract.
const BURN_ADDRESS_SEED: &[u8] = b"layr burn address v1";

/// The contract address to which burned money goes. No contract can ever stand there: its id was not derived
/// from a deployer.
#[must_use]
pub fn burn_address() -> ContractId {
    ContractId(Sha256::digest(BURN_ADDRESS_SEED).into())
}

impl LedgerClient {
    /// What `holder`, a contract, holds of an asset.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn contract_balance(
        &self,
        token: &ContractId,
        holder: &ContractId,
    ) -> Result<Stroops, LedgerError> {
        let path = to::list(vec![ScVal::Symbol(to::symbol("Balance")?), to::contract(holder)])?;
        let key = xdr::data_key(token, path, ContractDataDurability::Persistent);
        let (entries, _) = self.entries(std::slice::from_ref(&key)).await?;
        let Some(entry) = entries.into_iter().flatten().next() else { return Ok(Stroops::ZERO) };
        let LedgerEntryData::ContractData(data) = entry.data else { return Err(malformed()) };
        let amount = from::field(&data.val, "amount").and_then(from::amount);
        amount.map(Stroops).ok_or_else(malformed)
    }

    /// Fees, rent included, that the network has collected since it began.
    ///
    /// # Errors
    /// What reading can meet; [`Cause::Malformed`] where the endpoint does not show ledger headers.
    pub async fn fee_pool(&self) -> Result<Stroops, LedgerError> {
        let header = self.rpc().latest_header().await?;
        let header: LedgerHeader = xdr::decode(&header).ok_or_else(malformed)?;
        Ok(Stroops(i128::from(header.fee_pool)))
    }
}

fn malformed() -> LedgerError {
    LedgerError::new(Stage::Read, Cause::Malformed { endpoint: "the network".to_owned(), what: "a balance" })
}
