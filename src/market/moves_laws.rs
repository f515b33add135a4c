//! Laws of every schedule of moves: what never falls, what never overlaps, and that time has no origin.

extern crate std;

use crate::tests::{id, terms};
use crate::*;
use layr_types::*;
use proptest::prelude::*;
use std::vec::Vec;

/// Something that one side tries, with whatever arguments.
#[derive(Debug, Clone)]
enum Move {
    Pass(u64),
    Publish(u64),
    Challenge { by: Party, named: bool, bond: i128, stale: bool },
    Answer,
    Notice { by: Party, after: u64 },
    Redeem(i128),
    Rotate(Party, u8),
    Start(Party, u8),
    Finish(Party, u8),
}

fn party() -> impl Strategy<Value = Party> {
    prop_oneof![Just(Party::Owner), Just(Party::Host), Just(Party::Auditor)]
}

fn any_move() -> impl Strategy<Value = Move> {
    let challenge = (party(), any::<bool>(), 0..200_000i128, any::<bool>());
    prop_oneof![
        4 => (0..2 * 86_400u64).prop_map(Move::Pass),
        2 => (0..6u64).prop_map(Move::Publish),
        4 => challenge.prop_map(|(by, named, bond, stale)| {
            let bond = if by == Party::Host { 0 } else { bond };
            Move::Challenge { by, named, bond, stale }
        }),
        4 => Just(Move::Answer),
        1 => (party(), 0..40 * 86_400u64).prop_map(|(by, after)| Move::Notice { by, after }),
        1 => (0..10i128).prop_map(Move::Redeem),
        1 => (party(), 1..5u8).prop_map(|(party, to)| Move::Rotate(party, to)),
        1 => (party(), 1..5u8).prop_map(|(party, to)| Move::Start(party, to)),
        1 => (party(), 1..5u8).prop_map(|(party, to)| Move::Finish(party, to)),
    ]
}

/// One agreement as a ledger would hold it.
#[derive(Debug, Clone)]
struct Held {
    terms: Terms,
    state: SlotState,
    revision: Revision,
    now: UnixSeconds,
}

impl Held {
    /// Just opened, all times later by `shift`.
    fn opened(shift: u64) -> Self {
        let plain = terms();
        let terms = Terms {
            start: plain.start.plus(shift),
            end: plain.end.plus(shift),
            offer_expiry: plain.offer_expiry.plus(shift),
            max_challenges: 4,
            ..plain
        };
        let state = SlotState::opening(&terms);
        let revision = Revision::opening(&terms, id());
        Self { now: terms.start, state, revision, terms }
    }

    /// What the contract does with a move: the next state, or none.
    fn take(&mut self, step: &Move) -> Result<(), Option<MoveError>> {
        let (terms, state, now) = (&self.terms, &self.state, self.now);
        let rotation = |party, to| {
            let from = state.key_of(party).unwrap_or_default();
            Rotation { id: id(), party, from, to: NodeKey([100 + to; 32]) }
        };
        let hash = SoftwareSha256;
        let next = match *step {
            Move::Pass(seconds) => {
                self.now = now.plus(seconds);
                return Ok(());
            }
            Move::Publish(n) => {
                let time = now.min(terms.end);
                let revision = Revision { n, time, sectors: 9, ..self.revision.clone() };
                if n <= state.n || !state.takes_revisions(terms, now) {
                    return Err(None);
                }
                self.state = state.published(&hash, &revision);
                self.revision = revision;
                return Ok(());
            }
            Move::Challenge { by, named, bond, stale } => {
                let kind = if named { ChallengeKind::Named } else { ChallengeKind::Random };
                let leaves_hash = if named { [5; 32] } else { [0; 32] };
                let (bond, count) = (Stroops(bond), state.challenge.count.saturating_sub(stale.into()));
                let (n, expires) = (state.n, now.plus(1));
                state.challenged(
                    terms,
                    &Challenge { id: id(), n, count, kind, by, bond, leaves_hash, expires },
                    now,
                )
            }
            Move::Answer => state.answered(terms, &self.revision, now),
            Move::Notice { by, after } => {
                state.noticed(terms, &Notice { id: id(), by, ending_at: now.plus(after) }, now)
            }
            Move::Redeem(amount) => {
                let bytes = ByteCount(0);
                state.redeemed(terms, &Voucher { id: id(), amount: Stroops(amount), bytes })
            }
            Move::Rotate(party, to) => state.rotated(&rotation(party, to)),
            Move::Start(party, to) => state.rotation_started(&hash, terms, &rotation(party, to), now),
            Move::Finish(party, to) => state.rotation_finished(&hash, &rotation(party, to), now),
        };
        self.state = next.map_err(Some)?;
        Ok(())
    }

