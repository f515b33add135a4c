//! Putting a contract on the ledger, at an address known beforehand, any number of times with one effect.

use crate::client::LedgerClient;
use crate::envelope::Payer;
use crate::error::{Cause, LedgerError, Stage};
use crate::escrow::{Escrow, EscrowConfig};
use crate::fees::CallQuote;
use crate::operation;
use crate::prepare::Work;
use crate::receipt::Receipt;
use crate::xdr::{from, to};
use layr_types::{AccountKey, ContractId, Stroops};
use sha2::{Digest as _, Sha256};
use stellar_xdr::{LedgerEntryData, LedgerKey};

/// What deploying came to.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// The contract, ready for calls.
    pub escrow: Escrow,
    /// The transactions it took: none where the contract stood already.
    pub receipts: Vec<Receipt>,
}

/// What deploying would cost; nothing of it where the contract stands already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct DeploymentQuote {
    /// Uploading the code, where the ledger does not have it.
    pub code: Option<CallQuote>,
    /// Creating the contract; it can only be tried out once the code is there.
    pub contract: Option<CallQuote>,
}

impl LedgerClient {
    /// Makes sure that the escrow contract of these bytes stands where payer and salt put it, uploading and
    /// deploying what is missing, for at most the payer's limit in all. Repeating it after any failure is safe.
    ///
    /// # Errors
    /// [`Cause::ForeignContract`] where other code stands there; what sending can meet.
    pub async fn ensure_deployed(
        &self,
        payer: &Payer,
        wasm: &[u8],
        salt: [u8; 32],
        config: &EscrowConfig,
    ) -> Result<Deployment, LedgerError> {
        let deployer = payer.account();
        let code: [u8; 32] = Sha256::digest(wasm).into();
        let contract = self.contract_address(&deployer, salt);
        let escrow = self.escrow(contract);
        let mut receipts = Vec::new();
        let mut payer = payer.clone();
        match self.code_of(&contract).await? {
            Some(found) if found == code => return Ok(Deployment { escrow, receipts }),
            Some(_) => return Err(LedgerError::new(Stage::Read, Cause::ForeignContract(contract))),
            None => {}
        }
        if !self.is_live(&operation::code_key(code)).await? {
            let work = Work::Call(operation::upload(wasm)?);
            let uploaded = self.carry_out(&payer, &work).await?.receipt;
            payer.max_fee = payer.max_fee.map(|most| most - uploaded.fee);
            receipts.push(uploaded);
        }
        let function = operation::create_contract(&deployer, salt, code, vec![config.to_value()?])?;
        let spent: Stroops = receipts.iter().map(|uploaded: &Receipt| uploaded.fee).sum();
        let deployed = self.carry_out(&payer, &Work::Call(function)).await;
        let deployed = deployed.map_err(|error| error.after(spent))?;
        let expected = deployed.value.as_ref().and_then(from::contract).is_none_or(|id| id == contract);
        if !expected {
            return Err(LedgerError::new(Stage::Follow, Cause::ForeignContract(contract)));
        }
        receipts.push(deployed.receipt);
        Ok(Deployment { escrow, receipts })
    }

    /// What [`ensure_deployed`](Self::ensure_deployed) would cost `deployer` now. Nothing is signed.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn quote_deployment(
        &self,
        deployer: &AccountKey,
        wasm: &[u8],
        salt: [u8; 32],
        config: &EscrowConfig,
    ) -> Result<DeploymentQuote, LedgerError> {
        let code: [u8; 32] = Sha256::digest(wasm).into();
        if self.code_of(&self.contract_address(deployer, salt)).await? == Some(code) {
            return Ok(DeploymentQuote::default());
        }
        if !self.is_live(&operation::code_key(code)).await? {
            let upload = Work::Call(operation::upload(wasm)?);
            let code = Some(self.prepare(deployer, &upload).await?.quote);
            return Ok(DeploymentQuote { code, contract: None });
        }
        let create = Work::Call(operation::create_contract(deployer, salt, code, vec![config.to_value()?])?);
        Ok(DeploymentQuote { code: None, contract: Some(self.prepare(deployer, &create).await?.quote) })
    }

    /// The hash of the code a contract runs; `None` where there is no (live) contract.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn code_of(&self, contract: &ContractId) -> Result<Option<[u8; 32]>, LedgerError> {
        let (entries, _) = self.entries(&[operation::instance_key(contract)]).await?;
        let found = entries.into_iter().flatten().find_map(|entry| match entry.data {
            LedgerEntryData::ContractData(data) => from::instance_code(&data.val),
            _ => None,
        });
        Ok(found)
    }

    /// Prolongs the lives of a contract's instance and code to `ledgers` from now; what lives longer stays.
    /// For whoever runs the contract: this rent is the largest there is, and no user call ever pays it.
    ///
    /// # Errors
    /// [`Cause::ForeignContract`] where there is no contract; what sending can meet.
    pub async fn keep_contract_alive(
        &self,
        payer: &Payer,
        contract: &ContractId,
        ledgers: u32,
    ) -> Result<Receipt, LedgerError> {
        let code = self.code_of(contract).await?;
        let code = code.ok_or_else(|| LedgerError::new(Stage::Read, Cause::ForeignContract(*contract)))?;
        let keys = vec![operation::instance_key(contract), operation::code_key(code)];
        Ok(self.carry_out(payer, &Work::Extend(keys, ledgers)).await?.receipt)
    }

    /// The last ledger in which a contract's instance and code are both alive.
    ///
    /// # Errors
    /// [`Cause::ForeignContract`] where there is no contract; what reading can meet.
    pub async fn contract_live_until(&self, contract: &ContractId) -> Result<u32, LedgerError> {
        let missing = || LedgerError::new(Stage::Read, Cause::ForeignContract(*contract));
        let code = self.code_of(contract).await?.ok_or_else(missing)?;
        let keys = [operation::instance_key(contract), operation::code_key(code)];
        let (entries, _) = self.entries(&keys).await?;
        entries
            .iter()
            .map(|entry| entry.as_ref().and_then(|entry| entry.live_until))
            .min()
            .flatten()
            .ok_or_else(missing)
    }

    async fn is_live(&self, key: &LedgerKey) -> Result<bool, LedgerError> {
        let (entries, ledger) = self.entries(std::slice::from_ref(key)).await?;
        Ok(entries.iter().flatten().any(|entry| entry.is_live(ledger)))
    }
}

impl EscrowConfig {
    pub(crate) fn to_value(&self) -> Result<stellar_xdr::ScVal, LedgerError> {
        let tokens = to::list(self.tokens.iter().map(to::contract).collect())?;
        to::structure(vec![
            ("beacon_genesis", stellar_xdr::ScVal::U64(self.beacon.genesis.0)),
            ("beacon_key", to::bytes(&self.beacon_key)?),
            ("beacon_period", stellar_xdr::ScVal::U32(self.beacon.period)),
            ("min_bond", to::amount(self.min_bond.0)),
            ("tokens", tokens),
        ])
    }
}
