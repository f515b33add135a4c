//! Money: whole stroops of whichever asset the escrow holds, never fractions.

use core::fmt;
use core::iter::Sum;
use core::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// An amount in stroops: 10,000,000 to the lumen (or to one unit of any Stellar asset).
///
/// Signed, because differences are amounts too. Arithmetic is checked: an overflow is a bug and stops the
/// program in every build; code that handles a stranger's numbers uses the `checked_` methods.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stroops(pub i128);

/// A plain number where people and scripts read (JSON has no 128-bit integers; every amount that exists on a
/// Stellar network fits 63 bits), 128 bits elsewhere.
#[cfg(feature = "serde")]
impl serde::Serialize for Stroops {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return self.0.serialize(serializer);
        }
        i64::try_from(self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

#[cfg(feature = "serde")]
impl<'de> serde::Deserialize<'de> for Stroops {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(|amount| Self(amount.into()));
        }
        i128::deserialize(deserializer).map(Self)
    }
}

impl Stroops {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Stroops in one lumen.
    pub const PER_XLM: i128 = 10_000_000;

    /// A whole number of lumens.
    #[must_use]
    pub const fn from_xlm(xlm: u32) -> Self {
        Self(xlm as i128 * Self::PER_XLM)
    }

    /// The smaller of two amounts.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Ord::min(self, other)
    }

    /// The larger of two amounts.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Ord::max(self, other)
    }

    /// The sum, or `None` where it does not fit.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` where it does not fit.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// True below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl Add for Stroops {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Stroops {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Stroops {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Stroops {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Stroops {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Stroops {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

/// Shows units with seven decimals, trailing zeros dropped: `1.5`, `0.0000012`, `-3`.
impl fmt::Display for Stroops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let per_unit = Self::PER_XLM.unsigned_abs();
        let (whole, mut fraction) = (magnitude / per_unit, magnitude % per_unit);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            return write!(f, "{sign}{whole}");
        }
        let mut digits = 7;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        write!(f, "{sign}{whole}.{fraction:0digits$}")
    }
}

impl fmt::Debug for Stroops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stroops({})", self.0)
    }
}