    /// What must hold between a state and any that follows it.
    fn check_after(&self, before: &Self) {
        let (old, new) = (&before.state, &self.state);
        assert!(new.floor >= old.floor && new.floor <= self.terms.escrow, "the floor");
        assert!(new.voucher >= old.voucher && new.voucher <= self.terms.voucher_part, "the voucher");
        assert!(new.n >= old.n, "the revision's number");
        assert!(new.ending_at <= old.ending_at, "the end");
        let (last, next) = (&old.challenge, &new.challenge);
        assert!(next.count <= self.terms.max_challenges && next.count <= last.count + 1, "the count");
        if next.count > last.count {
            let gap = u64::from(self.terms.challenge_gap);
            assert!(last.count == 0 || next.opened >= last.opened.plus(gap), "the gap");
        }
        match new.phase {
            Phase::Challenged => assert!(next.deadline(&self.terms) < new.ending_at, "over before the end"),
            Phase::Active => assert_eq!(next.bond, Stroops::ZERO, "a bond waits only for an answer"),
        }
        assert_ne!(new.owner_key, new.host_key, "two parties");
        assert_eq!(SlotState::decode(&new.encode()), Ok(*new), "what is entered can be read");
    }

    /// The state as it would be, had everything happened `shift` later.
    fn later(&self, shift: u64) -> SlotState {
        let mut state = self.state;
        state.ending_at = state.ending_at.plus(shift);
        if state.challenge.count > 0 {
            state.challenge.opened = state.challenge.opened.plus(shift);
        }
        if let Some(pending) = &mut state.rotation {
            pending.effective = pending.effective.plus(shift);
        }
        state
    }
}

proptest! {
    #[test]
    fn nothing_earned_is_lost_and_no_challenge_outlives_its_agreement(
        moves in proptest::collection::vec(any_move(), 1..60),
    ) {
        let mut held = Held::opened(0);
        for step in &moves {
            let before = held.clone();
            if held.take(step).is_err() {
                prop_assert_eq!(before.state, held.state, "a refused move changes nothing");
            }
            held.check_after(&before);
        }
    }

    #[test]
    fn shifting_all_times_shifts_outcomes_and_nothing_else(
        moves in proptest::collection::vec(any_move(), 1..60),
        shift in 0u64..1 << 40,
    ) {
        let (mut held, mut moved) = (Held::opened(0), Held::opened(shift));
        for step in &moves {
            prop_assert_eq!(held.take(step), moved.take(step));
            // A revision's digest covers its time.
            let expected = SlotState { revision: moved.state.revision, ..held.later(shift) };
            prop_assert_eq!(expected, moved.state);
        }
    }

    #[test]
    fn either_side_alone_reaches_the_end(moves in proptest::collection::vec(any_move(), 1..60)) {
        let mut held = Held::opened(0);
        for step in &moves {
            let _ = held.take(step);
        }
        let later = held.now.plus(2 * MAX_TERM_SECONDS);
        let over = held.state.stage(&held.terms, later) == Stage::Over;
        match held.state.phase {
            Phase::Active => prop_assert!(over, "prove or expire"),
            Phase::Challenged => prop_assert!(held.state.in_default(&held.terms, later), "default"),
        }
    }
}

/// The schedules above are not all refusals: this one takes every kind of move.
#[test]
fn a_schedule_that_takes_every_move() {
    let mut held = Held::opened(0);
    let (by, named) = (Party::Host, false);
    let steps: Vec<Move> = [
        Move::Publish(1),
        Move::Start(Party::Owner, 1),
        Move::Challenge { by, named, bond: 0, stale: false },
        Move::Publish(2),
        Move::Pass(86_400),
        Move::Answer,
        Move::Pass(86_400 + ROTATION_MARGIN_SECONDS),
        Move::Finish(Party::Owner, 1),
        Move::Rotate(Party::Host, 2),
        Move::Redeem(3),
        Move::Challenge { by: Party::Owner, named: true, bond: 100_000, stale: false },
        Move::Answer,
        Move::Notice { by: Party::Owner, after: 4 * 86_400 },
    ]
    .into();
    for step in &steps {
        let before = held.clone();
        assert_eq!(held.take(step), Ok(()), "{step:?}");
        held.check_after(&before);
    }
    assert!(held.state.floor > Stroops::ZERO);
}
