//! Positions in the stream of transactions and events, in the public RPC's notation.
//!
//! A total-order id packs ledger, transaction and operation into one number; an event's id adds its index within
//! the operation: `0000000515396079616-0000000001`.

use std::fmt;

use crate::history::TransactionRecord;

/// Ledger (32 bits), transaction from one (20 bits), operation (12 bits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Toid(u64);

impl Toid {
    pub(crate) fn new(ledger: u32, transaction: u32, operation: u32) -> Self {
        let transaction = u64::from(transaction.min((1 << 20) - 1));
        let operation = u64::from(operation.min((1 << 12) - 1));
        Self(u64::from(ledger) << 32 | transaction << 12 | operation)
    }

    /// Before everything in `ledger`.
    pub(crate) fn before_ledger(ledger: u32) -> Self {
        Self::new(ledger, 0, 0)
    }

    pub(crate) fn of_transaction(record: &TransactionRecord) -> Self {
        Self::new(record.ledger, record.application_order, 0)
    }

    pub(crate) fn ledger(self) -> u32 {
        u32::try_from(self.0 >> 32).unwrap_or(u32::MAX)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl fmt::Display for Toid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// Position of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventCursor {
    pub toid: Toid,
    pub event: u32,
}

impl EventCursor {
    /// Before everything in `ledger`.
    pub(crate) fn before_ledger(ledger: u32) -> Option<Self> {
        ledger.checked_sub(1).map(Self::end_of_ledger)
    }

    /// After everything in `ledger`.
    pub(crate) fn end_of_ledger(ledger: u32) -> Self {
        Self { toid: Toid::new(ledger, u32::MAX, u32::MAX), event: u32::MAX }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (toid, event) = text.split_once('-')?;
        Some(Self { toid: Toid::parse(toid)?, event: event.parse().ok()? })
    }
}

impl fmt::Display for EventCursor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:019}-{:010}", self.toid.0, self.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_sort_as_the_stream_does_and_read_back() {
        let positions = [
            EventCursor::before_ledger(7).unwrap(),
            EventCursor { toid: Toid::new(7, 1, 0), event: 0 },
            EventCursor { toid: Toid::new(7, 1, 0), event: 1 },
            EventCursor { toid: Toid::new(7, 2, 0), event: 0 },
            EventCursor::end_of_ledger(7),
            EventCursor { toid: Toid::new(8, 1, 0), event: 0 },
        ];
        for pair in positions.windows(2) {
            assert!(pair[0] < pair[1], "{} before {}", pair[0], pair[1]);
        }
        for position in positions {
            assert_eq!(EventCursor::parse(&position.to_string()), Some(position));
        }
        assert_eq!(positions[1].to_string(), "0000000030064775168-0000000000");
        assert_eq!(EventCursor::before_ledger(0), None);
        for bad in ["", "-", "1", "x-1", "1-x", "-1--1"] {
            assert_eq!(EventCursor::parse(bad), None, "{bad}");
        }
    }
}
