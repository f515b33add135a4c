//! The game: who has the data passes, who lacks it does not, and nobody else is blamed.

mod common;

use common::{Host, in_time};
use layr_audits::{
    Answer, Attempt, Challenge, ChallengeError, Fault, Loss, Lost, MAX_LEAVES, Outcome, ProveError, Verdict,
    judge, prove,
};
use layr_types::{AgreementRoot, GROUP_BYTES, LeafIndex};
use proptest::prelude::*;
use std::sync::LazyLock;
use std::time::Duration;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::new(5));

fn verdict(challenge: &Challenge, answer: &Answer) -> Verdict {
    judge(challenge, &HOST.held, &in_time(Outcome::Answered(answer))).verdict
}

#[test]
fn silence_is_told_apart_from_loss_and_from_the_auditors_own_fault() {
    let challenge = HOST.challenge(1, 20);
    for (outcome, expected) in [
        (Outcome::Refused { code: 7 }, Verdict::Refused),
        (Outcome::Late, Verdict::Late),
        (Outcome::Offline, Verdict::Offline),
        (Outcome::OwnFault, Verdict::OwnFault),
    ] {
        let judged = judge(&challenge, &HOST.held, &in_time(outcome));
        assert_eq!((judged.verdict, judged.good, judged.asked), (expected, 0, 20));
        assert!(judged.faults.is_empty() && !judged.verdict.touches_money());
    }
}

#[test]
fn right_bytes_that_come_late_are_late_and_wrong_ones_are_corrupt() {
    let challenge = HOST.challenge(2, 5);
    let answer = prove(&challenge, &HOST.held, &*HOST).unwrap();
    let late = |answer| {
        let (took, allowed) = (Duration::from_millis(2001), Duration::from_secs(2));
        judge(&challenge, &HOST.held, &Attempt { outcome: Outcome::Answered(answer), took, allowed })
    };
    let judged = late(&answer);
    assert_eq!((judged.verdict, judged.good), (Verdict::Late, 5));
    assert_eq!(late(&Answer::default()).verdict, Verdict::Corrupt);
}

#[test]
fn a_challenge_for_another_revision_is_the_auditors_own_fault() {
    let answer = prove(&HOST.challenge(3, 5), &HOST.held, &*HOST).unwrap();
    let mut challenge = HOST.challenge(3, 5);
    challenge.revision += 1;
    assert_eq!(verdict(&challenge, &answer), Verdict::OwnFault);
    let refusal = prove(&challenge, &HOST.held, &*HOST).unwrap_err();
    assert!(matches!(refusal, ProveError::Challenge(ChallengeError::OtherRevision { asked: 5, held: 4 })));
}

#[test]
fn challenges_out_of_bounds_are_refused() {
    let leaves = |challenge: &Challenge| challenge.leaves(&HOST.held);
    let named = |leaves| Challenge::named(&HOST.held, leaves);
    assert_eq!(leaves(&HOST.challenge(1, 0)), Err(ChallengeError::LeafCount(0)));
    assert_eq!(leaves(&HOST.challenge(1, MAX_LEAVES + 1)), Err(ChallengeError::LeafCount(65)));
    assert_eq!(leaves(&named(vec![LeafIndex(0); 65])), Err(ChallengeError::LeafCount(65)));
    assert_eq!(
        leaves(&named(vec![LeafIndex(5 * 1024)])),
        Err(ChallengeError::NoSuchLeaf(LeafIndex(5 * 1024)))
    );
    let mut empty = HOST.held;
    for sectors in [0, (1 << 40) + 1, u64::MAX] {
        empty.sectors = sectors;
        assert_eq!(HOST.challenge(1, 1).leaves(&empty), Err(ChallengeError::Empty));
    }
}

#[test]
fn the_leaves_follow_from_seed_agreement_and_revision() {
    let challenge = HOST.challenge(1, 8);
    let mut other = HOST.held;
    other.revision += 1;
    let moved = Challenge { revision: other.revision, ..challenge.clone() };
    assert_ne!(challenge.leaves(&HOST.held), moved.leaves(&other));
    assert!(challenge.seed_follows(blake3::hash(&1u64.to_be_bytes()).as_bytes()));
    assert!(!challenge.seed_follows(blake3::hash(&2u64.to_be_bytes()).as_bytes()));
}

#[test]
fn a_host_admits_what_its_disk_has_changed_and_proves_the_rest() {
    let mut host = Host::new(3);
    host.sectors[1][5 * GROUP_BYTES + 9] ^= 1;
    let named = [0, 1024 + 5 * 16, 1024 + 4 * 16, 2048].map(LeafIndex).to_vec();
    let challenge = Challenge::named(&host.held, named);
    let answer = prove(&challenge, &host.held, &host).unwrap();
    assert_eq!(answer.lost, [Lost { position: 1, loss: Loss::Corrupt }]);
    let judged = judge(&challenge, &host.held, &in_time(Outcome::Answered(&answer)));
    assert_eq!((judged.verdict, judged.good), (Verdict::Corrupt, 3));
    assert_eq!(judged.faults, [Fault { leaf: LeafIndex(1024 + 80), loss: Loss::Corrupt }]);
}

