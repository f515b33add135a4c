//! What lies ahead: which agreements end when, what another term of them costs, and which are meant to end.
//!
//! | Days left | What a person is told |
//! |---|---|
//! | more than 14 | nothing |
//! | 14, 7, 3, 1 | that it ends, ever more urgently; whether it is renewed by itself |
//! | over, within the grace | that hosts still hand it out, and for how long |
//!
//! An agreement a person lets expire is written down as such: nothing renews it but that person.

use crate::agreement::Agreement;
use crate::core::Core;
use crate::error::{RecordsFault, ViewError};
use crate::ports::Space;
use layr_market::accrued_rounded_up;
use layr_protocol::limits::GRACE_SECONDS;
use layr_types::{AgreementId, ByteCount, DAY_SECONDS, NodeKey, Stroops, UnixSeconds};
use serde::Serialize;

const EXPIRES: &[u8] = b"let expire ";

/// How near an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rung {
    /// More than a fortnight away.
    Far,
    /// At most 14 days.
    Fortnight,
    /// At most 7 days.
    Week,
    /// At most 3 days.
    Days,
    /// At most a day.
    Day,
    /// Over; hosts still hand the data out.
    Grace,
    /// Over, and the grace with it.
    Gone,
}

impl Rung {
    /// The rung of an end at `end` by the ledger's clock.
    #[must_use]
    pub const fn of(end: UnixSeconds, now: UnixSeconds) -> Self {
        if now.0 >= end.0 {
            return if now.0 < end.0.saturating_add(GRACE_SECONDS) { Self::Grace } else { Self::Gone };
        }
        match (end.0 - now.0).div_ceil(DAY_SECONDS) {
            0 | 1 => Self::Day,
            2 | 3 => Self::Days,
            4..=7 => Self::Week,
            8..=14 => Self::Fortnight,
            _ => Self::Far,
        }
    }

    /// Whether a person should be told.
    #[must_use]
    pub const fn speaks(self) -> bool {
        !matches!(self, Self::Far | Self::Gone)
    }
}

/// One agreement's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EndView {
    /// Which.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// When it ends.
    pub ending_at: UnixSeconds,
    /// How near that is.
    pub rung: Rung,
    /// What another term costs at its present price: the base fee, and the storage of what it holds.
    pub renewal: Stroops,
    /// What another term locks: the same for all it has room for.
    pub locks: Stroops,
    /// A person lets it expire.
    pub let_expire: bool,
}

/// Every running agreement's end, the first one first, and what they cost together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outlook {
    /// By the ledger's clock.
    pub now: UnixSeconds,
    /// The term of a renewal, seconds.
    pub term: u64,
    /// The ends.
    pub ends: Vec<EndView>,
    /// What another term of all that are not let expire costs.
    pub renewal: Stroops,
    /// What it locks.
    pub locks: Stroops,
}

impl Outlook {
    /// For how many days `balance` pays: until the first end what is paid for already, then renewals at present
    /// prices. `None` where nothing is to be renewed.
    #[must_use]
    pub fn runway_days(&self, balance: Stroops) -> Option<u64> {
        let first = self.ends.iter().find(|end| !end.let_expire)?;
        let paid = first.ending_at.since(self.now) / DAY_SECONDS;
        let cost = u128::try_from(self.renewal.0).ok().filter(|cost| *cost > 0)?;
        let days = u128::try_from(balance.0).unwrap_or(0) * u128::from(self.term / DAY_SECONDS) / cost;
        Some(u64::try_from(days).unwrap_or(u64::MAX).saturating_add(paid))
    }
}

fn key(id: &AgreementId) -> Vec<u8> {
    [EXPIRES, &id.0].concat()
}

/// Whether a person lets this one expire.
pub(crate) fn lets_expire(core: &Core, id: &AgreementId) -> Result<bool, RecordsFault> {
    Ok(core.book.get::<()>(Space::Meta, &key(id))?.is_some())
}

