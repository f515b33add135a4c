//! Vouchers: what this owner promised for bytes read, remembered before it is told.

use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::Space;
use layr_market::Voucher;
use layr_types::{AgreementId, Stroops};

/// The largest amount this owner has promised for reads under an agreement.
pub(crate) fn promised(core: &Core, id: &AgreementId) -> Result<Stroops, RecordsFault> {
    let largest = core.book.get::<Voucher>(Space::Vouchers, id.as_bytes())?;
    Ok(largest.map_or(Stroops::ZERO, |voucher| voucher.amount))
}
