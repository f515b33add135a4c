//! Which leaves of an agreement are lost, without a byte of data: a rule that answers for every leaf.

use layr_types::{LEAVES_PER_SECTOR, LeafIndex};
use serde::{Deserialize, Serialize};

/// What a host lacks of one agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Damage {
    /// Everything.
    All,
    /// One sector.
    Sector(u64),
    /// A set number of leaves, scattered: leaf `l` is lost where `l · stride + offset`, modulo `total`, is below
    /// `lost`. With a stride that has no divisor in common with `total` these are exactly `lost` leaves.
    Scattered {
        /// Leaves in all.
        total: u64,
        /// How many of them are lost.
        lost: u64,
        /// Spreads them.
        stride: u64,
        /// Where the first lies.
        offset: u64,
    },
}

impl Damage {
    /// Scatters the loss of at least `parts` in 10,000 of an agreement's leaves, rounded up to whole leaves, from two
    /// random numbers.
    #[must_use]
    pub fn scattered(sectors: u64, parts: u64, (first, second): (u64, u64)) -> Self {
        let total = sectors.max(1) * LEAVES_PER_SECTOR as u64;
        let lost = total.saturating_mul(parts).div_ceil(10_000).clamp(1, total);
        let mut stride = (first % total) | 1;
        while common_divisor(stride, total) != 1 {
            stride += 2;
        }
        Self::Scattered { total, lost, stride, offset: second % total }
    }

    /// Whether this leaf is lost.
    #[must_use]
    pub fn hits(&self, leaf: LeafIndex) -> bool {
        match *self {
            Self::All => true,
            Self::Sector(sector) => leaf.sector().0 == sector,
            Self::Scattered { total, lost, stride, offset } => {
                let spread = u128::from(leaf.0) * u128::from(stride) + u128::from(offset);
                spread % u128::from(total) < u128::from(lost)
            }
        }
    }
}

const fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exactly_the_stated_share_is_lost(
            sectors in 1u64..40, parts in 1u64..10_000, numbers in any::<(u64, u64)>(),
        ) {
            let damage = Damage::scattered(sectors, parts, numbers);
            let total = sectors * 1024;
            let lost = (0..total).filter(|leaf| damage.hits(LeafIndex(*leaf))).count() as u64;
            prop_assert_eq!(lost, (total * parts).div_ceil(10_000));
        }
    }
}
