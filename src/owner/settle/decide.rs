//! What is due, by the clock and the records alone. Pure; the performing is next door.

use crate::agreement::Agreement;
use crate::seen::Seen;
use crate::views::SettleStep;
use layr_market::{
    FinalReason, FinalSplit, Outcome, Phase, Settlement, Stage as Clock, Terms, settle as shares,
};
use layr_protocol::Ending;
use layr_types::{Stroops, UnixSeconds};

/// How far the start may lie before the opening, seconds: until then the same terms could be opened again.
const OPENING_SLACK: u64 = 3_600;

/// What an agreement paid that nobody proved: expired, or in default of a challenge.
pub(crate) fn missed(agreement: &Agreement, seen: &Seen) -> Option<Settlement> {
    let outcome = match (&seen.published, seen.state.n) {
        (Some(revision), _) => Outcome::Missed(revision),
        (None, 0) => Outcome::Unused,
        (None, _) => return None,
    };
    // A voucher the host never brought to the ledger is not paid there.
    shares(&agreement.terms, seen.settled(Stroops::ZERO), seen.state.ending_at, outcome).ok()
}

/// What an owner does not get of an agreement that nobody proved, because its newest revision is not on the ledger.
pub(super) fn forgone(agreement: &Agreement, seen: &Seen) -> Option<Stroops> {
    let newest = agreement.newest.as_ref().filter(|newest| newest.revision.n > seen.state.n)?;
    let (terms, settled) = (&agreement.terms, seen.settled(Stroops::ZERO));
    let could = shares(terms, settled, seen.state.ending_at, Outcome::Missed(&newest.revision)).ok()?;
    let got = missed(agreement, seen)?;
    Some(could.owner - got.owner).filter(|lost| *lost > Stroops::ZERO)
}

/// What an agreement paid that its host proved.
pub(crate) fn proved(agreement: &Agreement, seen: &Seen) -> Option<Settlement> {
    let revision = seen.published.as_ref()?;
    shares(&agreement.terms, seen.settled(Stroops::ZERO), seen.state.ending_at, Outcome::Proved(revision))
        .ok()
}

/// The split both sides compute for themselves; `promised` is the largest voucher given.
pub(crate) fn fair_split(
    (agreement, seen): (&Agreement, &Seen),
    promised: Stroops,
    reason: FinalReason,
) -> Option<FinalSplit> {
    let newest = agreement.current();
    let (terms, state) = (&agreement.terms, &seen.state);
    Ending { terms, newest: &newest, state, voucher: promised }.fair_split(reason).ok()
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
    /// The host did not answer a challenge: settle it.
    Default,
}

/// When the terms can certainly not be opened again, so that they may be closed.
pub(crate) fn closable_after(terms: &Terms) -> UnixSeconds {
    terms.offer_expiry.min(terms.start.plus(OPENING_SLACK))
}

