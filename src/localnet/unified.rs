//! The events of money that no contract moves: payments in lumens, new accounts, and fees.
//!
//! Since protocol 23 (CAP-67) every movement of an asset is an event of the asset's contract, whoever caused it;
//! so one question about events shows an account's whole money. Only lumens are told of here.

use stellar_xdr::{
    AccountId, ContractEvent, ContractEventBody, ContractEventType, ContractEventV0, ContractId, Error,
    ExtensionPoint, Int128Parts, Memo, OperationBody, ScAddress, ScBytes, ScMap, ScMapEntry, ScString,
    ScSymbol, ScVal, TransactionEvent, TransactionEventStage,
};

use crate::frame::{Frame, account_id};
use crate::genesis::native_contract;

/// How the native asset names itself in events.
const NATIVE: &str = "native";

/// Events of a classic operation that took effect; none for the others.
pub(crate) fn of_operation(
    frame: &Frame,
    index: usize,
    network_id: [u8; 32],
) -> Result<Vec<ContractEvent>, Error> {
    let Some(operation) = frame.tx.operations.get(index) else { return Ok(Vec::new()) };
    let (to, amount) = match &operation.body {
        OperationBody::CreateAccount(op) => (op.destination.clone(), op.starting_balance),
        OperationBody::Payment(op) if op.asset == stellar_xdr::Asset::Native => {
            (account_id(&op.destination), op.amount)
        }
        _ => return Ok(Vec::new()),
    };
    let from = frame.operation_source(index);
    let topics = vec![symbol("transfer")?, address(from), address(to), text(NATIVE)?];
    let data = with_memo(amount, &frame.tx.memo)?;
    Ok(vec![event(native_contract(network_id)?, topics, data)?])
}

/// The fee taken before the ledger's transactions ran, and what came back of it after them.
pub(crate) fn of_fee(
    payer: &AccountId,
    charged: i64,
    refund: i64,
    network_id: [u8; 32],
) -> Result<Vec<TransactionEvent>, Error> {
    let native = native_contract(network_id)?;
    let fee = |stage, amount| {
        let topics = vec![symbol("fee")?, address(payer.clone())];
        Ok::<_, Error>(TransactionEvent { stage, event: event(native.clone(), topics, i128_value(amount))? })
    };
    let mut events = vec![fee(TransactionEventStage::BeforeAllTxs, charged)?];
    if refund > 0 {
        events.push(fee(TransactionEventStage::AfterAllTxs, refund.saturating_neg())?);
    }
    Ok(events)
}

fn event(contract: ContractId, topics: Vec<ScVal>, data: ScVal) -> Result<ContractEvent, Error> {
    Ok(ContractEvent {
        ext: ExtensionPoint::V0,
        contract_id: Some(contract),
        type_: ContractEventType::Contract,
        body: ContractEventBody::V0(ContractEventV0 { topics: topics.try_into()?, data }),
    })
}

/// The amount alone, or beside the memo that tells the receiver whom the payment is for.
fn with_memo(amount: i64, memo: &Memo) -> Result<ScVal, Error> {
    let marked = match memo {
        Memo::None => return Ok(i128_value(amount)),
        Memo::Text(text) => ScVal::String(ScString(text.to_vec().try_into()?)),
        Memo::Id(id) => ScVal::U64(*id),
        Memo::Hash(hash) | Memo::Return(hash) => ScVal::Bytes(ScBytes(hash.0.to_vec().try_into()?)),
    };
    let fields = vec![
        ScMapEntry { key: symbol("amount")?, val: i128_value(amount) },
        ScMapEntry { key: symbol("to_muxed_id")?, val: marked },
    ];
    Ok(ScVal::Map(Some(ScMap(fields.try_into()?))))
}

fn i128_value(amount: i64) -> ScVal {
    let low = amount.cast_unsigned();
    ScVal::I128(Int128Parts { hi: if amount < 0 { -1 } else { 0 }, lo: low })
}

fn symbol(text: &str) -> Result<ScVal, Error> {
    Ok(ScVal::Symbol(ScSymbol(text.try_into()?)))
}

fn text(text: &str) -> Result<ScVal, Error> {
    Ok(ScVal::String(ScString(text.try_into()?)))
}

const fn address(account: AccountId) -> ScVal {
    ScVal::Address(ScAddress::Account(account))
}
