//! One transaction's way through a ledger: fee, sequence number, operations, refund, and the metadata of it all.

use stellar_xdr::{
    DiagnosticEvent, Error, ExtendFootprintTtlResult, ExtensionPoint, Hash, InnerTransactionResult,
    InnerTransactionResultExt, InnerTransactionResultPair, InnerTransactionResultResult,
    InvokeHostFunctionResult, LedgerEntryChanges, LedgerEntryData, OperationBody, OperationMetaV2,
    OperationResult, OperationResultTr, RestoreFootprintResult, SorobanTransactionMetaExt,
    SorobanTransactionMetaExtV1, SorobanTransactionMetaV2, TransactionMeta, TransactionMetaV4,
    TransactionResult, TransactionResultExt, TransactionResultMetaV1, TransactionResultPair,
    TransactionResultResult,
};

use crate::account;
use crate::check::{Moment, Stage, check, check_bump};
use crate::check_soroban::footprint_failure;
use crate::classic;
use crate::fees::{initial_charge, resource_fee};
use crate::footprint;
use crate::frame::Frame;
use crate::invoke::{Harvest, World, invoke};
use crate::state::Layer;
use crate::unified;

/// A transaction whose fee was taken.
pub(crate) struct Charged {
    fee: i64,
    changes: LedgerEntryChanges,
}

/// Takes the fee of `frame` from its fee source, as far as the balance goes.
pub(crate) fn charge(frame: &Frame, ledger: &mut Layer<'_>, sequence: u32) -> Result<Charged, Error> {
    let payer = frame.fee_source();
    let mut layer = Layer::above(ledger);
    let balance = account::load(&layer, &payer).map_or(0, |account| account.balance);
    let fee = initial_charge(frame).min(balance);
    account::add_balance(&mut layer, &payer, fee.saturating_neg());
    let changes = layer.into_changes(sequence)?;
    ledger.replay(&changes);
    Ok(Charged { fee, changes })
}

/// Everything the operations of a transaction left.
#[derive(Default)]
struct Run {
    operations: Vec<OperationMetaV2>,
    harvest: Harvest,
    diagnostics: Vec<DiagnosticEvent>,
}

/// Runs a charged transaction on `ledger` and gives its record.
pub(crate) fn apply(
    frame: &Frame,
    charged: Charged,
    ledger: &mut Layer<'_>,
    world: &World<'_>,
) -> Result<TransactionResultMetaV1, Error> {
    let sequence = world.info.sequence_number;
    let moment = Moment { sequence, close_time: world.info.timestamp, settings: world.settings };
    let outer = check_bump(frame, ledger, Stage::Application);
    let outer_sound = outer.is_ok();
    let judged = outer.and_then(|()| check(frame, ledger, &moment, Stage::Application));
    let before = if outer_sound && judged.as_ref().err().is_none_or(uses_sequence) {
        use_sequence(frame, ledger, world)?
    } else {
        LedgerEntryChanges::default()
    };
    let mut run = Run::default();
    let outcome = match judged {
        Ok(()) => operations(frame, ledger, world, &mut run)?,
        Err(refusal) => refusal,
    };
    let (refund, soroban_meta) = settle(frame, &outcome, &run, world);
    let post = refund_changes(frame, refund, ledger, sequence)?;
    let meta = TransactionMetaV4 {
        ext: ExtensionPoint::V0,
        tx_changes_before: before,
        operations: run.operations.try_into()?,
        tx_changes_after: LedgerEntryChanges::default(),
        soroban_meta,
        events: unified::of_fee(&frame.fee_source(), charged.fee, refund, world.info.network_id)?
            .try_into()?,
        diagnostic_events: run.diagnostics.try_into()?,
    };
    let fee = charged.fee.saturating_sub(refund);
    let result = if outer_sound { result(frame, fee, outcome) } else { plain_result(fee, outcome) };
    Ok(TransactionResultMetaV1 {
        ext: ExtensionPoint::V0,
        result: TransactionResultPair { transaction_hash: Hash(frame.hash), result },
        fee_processing: charged.changes,
        tx_apply_processing: TransactionMeta::V4(meta),
        post_tx_apply_fee_processing: post,
    })
}

