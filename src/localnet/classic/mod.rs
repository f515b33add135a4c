//! The classic operations a storage market and its assets need: accounts, payments, trust, and an issuer's settings.
//!
//! One file per kind; this one knows which there are, what each demands of its signers, and how each is judged
//! before it runs. Whatever is not here is answered with `opNOT_SUPPORTED`.

mod options;
mod payments;
mod trust;

use stellar_xdr::{
    AccountId, ChangeTrustResult, CreateAccountResult, OperationBody, OperationResult, OperationResultTr,
    PaymentResult, SetOptionsResult, SetTrustLineFlagsResult,
};

use crate::signatures::Level;
use crate::state::Layer;

/// Weight of signatures an operation demands.
pub(crate) fn level(body: &OperationBody) -> Level {
    match body {
        OperationBody::SetOptions(op) if options::is_about_signers(op) => Level::High,
        OperationBody::SetTrustLineFlags(_) => Level::Low,
        _ => Level::Medium,
    }
}

/// What is wrong with a classic operation whatever the ledger holds.
pub(crate) fn malformed(body: &OperationBody, source: &AccountId) -> Option<OperationResult> {
    let result = match body {
        OperationBody::CreateAccount(op) => {
            OperationResultTr::CreateAccount(payments::malformed_creation(op, source)?)
        }
        OperationBody::Payment(op) => OperationResultTr::Payment(payments::malformed_payment(op)?),
        OperationBody::ChangeTrust(op) => match trust::asset_of(&op.line) {
            Some(asset) => OperationResultTr::ChangeTrust(trust::malformed_line(op, &asset, source)?),
            None => return Some(OperationResult::OpNotSupported),
        },
        OperationBody::SetTrustLineFlags(op) => {
            OperationResultTr::SetTrustLineFlags(trust::malformed_flags(op, source)?)
        }
        OperationBody::SetOptions(op) if op.signer.is_none() => {
            OperationResultTr::SetOptions(options::malformed(op)?)
        }
        _ => return Some(OperationResult::OpNotSupported),
    };
    Some(OperationResult::OpInner(result))
}

/// Runs a classic operation that was found sound, in ledger `ledger`; on failure `layer` must be dropped.
pub(crate) fn run(
    body: &OperationBody,
    source: &AccountId,
    ledger: u32,
    layer: &mut Layer<'_>,
) -> (bool, OperationResult) {
    let (done, result) = match body {
        OperationBody::CreateAccount(op) => {
            let result = payments::create_account(op, source, ledger, layer);
            (result == CreateAccountResult::Success, OperationResultTr::CreateAccount(result))
        }
        OperationBody::Payment(op) => {
            let result = payments::payment(op, source, layer);
            (result == PaymentResult::Success, OperationResultTr::Payment(result))
        }
        OperationBody::ChangeTrust(op) => match trust::asset_of(&op.line) {
            Some(asset) => {
                let result = trust::change_trust(&asset, op.limit, source, layer);
                (result == ChangeTrustResult::Success, OperationResultTr::ChangeTrust(result))
            }
            None => return (false, OperationResult::OpNotSupported),
        },
        OperationBody::SetTrustLineFlags(op) => {
            let result = trust::set_flags(op, source, layer);
            (result == SetTrustLineFlagsResult::Success, OperationResultTr::SetTrustLineFlags(result))
        }
        OperationBody::SetOptions(op) => {
            let result = options::set(op, source, layer);
            (result == SetOptionsResult::Success, OperationResultTr::SetOptions(result))
        }
        _ => return (false, OperationResult::OpNotSupported),
    };
    (done, OperationResult::OpInner(result))
}

/// Placeholder result of a classic operation that is not at fault, beside one that is.
pub(crate) fn placeholder(body: &OperationBody) -> Option<OperationResultTr> {
    Some(match body {
        OperationBody::CreateAccount(_) => OperationResultTr::CreateAccount(CreateAccountResult::Success),
        OperationBody::Payment(_) => OperationResultTr::Payment(PaymentResult::Success),
        OperationBody::ChangeTrust(_) => OperationResultTr::ChangeTrust(ChangeTrustResult::Success),
        OperationBody::SetTrustLineFlags(_) => {
            OperationResultTr::SetTrustLineFlags(SetTrustLineFlagsResult::Success)
        }
        OperationBody::SetOptions(_) => OperationResultTr::SetOptions(SetOptionsResult::Success),
        _ => return None,
    })
}
