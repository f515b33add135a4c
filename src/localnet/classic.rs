//! The two classic operations a storage market needs: creating accounts and paying lumens.

use stellar_xdr::{
    AccountId, CreateAccountOp, CreateAccountResult, LedgerEntryData, PaymentOp, PaymentResult,
};

use crate::account;
use crate::frame::account_id;
use crate::settings::BASE_RESERVE;
use crate::state::Layer;

/// Creates an account whose first sequence number belongs to ledger `ledger`.
pub(crate) fn create_account(
    op: &CreateAccountOp,
    source: &AccountId,
    ledger: u32,
    layer: &mut Layer<'_>,
) -> CreateAccountResult {
    if account::load(layer, &op.destination).is_some() {
        return CreateAccountResult::AlreadyExist;
    }
    if op.starting_balance < i64::from(BASE_RESERVE).saturating_mul(2) {
        return CreateAccountResult::LowReserve;
    }
    let affordable =
        account::load(layer, source).is_some_and(|payer| account::available(&payer) >= op.starting_balance);
    if !affordable || !account::add_balance(layer, source, op.starting_balance.saturating_neg()) {
        return CreateAccountResult::Underfunded;
    }
    let first = i64::from(ledger) << 32;
    let fresh = account::new(op.destination.clone(), op.starting_balance, first);
    layer.put(LedgerEntryData::Account(fresh));
    CreateAccountResult::Success
}

/// Moves lumens between existing accounts.
pub(crate) fn payment(op: &PaymentOp, source: &AccountId, layer: &mut Layer<'_>) -> PaymentResult {
    let destination = account_id(&op.destination);
    let Some(payer) = account::load(layer, source) else { return PaymentResult::Underfunded };
    if account::load(layer, &destination).is_none() {
        return PaymentResult::NoDestination;
    }
    if destination == *source {
        return PaymentResult::Success;
    }
    if account::available(&payer) < op.amount
        || !account::add_balance(layer, source, op.amount.saturating_neg())
    {
        return PaymentResult::Underfunded;
    }
    if !account::add_balance(layer, &destination, op.amount) {
        return PaymentResult::LineFull;
    }
    PaymentResult::Success
}