/// Lets these expire, or no longer.
pub(crate) fn let_expire(core: &Core, ids: &[AgreementId], expire: bool) -> Result<(), RecordsFault> {
    let mut draft = core.book.draft();
    for id in ids {
        if expire { draft.put(Space::Meta, &key(id), &()) } else { draft.delete(Space::Meta, &key(id)) }
    }
    draft.commit()
}

/// What `bytes` under an agreement cost for another term, base fee included.
fn cost(agreement: &Agreement, bytes: ByteCount, term: u64) -> Stroops {
    let terms = &agreement.terms;
    terms.base_fee + accrued_rounded_up(terms.rate, bytes, term).unwrap_or(terms.escrow)
}

/// The outlook at `now`, by what this machine knows.
pub(crate) fn outlook(core: &Core, term: u64, now: UnixSeconds) -> Result<Outlook, ViewError> {
    let mut ends = Vec::new();
    for agreement in core.agreements()?.iter().filter(|agreement| agreement.phase.is_escrowed()) {
        let ending_at = core.seen(agreement)?.state.ending_at;
        ends.push(EndView {
            agreement: agreement.id,
            host: agreement.host(),
            ending_at,
            rung: Rung::of(ending_at, now),
            renewal: cost(agreement, agreement.current().bytes().unwrap_or_default(), term),
            locks: cost(agreement, agreement.terms.capacity, term),
            let_expire: lets_expire(core, &agreement.id)?,
        });
    }
    ends.sort_by_key(|end| (end.ending_at, end.agreement));
    let renewed = || ends.iter().filter(|end| !end.let_expire && end.rung < Rung::Grace);
    let (renewal, locks) = (renewed().map(|end| end.renewal).sum(), renewed().map(|end| end.locks).sum());
    Ok(Outlook { now, term, ends, renewal, locks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_speaks_at_14_7_3_and_1_days_and_through_the_grace() {
        let end = UnixSeconds(100 * DAY_SECONDS);
        let at = |days: u64, seconds: u64| Rung::of(end, UnixSeconds((100 - days) * DAY_SECONDS - seconds));
        assert_eq!([at(15, 0), at(14, 1), at(14, 0)], [Rung::Far, Rung::Far, Rung::Fortnight]);
        assert_eq!([at(7, 1), at(7, 0), at(3, 1)], [Rung::Fortnight, Rung::Week, Rung::Week]);
        assert_eq!([at(3, 0), at(1, 1), at(1, 0)], [Rung::Days, Rung::Days, Rung::Day]);
        assert_eq!(Rung::of(end, UnixSeconds(end.0 - 1)), Rung::Day);
        assert_eq!([Rung::of(end, end), Rung::of(end, end.plus(GRACE_SECONDS - 1))], [Rung::Grace; 2]);
        assert_eq!(Rung::of(end, end.plus(GRACE_SECONDS)), Rung::Gone);
        assert!(!Rung::Far.speaks() && Rung::Day.speaks() && Rung::Grace.speaks() && !Rung::Gone.speaks());
    }

    #[test]
    fn a_balance_lasts_as_long_as_it_pays_renewals() {
        let end = |days: u64, let_expire| EndView {
            agreement: AgreementId([1; 32]),
            host: NodeKey([2; 32]),
            ending_at: UnixSeconds(days * DAY_SECONDS),
            rung: Rung::Far,
            renewal: Stroops(300),
            locks: Stroops(400),
            let_expire,
        };
        let outlook = Outlook {
            now: UnixSeconds(0),
            term: 30 * DAY_SECONDS,
            ends: vec![end(3, true), end(20, false)],
            renewal: Stroops(300),
            locks: Stroops(400),
        };
        assert_eq!(outlook.runway_days(Stroops(0)), Some(20));
        assert_eq!(
            outlook.runway_days(Stroops(1_000)),
            Some(120),
            "100 days' renewals after 20 that are paid"
        );
        assert_eq!(Outlook { ends: vec![end(3, true)], ..outlook }.runway_days(Stroops(9)), None);
    }
}
