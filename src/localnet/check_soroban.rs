//! Validity of a contract transaction's resource declaration against the network's per-transaction limits.

use std::collections::BTreeSet;

use stellar_xdr::{
    ContractDataDurability, ExtendFootprintTtlResult, HostFunction, InvokeHostFunctionResult, LedgerKey,
    Limits, Memo, MuxedAccount, OperationBody, OperationResult, OperationResultTr, RestoreFootprintResult,
    SorobanTransactionData, WriteXdr,
};

use crate::fees::{count, disk_reads, resource_fee};
use crate::frame::{Frame, archived_indices};
use crate::settings::Settings;
use crate::state::durability;

/// Whether the declaration of `frame` (which must have one) may enter a ledger.
pub(crate) fn valid(frame: &Frame, settings: &Settings) -> bool {
    let Some(data) = frame.soroban() else { return false };
    let Some(operation) = frame.tx.operations.first() else { return false };
    within_limits(data, frame.size, settings)
        && sound_footprint(data, settings)
        && sound_archived(data)
        && pays(frame, data, settings)
        && footprint_fits(&operation.body, data, settings)
        && plain_addresses(frame, &operation.body)
}

/// What is wrong with a contract operation whatever the ledger holds.
pub(crate) fn malformed(body: &OperationBody) -> Option<OperationResult> {
    let empty_wasm = matches!(body, OperationBody::InvokeHostFunction(op)
        if matches!(&op.host_function, HostFunction::UploadContractWasm(wasm) if wasm.is_empty()));
    empty_wasm.then_some(OperationResult::OpInner(OperationResultTr::InvokeHostFunction(
        InvokeHostFunctionResult::Malformed,
    )))
}

fn within_limits(data: &SorobanTransactionData, size: u32, settings: &Settings) -> bool {
    let resources = &data.resources;
    let footprint = &resources.footprint;
    let entries = footprint.read_only.len().saturating_add(footprint.read_write.len());
    i64::from(resources.instructions) <= settings.compute.tx_max_instructions
        && resources.disk_read_bytes <= settings.cost.tx_max_disk_read_bytes
        && resources.write_bytes <= settings.cost.tx_max_write_bytes
        && disk_reads(data) <= settings.cost.tx_max_disk_read_entries
        && count(footprint.read_write.len()) <= settings.cost.tx_max_write_ledger_entries
        && count(entries) <= settings.cost_ext.tx_max_footprint_entries
        && size <= settings.bandwidth.tx_max_size_bytes
}

/// Keys are of kinds contracts may touch, small enough, and listed once.
fn sound_footprint(data: &SorobanTransactionData, settings: &Settings) -> bool {
    let footprint = &data.resources.footprint;
    let mut seen = BTreeSet::new();
    footprint.read_only.iter().chain(footprint.read_write.iter()).all(|key| {
        let allowed = matches!(
            key,
            LedgerKey::Account(_)
                | LedgerKey::Trustline(_)
                | LedgerKey::ContractData(_)
                | LedgerKey::ContractCode(_)
        );
        let small =
            key.to_xdr(Limits::none()).is_ok_and(|bytes| count(bytes.len()) <= settings.max_key_bytes);
        allowed && small && seen.insert(key)
    })
}

/// Archived positions rise, and point at persistent contract entries to be written.
fn sound_archived(data: &SorobanTransactionData) -> bool {
    let indices = archived_indices(data);
    let rising = indices.windows(2).all(|pair| pair[0] < pair[1]);
    let keys = &data.resources.footprint.read_write;
    rising
        && indices.iter().all(|index| {
            usize::try_from(*index)
                .ok()
                .and_then(|index| keys.get(index))
                .is_some_and(|key| durability(key) == Some(ContractDataDurability::Persistent))
        })
}

fn pays(frame: &Frame, data: &SorobanTransactionData, settings: &Settings) -> bool {
    let price = resource_fee(data, frame.size, 0, settings);
    let declared = data.resource_fee;
    declared >= price.non_refundable.saturating_add(price.events) && declared <= frame.bid()
}

/// Each operation has its own idea of which halves of the footprint it may use.
fn footprint_fits(body: &OperationBody, data: &SorobanTransactionData, settings: &Settings) -> bool {
    let footprint = &data.resources.footprint;
    match body {
        OperationBody::ExtendFootprintTtl(op) => {
            footprint.read_write.is_empty()
                && footprint.read_only.iter().all(|key| durability(key).is_some())
                && op.extend_to < settings.network.max_entry_ttl
        }
        OperationBody::RestoreFootprint(_) => {
            footprint.read_only.is_empty()
                && footprint
                    .read_write
                    .iter()
                    .all(|key| durability(key) == Some(ContractDataDurability::Persistent))
        }
        OperationBody::InvokeHostFunction(op) => match &op.host_function {
            HostFunction::UploadContractWasm(wasm) => count(wasm.len()) <= settings.max_wasm_bytes,
            _ => true,
        },
        _ => true,
    }
}

/// Contract calls carry no memo and no multiplexed source: both would be lost on the way.
fn plain_addresses(frame: &Frame, body: &OperationBody) -> bool {
    if !matches!(body, OperationBody::InvokeHostFunction(_)) {
        return true;
    }
    let plain = |account: &MuxedAccount| matches!(account, MuxedAccount::Ed25519(_));
    matches!(frame.tx.memo, Memo::None)
        && plain(&frame.tx.source_account)
        && frame.tx.operations.iter().all(|op| op.source_account.as_ref().is_none_or(plain))
}

/// Failure results of the two footprint operations, by name.
pub(crate) fn footprint_failure(body: &OperationBody, limit: bool) -> OperationResult {
    let result = match (body, limit) {
        (OperationBody::ExtendFootprintTtl(_), true) => {
            OperationResultTr::ExtendFootprintTtl(ExtendFootprintTtlResult::ResourceLimitExceeded)
        }
        (OperationBody::ExtendFootprintTtl(_), false) => {
            OperationResultTr::ExtendFootprintTtl(ExtendFootprintTtlResult::InsufficientRefundableFee)
        }
        (_, true) => OperationResultTr::RestoreFootprint(RestoreFootprintResult::ResourceLimitExceeded),
        (_, false) => OperationResultTr::RestoreFootprint(RestoreFootprintResult::InsufficientRefundableFee),
    };
    OperationResult::OpInner(result)
}