#[test]
fn a_changed_outboard_is_the_hosts_loss_and_a_changed_tree_its_own_error() {
    let mut host = Host::new(3);
    host.outboards[1] = host.outboards[0].clone();
    let challenge = Challenge::named(&host.held, vec![LeafIndex(1024)]);
    assert_eq!(
        prove(&challenge, &host.held, &host).unwrap().lost,
        [Lost { position: 0, loss: Loss::Corrupt }]
    );
    let mut ahead = host.held;
    ahead.root = AgreementRoot([1; 32]);
    let refusal = prove(&Challenge::named(&ahead, vec![LeafIndex(0)]), &ahead, &host).unwrap_err();
    assert!(matches!(refusal, ProveError::OutOfStep(0)));
}

#[test]
fn what_is_gone_is_admitted_and_what_is_away_is_not() {
    let mut host = Host::new(3);
    host.gone.insert(1, Loss::Missing);
    let challenge = Challenge::named(&host.held, vec![LeafIndex(1024), LeafIndex(0)]);
    let answer = prove(&challenge, &host.held, &host).unwrap();
    let judged = judge(&challenge, &host.held, &in_time(Outcome::Answered(&answer)));
    assert_eq!((judged.verdict, judged.good), (Verdict::Missing, 1));
    host.unreadable.insert(0);
    assert!(matches!(prove(&challenge, &host.held, &host), Err(ProveError::Source(_))));
}

#[test]
fn an_answer_is_exactly_what_was_asked_for() {
    let challenge = HOST.challenge(6, 4);
    let answer = prove(&challenge, &HOST.held, &*HOST).unwrap();
    assert_eq!(verdict(&challenge, &answer), Verdict::Passed);
    let longer = Answer { proofs: [&answer.proofs[..], &[0]].concat().into(), ..answer.clone() };
    let shorter = Answer { proofs: answer.proofs.slice(..answer.proofs.len() - 1), ..answer.clone() };
    let admission = |position| Lost { position, loss: Loss::Missing };
    let stray = Answer { lost: vec![admission(4)], ..answer.clone() };
    let doubled = Answer { lost: vec![admission(0), admission(0)], ..answer.clone() };
    let backwards = Answer { lost: vec![admission(1), admission(0)], ..answer.clone() };
    let flood = Answer { lost: vec![admission(0); 65], ..answer };
    for wrong in [longer, shorter, stray, doubled, backwards, flood, Answer::default()] {
        assert_eq!(verdict(&challenge, &wrong), Verdict::Corrupt, "{:?}", wrong.lost);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_host_that_has_the_data_cannot_fail(seed: u64, count in 1..=MAX_LEAVES) {
        let challenge = HOST.challenge(seed, count);
        let answer = prove(&challenge, &HOST.held, &*HOST).unwrap();
        let judged = judge(&challenge, &HOST.held, &in_time(Outcome::Answered(&answer)));
        prop_assert_eq!((judged.verdict, judged.good, judged.asked), (Verdict::Passed, count, count));
    }

    #[test]
    fn an_answer_to_another_challenge_never_passes(seed: u64, other: u64) {
        prop_assume!(seed != other);
        let answer = prove(&HOST.challenge(other, 20), &HOST.held, &*HOST).unwrap();
        prop_assert_eq!(verdict(&HOST.challenge(seed, 20), &answer), Verdict::Corrupt);
    }

    #[test]
    fn any_flipped_bit_of_an_answer_is_corrupt(seed: u64, bit: prop::sample::Index) {
        let challenge = HOST.challenge(seed, 3);
        let answer = prove(&challenge, &HOST.held, &*HOST).unwrap();
        let mut proofs = answer.proofs.to_vec();
        let bit = bit.index(proofs.len() * 8);
        proofs[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(verdict(&challenge, &Answer { proofs: proofs.into(), ..answer }), Verdict::Corrupt);
    }

    #[test]
    fn a_strangers_answer_never_passes_and_never_panics(
        proofs in prop::collection::vec(any::<u8>(), 0..4000),
        positions in prop::collection::vec(any::<u16>(), 0..4),
    ) {
        let lost = positions.into_iter().map(|position| Lost { position, loss: Loss::Missing }).collect();
        let answer = Answer { lost, proofs: proofs.into() };
        prop_assert!(verdict(&HOST.challenge(1, 4), &answer).touches_money());
    }
}
