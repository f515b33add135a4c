//! What a transaction does: classic operations by stellar-base, contract calls by hand.
//!
//! stellar-base builds and validates the classic operations; they cross into the current XDR by their bytes,
//! which both encode identically. It never sees bytes of strangers: its decoder has no limits.

use crate::error::{Cause, LedgerError, Stage};
use crate::xdr::{self, to};
use layr_types::{AccountKey, ContractId, Stroops};
use stellar_base::amount::Stroops as BaseStroops;
use stellar_base::asset::Asset;
use stellar_base::crypto::PublicKey;
use stellar_base::operations::{Operation as Classic, RestoreFootprintOperationBuilder};
use stellar_base::xdr::XDRSerialize as _;
use stellar_xdr::{
    ContractDataDurability, ContractExecutable, ContractIdPreimage, ContractIdPreimageFromAddress,
    CreateContractArgsV2, ExtendFootprintTtlOp, ExtensionPoint, Hash, HostFunction, InvokeContractArgs,
    InvokeHostFunctionOp, LedgerKey, LedgerKeyContractCode, Limits, Operation, OperationBody, ReadXdr as _,
    ScVal, SorobanAuthorizationEntry, Uint256,
};

/// Pays lumens to an existing account.
pub(crate) fn payment(to: &AccountKey, amount: Stroops) -> Result<Operation, LedgerError> {
    let built = Classic::new_payment()
        .with_destination(public_key(to)?)
        .with_amount(base_amount(amount)?)
        .and_then(|op| op.with_asset(Asset::new_native()).build());
    cross(built)
}

/// Creates an account with lumens of its own.
pub(crate) fn create_account(account: &AccountKey, amount: Stroops) -> Result<Operation, LedgerError> {
    let built = Classic::new_create_account()
        .with_destination(public_key(account)?)
        .with_starting_balance(base_amount(amount)?)
        .and_then(|op| op.build());
    cross(built)
}

/// Brings archived entries back; which ones stands in the transaction's footprint.
pub(crate) fn restore() -> Result<Operation, LedgerError> {
    cross(Ok(RestoreFootprintOperationBuilder::new().build()))
}

/// Prolongs the life of the footprint's entries to this many ledgers from now.
pub(crate) const fn extend(ledgers: u32) -> Operation {
    let op = ExtendFootprintTtlOp { ext: ExtensionPoint::V0, extend_to: ledgers };
    Operation { source_account: None, body: OperationBody::ExtendFootprintTtl(op) }
}

/// Runs a host function with these authorisations.
pub(crate) fn host(
    function: &HostFunction,
    auth: Vec<SorobanAuthorizationEntry>,
) -> Result<Operation, LedgerError> {
    let auth = auth.try_into().map_err(|_| unfit("an authorisation list"))?;
    let op = InvokeHostFunctionOp { host_function: function.clone(), auth };
    Ok(Operation { source_account: None, body: OperationBody::InvokeHostFunction(op) })
}

/// A contract call.
pub(crate) fn invoke(
    contract: &ContractId,
    function: &str,
    args: Vec<ScVal>,
) -> Result<HostFunction, LedgerError> {
    Ok(HostFunction::InvokeContract(InvokeContractArgs {
        contract_address: xdr::contract_address(contract),
        function_name: to::symbol(function)?,
        args: args.try_into().map_err(|_| unfit("an argument list"))?,
    }))
}

/// An upload of contract code.
pub(crate) fn upload(wasm: &[u8]) -> Result<HostFunction, LedgerError> {
    let code = wasm.to_vec().try_into().map_err(|_| unfit("the contract's code"))?;
    Ok(HostFunction::UploadContractWasm(code))
}

/// A deployment of uploaded code at the address that deployer and salt determine.
pub(crate) fn create_contract(
    deployer: &AccountKey,
    salt: [u8; 32],
    code: [u8; 32],
    constructor: Vec<ScVal>,
) -> Result<HostFunction, LedgerError> {
    Ok(HostFunction::CreateContractV2(CreateContractArgsV2 {
        contract_id_preimage: preimage(deployer, salt),
        executable: ContractExecutable::Wasm(Hash(code)),
        constructor_args: constructor.try_into().map_err(|_| unfit("an argument list"))?,
    }))
}

/// What a deployed contract's address is the hash of.
pub(crate) const fn preimage(deployer: &AccountKey, salt: [u8; 32]) -> ContractIdPreimage {
    ContractIdPreimage::Address(ContractIdPreimageFromAddress {
        address: xdr::account_address(deployer),
        salt: Uint256(salt),
    })
}

/// The entry that says which code a contract runs.
pub(crate) const fn instance_key(contract: &ContractId) -> LedgerKey {
    xdr::data_key(contract, ScVal::LedgerKeyContractInstance, ContractDataDurability::Persistent)
}

/// The entry that holds uploaded code.
pub(crate) const fn code_key(hash: [u8; 32]) -> LedgerKey {
    LedgerKey::ContractCode(LedgerKeyContractCode { hash: Hash(hash) })
}

fn cross(built: stellar_base::error::Result<Classic>) -> Result<Operation, LedgerError> {
    built
        .and_then(|operation| operation.to_xdr())
        .and_then(|old| old.xdr_bytes())
        .ok()
        .and_then(|bytes| Operation::from_xdr(bytes, Limits::none()).ok())
        .ok_or_else(|| unfit("an operation"))
}

fn public_key(account: &AccountKey) -> Result<PublicKey, LedgerError> {
    PublicKey::from_slice(account.as_bytes()).map_err(|_| unfit("an account"))
}

fn base_amount(amount: Stroops) -> Result<BaseStroops, LedgerError> {
    match i64::try_from(amount.0) {
        Ok(stroops) if stroops > 0 => Ok(BaseStroops::new(stroops)),
        _ => Err(unfit("the amount")),
    }
}

fn unfit(what: &'static str) -> LedgerError {
    LedgerError::new(Stage::Prepare, Cause::Unrepresentable(what))
}
