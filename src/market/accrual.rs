//! Price × bytes × time, without overflow and with a stated rounding.

use layr_types::{ByteCount, DAY_SECONDS, GIB, Stroops};

/// Byte-seconds in one GiB-day.
const GIB_DAY: u128 = GIB as u128 * DAY_SECONDS as u128;

/// What `bytes` earn in `seconds` at `rate` stroops per GiB-day, rounded down (toward the owner).
///
/// `None` where the product leaves 127 bits; terms inside [`crate::Terms::check`]'s bounds never do.
#[must_use]
pub fn accrued(rate: u64, bytes: ByteCount, seconds: u64) -> Option<Stroops> {
    to_stroops(byte_seconds(rate, bytes, seconds)? / GIB_DAY)
}

/// The same, rounded up: what must be set aside so that [`accrued`] never exceeds it.
#[must_use]
pub fn accrued_rounded_up(rate: u64, bytes: ByteCount, seconds: u64) -> Option<Stroops> {
    to_stroops(byte_seconds(rate, bytes, seconds)?.div_ceil(GIB_DAY))
}

fn byte_seconds(rate: u64, bytes: ByteCount, seconds: u64) -> Option<u128> {
    u128::from(rate).checked_mul(u128::from(bytes.0))?.checked_mul(u128::from(seconds))
}

fn to_stroops(amount: u128) -> Option<Stroops> {
    i128::try_from(amount).ok().map(Stroops)
}
