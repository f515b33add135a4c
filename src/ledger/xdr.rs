//! The one place where strangers' XDR becomes values, with limits; and the small conversions around it.

use crate::error::{Cause, LedgerError, Stage};
use layr_types::{AccountKey, ContractId, TxHash};
use stellar_xdr::{
    AccountId, ContractExecutable, ContractId as XdrContractId, Hash, Int128Parts, LedgerKey,
    LedgerKeyContractData, Limits, MuxedAccount, PublicKey, ReadXdr, ScAddress, ScBytes, ScContractInstance,
    ScMap, ScMapEntry, ScSymbol, ScVal, ScVec, Uint256, WriteXdr,
};

/// Deepest nesting accepted. Honest answers stay far below; recursion costs stack.
const MAX_DEPTH: u32 = 200;

/// Decodes base64 XDR of at most `MAX_DEPTH` levels; the length is bounded by the answer's.
pub(crate) fn decode<T: ReadXdr>(base64: &str) -> Option<T> {
    let limits = Limits { depth: MAX_DEPTH, len: base64.len() };
    T::from_xdr_base64(base64.as_bytes(), limits).ok()
}

/// Decodes an endpoint's base64 XDR.
pub(crate) fn decode_from<T: ReadXdr>(
    base64: Option<&str>,
    endpoint: &str,
    stage: Stage,
    what: &'static str,
) -> Result<T, LedgerError> {
    base64
        .and_then(decode)
        .ok_or_else(|| LedgerError::new(stage, Cause::Malformed { endpoint: endpoint.to_owned(), what }))
}

/// Encodes our own value.
pub(crate) fn encode<T: WriteXdr>(value: &T) -> Result<String, LedgerError> {
    value
        .to_xdr_base64(Limits::none())
        .map_err(|_| LedgerError::new(Stage::Prepare, Cause::Unrepresentable("a transaction")))
}

/// Encodes our own value to bytes.
pub(crate) fn encode_bytes<T: WriteXdr>(value: &T) -> Result<Vec<u8>, LedgerError> {
    value
        .to_xdr(Limits::none())
        .map_err(|_| LedgerError::new(Stage::Prepare, Cause::Unrepresentable("a transaction")))
}

pub(crate) const fn account_id(account: &AccountKey) -> AccountId {
    AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(account.0)))
}

pub(crate) const fn muxed(account: &AccountKey) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

pub(crate) const fn account_address(account: &AccountKey) -> ScAddress {
    ScAddress::Account(account_id(account))
}

pub(crate) const fn contract_address(contract: &ContractId) -> ScAddress {
    ScAddress::Contract(XdrContractId(Hash(contract.0)))
}

/// A contract's data entry.
pub(crate) const fn data_key(
    contract: &ContractId,
    key: ScVal,
    durability: stellar_xdr::ContractDataDurability,
) -> LedgerKey {
    LedgerKey::ContractData(LedgerKeyContractData { contract: contract_address(contract), key, durability })
}

/// Values on their way into a contract.
pub(crate) mod to {
    use super::*;

    pub(crate) fn symbol(text: &str) -> Result<ScSymbol, LedgerError> {
        text.try_into().map(ScSymbol).map_err(|_| unfit("a name"))
    }

    pub(crate) fn bytes(bytes: &[u8]) -> Result<ScVal, LedgerError> {
        bytes.to_vec().try_into().map(|b| ScVal::Bytes(ScBytes(b))).map_err(|_| unfit("a byte string"))
    }

    pub(crate) const fn account(account: &AccountKey) -> ScVal {
        ScVal::Address(account_address(account))
    }

    pub(crate) const fn contract(contract: &ContractId) -> ScVal {
        ScVal::Address(contract_address(contract))
    }

    pub(crate) const fn amount(amount: i128) -> ScVal {
        let [high, low] = halves(amount);
        ScVal::I128(Int128Parts { hi: high.cast_signed(), lo: low })
    }

