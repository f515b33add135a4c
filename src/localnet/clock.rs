//! The ledger's clock: the machine's, or one moved by hand, plus an offset that only grows.

use std::time::{SystemTime, UNIX_EPOCH};

/// Where a network takes its time from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The machine's wall clock.
    Wall,
    /// Stands at this Unix second until advanced; for deterministic tests.
    Manual(u64),
}

impl Clock {
    pub(crate) fn read(self) -> u64 {
        match self {
            Self::Wall => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs()),
            Self::Manual(time) => time,
        }
    }

    /// Time with `offset` seconds added, never wrapping.
    pub(crate) fn shifted(self, offset: i64) -> u64 {
        self.read().saturating_add_signed(offset)
    }
}
