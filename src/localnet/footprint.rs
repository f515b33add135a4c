//! The two operations on lifetimes: extending live entries and restoring archived ones.

use soroban_env_host::fees::{LedgerEntryRentChange, compute_rent_fee};
use stellar_xdr::{ContractDataDurability, LedgerEntry, LedgerKey, Limits, SorobanTransactionData, WriteXdr};

use crate::fees::{count, resource_fee};
use crate::frame::Frame;
use crate::invoke::{Harvest, World, rent_size, restored_until};
use crate::state::{Entries, Layer, durability};

/// Why a footprint operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More bytes than declared.
    ResourceLimit,
    /// The rent is more than the refundable part of the declared fee.
    RefundableFee,
}

/// Makes every live entry of the read-only footprint live for at least `extend_to` more ledgers.
pub(crate) fn extend(
    frame: &Frame,
    extend_to: u32,
    layer: &mut Layer<'_>,
    world: &World<'_>,
) -> Result<Harvest, Fault> {
    let data = frame.soroban().ok_or(Fault::ResourceLimit)?;
    let now = world.info.sequence_number;
    let target = now.checked_add(extend_to).ok_or(Fault::ResourceLimit)?;
    let mut rents = Vec::new();
    for key in data.resources.footprint.read_only.iter() {
        let (Some(entry), Some(live_until)) = (layer.entry(key), layer.live_until(key)) else { continue };
        if live_until < now || target <= live_until {
            continue;
        }
        let size = entry_rent_size(&entry, world)?;
        rents.push(LedgerEntryRentChange {
            is_persistent: durability(key) == Some(ContractDataDurability::Persistent),
            is_code_entry: matches!(key, LedgerKey::ContractCode(_)),
            old_size_bytes: size,
            new_size_bytes: size,
            old_live_until_ledger: live_until,
            new_live_until_ledger: target,
        });
        layer.set_live_until(key, target);
    }
    charge(frame, data, &rents, world)
}

/// Brings every archived entry of the read-write footprint back.
pub(crate) fn restore(frame: &Frame, layer: &mut Layer<'_>, world: &World<'_>) -> Result<Harvest, Fault> {
    let data = frame.soroban().ok_or(Fault::ResourceLimit)?;
    let now = world.info.sequence_number;
    let target = restored_until(world).ok_or(Fault::ResourceLimit)?;
    let mut rents = Vec::new();
    let mut bytes = 0_u32;
    for key in data.resources.footprint.read_write.iter() {
        let (Some(entry), Some(live_until)) = (layer.entry(key), layer.live_until(key)) else { continue };
        if live_until >= now {
            continue;
        }
        bytes = bytes.saturating_add(xdr_size(&entry)?);
        if bytes > data.resources.disk_read_bytes || bytes > data.resources.write_bytes {
            return Err(Fault::ResourceLimit);
        }
        rents.push(LedgerEntryRentChange {
            is_persistent: true,
            is_code_entry: matches!(key, LedgerKey::ContractCode(_)),
            old_size_bytes: 0,
            new_size_bytes: entry_rent_size(&entry, world)?,
            old_live_until_ledger: 0,
            new_live_until_ledger: target,
        });
        layer.set_live_until(key, target);
        layer.mark_restored(key);
    }
    charge(frame, data, &rents, world)
}

fn charge(
    frame: &Frame,
    data: &SorobanTransactionData,
    rents: &[LedgerEntryRentChange],
    world: &World<'_>,
) -> Result<Harvest, Fault> {
    let price = resource_fee(data, frame.size, 0, world.settings);
    let rent_fee =
        compute_rent_fee(rents, &world.settings.network.rent_fee_configuration, world.info.sequence_number);
    if rent_fee > data.resource_fee.saturating_sub(price.non_refundable) {
        return Err(Fault::RefundableFee);
    }
    Ok(Harvest { rent_fee, ..Harvest::default() })
}

fn xdr_size(entry: &LedgerEntry) -> Result<u32, Fault> {
    entry.to_xdr(Limits::none()).map(|bytes| count(bytes.len())).map_err(|_| Fault::ResourceLimit)
}

fn entry_rent_size(entry: &LedgerEntry, world: &World<'_>) -> Result<u32, Fault> {
    rent_size(entry, xdr_size(entry)?, world.settings).map_err(|_| Fault::ResourceLimit)
}
