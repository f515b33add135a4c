//! The split both sides compute before either signs: what `settle()` says of an end by consent.
//!
//! It follows from what both have signed and from the slot alone, never from a clock, so that owner and host
//! compute the same. Over the whole term where it is over, else up to the notice after the newest revision's time
//! (an early end) or up to that time (a renewal, whose successor earns from then on).

use layr_market::{
    FinalReason, FinalSplit, Outcome, Revision, SettleError, Settled, SlotState, Terms, settle,
};
use layr_types::{Stroops, UnixSeconds};

/// What a split is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The agreement's terms.
    pub terms: &'a Terms,
    /// The newest revision both signed; number 0 while nothing was ever stored.
    pub newest: &'a Revision,
    /// What the slot holds.
    pub state: &'a SlotState,
    /// The largest voucher the owner has given; zero for none.
    pub voucher: Stroops,
}

impl Ending<'_> {
    /// The moment up to which an end for `reason` pays.
    #[must_use]
    pub fn paid_until(&self, reason: FinalReason) -> UnixSeconds {
        let (end, time) = (self.state.ending_at, self.newest.time);
        match reason {
            FinalReason::TermOver => end,
            FinalReason::Early => time.plus(u64::from(self.terms.notice)).min(end),
            FinalReason::Renewed => time.min(end),
        }
    }

    /// The only split an honest side signs for `reason`.
    ///
    /// # Errors
    /// [`SettleError`] for a revision that does not fit its terms.
    pub fn fair_split(&self, reason: FinalReason) -> Result<FinalSplit, SettleError> {
        let outcome = if self.newest.n == 0 { Outcome::Unused } else { Outcome::Proved(self.newest) };
        let settled = Settled { floor: self.state.floor, voucher: self.voucher.max(self.state.voucher) };
        let shares = settle(self.terms, settled, self.paid_until(reason), outcome)?;
        let (id, n) = (self.newest.id, self.newest.n);
        Ok(FinalSplit { id, n, host: shares.host, owner: shares.owner, reason })
    }
}