/// Decides by the slot and the clock alone.
pub(super) fn decide(agreement: &Agreement, seen: &Seen, now: UnixSeconds, early: bool) -> Todo {
    let (terms, state) = (&agreement.terms, &seen.state);
    let reopenable = closable_after(terms);
    let challenged = state.phase == Phase::Challenged;
    let parting = agreement.parts_at(state.n);
    match state.stage(terms, now) {
        _ if state.in_default(terms, now) => Todo::Default,
        _ if parting && now > reopenable => Todo::Close,
        _ if challenged => Todo::Wait(SettleStep::Challenged, state.challenge.deadline(terms).plus(1)),
        Clock::Over if !parting => Todo::Expire,
        Clock::Running if !parting && !early => Todo::Wait(SettleStep::Running, state.ending_at),
        _ if now <= reopenable => Todo::Wait(SettleStep::Waiting, reopenable.plus(1)),
        Clock::Running => Todo::Part(FinalReason::Early),
        _ => Todo::Part(FinalReason::TermOver),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agreement::{Parted, Phase as Known};
    use layr_market::{ChallengeKind, ChallengeState, Offer, Party, Request, Revision, SlotState};
    use layr_protocol::CoSigned;
    use layr_types::{AccountKey, AgreementId, AgreementRoot, ByteCount, ContractId, NodeKey, Signature};
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
        Agreement { phase: Known::Open, ..proposed }
    }

    #[test]
    fn the_clock_decides_what_is_due() {
        let open = agreement();
        let split = FinalSplit {
            id: open.id,
            n: 3,
            host: Stroops::ZERO,
            owner: open.terms.locked(),
            reason: FinalReason::TermOver,
        };
        let signature = Signature([0; 64]);
        let parted = Some(Parted { split, owner: signature, host: signature });
        let parting = Agreement { phase: Known::Parting, parted, ..agreement() };
        let seen = Seen::opening(&open);
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
            assert_eq!(decide(agreement, &seen, now, early), due, "{:?} at {now}", agreement.phase);
        }
        // A host that shows the ledger a newer revision after both have signed voids their split, and gains nothing.
        let voided = Seen { state: SlotState { n: 4, ..seen.state }, ..seen.clone() };
        assert_eq!(decide(&parting, &voided, end, false), Todo::Part(FinalReason::TermOver));
        assert_eq!(decide(&parting, &voided, over, false), Todo::Expire);
    }

    #[test]
    fn a_notice_moves_the_end_and_a_challenge_comes_before_it() {
        let open = agreement();
        let seen = Seen::opening(&open);
        let ending_at = START.plus(5 * DAY);
        let noticed = Seen { state: SlotState { ending_at, ..seen.state }, ..seen.clone() };
        assert_eq!(decide(&open, &noticed, ending_at, false), Todo::Part(FinalReason::TermOver));
        let challenge = ChallengeState {
            kind: ChallengeKind::Random,
            by: Party::Owner,
            opened: START.plus(DAY),
            count: 1,
            ..ChallengeState::NONE
        };
        let state = SlotState { phase: Phase::Challenged, challenge, ..seen.state };
        let challenged = Seen { state, ..seen };
        let deadline = challenge.deadline(&open.terms);
        let wait = Todo::Wait(SettleStep::Challenged, deadline.plus(1));
        assert_eq!(decide(&open, &challenged, deadline, true), wait);
        assert_eq!(decide(&open, &challenged, deadline.plus(1), false), Todo::Default);
    }

    proptest! {
        #[test]
        fn a_fair_split_gives_away_exactly_what_is_locked(sectors in 0u64..1024, days in 0u64..30, early in any::<bool>(), floor in 0i128..1_000_000) {
            let fresh = agreement();
            let terms = fresh.terms.clone();
            let opening = Revision::opening(&terms, AgreementId([5; 32]));
            let at = START.plus(days * DAY);
            let revision = opening.append(&terms, at, AgreementRoot([1; 32]), sectors).unwrap();
            let signed = CoSigned { revision, owner: Signature([0; 64]), host: Signature([0; 64]) };
            let used = Agreement { newest: Some(signed), ..fresh.clone() };
            let reason = if early { FinalReason::Early } else { FinalReason::TermOver };
            let seen = Seen::opening(&used);
            let vested = Seen { state: SlotState { floor: Stroops(floor), ..seen.state }, ..seen.clone() };
            let split = fair_split((&used, &vested), Stroops::ZERO, reason).unwrap();
            prop_assert_eq!(split.host + split.owner, terms.locked());
            prop_assert!(split.host >= terms.base_fee + terms.collateral);
            prop_assert!(split.host >= Stroops(floor).min(terms.escrow) + terms.collateral);
            let never_used = fair_split((&fresh, &seen), Stroops::ZERO, reason).unwrap();
            prop_assert_eq!(never_used.host, terms.base_fee + terms.collateral);
        }
    }
}
