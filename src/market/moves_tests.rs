//! What may follow a slot's state, where one side could otherwise hinder the other.

use crate::tests::{id, terms};
use crate::*;
use layr_types::*;

const DAY: u64 = 86_400;

/// A state with a revision on record, and the moment of its publication.
fn published() -> (Terms, SlotState, UnixSeconds) {
    let terms = terms();
    let now = terms.start.plus(DAY);
    let revision = Revision::opening(&terms, id())
        .append(&terms, now, AgreementRoot([8; 32]), 16)
        .expect("within capacity");
    let state = SlotState::opening(&terms).published(&SoftwareSha256, &revision);
    (terms, state, now)
}

fn challenge(terms: &Terms, state: &SlotState, by: Party) -> Challenge {
    Challenge {
        id: id(),
        n: state.n,
        count: state.challenge.count,
        kind: ChallengeKind::Random,
        by,
        bond: if by == Party::Host { Stroops::ZERO } else { terms.disclosure_price },
        leaves_hash: [0; 32],
        expires: terms.end,
    }
}

#[test]
fn a_host_cannot_use_up_the_challenges_that_would_make_it_answer() {
    let (terms, mut state, mut now) = published();
    let answered = |state: SlotState| SlotState { phase: Phase::Active, ..state };
    for count in 0..terms.max_challenges {
        let own = state.challenged(&terms, &challenge(&terms, &state, Party::Host), now);
        assert_eq!(own.is_ok(), count < terms.max_challenges / 2, "challenge {count}");
        let next = state.challenged(&terms, &challenge(&terms, &state, Party::Owner), now);
        state = answered(next.expect("the owner may have them all"));
        now = now.plus(DAY);
    }
    let spent = state.challenged(&terms, &challenge(&terms, &state, Party::Owner), now);
    assert_eq!(spent, Err(MoveError::TooManyChallenges));
}

#[test]
fn neither_side_can_put_off_the_others_rotation() {
    let (terms, state, now) = published();
    let of = |party, to| Rotation { id: id(), party, from: state.key_of(party).expect("has one"), to };
    let (host, owner) = (of(Party::Host, NodeKey([7; 32])), of(Party::Owner, NodeKey([8; 32])));
    let pending = state.rotation_started(&SoftwareSha256, &terms, &host, now).expect("nothing is pending");
    for other in [owner, of(Party::Host, NodeKey([9; 32]))] {
        let replaced = pending.rotation_started(&SoftwareSha256, &terms, &other, now.plus(DAY));
        assert_eq!(replaced, Err(MoveError::Key));
    }
    let due = pending.rotation.expect("pending").effective;
    let early = pending.rotation_finished(&SoftwareSha256, &host, UnixSeconds(due.0 - 1));
    assert_eq!(early, Err(MoveError::Stage));
    let done = pending.rotation_finished(&SoftwareSha256, &host, due).expect("it is time");
    assert_eq!((done.host_key, done.rotation), (NodeKey([7; 32]), None));
    done.rotation_started(&SoftwareSha256, &terms, &owner, due).expect("the owner's turn");
}
