//! What reading costs: the account a host keeps per agreement, and the vouchers that settle it.
//!
//! A host counts the bytes it has handed out. The free allowance comes first ([`Welcome::free_reads_percent`]
//! of the capacity, fixed when the agreement was proposed), then every byte costs the offer's egress rate. A read
//! that the largest voucher held does not cover is refused with [`Refusal::PaymentRequired`], which names the
//! voucher wanted. Vouchers are cumulative and bounded by the terms' voucher part, so neither side ever trusts
//! the other with more than one voucher's step.
//!
//! [`Welcome::free_reads_percent`]: crate::Welcome::free_reads_percent
//! [`Refusal::PaymentRequired`]: crate::Refusal::PaymentRequired

use layr_market::{Voucher, read_price};
use layr_types::{AgreementId, ByteCount, Signature, Stroops};
use serde::{Deserialize, Serialize};

/// A voucher and the owner's signature over [`Voucher::digest`], by its present key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedVoucher {
    /// What is promised.
    pub voucher: Voucher,
    /// By the owner.
    pub signature: Signature,
}

/// What has been read under one agreement, as the host counts it, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ReadAccount {
    /// Handed out so far, the free allowance included.
    pub bytes: ByteCount,
    /// What may be read without paying.
    pub free: ByteCount,
    /// Stroops per GiB beyond.
    pub rate: u64,
    /// The largest voucher the host holds.
    pub promised: Stroops,
    /// The terms' voucher part: most that all vouchers together can be worth.
    pub limit: Stroops,
}

impl ReadAccount {
    /// What reading `bytes` in all costs, rounded down, whatever the voucher part.
    #[must_use]
    pub fn price(&self, bytes: ByteCount) -> Stroops {
        read_price(self.rate, bytes, self.free, Stroops(i128::MAX))
    }

    /// What has been read so far costs this much.
    #[must_use]
    pub fn owed(&self) -> Stroops {
        self.price(self.bytes)
    }

    /// Whether `more` bytes may be read against what is promised.
    #[must_use]
    pub fn covers(&self, more: ByteCount) -> bool {
        self.price(self.after(more)) <= self.promised
    }

    /// The voucher that pays for `more` bytes beyond those read; `None` where the voucher part does not reach.
    #[must_use]
    pub fn voucher_for(&self, id: AgreementId, more: ByteCount) -> Option<Voucher> {
        let bytes = self.after(more);
        let amount = self.price(bytes);
        (amount <= self.limit).then_some(Voucher { id, amount, bytes })
    }

    /// The count after `more` bytes.
    #[must_use]
    pub const fn after(&self, more: ByteCount) -> ByteCount {
        ByteCount(self.bytes.0.saturating_add(more.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_types::GIB;
    use proptest::prelude::*;

    const ACCOUNT: ReadAccount = ReadAccount {
        bytes: ByteCount(0),
        free: ByteCount(GIB),
        rate: 1_000,
        promised: Stroops(500),
        limit: Stroops(2_000),
    };

    #[test]
    fn the_allowance_is_free_and_the_voucher_covers_what_it_says() {
        assert!(ACCOUNT.covers(ByteCount(GIB)), "the allowance");
        assert!(ACCOUNT.covers(ByteCount(GIB + GIB / 2)), "and half a GiB for 500 stroops");
        assert!(!ACCOUNT.covers(ByteCount(GIB + GIB / 2 + GIB / 500)));
    }

    #[test]
    fn no_voucher_is_asked_for_beyond_the_voucher_part() {
        let id = AgreementId([1; 32]);
        assert_eq!(ACCOUNT.voucher_for(id, ByteCount(3 * GIB)).map(|v| v.amount), Some(Stroops(2_000)));
        assert_eq!(ACCOUNT.voucher_for(id, ByteCount(3 * GIB + GIB / 100)), None);
        assert!(!ACCOUNT.covers(ByteCount(u64::MAX)), "and nothing overflows");
    }

    proptest! {
        #[test]
        fn the_voucher_asked_for_always_covers_the_read(read in 0u64..1 << 50, more in 0u64..1 << 40, rate in any::<u64>()) {
            let account = ReadAccount { bytes: ByteCount(read), rate, limit: Stroops(i128::MAX), ..ACCOUNT };
            let voucher = account.voucher_for(AgreementId([1; 32]), ByteCount(more)).expect("no limit");
            let paid = ReadAccount { promised: voucher.amount, ..account };
            prop_assert!(paid.covers(ByteCount(more)));
            prop_assert!(voucher.amount >= account.owed());
        }
    }
}
