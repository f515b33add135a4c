//! What is due, by the clock and the records alone. Pure; the performing is next door.

use crate::agreement::{Agreement, Phase};
use crate::views::SettleStep;
use layr_market::{
    FinalReason, FinalSplit, Outcome, Revision, Settled, Settlement, Stage as Clock, Terms, settle as shares,
};
use layr_types::UnixSeconds;

/// How far the start may lie before the opening, seconds: until then the same terms could be opened again.
const OPENING_SLACK: u64 = 3_600;

/// What an expired agreement pays, as far as this machine knows.
pub(crate) fn expired(agreement: &Agreement) -> Option<Settlement> {
    let outcome = match &agreement.newest {
        Some(signed) => Outcome::Missed(&signed.revision),
        None => Outcome::Unused,
    };
    shares(&agreement.terms, Settled::default(), agreement.terms.end, outcome).ok()
}

/// The split both sides compute for themselves; over the whole term, or up to the notice after the newest
/// revision where it ends early.
pub(super) fn fair_split(terms: &Terms, newest: &Revision, reason: FinalReason) -> Option<FinalSplit> {
    let until = match reason {
        FinalReason::TermOver => terms.end,
        FinalReason::Early => newest.time.plus(u64::from(terms.notice)).min(terms.end),
        FinalReason::Renewed => newest.time.min(terms.end),
    };
    let outcome = if newest.n == 0 { Outcome::Unused } else { Outcome::Proved(newest) };
    let fair = shares(terms, Settled::default(), until, outcome).ok()?;
    Some(FinalSplit { id: newest.id, n: newest.n, host: fair.host, owner: fair.owner, reason })
}

/// What is to be done about one agreement. Pure: the performing is elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Todo {
    /// Nothing before this moment.
    Wait(SettleStep, UnixSeconds),
    /// Ask the host for its signature, then close.
    Part(FinalReason),
    /// Both have signed: close.
    Close,
    /// Nobody proved: expire.
    Expire,
}

/// Decides by the clock alone.
pub(super) fn decide(agreement: &Agreement, now: UnixSeconds, early: bool) -> Todo {
    let terms = &agreement.terms;
    let reopenable = terms.offer_expiry.min(terms.start.plus(OPENING_SLACK));
    match (agreement.phase, agreement.clock(now)) {
        (Phase::Parting, _) if now > reopenable => Todo::Close,
        (Phase::Open, Clock::Over) => Todo::Expire,
        (Phase::Open, Clock::Running) if !early => Todo::Wait(SettleStep::Running, terms.end),
        _ if now <= reopenable => Todo::Wait(SettleStep::Waiting, reopenable.plus(1)),
        (_, Clock::Running) => Todo::Part(FinalReason::Early),
        _ => Todo::Part(FinalReason::TermOver),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_market::{Offer, Request};
    use layr_types::{
        AccountKey, AgreementId, AgreementRoot, ByteCount, ContractId, NodeKey, Signature, Stroops,
    };
    use proptest::prelude::*;

    const DAY: u64 = 86_400;
    const START: UnixSeconds = UnixSeconds(1_000 * DAY);

    fn agreement() -> Agreement {
        let offer = Offer {
            host_key: NodeKey([1; 32]),
            token: ContractId([2; 32]),
            rate: 1_000_000,
            base_fee: Stroops(500),
            collateral_percent: 200,
            free: ByteCount(1 << 40),
            min_term: 3_600,
            max_term: 86_400 * 90,
            publish_window: 86_400,
            proof_window: 86_400,
            notice: 86_400,
            challenge_gap: 86_400,
            max_challenges: 10,
            disclosure_price: Stroops(10),
            exit_fee: Stroops(0),
            samples: 10,
            egress_rate: 0,
            issued: START,
            expires: START.plus(600),
        };
        let request = Request {
            owner_account: AccountKey([3; 32]),
            owner_key: NodeKey([4; 32]),
            folder: 0,
            slot: 0,
            capacity: ByteCount(1 << 30),
            start: START,
            end: START.plus(30 * DAY),
            voucher_part: Stroops::ZERO,
            salt: [0; 16],
        };
        let terms = offer.draft(&request).unwrap();
        let proposed = Agreement::proposed(AgreementId([5; 32]), terms, Signature([0; 64]));
        Agreement { phase: Phase::Open, ..proposed }
    }

    #[test]
    fn the_clock_decides_what_is_due() {
        let open = agreement();
        let parting = Agreement { phase: Phase::Parting, ..agreement() };
        let end = open.terms.end;
        let over = open.terms.proof_deadline(end).plus(1);
        let reopenable = START.plus(600);
        for (agreement, now, early, due) in [
            (&open, START, false, Todo::Wait(SettleStep::Running, end)),
            (&open, START.plus(DAY), false, Todo::Wait(SettleStep::Running, end)),
            (&open, START, true, Todo::Wait(SettleStep::Waiting, reopenable.plus(1))),
            (&open, START.plus(DAY), true, Todo::Part(FinalReason::Early)),
            (&open, end, false, Todo::Part(FinalReason::TermOver)),
            (&open, open.terms.freezes_at(end), false, Todo::Part(FinalReason::TermOver)),
            (&open, over, false, Todo::Expire),
            (&parting, START, false, Todo::Wait(SettleStep::Waiting, reopenable.plus(1))),
            (&parting, START.plus(DAY), false, Todo::Close),
            (&parting, over, false, Todo::Close),
        ] {
            assert_eq!(decide(agreement, now, early), due, "{:?} at {now}", agreement.phase);
        }
    }

    proptest! {
        #[test]
        fn a_fair_split_gives_away_exactly_what_is_locked(sectors in 0u64..1024, days in 0u64..30, early in any::<bool>()) {
            let terms = agreement().terms;
            let opening = Revision::opening(&terms, AgreementId([5; 32]));
            let at = START.plus(days * DAY);
            let newest = opening.append(&terms, at, AgreementRoot([1; 32]), sectors).unwrap();
            let reason = if early { FinalReason::Early } else { FinalReason::TermOver };
            let split = fair_split(&terms, &newest, reason).unwrap();
            prop_assert_eq!(split.host + split.owner, terms.locked());
            prop_assert!(split.host >= terms.base_fee + terms.collateral);
            let never_used = fair_split(&terms, &opening, reason).unwrap();
            prop_assert_eq!(never_used.host, terms.base_fee + terms.collateral);
        }
    }
}
