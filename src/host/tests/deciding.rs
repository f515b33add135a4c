//! The decision table, row by row: what the watcher does about an agreement at each moment.

use super::*;
use crate::agreement::{Agreement, AgreementState};
use crate::decide::{Action, Moment, Seen, decide};
use crate::ports::SignedSplit;
use layr_market::{BeaconSchedule, FinalSplit, SlotState};
use layr_protocol::CoSigned;

const SCHEDULE: BeaconSchedule = BeaconSchedule { genesis: UnixSeconds(0), period: 3 };

/// An agreement with one co-signed revision, and the two states its slot can have.
fn agreement(state: AgreementState) -> (Agreement, Seen, Seen) {
    let world = World::new(4);
    let (_, proposal) = Owner::draft(&world, 1, 4);
    let id = proposal.terms.id(&SoftwareSha256, &context());
    let mut agreement = Agreement::proposed(id, proposal.terms);
    let revision = agreement.current().append(&agreement.terms, START, layr_types::AgreementRoot([1; 32]), 2);
    let (owner, host) = (Signature([1; 64]), Signature([2; 64]));
    let signed = CoSigned { revision: revision.expect("within the terms"), owner, host };
    let opening = agreement.opening_state();
    let published = opening.published(&SoftwareSha256, &signed.revision);
    agreement.newest = Some(signed.clone());
    let split = FinalSplit { id, n: 1, host: Stroops(1), owner: Stroops(1), reason: FinalReason::TermOver };
    agreement.split = Some(SignedSplit { split, owner, host });
    agreement.state = state;
    (agreement, Seen::Opening(opening), Seen::Published(published, Box::new(signed.revision)))
}

fn at(now: UnixSeconds) -> Moment<'static> {
    static POLICY: std::sync::LazyLock<crate::OfferPolicy> =
        std::sync::LazyLock::new(crate::OfferPolicy::default);
    Moment { now, schedule: &SCHEDULE, policy: &POLICY }
}

fn name(action: &Action) -> &'static str {
    match action {
        Action::Wait(_) => "wait",
        Action::Open => "open",
        Action::HandOver(_) => "hand over",
        Action::Lapse => "lapse",
        Action::Close(_) => "close",
        Action::Publish(_) => "publish",
        Action::Redeem(_) => "redeem",
        Action::Vest(..) => "vest",
        Action::Leave(_) => "leave",
        Action::Respond(..) => "respond",
        Action::Default(..) => "default",
        Action::Prove(..) => "prove",
        Action::Expire(..) => "expire",
        Action::Settle(_) => "settle",
        Action::Sweep => "sweep",
        Action::Alarm(_) => "alarm",
    }
}

#[test]
fn the_decision_follows_the_table() {
    use AgreementState::{Open, Parting, Proposed, Settled};
    let (open, opening, published) = agreement(Open);
    let (end, terms) = (open.terms.end, &open.terms);
    let quarter = end.plus(u64::from(terms.publish_window) / 4);
    let frozen = terms.freezes_at(end);
    let round_at = SCHEDULE.time_of(SCHEDULE.deciding_round(frozen)).plus(5);
    let over = terms.proof_deadline(end).plus(1);
    let (expiry, empty, unknown) = (terms.offer_expiry, Seen::Empty, Seen::Unknown);
    let table: [(AgreementState, &Seen, UnixSeconds, &str); 24] = [
        (Proposed, &empty, START, "wait"),
        (Proposed, &empty, expiry, "wait"),
        (Proposed, &empty, expiry.plus(1), "lapse"),
        (Proposed, &unknown, expiry.plus(1), "lapse"),
        (Proposed, &opening, expiry.plus(1), "open"),
        (Proposed, &opening, START, "open"),
        (Open, &empty, START, "settle"),
        (Open, &unknown, START, "alarm"),
        (Open, &opening, START, "wait"),
        (Open, &opening, end, "wait"),
        (Open, &opening, quarter, "publish"),
        (Open, &opening, frozen, "wait"),
        (Open, &opening, over, "expire"),
        (Open, &published, START, "wait"),
        (Open, &published, quarter, "wait"),
        (Open, &published, frozen, "wait"),
        (Open, &published, UnixSeconds(round_at.0 - 1), "wait"),
        (Open, &published, round_at, "prove"),
        (Open, &published, UnixSeconds(over.0 - 1), "prove"),
        (Open, &published, over, "expire"),
        (Parting, &opening, expiry, "wait"),
        (Parting, &opening, expiry.plus(1), "close"),
        (Parting, &empty, expiry.plus(1), "settle"),
        (Settled, &empty, START, "sweep"),
    ];
    for (row, (state, seen, now, expected)) in table.into_iter().enumerate() {
        let record = Agreement { state, ..open.clone() };
        let action = decide(&record, seen, at(now));
        assert_eq!(name(&action), expected, "row {row}: {state:?}, {seen:?}, {now}");
        if let Action::Wait(until) = action {
            assert!(until > now, "row {row}: a wait that is over would spin");
        }
    }
}

#[test]
fn a_split_the_ledger_keeps_refusing_gives_way_to_publishing_and_proving() {
    let (mut parting, opening, _) = agreement(AgreementState::Parting);
    let split = FinalSplit {
        id: parting.id,
        n: 1,
        host: Stroops::ZERO,
        owner: parting.terms.locked(),
        reason: FinalReason::TermOver,
    };
    parting.split = Some(SignedSplit { split, owner: Signature([0; 64]), host: Signature([0; 64]) });
    let quarter = parting.terms.end.plus(u64::from(parting.terms.publish_window) / 4);
    for count in 0..20 {
        parting.attempts.count = count;
        let action = decide(&parting, &opening, at(quarter));
        assert_eq!(name(&action), if count < 8 { "close" } else { "publish" }, "after {count} attempts");
    }
}

#[test]
fn no_moment_asks_for_a_ledger_call_outside_its_window() {
    let (open, opening, published) = agreement(AgreementState::Open);
    let SlotState { ending_at, .. } = open.opening_state();
    for hour in 0..(33 * 24) {
        let now = START.plus(hour * 3_600);
        for seen in [&opening, &published] {
            let state = open.opening_state();
            let stage = state.stage(&open.terms, now);
            match decide(&open, seen, at(now)) {
                Action::Publish(_) => assert_eq!(stage, layr_market::Stage::Publishing),
                Action::Prove(_, _, round) => {
                    assert_eq!(stage, layr_market::Stage::Proving);
                    assert!(SCHEDULE.time_of(round) <= now, "the round exists");
                    assert!(
                        SCHEDULE.time_of(round) >= open.terms.freezes_at(ending_at),
                        "and did not before"
                    );
                }
                Action::Expire(..) => assert_eq!(stage, layr_market::Stage::Over),
                Action::Wait(until) => assert!(until > now),
                other => panic!("{}", name(&other)),
            }
        }
    }
}
