//! The space ledger: where every slot of the quota stands, as double-entry book-keeping.
//!
//! ```text
//! free ──reserve──► reserved ──store──► live ──settle──► trash ──empty──► free
//!   ▲                  │ ▲               │
//!   └─── lapse, end ───┘ └──let go───────┘          overhead: never lent
//! ```
//!
//! Slots only ever move from one account to another, so the five always add up to the quota; no counter is
//! ever set. The new ledger is written in the same batch as the rows it counts.

use layr_types::{ByteCount, DecodeError, Reader, Writer};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Size of an encoded space ledger.
pub const SPACE_BYTES: usize = 41;
const VERSION: u8 = 1;
/// One slot in this many is kept for records (2 KiB of hashes a sector, and the rest of the database).
const SLOTS_PER_OVERHEAD: u64 = 128;

/// Where a slot can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// Promised to nobody.
    Free,
    /// Promised, not filled.
    Reserved,
    /// Holds a sector some agreement holds.
    Live,
    /// Holds a sector nobody holds any more; freed after a grace period.
    Trash,
    /// Kept for records.
    Overhead,
}

/// More was to be moved than an account has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{wanted} slots wanted from {from:?}, which has {has}")]
pub struct Overdrawn {
    /// The account.
    pub from: Account,
    /// What it has, in slots.
    pub has: u64,
    /// What was wanted, in slots.
    pub wanted: u64,
}

/// Slots (1 MiB each) by account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Space {
    /// Promised to nobody.
    pub free: u64,
    /// Promised, not filled.
    pub reserved: u64,
    /// Filled and held.
    pub live: u64,
    /// Filled, held by nobody.
    pub trash: u64,
    /// Kept for records.
    pub overhead: u64,
}

impl Space {
    /// An empty host of that quota, rounded down to whole slots.
    #[must_use]
    pub fn of_quota(quota: ByteCount) -> Self {
        let slots = quota.whole_sectors();
        let overhead = slots.div_ceil(SLOTS_PER_OVERHEAD).min(slots);
        Self { free: slots - overhead, overhead, ..Self::default() }
    }

    /// The quota in slots: what the five always add up to.
    #[must_use]
    pub const fn quota(&self) -> u64 {
        self.free + self.reserved + self.live + self.trash + self.overhead
    }

    /// Slots that can hold sectors.
    #[must_use]
    pub const fn usable(&self) -> u64 {
        self.quota() - self.overhead
    }

    /// Moves `slots` from one account to another.
    ///
    /// # Errors
    /// [`Overdrawn`] if `from` has fewer; nothing has changed then.
    pub fn transfer(&mut self, from: Account, to: Account, slots: u64) -> Result<(), Overdrawn> {
        let has = *self.account(from);
        let left = has.checked_sub(slots).ok_or(Overdrawn { from, has, wanted: slots })?;
        *self.account(from) = left;
        *self.account(to) += slots;
        Ok(())
    }

    /// The same ledger under another quota: grows or shrinks what is free.
    ///
    /// # Errors
    /// [`Overdrawn`] if more is promised or used than the new quota has.
    pub fn with_quota(&self, quota: ByteCount) -> Result<Self, Overdrawn> {
        let fresh = Self::of_quota(quota);
        let taken = self.reserved + self.live + self.trash;
        let free = fresh.free.checked_sub(taken).ok_or(Overdrawn {
            from: Account::Free,
            has: fresh.free,
            wanted: taken,
        })?;
        Ok(Self { free, overhead: fresh.overhead, ..*self })
    }

    fn account(&mut self, account: Account) -> &mut u64 {
        match account {
            Account::Free => &mut self.free,
            Account::Reserved => &mut self.reserved,
            Account::Live => &mut self.live,
            Account::Trash => &mut self.trash,
            Account::Overhead => &mut self.overhead,
        }
    }

    /// The persistent bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; SPACE_BYTES] {
        Writer::<SPACE_BYTES>::new()
            .u8(VERSION)
            .u64(self.free)
            .u64(self.reserved)
            .u64(self.live)
            .u64(self.trash)
            .u64(self.overhead)
            .finish()
    }

    /// Reads persistent bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length or version, or a sum no quota can have.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let space =
            Self { free: r.u64()?, reserved: r.u64()?, live: r.u64()?, trash: r.u64()?, overhead: r.u64()? };
        r.finish()?;
        let accounts = [space.free, space.reserved, space.live, space.trash, space.overhead];
        let sum = accounts.iter().try_fold(0u64, |sum, slots| sum.checked_add(*slots));
        sum.map(|_| space).ok_or(DecodeError::OutOfRange(1))
    }
}
