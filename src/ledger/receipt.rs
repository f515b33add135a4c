//! What became of a transaction: read from the network's answer.

use crate::envelope::{Bump, Pending};
use crate::error::{Cause, ContractFailure, LedgerError, MoneyEffect, Rejection, Stage};
use crate::rpc::shorten;
use crate::rpc_types::Found;
use crate::xdr;
use layr_types::{ContractId, Stroops, TxHash, UnixSeconds};
use stellar_xdr::{
    ContractEvent, ContractEventBody, CreateAccountResult, DiagnosticEvent, InnerTransactionResultResult,
    OperationResult, OperationResultTr, PaymentResult, ScError, ScVal, SorobanTransactionMetaExt,
    TransactionMeta, TransactionResult, TransactionResultResult,
};

/// An applied transaction.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// The transaction, as it was first signed.
    pub hash: TxHash,
    /// The fee bump that carried it into the ledger, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bump: Option<TxHash>,
    /// The ledger it was applied in.
    pub ledger: u32,
    /// When that ledger closed.
    pub closed_at: UnixSeconds,
    /// Everything it cost, rent and restoring archived entries first included, refunds deducted.
    pub fee: Stroops,
    /// The part of the fee that was rent; `None` where the network does not say.
    pub rent: Option<Stroops>,
}

/// The fate of a [`crate::Pending`] transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It was applied and did what it should.
    Applied(Receipt),
    /// It only brought archived entries back, for this price. The call that needed them was never sent.
    Restored(Receipt),
    /// It was applied and failed; only the fee was spent.
    Failed {
        /// What it cost.
        fee: Stroops,
        /// Why it failed.
        why: String,
    },
    /// It was not applied and never will be; nothing was spent.
    Expired,
    /// The network no longer remembers. The account has used the sequence number, perhaps by this transaction:
    /// compare the state it should have changed.
    Forgotten,
}

/// An applied transaction with what its call returned.
#[derive(Debug, Clone)]
pub(crate) struct Applied {
    pub(crate) receipt: Receipt,
    pub(crate) value: Option<ScVal>,
    pub(crate) events: Vec<RawEvent>,
}

/// A contract event, not yet understood.
#[derive(Debug, Clone)]
pub(crate) struct RawEvent {
    pub(crate) contract: Option<ContractId>,
    pub(crate) topics: Vec<ScVal>,
    pub(crate) data: ScVal,
}

/// Reads a successful answer to the question about `asked`, the transaction's hash or a bump's.
pub(crate) fn applied(
    pending: &Pending,
    asked: TxHash,
    found: &Found,
    endpoint: &str,
) -> Result<Applied, LedgerError> {
    let result = transaction_result(found, endpoint)?;
    let meta: Option<TransactionMeta> = found.result_meta_xdr.as_deref().and_then(xdr::decode);
    let (value, rent, events) = meta.map_or((None, None, Vec::new()), soroban_outcome);
    let fee = i128::from(result.fee_charged);
    let receipt = Receipt {
        hash: pending.hash,
        bump: carrier(pending, asked, found),
        ledger: found.ledger.unwrap_or(found.latest_ledger),
        closed_at: UnixSeconds(found.created_at.unwrap_or(found.latest_ledger_close_time)),
        fee: Stroops(fee),
        rent,
    };
    Ok(Applied { receipt, value, events })
}

/// The bump that carried the transaction: the one asked about, or the one whose envelope is shown, since endpoints
/// find a bump under the hash of what it carries too.
fn carrier(pending: &Pending, asked: TxHash, found: &Found) -> Option<TxHash> {
    let shown = found.envelope_xdr.as_deref();
    let named = |bump: &&Bump| bump.hash == asked || Some(bump.envelope_xdr.as_str()) == shown;
    pending.bumps.iter().find(named).map(|bump| bump.hash)
}

/// Reads a failed answer into the error it means.
pub(crate) fn failed(found: &Found, endpoint: &str) -> Result<LedgerError, LedgerError> {
    let result = transaction_result(found, endpoint)?;
    let code = found.diagnostic_events_xdr.iter().flatten().find_map(|event| contract_code(event));
    let cause = match code {
        Some(code) => Cause::Contract(ContractFailure { code: Some(code), message: String::new() }),
        None => Cause::Failed(rejection(&result.result)),
    };
    let effect = MoneyEffect::Fee(Stroops(i128::from(result.fee_charged)));
    Ok(LedgerError::new(Stage::Follow, cause).with_effect(effect))
}

/// Reads why the network's door refused.
pub(crate) fn refusal(error_result_xdr: Option<&str>) -> Rejection {
    let result: Option<TransactionResult> = error_result_xdr.and_then(xdr::decode);
    result.map_or(Rejection::Transaction("no reason given"), |result| rejection(&result.result))
}

/// The whole fee the network's door asks for, where it refused a lower one.
pub(crate) fn fee_wanted(error_result_xdr: Option<&str>) -> Option<Stroops> {
    let result: TransactionResult = error_result_xdr.and_then(xdr::decode)?;
    Some(Stroops(i128::from(result.fee_charged))).filter(|fee| *fee > Stroops::ZERO)
}

