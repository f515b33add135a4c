//! The contract's entry points, one method each.

use super::{Call, Closing, Escrow, Opening, Publication};
use crate::beacon::BeaconRound;
use crate::error::LedgerError;
use crate::operation;
use crate::xdr::{from, to};
use layr_market::{Revision, SlotState, Terms};
use layr_types::{AccountKey, ContractId, NodeKey, Signature, Stroops};
use stellar_xdr::ScVal;

/// Every method fails only where an argument is too large for the ledger's format.
impl Escrow {
    /// Binds a host key to the account its earnings are paid to. `host_signature` is over
    /// `message_digest(Kind::Registration, context, account)`. The payer must be `account`.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn register(
        &self,
        account: &AccountKey,
        host_key: &NodeKey,
        host_signature: &Signature,
    ) -> Result<Call<()>, LedgerError> {
        let args = vec![to::account(account), to::bytes(&host_key.0)?, to::bytes(&host_signature.0)?];
        self.call("register", args)
    }

    /// Adds to a host key's free balance, from which collateral is taken. The payer must be `from`.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn deposit(
        &self,
        from: &AccountKey,
        key: &NodeKey,
        token: &ContractId,
        amount: Stroops,
    ) -> Result<Call<()>, LedgerError> {
        let args = vec![to::account(from), to::bytes(&key.0)?, to::contract(token), to::amount(amount.0)];
        self.call("deposit", args)
    }

    /// Pays free balance out to the registered account, which must be the payer.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn withdraw(
        &self,
        key: &NodeKey,
        token: &ContractId,
        amount: Stroops,
    ) -> Result<Call<()>, LedgerError> {
        self.call("withdraw", vec![to::bytes(&key.0)?, to::contract(token), to::amount(amount.0)])
    }

    /// Pays an owner what an earlier transfer failed to bring; returns the amount. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn owner_withdraw(
        &self,
        owner: &AccountKey,
        token: &ContractId,
    ) -> Result<Call<Stroops>, LedgerError> {
        let args = vec![to::account(owner), to::contract(token)];
        self.call_returning("owner_withdraw", args, |value| from::amount(value).map(Stroops))
    }

    /// Opens 1 to 40 agreements at once. The payer must be `owner`.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn open(&self, owner: &AccountKey, batch: &[Opening]) -> Result<Call<()>, LedgerError> {
        let batch = batch.iter().map(Opening::value).collect::<Result<Vec<_>, _>>()?;
        self.call("open", vec![to::account(owner), to::list(batch)?])
    }

    /// Puts a newer co-signed revision on record. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn publish(&self, publication: &Publication) -> Result<Call<()>, LedgerError> {
        self.call("publish", vec![publication.value()?])
    }

    /// Closes 1 to 20 agreements as both signed. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn close(&self, batch: &[Closing]) -> Result<Call<()>, LedgerError> {
        let batch = batch.iter().map(Closing::value).collect::<Result<Vec<_>, _>>()?;
        self.call("close", vec![to::list(batch)?])
    }

    /// Posts a beacon round for every proof it decides. Anybody may pay for it; repeating it does nothing.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn post_beacon(&self, round: &BeaconRound) -> Result<Call<()>, LedgerError> {
        self.call("post_beacon", vec![ScVal::U64(round.round), to::bytes(&round.uncompressed())?])
    }

    /// Proves the leaves the beacon chose: `proofs` holds the encoded leaf proofs, one after the other, in order.
    /// Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn prove(
        &self,
        terms: &Terms,
        state: &SlotState,
        revision: &Revision,
        proofs: &[u8],
    ) -> Result<Call<()>, LedgerError> {
        let mut args = self.agreement(terms, state)?;
        args.push(to::bytes(&revision.encode())?);
        args.push(to::bytes(proofs)?);
        self.call("prove", args)
    }

    /// Ends an agreement whose proof window is over; `revision` is the published one. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn expire(
        &self,
        terms: &Terms,
        state: &SlotState,
        revision: Option<&Revision>,
    ) -> Result<Call<()>, LedgerError> {
        let mut args = self.agreement(terms, state)?;
        args.push(match revision {
            Some(revision) => to::bytes(&revision.encode())?,
            None => to::bytes(&[])?,
        });
        self.call("expire", args)
    }

    /// Prolongs a folder's life to `ledgers` from now. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn bump(&self, owner: &AccountKey, folder: u32, ledgers: u32) -> Result<Call<()>, LedgerError> {
        self.call("bump", vec![to::account(owner), ScVal::U32(folder), ScVal::U32(ledgers)])
    }

    fn agreement(&self, terms: &Terms, state: &SlotState) -> Result<Vec<ScVal>, LedgerError> {
        Ok(vec![to::bytes(&terms.encode())?, to::bytes(&state.encode())?])
    }

    pub(super) fn call(&self, name: &str, args: Vec<ScVal>) -> Result<Call<()>, LedgerError> {
        self.call_returning(name, args, |value| matches!(value, ScVal::Void).then_some(()))
    }

    fn call_returning<T>(
        &self,
        name: &str,
        args: Vec<ScVal>,
        read: fn(&ScVal) -> Option<T>,
    ) -> Result<Call<T>, LedgerError> {
        let function = operation::invoke(&self.contract, name, args)?;
        Ok(Call { client: self.client.clone(), contract: self.contract, function, read })
    }
}