/// Whether a refusal came late enough that the sequence number is spent.
fn uses_sequence(refusal: &TransactionResultResult) -> bool {
    use TransactionResultResult as R;
    matches!(
        refusal,
        R::TxBadAuth | R::TxBadAuthExtra | R::TxFailed(_) | R::TxInsufficientBalance | R::TxInternalError
    )
}

fn use_sequence(
    frame: &Frame,
    ledger: &mut Layer<'_>,
    world: &World<'_>,
) -> Result<LedgerEntryChanges, Error> {
    let sequence = world.info.sequence_number;
    let mut layer = Layer::above(ledger);
    if let Some(mut source) = account::load(&layer, &frame.source()) {
        account::set_sequence(&mut source, frame.tx.seq_num.0, sequence, world.info.timestamp);
        layer.put(LedgerEntryData::Account(source));
    }
    let changes = layer.into_changes(sequence)?;
    ledger.replay(&changes);
    Ok(changes)
}

/// Runs the operations in order; all of them take effect, or none.
fn operations(
    frame: &Frame,
    ledger: &mut Layer<'_>,
    world: &World<'_>,
    run: &mut Run,
) -> Result<TransactionResultResult, Error> {
    let mut whole = Layer::above(ledger);
    let mut results = Vec::with_capacity(frame.tx.operations.len());
    let mut metas = Vec::with_capacity(frame.tx.operations.len());
    let mut all_well = true;
    for (index, operation) in frame.tx.operations.iter().enumerate() {
        let mut layer = Layer::above(&whole);
        let (ok, result) = one(frame, index, &operation.body, &mut layer, (world, run));
        results.push(result);
        all_well &= ok;
        if !ok {
            continue;
        }
        let changes = layer.into_changes(world.info.sequence_number)?;
        whole.replay(&changes);
        let mut events = run.harvest.events.clone();
        events.extend(unified::of_operation(frame, index, world.info.network_id)?);
        let events = events.try_into()?;
        metas.push(OperationMetaV2 { ext: ExtensionPoint::V0, changes, events });
    }
    let results = results.try_into()?;
    if !all_well {
        run.harvest = Harvest::default();
        return Ok(TransactionResultResult::TxFailed(results));
    }
    drop(whole);
    for meta in &metas {
        ledger.replay(&meta.changes);
    }
    run.operations = metas;
    Ok(TransactionResultResult::TxSuccess(results))
}

