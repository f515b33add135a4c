//! What may follow a slot's state: every move taken where it is allowed and refused where it is not.

extern crate std;

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

/// The move's own refusals, by what was altered in an owner's random challenge.
#[test]
fn a_challenge_is_refused_for_exactly_what_is_wrong_with_it() {
    let (terms, state, now) = published();
    let good = challenge(&terms, &state, Party::Owner);
    let named = Challenge { kind: ChallengeKind::Named, leaves_hash: [5; 32], ..good };
    for fine in [good, named, Challenge { by: Party::Auditor, ..named }, Challenge { n: 0, ..good }] {
        let next = state.challenged(&terms, &fine, now).expect("nothing is wrong");
        assert_eq!((next.phase, next.challenge.count, next.challenge.opened), (Phase::Challenged, 1, now));
        assert_eq!(next.challenged(&terms, &Challenge { count: 1, ..fine }, now), Err(MoveError::Phase));
    }
    let own = Challenge { by: Party::Host, ..good };
    let wrong = [
        (Challenge { expires: UnixSeconds(now.0 - 1), ..good }, MoveError::Lapsed),
        (Challenge { n: state.n + 1, ..good }, MoveError::NotPublished),
        (Challenge { count: 1, ..good }, MoveError::TooManyChallenges),
        (Challenge { leaves_hash: [5; 32], ..good }, MoveError::Party),
        (Challenge { leaves_hash: [0; 32], ..named }, MoveError::Party),
        (Challenge { by: Party::Host, ..named }, MoveError::Party),
        (own, MoveError::Bond),
        (Challenge { bond: terms.disclosure_price - Stroops(1), ..good }, MoveError::Bond),
        (Challenge { bond: Stroops(-1), ..own }, MoveError::Bond),
    ];
    for (challenge, error) in wrong {
        assert_eq!(state.challenged(&terms, &challenge, now), Err(error), "{challenge:?}");
    }
    let unpublished = SlotState::opening(&terms);
    assert_eq!(unpublished.challenged(&terms, &good, now), Err(MoveError::NotPublished));
    let free = Terms { disclosure_price: Stroops::ZERO, ..terms.clone() };
    let unbonded = Challenge { bond: Stroops::ZERO, ..named };
    assert_eq!(state.challenged(&free, &unbonded, now), Err(MoveError::Bond), "never for nothing");
}

#[test]
fn a_challenge_must_be_over_before_the_end() {
    let (terms, state, _) = published();
    let random = challenge(&terms, &state, Party::Owner);
    let named = Challenge { kind: ChallengeKind::Named, leaves_hash: [5; 32], ..random };
    let windows = u64::from(terms.publish_window) + u64::from(terms.proof_window);
    for (challenge, needed) in [(random, windows), (named, u64::from(terms.proof_window))] {
        let last = UnixSeconds(terms.end.0 - needed - 1);
        assert!(state.challenged(&terms, &challenge, last).is_ok());
        assert_eq!(state.challenged(&terms, &challenge, last.plus(1)), Err(MoveError::Stage));
    }
}

#[test]
fn an_answer_counts_between_freeze_and_deadline_and_vests_only_at_random() {
    let (terms, state, now) = published();
    let revision = Revision::opening(&terms, id())
        .append(&terms, now, AgreementRoot([8; 32]), 1_024)
        .expect("within capacity");
    assert_eq!(state.answered(&terms, &revision, now), Err(MoveError::Phase));
    let random = challenge(&terms, &state, Party::Owner);
    let named = Challenge { kind: ChallengeKind::Named, leaves_hash: [5; 32], ..random };
    let open = state.challenged(&terms, &named, now).expect("allowed");
    let next = open.answered(&terms, &revision, open.challenge.deadline(&terms)).expect("in time");
    assert_eq!((next.phase, next.floor, next.challenge.bond), (Phase::Active, Stroops(0), Stroops(0)));
    let late = open.challenge.deadline(&terms).plus(1);
    assert_eq!(open.answered(&terms, &revision, late), Err(MoveError::Stage));
    assert!(open.in_default(&terms, late) && !open.in_default(&terms, open.challenge.deadline(&terms)));
    assert!(!state.in_default(&terms, terms.end), "nothing was asked");

    let open = state.challenged(&terms, &random, now).expect("allowed");
    let frozen = open.challenge.freezes_at(&terms);
    assert_eq!(open.answered(&terms, &revision, UnixSeconds(frozen.0 - 1)), Err(MoveError::Stage));
    let unfit = Revision { paid: terms.escrow + Stroops(1), ..revision.clone() };
    assert_eq!(open.answered(&terms, &unfit, frozen), Err(MoveError::Revision));
    let earned = revision.paid + revision.due + revision.earned_since(&terms, frozen).expect("fits");
    let next = open.answered(&terms, &revision, frozen.plus(9)).expect("in time");
    assert_eq!(next.floor, earned, "up to the freeze, not up to the answer");
    let higher = SlotState { floor: terms.escrow, ..open };
    assert_eq!(higher.answered(&terms, &revision, frozen).expect("in time").floor, terms.escrow);
}

#[test]
fn revisions_are_taken_until_the_root_freezes_of_the_end_or_of_a_challenge() {
    let (terms, state, now) = published();
    let frozen = terms.freezes_at(terms.end);
    assert!(state.takes_revisions(&terms, UnixSeconds(frozen.0 - 1)));
    assert!(!state.takes_revisions(&terms, frozen));
    let open = state.challenged(&terms, &challenge(&terms, &state, Party::Host), now).expect("allowed");
    let frozen = open.challenge.freezes_at(&terms);
    assert!(open.takes_revisions(&terms, UnixSeconds(frozen.0 - 1)));
    assert!(!open.takes_revisions(&terms, frozen));
}