/// The contract error a simulation's message names, and the message made fit to show.
pub(crate) fn simulation_failure(message: &str) -> ContractFailure {
    const MARK: &str = "Error(Contract, #";
    let code = message.split_once(MARK).and_then(|(_, rest)| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    let first_line = message.lines().next().unwrap_or_default();
    ContractFailure { code, message: shorten(first_line) }
}

/// The contract events of an applied transaction, in order.
pub(crate) fn events(found: &Found) -> Vec<RawEvent> {
    let meta: Option<TransactionMeta> = found.result_meta_xdr.as_deref().and_then(xdr::decode);
    meta.map_or_else(Vec::new, |meta| soroban_outcome(meta).2)
}

fn transaction_result(found: &Found, endpoint: &str) -> Result<TransactionResult, LedgerError> {
    xdr::decode_from(found.result_xdr.as_deref(), endpoint, Stage::Follow, "a transaction result")
}

fn soroban_outcome(meta: TransactionMeta) -> (Option<ScVal>, Option<Stroops>, Vec<RawEvent>) {
    let (value, ext, events) = match meta {
        TransactionMeta::V4(meta) => {
            let events = meta.operations.iter().flat_map(|op| op.events.iter()).map(raw_event).collect();
            match meta.soroban_meta {
                Some(soroban) => (soroban.return_value, soroban.ext, events),
                None => return (None, None, events),
            }
        }
        TransactionMeta::V3(meta) => match meta.soroban_meta {
            Some(soroban) => {
                let events = soroban.events.iter().map(raw_event).collect();
                (Some(soroban.return_value), soroban.ext, events)
            }
            None => return (None, None, Vec::new()),
        },
        _ => return (None, None, Vec::new()),
    };
    let rent = match ext {
        SorobanTransactionMetaExt::V1(fees) => Some(Stroops(i128::from(fees.rent_fee_charged))),
        SorobanTransactionMetaExt::V0 => None,
    };
    (value, rent, events)
}

fn raw_event(event: &ContractEvent) -> RawEvent {
    let ContractEventBody::V0(body) = &event.body;
    RawEvent {
        contract: event.contract_id.as_ref().map(|id| ContractId(id.0.0)),
        topics: body.topics.to_vec(),
        data: body.data.clone(),
    }
}

fn contract_code(event: &str) -> Option<u32> {
    let event: DiagnosticEvent = xdr::decode(event)?;
    let ContractEventBody::V0(body) = event.event.body;
    body.topics.iter().find_map(|topic| match topic {
        ScVal::Error(ScError::Contract(code)) => Some(*code),
        _ => None,
    })
}

fn rejection(result: &TransactionResultResult) -> Rejection {
    match result {
        TransactionResultResult::TxFeeBumpInnerFailed(pair) => inner_rejection(&pair.result.result),
        TransactionResultResult::TxBadSeq => Rejection::BadSequence,
        TransactionResultResult::TxInsufficientBalance => Rejection::InsufficientBalance,
        TransactionResultResult::TxInsufficientFee => Rejection::InsufficientFee,
        TransactionResultResult::TxTooLate => Rejection::TooLate,
        TransactionResultResult::TxBadAuth | TransactionResultResult::TxBadAuthExtra => Rejection::BadAuth,
        TransactionResultResult::TxNoAccount => Rejection::NoAccount,
        TransactionResultResult::TxFailed(operations) => {
            let name = operations.first().map_or_else(|| "no operation".to_owned(), operation_code);
            Rejection::Operation(name)
        }
        other => Rejection::Transaction(other.name()),
    }
}

/// Why the transaction inside a fee bump failed.
fn inner_rejection(result: &InnerTransactionResultResult) -> Rejection {
    use InnerTransactionResultResult as I;
    use TransactionResultResult as R;
    match result {
        I::TxFailed(operations) => rejection(&R::TxFailed(operations.clone())),
        I::TxBadSeq => Rejection::BadSequence,
        I::TxInsufficientBalance => Rejection::InsufficientBalance,
        I::TxInsufficientFee => Rejection::InsufficientFee,
        I::TxTooLate => Rejection::TooLate,
        I::TxBadAuth | I::TxBadAuthExtra => Rejection::BadAuth,
        I::TxNoAccount => Rejection::NoAccount,
        other => Rejection::Transaction(other.name()),
    }
}

fn operation_code(result: &OperationResult) -> String {
    let name = match result {
        OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::Underfunded))
        | OperationResult::OpInner(OperationResultTr::CreateAccount(CreateAccountResult::Underfunded)) => {
            "the account does not hold enough"
        }
        OperationResult::OpInner(OperationResultTr::Payment(result)) => result.name(),
        OperationResult::OpInner(OperationResultTr::CreateAccount(result)) => result.name(),
        OperationResult::OpInner(OperationResultTr::InvokeHostFunction(result)) => result.name(),
        OperationResult::OpInner(OperationResultTr::ExtendFootprintTtl(result)) => result.name(),
        OperationResult::OpInner(OperationResultTr::RestoreFootprint(result)) => result.name(),
        other => other.name(),
    };
    name.to_owned()
}
