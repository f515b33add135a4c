//! Vouchers: the owner's cumulative promises for bytes read. The host keeps only the largest; at the
//! settlement it is paid from the voucher part of the lock, which only the owner's signature can spend.

use crate::signing::{Kind, Sha256, digest};
use layr_types::{AgreementId, ByteCount, DecodeError, Reader, Stroops, Writer};

/// Size of an encoded voucher.
pub const VOUCHER_BYTES: usize = 57;
const VERSION: u8 = 1;
const GIB: u128 = layr_types::GIB as u128;

/// A promise for everything read so far under one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Voucher {
    /// Under which agreement.
    pub id: AgreementId,
    /// Owed for all reads so far; never more than the terms' voucher part.
    pub amount: Stroops,
    /// Bytes read so far, the free allowance among them.
    pub bytes: ByteCount,
}

impl Voucher {
    /// What the owner signs.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H) -> [u8; 32] {
        digest(hash, Kind::Voucher, &self.encode())
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; VOUCHER_BYTES] {
        Writer::<VOUCHER_BYTES>::new()
            .u8(VERSION)
            .put(&self.id.0)
            .i128(self.amount.0)
            .u64(self.bytes.0)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length or version.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let voucher =
            Self { id: AgreementId(r.array()?), amount: Stroops(r.i128()?), bytes: ByteCount(r.u64()?) };
        r.finish()?;
        Ok(voucher)
    }
}

/// What reading `bytes` in all costs at `rate` stroops per GiB after `free` bytes, rounded down (toward the
/// owner) and at most `limit`, the terms' voucher part.
#[must_use]
pub fn read_price(rate: u64, bytes: ByteCount, free: ByteCount, limit: Stroops) -> Stroops {
    let charged = u128::from(bytes.0.saturating_sub(free.0));
    let price = charged.saturating_mul(u128::from(rate)) / GIB;
    i128::try_from(price).map_or(limit, |price| Stroops(price).min(limit))
}