fn one(
    frame: &Frame,
    index: usize,
    body: &OperationBody,
    layer: &mut Layer<'_>,
    (world, run): (&World<'_>, &mut Run),
) -> (bool, OperationResult) {
    let source = frame.operation_source(index);
    if account::load(layer, &source).is_none() {
        return (false, OperationResult::OpNoAccount);
    }
    let result = match body {
        OperationBody::InvokeHostFunction(op) => {
            match invoke(frame, op, layer, world, &mut run.diagnostics) {
                Ok((hash, harvest)) => {
                    run.harvest = harvest;
                    (true, OperationResultTr::InvokeHostFunction(InvokeHostFunctionResult::Success(hash)))
                }
                Err(fault) => (false, OperationResultTr::InvokeHostFunction(fault)),
            }
        }
        OperationBody::ExtendFootprintTtl(op) => match footprint::extend(frame, op.extend_to, layer, world) {
            Ok(harvest) => {
                run.harvest = harvest;
                (true, OperationResultTr::ExtendFootprintTtl(ExtendFootprintTtlResult::Success))
            }
            Err(fault) => return (false, footprint_failure(body, fault == footprint::Fault::ResourceLimit)),
        },
        OperationBody::RestoreFootprint(_) => match footprint::restore(frame, layer, world) {
            Ok(harvest) => {
                run.harvest = harvest;
                (true, OperationResultTr::RestoreFootprint(RestoreFootprintResult::Success))
            }
            Err(fault) => return (false, footprint_failure(body, fault == footprint::Fault::ResourceLimit)),
        },
        other => return classic::run(other, &source, world.info.sequence_number, layer),
    };
    (result.0, OperationResult::OpInner(result.1))
}

/// What comes back of the resource fee, and the record of what stayed.
fn settle(
    frame: &Frame,
    outcome: &TransactionResultResult,
    run: &Run,
    world: &World<'_>,
) -> (i64, Option<SorobanTransactionMetaV2>) {
    let Some(data) = frame.soroban() else { return (0, None) };
    let price = resource_fee(data, frame.size, 0, world.settings);
    let refundable = data.resource_fee.saturating_sub(price.non_refundable).max(0);
    let succeeded = matches!(outcome, TransactionResultResult::TxSuccess(_));
    let harvest = &run.harvest;
    let consumed = if succeeded { harvest.events_fee.saturating_add(harvest.rent_fee) } else { 0 };
    let meta = SorobanTransactionMetaV2 {
        ext: SorobanTransactionMetaExt::V1(SorobanTransactionMetaExtV1 {
            ext: ExtensionPoint::V0,
            total_non_refundable_resource_fee_charged: price.non_refundable,
            total_refundable_resource_fee_charged: consumed,
            rent_fee_charged: if succeeded { harvest.rent_fee } else { 0 },
        }),
        return_value: if succeeded { harvest.return_value.clone() } else { None },
    };
    (refundable.saturating_sub(consumed).max(0), Some(meta))
}

fn refund_changes(
    frame: &Frame,
    refund: i64,
    ledger: &mut Layer<'_>,
    sequence: u32,
) -> Result<LedgerEntryChanges, Error> {
    let mut layer = Layer::above(ledger);
    if refund > 0 {
        account::add_balance(&mut layer, &frame.fee_source(), refund);
    }
    let changes = layer.into_changes(sequence)?;
    ledger.replay(&changes);
    Ok(changes)
}

/// An outcome as it is.
pub(crate) fn plain_result(fee: i64, outcome: TransactionResultResult) -> TransactionResult {
    TransactionResult { fee_charged: fee, result: outcome, ext: TransactionResultExt::V0 }
}

/// Wraps an outcome as the sender sees it: as it is, or inside a fee bump's result.
pub(crate) fn result(frame: &Frame, fee: i64, outcome: TransactionResultResult) -> TransactionResult {
    use TransactionResultResult as R;
    let result = match (&frame.bump, inner(&outcome)) {
        (Some(_), Some(inner)) => {
            let pair = InnerTransactionResultPair {
                transaction_hash: Hash(frame.inner_hash),
                result: InnerTransactionResult {
                    fee_charged: 0,
                    result: inner,
                    ext: InnerTransactionResultExt::V0,
                },
            };
            if matches!(outcome, R::TxSuccess(_)) {
                R::TxFeeBumpInnerSuccess(pair)
            } else {
                R::TxFeeBumpInnerFailed(pair)
            }
        }
        _ => outcome,
    };
    plain_result(fee, result)
}

fn inner(outcome: &TransactionResultResult) -> Option<InnerTransactionResultResult> {
    use InnerTransactionResultResult as I;
    use TransactionResultResult as R;
    Some(match outcome {
        R::TxSuccess(results) => I::TxSuccess(results.clone()),
        R::TxFailed(results) => I::TxFailed(results.clone()),
        R::TxTooEarly => I::TxTooEarly,
        R::TxTooLate => I::TxTooLate,
        R::TxMissingOperation => I::TxMissingOperation,
        R::TxBadSeq => I::TxBadSeq,
        R::TxBadAuth => I::TxBadAuth,
        R::TxInsufficientBalance => I::TxInsufficientBalance,
        R::TxNoAccount => I::TxNoAccount,
        R::TxInsufficientFee => I::TxInsufficientFee,
        R::TxBadAuthExtra => I::TxBadAuthExtra,
        R::TxInternalError => I::TxInternalError,
        R::TxNotSupported => I::TxNotSupported,
        R::TxBadSponsorship => I::TxBadSponsorship,
        R::TxBadMinSeqAgeOrGap => I::TxBadMinSeqAgeOrGap,
        R::TxMalformed => I::TxMalformed,
        R::TxSorobanInvalid => I::TxSorobanInvalid,
        R::TxFrozenKeyAccessed => I::TxFrozenKeyAccessed,
        R::TxFeeBumpInnerSuccess(_) | R::TxFeeBumpInnerFailed(_) => return None,
    })
}
