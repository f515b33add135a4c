//! Validity of a transaction: everything that is decided before (and again right before) it runs.
//!
//! The order of the checks is the order of the network's own code, because the first failing check names the
//! result the sender sees. Contract-specific checks are in `check_soroban`.

use stellar_xdr::{
    AccountEntry, LedgerBounds, Operation, OperationBody, OperationResult, OperationResultTr, Preconditions,
    PreconditionsV2, TimeBounds, TransactionExt, TransactionResultResult,
};

use crate::account;
use crate::check_soroban;
use crate::classic;
use crate::fees;
use crate::frame::{Frame, is_soroban};
use crate::settings::Settings;
use crate::signatures::{Level, Signatures};
use crate::state::Entries;

type Outcome<T = ()> = Result<T, TransactionResultResult>;

/// The ledger a transaction is judged against.
pub(crate) struct Moment<'a> {
    pub sequence: u32,
    pub close_time: u64,
    pub settings: &'a Settings,
}

/// Whether the fee is still to be paid, or was already taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Submission,
    Application,
}

/// Judges a transaction.
///
/// # Errors
/// The result the sender is told.
pub(crate) fn check(frame: &Frame, entries: &dyn Entries, moment: &Moment<'_>, stage: Stage) -> Outcome {
    use TransactionResultResult as R;
    shape(frame)?;
    if frame.soroban().is_some() && !check_soroban::valid(frame, moment.settings) {
        return Err(R::TxSorobanInvalid);
    }
    let conditions = conditions(frame);
    timing(&conditions, moment)?;
    if stage == Stage::Submission {
        inclusion_fee(frame)?;
    }
    let source = account::load(entries, &frame.source()).ok_or(R::TxNoAccount)?;
    sequence(frame, &source, &conditions, moment)?;
    let mut signatures = Signatures::over(frame.inner_hash, &frame.signatures);
    if !signatures.authorize(&source, Level::Low) {
        return Err(R::TxBadAuth);
    }
    if !conditions.extra_signers.iter().all(|signer| signatures.authorize_extra(signer)) {
        return Err(R::TxBadAuth);
    }
    if stage == Stage::Submission && frame.bump.is_none() && account::available(&source) < frame.bid() {
        return Err(R::TxInsufficientBalance);
    }
    operations(frame, entries, &mut signatures)?;
    if signatures.all_used() { Ok(()) } else { Err(R::TxBadAuthExtra) }
}

/// Judges the outer half of a fee bump.
///
/// # Errors
/// The result the sender is told.
pub(crate) fn check_bump(frame: &Frame, entries: &dyn Entries, stage: Stage) -> Outcome {
    use TransactionResultResult as R;
    let Some(bump) = &frame.bump else { return Ok(()) };
    if stage == Stage::Submission {
        inclusion_fee(frame)?;
        if !outbids_inner(frame) {
            return Err(R::TxInsufficientFee);
        }
    }
    let source = account::load(entries, &bump.source).ok_or(R::TxNoAccount)?;
    let mut signatures = Signatures::over(frame.hash, &bump.signatures);
    if !signatures.authorize(&source, Level::Low) {
        return Err(R::TxBadAuth);
    }
    if stage == Stage::Submission && account::available(&source) < bump.fee {
        return Err(R::TxInsufficientBalance);
    }
    if signatures.all_used() { Ok(()) } else { Err(R::TxBadAuthExtra) }
}

fn shape(frame: &Frame) -> Outcome {
    use TransactionResultResult as R;
    let operations = frame.tx.operations.as_slice();
    if operations.is_empty() {
        return Err(R::TxMissingOperation);
    }
    let contract = operations.iter().any(|op| is_soroban(&op.body));
    match (&frame.tx.ext, contract) {
        (TransactionExt::V1(_), true) if operations.len() == 1 => Ok(()),
        (TransactionExt::V0, false) => Ok(()),
        _ => Err(R::TxMalformed),
    }
}

fn conditions(frame: &Frame) -> PreconditionsV2 {
    match &frame.tx.cond {
        Preconditions::None => PreconditionsV2::default(),
        Preconditions::Time(bounds) => {
            PreconditionsV2 { time_bounds: Some(bounds.clone()), ..PreconditionsV2::default() }
        }
        Preconditions::V2(conditions) => conditions.clone(),
    }
}

fn timing(conditions: &PreconditionsV2, moment: &Moment<'_>) -> Outcome {
    use TransactionResultResult as R;
    if let Some(TimeBounds { min_time, max_time }) = &conditions.time_bounds {
        if moment.close_time < min_time.0 {
            return Err(R::TxTooEarly);
        }
        if max_time.0 != 0 && moment.close_time > max_time.0 {
            return Err(R::TxTooLate);
        }
    }
    if let Some(LedgerBounds { min_ledger, max_ledger }) = &conditions.ledger_bounds {
        if moment.sequence < *min_ledger {
            return Err(R::TxTooEarly);
        }
        if *max_ledger != 0 && moment.sequence >= *max_ledger {
            return Err(R::TxTooLate);
        }
    }
    Ok(())
}

