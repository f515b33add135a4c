//! Creating accounts, and paying lumens or units of an issued asset.

use stellar_xdr::{
    AccountId, Asset, CreateAccountOp, CreateAccountResult, LedgerEntryData, PaymentOp, PaymentResult,
};

use crate::account;
use crate::frame::account_id;
use crate::settings::BASE_RESERVE;
use crate::state::Layer;
use crate::trustline::{self, Fault};

/// A creation nobody could mean.
pub(super) fn malformed_creation(op: &CreateAccountOp, source: &AccountId) -> Option<CreateAccountResult> {
    let nonsense = op.starting_balance < 0 || op.destination == *source;
    nonsense.then_some(CreateAccountResult::Malformed)
}

/// A payment nobody could mean.
pub(super) fn malformed_payment(op: &PaymentOp) -> Option<PaymentResult> {
    let nonsense = op.amount <= 0 || !trustline::sound(&op.asset);
    nonsense.then_some(PaymentResult::Malformed)
}

/// Creates an account whose first sequence number belongs to ledger `ledger`.
pub(super) fn create_account(
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

/// Moves lumens or units of an issued asset between existing accounts.
pub(super) fn payment(op: &PaymentOp, source: &AccountId, layer: &mut Layer<'_>) -> PaymentResult {
    match &op.asset {
        Asset::Native => lumens(op, source, layer),
        asset => units(op, asset, source, layer),
    }
}

fn lumens(op: &PaymentOp, source: &AccountId, layer: &mut Layer<'_>) -> PaymentResult {
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

/// The receiver is judged before the payer, as on the network; an issuer is found even where its account is gone.
fn units(op: &PaymentOp, asset: &Asset, source: &AccountId, layer: &mut Layer<'_>) -> PaymentResult {
    let destination = account_id(&op.destination);
    let to_issuer = trustline::issuer(asset) == Some(&destination);
    if !to_issuer && account::load(layer, &destination).is_none() {
        return PaymentResult::NoDestination;
    }
    match trustline::add(layer, &destination, asset, op.amount) {
        Ok(()) => {}
        Err(Fault::Missing) => return PaymentResult::NoTrust,
        Err(Fault::Frozen) => return PaymentResult::NotAuthorized,
        Err(Fault::OutOfRange) => return PaymentResult::LineFull,
    }
    match trustline::add(layer, source, asset, op.amount.saturating_neg()) {
        Ok(()) => PaymentResult::Success,
        Err(Fault::Missing) => PaymentResult::SrcNoTrust,
        Err(Fault::Frozen) => PaymentResult::SrcNotAuthorized,
        Err(Fault::OutOfRange) => PaymentResult::Underfunded,
    }
}
