//! Fees of a transaction, by the host's own fee code.

use soroban_env_host::fees::{TransactionResources, compute_transaction_resource_fee};
use stellar_xdr::{LedgerKey, SorobanTransactionData};

use crate::frame::{Frame, archived_indices};
use crate::settings::{BASE_FEE, Settings};

/// What the declared resources cost, split by whether unused parts come back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ResourceFee {
    pub non_refundable: i64,
    /// For the event bytes given; rent comes on top once known.
    pub events: i64,
}

/// Price of the resources `data` declares, carried by an envelope of `size` bytes and emitting `event_bytes`.
pub(crate) fn resource_fee(
    data: &SorobanTransactionData,
    size: u32,
    event_bytes: u32,
    settings: &Settings,
) -> ResourceFee {
    let resources = TransactionResources {
        instructions: data.resources.instructions,
        disk_read_entries: disk_reads(data),
        write_entries: count(data.resources.footprint.read_write.len()),
        disk_read_bytes: data.resources.disk_read_bytes,
        write_bytes: data.resources.write_bytes,
        contract_events_size_bytes: event_bytes,
        transaction_size_bytes: size,
    };
    let (non_refundable, events) =
        compute_transaction_resource_fee(&resources, &settings.network.fee_configuration);
    ResourceFee { non_refundable, events }
}

/// Entries read from disk: the classic ones of the footprint, and those to be restored from the archive.
pub(crate) fn disk_reads(data: &SorobanTransactionData) -> u32 {
    let footprint = &data.resources.footprint;
    let classic = footprint.read_only.iter().chain(footprint.read_write.iter()).filter(|key| is_classic(key));
    count(classic.count()).saturating_add(count(archived_indices(data).len()))
}

/// Fee taken before a transaction runs: the whole resource fee and the going inclusion fee, never over the bid.
pub(crate) fn initial_charge(frame: &Frame) -> i64 {
    least_bid(frame).min(frame.bid())
}

/// What a transaction has to offer to be taken; a refused sender is told this as the fee charged, though nothing is.
pub(crate) fn least_bid(frame: &Frame) -> i64 {
    minimum_inclusion(frame).saturating_add(frame.resource_fee())
}

/// Least inclusion fee the network takes, in stroops.
pub(crate) fn minimum_inclusion(frame: &Frame) -> i64 {
    i64::from(BASE_FEE).saturating_mul(frame.charged_operations())
}

pub(crate) fn is_classic(key: &LedgerKey) -> bool {
    !matches!(key, LedgerKey::ContractData(_) | LedgerKey::ContractCode(_))
}

pub(crate) fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