fn inclusion_fee(frame: &Frame) -> Outcome {
    let offered = frame.bid().saturating_sub(frame.resource_fee());
    if offered < fees::minimum_inclusion(frame) {
        return Err(TransactionResultResult::TxInsufficientFee);
    }
    Ok(())
}

/// A fee bump may not offer less per operation than the transaction it wraps.
fn outbids_inner(frame: &Frame) -> bool {
    let inner_bid = i64::from(frame.tx.fee).saturating_sub(frame.resource_fee());
    let offered = frame.bid().saturating_sub(frame.resource_fee());
    let operations = frame.charged_operations();
    i128::from(offered) * i128::from(operations.saturating_sub(1))
        >= i128::from(inner_bid) * i128::from(operations)
}

fn sequence(
    frame: &Frame,
    source: &AccountEntry,
    conditions: &PreconditionsV2,
    moment: &Moment<'_>,
) -> Outcome {
    use TransactionResultResult as R;
    let wanted = frame.tx.seq_num.0;
    let current = source.seq_num.0;
    let starts_a_ledger = i64::from(moment.sequence).checked_shl(32) == Some(wanted);
    let follows = match &conditions.min_seq_num {
        None => current.checked_add(1) == Some(wanted),
        Some(minimum) => current >= minimum.0 && current < wanted,
    };
    if !follows || starts_a_ledger {
        return Err(R::TxBadSeq);
    }
    let (ledger, time) = account::last_sequence_use(source);
    let gap = moment.sequence.saturating_sub(ledger);
    let age = moment.close_time.saturating_sub(time);
    if gap < conditions.min_seq_ledger_gap || age < conditions.min_seq_age.0 {
        return Err(R::TxBadMinSeqAgeOrGap);
    }
    Ok(())
}

/// Checks each operation's signer and shape; the first one at fault makes the transaction fail with its result.
fn operations(frame: &Frame, entries: &dyn Entries, signatures: &mut Signatures<'_>) -> Outcome {
    let mut results = Vec::with_capacity(frame.tx.operations.len());
    let mut sound = true;
    for (index, operation) in frame.tx.operations.iter().enumerate() {
        let (ok, result) = operation_fault(frame, index, operation, entries, signatures);
        sound &= ok;
        results.push(result);
    }
    if sound {
        return Ok(());
    }
    let results = results.try_into().map_err(|_| TransactionResultResult::TxInternalError)?;
    Err(TransactionResultResult::TxFailed(results))
}

fn operation_fault(
    frame: &Frame,
    index: usize,
    operation: &Operation,
    entries: &dyn Entries,
    signatures: &mut Signatures<'_>,
) -> (bool, OperationResult) {
    let source = frame.operation_source(index);
    let authorized = match account::load(entries, &source) {
        Some(account) => signatures.authorize(&account, level(&operation.body)),
        None if operation.source_account.is_some() => signatures.authorize_key(&source),
        None => return (false, OperationResult::OpNoAccount),
    };
    if !authorized {
        return (false, OperationResult::OpBadAuth);
    }
    match malformed(&operation.body, &source) {
        Some(result) => (false, result),
        None => (true, success(&operation.body)),
    }
}

fn level(body: &OperationBody) -> Level {
    match body {
        OperationBody::ExtendFootprintTtl(_) | OperationBody::RestoreFootprint(_) => Level::Low,
        other => classic::level(other),
    }
}

/// What is wrong with an operation whatever the ledger holds.
fn malformed(body: &OperationBody, source: &stellar_xdr::AccountId) -> Option<OperationResult> {
    if is_soroban(body) { check_soroban::malformed(body) } else { classic::malformed(body, source) }
}

/// Placeholder result of an operation that is not at fault, beside one that is.
fn success(body: &OperationBody) -> OperationResult {
    if let Some(result) = classic::placeholder(body) {
        return OperationResult::OpInner(result);
    }
    let result = match body {
        OperationBody::ExtendFootprintTtl(_) => {
            OperationResultTr::ExtendFootprintTtl(stellar_xdr::ExtendFootprintTtlResult::Success)
        }
        OperationBody::RestoreFootprint(_) => {
            OperationResultTr::RestoreFootprint(stellar_xdr::RestoreFootprintResult::Success)
        }
        _ => OperationResultTr::InvokeHostFunction(stellar_xdr::InvokeHostFunctionResult::Success(
            stellar_xdr::Hash([0; 32]),
        )),
    };
    OperationResult::OpInner(result)
}