    const fn halves(amount: i128) -> [u64; 2] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = amount.to_be_bytes();
        [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p])]
    }

    pub(crate) fn list(values: Vec<ScVal>) -> Result<ScVal, LedgerError> {
        values.try_into().map(|v| ScVal::Vec(Some(ScVec(v)))).map_err(|_| unfit("a list"))
    }

    /// A contract structure: its fields must be given in alphabetical order.
    pub(crate) fn structure(fields: Vec<(&str, ScVal)>) -> Result<ScVal, LedgerError> {
        let entries = fields
            .into_iter()
            .map(|(name, val)| Ok(ScMapEntry { key: ScVal::Symbol(symbol(name)?), val }))
            .collect::<Result<Vec<_>, LedgerError>>()?;
        entries.try_into().map(|m| ScVal::Map(Some(ScMap(m)))).map_err(|_| unfit("a structure"))
    }

    fn unfit(what: &'static str) -> LedgerError {
        LedgerError::new(Stage::Prepare, Cause::Unrepresentable(what))
    }
}

/// Values on their way out of a contract: `None` where they are of another kind.
pub(crate) mod from {
    use super::*;

    pub(crate) fn bytes(value: &ScVal) -> Option<&[u8]> {
        match value {
            ScVal::Bytes(ScBytes(bytes)) => Some(bytes.as_slice()),
            _ => None,
        }
    }

    pub(crate) fn array<const N: usize>(value: &ScVal) -> Option<[u8; N]> {
        bytes(value)?.try_into().ok()
    }

    pub(crate) fn amount(value: &ScVal) -> Option<i128> {
        match value {
            ScVal::I128(Int128Parts { hi, lo }) => Some((i128::from(*hi) << 64) | i128::from(*lo)),
            _ => None,
        }
    }

    pub(crate) fn account(value: &ScVal) -> Option<AccountKey> {
        match value {
            ScVal::Address(ScAddress::Account(AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(key))))) => {
                Some(AccountKey(*key))
            }
            _ => None,
        }
    }

    pub(crate) fn contract(value: &ScVal) -> Option<ContractId> {
        match value {
            ScVal::Address(ScAddress::Contract(XdrContractId(Hash(id)))) => Some(ContractId(*id)),
            _ => None,
        }
    }

    pub(crate) const fn u32(value: &ScVal) -> Option<u32> {
        match value {
            ScVal::U32(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) const fn u64(value: &ScVal) -> Option<u64> {
        match value {
            ScVal::U64(number) => Some(*number),
            _ => None,
        }
    }

    pub(crate) fn list(value: &ScVal) -> Option<&[ScVal]> {
        match value {
            ScVal::Vec(Some(ScVec(list))) => Some(list.as_slice()),
            _ => None,
        }
    }

    pub(crate) fn symbol(value: &ScVal) -> Option<&[u8]> {
        match value {
            ScVal::Symbol(ScSymbol(name)) => Some(name.as_slice()),
            _ => None,
        }
    }

    /// A field of a contract structure.
    pub(crate) fn field<'a>(value: &'a ScVal, name: &str) -> Option<&'a ScVal> {
        let ScVal::Map(Some(ScMap(entries))) = value else { return None };
        entries.iter().find(|entry| symbol(&entry.key) == Some(name.as_bytes())).map(|entry| &entry.val)
    }

    /// The hash of the code a contract instance runs.
    pub(crate) const fn instance_code(value: &ScVal) -> Option<[u8; 32]> {
        match value {
            ScVal::ContractInstance(ScContractInstance {
                executable: ContractExecutable::Wasm(Hash(hash)),
                ..
            }) => Some(*hash),
            _ => None,
        }
    }
}

/// Reads a transaction hash as endpoints spell it.
pub(crate) fn tx_hash(text: &str) -> Option<TxHash> {
    text.parse().ok()
}