#[test]
fn notice_is_given_in_time_by_a_party_and_only_shortens() {
    let (terms, state, now) = published();
    let earliest = now.plus(terms.notice.into());
    let notice = |by, ending_at| Notice { id: id(), by, ending_at };
    for by in [Party::Owner, Party::Host] {
        let next = state.noticed(&terms, &notice(by, earliest), now).expect("in time");
        assert_eq!(next, SlotState { ending_at: earliest, ..state });
        let again = next.noticed(&terms, &notice(by, earliest), now);
        assert_eq!(again, Err(MoveError::Stage), "only earlier still");
    }
    let auditors = notice(Party::Auditor, earliest);
    assert_eq!(state.noticed(&terms, &auditors, now), Err(MoveError::Party));
    for (ending_at, at) in [(UnixSeconds(earliest.0 - 1), now), (terms.end, now), (earliest, terms.end)] {
        let refused = state.noticed(&terms, &notice(Party::Owner, ending_at), at);
        assert_eq!(refused, Err(MoveError::Stage), "{ending_at:?} at {at:?}");
    }
    let hasty = Terms { notice: 0, ..terms.clone() };
    let open = state.challenged(&hasty, &challenge(&hasty, &state, Party::Host), now).expect("allowed");
    let after = open.challenge.deadline(&hasty).plus(1);
    assert_eq!(open.noticed(&hasty, &notice(Party::Host, after), now), Err(MoveError::Phase));
}

#[test]
fn a_voucher_grows_up_to_the_voucher_part() {
    let (terms, state, _) = published();
    let voucher = |amount| Voucher { id: id(), amount: Stroops(amount), bytes: ByteCount(0) };
    let most = terms.voucher_part.0;
    let next = state.redeemed(&terms, &voucher(most - 1)).expect("larger");
    assert_eq!(next.voucher, Stroops(most - 1));
    for amount in [most - 1, 0, -1, most + 1] {
        assert_eq!(next.redeemed(&terms, &voucher(amount)), Err(MoveError::Voucher), "{amount}");
    }
    assert!(next.redeemed(&terms, &voucher(most)).is_ok());
}

#[test]
fn a_rotation_leads_from_the_present_key_to_one_nobody_has() {
    let (terms, state, now) = published();
    let good = Rotation { id: id(), party: Party::Owner, from: terms.owner_key, to: NodeKey([7; 32]) };
    let next = state.rotated(&good).expect("allowed");
    assert_eq!((next.owner_key, next.host_key), (NodeKey([7; 32]), terms.host_key));
    assert_eq!(next.rotated(&good), Err(MoveError::Key), "not twice");
    let wrong = [
        (Rotation { from: terms.host_key, ..good }, MoveError::Key),
        (Rotation { to: terms.host_key, ..good }, MoveError::Key),
        (Rotation { to: terms.owner_key, ..good }, MoveError::Key),
        (Rotation { party: Party::Auditor, ..good }, MoveError::Party),
    ];
    for (rotation, error) in wrong {
        assert_eq!(state.rotated(&rotation), Err(error));
        assert_eq!(state.rotation_started(&SoftwareSha256, &terms, &rotation, now), Err(error));
    }
    let unasked = state.rotation_finished(&SoftwareSha256, &good, terms.end);
    assert_eq!(unasked, Err(MoveError::Key));
}

/// Refuses every truncation, a byte too many and another version.
fn only_these_bytes<T: PartialEq + core::fmt::Debug>(
    bytes: &[u8],
    value: T,
    decode: fn(&[u8]) -> Result<T, DecodeError>,
) {
    assert_eq!(decode(bytes), Ok(value));
    for cut in 0..bytes.len() {
        assert_eq!(decode(&bytes[..cut]), Err(DecodeError::Truncated), "cut at {cut}");
    }
    let mut long = std::vec::Vec::from(bytes);
    long.push(0);
    assert_eq!(decode(&long), Err(DecodeError::TrailingBytes(1)));
    long[0] = 2;
    assert_eq!(decode(&long), Err(DecodeError::UnknownVersion(2)));
}

#[test]
fn every_signed_object_of_a_move_has_one_encoding() {
    let (terms, state, now) = published();
    let challenge = challenge(&terms, &state, Party::Auditor);
    only_these_bytes(&challenge.encode(), challenge, Challenge::decode);
    let notice = Notice { id: id(), by: Party::Host, ending_at: now };
    only_these_bytes(&notice.encode(), notice, Notice::decode);
    let voucher = Voucher { id: id(), amount: Stroops(-5), bytes: ByteCount(7) };
    only_these_bytes(&voucher.encode(), voucher, Voucher::decode);
    let rotation = Rotation { id: id(), party: Party::Owner, from: terms.owner_key, to: NodeKey([7; 32]) };
    only_these_bytes(&rotation.encode(), rotation, Rotation::decode);
    let pending = state.rotation_started(&SoftwareSha256, &terms, &rotation, now).expect("allowed");
    only_these_bytes(&pending.encode(), pending, SlotState::decode);
}

#[test]
fn a_list_of_leaves_is_one_to_eight_whole_entries() {
    let list = [0, 0, 0, 0, 0, 0, 0, 9].repeat(9);
    for entries in 1..=8 {
        let some = &list[..8 * entries];
        assert_eq!(named_leaf(some, entries - 1), Some(LeafIndex(9)));
        assert_eq!(named_leaf(some, entries), None);
        assert_eq!(named_leaf(&some[1..], 0), None, "not whole");
    }
    assert_eq!((named_leaf(&[], 0), named_leaf(&list, 0)), (None, None));
}
