//! What waits for a ledger: one transaction per account, replaced only by a fee bump that bids ten times as much,
//! and held back while the network is made to look busy.
//!
//! The rules are the public networks' own (their transaction queue's); only the busyness is made up, by whoever
//! develops against this network: what bids less than [`Congestion::inclusion_fee`] per operation waits.

use crate::frame::Frame;

/// How many times the waiting transaction's bid a fee bump must offer to take its place.
const REPLACEMENT_FACTOR: i128 = 10;

/// A pretended rush: which bids have to wait, or are turned away at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Congestion {
    /// Least stroops per operation that get into a ledger; zero ends the rush.
    pub inclusion_fee: i64,
    /// Whether lower bids are refused when they are submitted, as by a full queue, instead of waiting.
    pub queue_full: bool,
}

impl Congestion {
    /// The least whole fee with which `frame` gets into a ledger.
    pub(crate) fn price(&self, frame: &Frame) -> i64 {
        let inclusion = self.inclusion_fee.saturating_mul(frame.charged_operations());
        inclusion.saturating_add(frame.resource_fee())
    }

    /// Whether `frame` bids enough to get into a ledger.
    pub(crate) fn admits(&self, frame: &Frame) -> bool {
        frame.bid() >= self.price(frame)
    }
}

/// Where a transaction goes among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Behind them.
    Last,
    /// Instead of the one at this position.
    InsteadOf(usize),
    /// It is inside a fee bump that waits.
    Duplicate,
    /// Nowhere before the next ledger: its account has another one waiting.
    Later,
    /// Nowhere: to take the waiting one's place, its fee would have to be this.
    Underbid(i64),
}

/// Finds the place of `frame`, which is not itself among `pending`.
pub(crate) fn place(pending: &[Frame], frame: &Frame) -> Place {
    let source = frame.source();
    let waiting = pending.iter().enumerate().find(|(_, waiting)| waiting.source() == source);
    let Some((position, waiting)) = waiting else { return Place::Last };
    if frame.bump.is_none() {
        let wrapped = waiting.bump.is_some() && waiting.inner_hash == frame.hash;
        return if wrapped { Place::Duplicate } else { Place::Later };
    }
    if frame.tx.seq_num != waiting.tx.seq_num {
        return Place::Later;
    }
    let needed = replacement_bid(waiting, frame);
    if frame.bid() < needed { Place::Underbid(needed) } else { Place::InsteadOf(position) }
}

/// The least whole fee with which `frame` takes the place of `waiting`: ten times its inclusion fee per operation.
fn replacement_bid(waiting: &Frame, frame: &Frame) -> i64 {
    let inclusion = i128::from(waiting.bid().saturating_sub(waiting.resource_fee()));
    let (old, new) = (i128::from(waiting.charged_operations()), i128::from(frame.charged_operations()));
    let product = inclusion.saturating_mul(new).saturating_mul(REPLACEMENT_FACTOR);
    let least = (product + old.max(1) - 1) / old.max(1);
    i64::try_from(least).unwrap_or(i64::MAX).saturating_add(frame.resource_fee())
}
