//! Verdicts, records, the chain, containment, score and deadline.

mod common;

use common::{Host, in_time};
use layr_audits::{
    AuditKind, AuditRecord, Beta, Challenge, Commitment, Contained, Draw, Outcome, RETRY_SECONDS,
    RecordError, Score, Verdict, answer_deadline, contain, fold, judge, prove, replay,
};
use layr_market::AuditFields;
use layr_types::{AgreementId, AgreementRoot, UnixSeconds};
use proptest::prelude::*;
use serde_json::Value;
use std::time::Duration;

fn record(kind: AuditKind, verdict: Verdict, round: u64) -> AuditRecord {
    AuditRecord {
        kind,
        verdict,
        asked: 20,
        good: 19,
        latency_ms: 731,
        revision: 12,
        round,
        nonce: [0xAB; 32],
    }
}

#[test]
fn the_seven_verdicts_are_the_glossarys_and_only_proof_touches_money() {
    let words = Verdict::ALL.map(Verdict::as_str);
    assert_eq!(words, ["own-fault", "passed", "late", "offline", "refused", "missing", "corrupt"]);
    for (code, verdict) in (0..).zip(Verdict::ALL) {
        assert_eq!((verdict.code(), Verdict::from_code(code)), (code, Some(verdict)));
        assert_eq!(verdict.as_str().parse(), Ok(verdict));
        assert_eq!(verdict.touches_money(), matches!(verdict, Verdict::Missing | Verdict::Corrupt));
    }
    assert!("lost".parse::<Verdict>().is_err() && Verdict::from_code(7).is_none());
    assert_eq!(
        [Verdict::Missing, Verdict::Corrupt, Verdict::Passed].into_iter().max(),
        Some(Verdict::Corrupt)
    );
}

#[test]
fn a_record_is_sixty_pinned_bytes() {
    let bytes = record(AuditKind::First, Verdict::Missing, 0x0102_0304).encode();
    let expected = include_str!("../vectors/record.hex");
    let written: String = expected.lines().filter_map(|line| line.split('#').next()).collect();
    assert_eq!(hex::encode(bytes), written.replace(' ', ""));
}

#[test]
fn draw_and_chain_are_those_of_an_independent_implementation() {
    let vectors: Value = serde_json::from_str(include_str!("../vectors/game.json")).unwrap();
    let bytes =
        |value: &Value| -> [u8; 32] { hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap() };
    let draw = &vectors["draw"];
    let held = Commitment {
        agreement: AgreementId(bytes(&draw["agreement"])),
        revision: draw["revision"].as_u64().unwrap(),
        root: AgreementRoot::default(),
        sectors: draw["sectors"].as_u64().unwrap(),
    };
    let challenge = Challenge::random(&held, (1, &bytes(&draw["randomness"])), bytes(&draw["nonce"]), 20);
    let drawn: Vec<_> = challenge.leaves(&held).unwrap().iter().map(|leaf| leaf.0).collect();
    assert_eq!(Value::from(drawn), draw["leaves"]);
    assert!(matches!(challenge.draw, Draw::Random { seed, .. } if seed.0 == bytes(&draw["seed"])));

    let chain = &vectors["history"];
    let decode = |text: &Value| AuditRecord::decode(&hex::decode(text.as_str().unwrap()).unwrap()).unwrap();
    let records: Vec<_> = chain["records"].as_array().unwrap().iter().map(decode).collect();
    assert_eq!(records[1], record(AuditKind::Random, Verdict::Corrupt, 9));
    let history = replay(&records).unwrap();
    assert_eq!(history.accumulator, bytes(&chain["accumulator"]));
    assert_eq!((history.good, history.bad, history.last_round), (1, 1, 9));
}

#[test]
fn every_audit_that_says_something_is_counted_once() {
    for verdict in Verdict::ALL {
        let after = fold(&AuditFields::default(), &record(AuditKind::Random, verdict, 3));
        match verdict {
            Verdict::OwnFault => assert_eq!(after, Err(RecordError::OwnFault)),
            Verdict::Passed => assert_eq!(after.map(|h| (h.good, h.bad, h.last_round)), Ok((1, 0, 3))),
            _ => assert_eq!(after.map(|h| (h.good, h.bad, h.last_round)), Ok((0, 1, 3))),
        }
    }
    let full = AuditFields { good: u32::MAX, ..AuditFields::default() };
    assert_eq!(fold(&full, &record(AuditKind::Random, Verdict::Passed, 1)), Err(RecordError::Full));
}

#[test]
fn a_judged_challenge_becomes_its_record() {
    let host = Host::new(1);
    let challenge = host.challenge(77, 20);
    let answer = prove(&challenge, &host.held, &host).unwrap();
    let judged = judge(&challenge, &host.held, &in_time(Outcome::Answered(&answer)));
    let made = AuditRecord::new(AuditKind::Random, &challenge, &judged).unwrap();
    let expected = AuditRecord {
        kind: AuditKind::Random,
        verdict: Verdict::Passed,
        asked: 20,
        good: 20,
        latency_ms: 1000,
        revision: 4,
        round: 77,
        nonce: [5; 32],
    };
    assert_eq!(made, expected);
    let silent = judge(&challenge, &host.held, &in_time(Outcome::OwnFault));
    assert_eq!(AuditRecord::new(AuditKind::Random, &challenge, &silent), Err(RecordError::OwnFault));
}

#[test]
fn silence_counts_only_after_a_day_of_asking() {
    let mut known = None;
    for attempt in 0..3 {
        let now = UnixSeconds(1000 + attempt * RETRY_SECONDS);
        let Contained::Again(at, next) = contain(known, Verdict::Offline, now) else {
            panic!("settled at {attempt}")
        };
        assert_eq!(at, now.plus(RETRY_SECONDS));
        known = next;
    }
    let last = UnixSeconds(1000 + 3 * RETRY_SECONDS);
    assert_eq!(contain(known, Verdict::Late, last), Contained::Settled(Verdict::Offline));
    assert_eq!(contain(known, Verdict::Passed, last), Contained::Settled(Verdict::Passed));
    assert_eq!(contain(known, Verdict::Corrupt, last), Contained::Settled(Verdict::Corrupt));
    assert_eq!(contain(known, Verdict::OwnFault, last), Contained::Again(last.plus(RETRY_SECONDS), known));
}

#[test]
fn asking_four_times_in_an_hour_settles_nothing() {
    let mut known = None;
    for minute in 0..60 {
        let Contained::Again(_, next) = contain(known, Verdict::Late, UnixSeconds(60 * minute)) else {
            panic!("settled")
        };
        known = next;
    }
    assert_eq!(known.map(|state| state.attempts), Some(60));
}

#[test]
fn a_score_tells_absence_from_loss_and_forgets() {
    let now = UnixSeconds(1_000_000);
    let mut loser = Score::default();
    loser.observe(Verdict::Missing, now);
    assert!(loser.intact.mean() < 0.5 && loser.available.mean() > 0.5);
    let mut sleeper = Score::default();
    for minute in 0..60 {
        sleeper.observe(Verdict::Offline, now.plus(60 * minute));
    }
    assert!(sleeper.available.mean() > 0.3, "one night is one fault");
    let before = sleeper.available.mean();
    (0..3000).for_each(|_| sleeper.observe(Verdict::Passed, now));
    assert!(sleeper.available.mean() > 0.999 && sleeper.available.mean() > before);
    let untouched = Score::default();
    let mut own = untouched;
    own.observe(Verdict::OwnFault, now);
    assert_eq!(own, untouched);
}

#[test]
fn a_deadline_is_the_hosts_own_measure() {
    let deadline = |p99, leaves, transfer| answer_deadline(Duration::from_millis(p99), leaves, transfer);
    assert_eq!(deadline(10, (20, 4), (0, 1)), Duration::from_secs(2));
    assert_eq!(deadline(100, (20, 4), (0, 1)), Duration::from_secs(4));
    assert_eq!(deadline(0, (20, 0), (40_000, 10_000)), Duration::from_secs(6));
    assert!(answer_deadline(Duration::MAX, (u16::MAX, 0), (u64::MAX, 0)) >= Duration::from_secs(2));
}

proptest! {
    #[test]
    fn records_survive_the_wire_and_nothing_else_does(
        (kind, verdict) in (0..4usize, 1..7usize), numbers: (u16, u16, u32, u64, u64), nonce: [u8; 32], at in 0..60usize, flip in 1..=255u8,
    ) {
        let kind = [AuditKind::Random, AuditKind::First, AuditKind::Named, AuditKind::Read][kind];
        let (asked, good, latency_ms, revision, round) = numbers;
        let record = AuditRecord { kind, verdict: Verdict::ALL[verdict], asked, good, latency_ms, revision, round, nonce };
        let mut bytes = record.encode();
        prop_assert_eq!(AuditRecord::decode(&bytes), Ok(record));
        prop_assert!(AuditRecord::decode(&bytes[..59]).is_err());
        prop_assert!(AuditRecord::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        bytes[at] ^= flip;
        prop_assert_ne!(AuditRecord::decode(&bytes), Ok(record));
    }

    #[test]
    fn no_two_histories_share_an_accumulator(rounds in prop::collection::vec(any::<u64>(), 1..6), at: prop::sample::Index, other: u64) {
        let records: Vec<_> = rounds.iter().map(|round| record(AuditKind::Random, Verdict::Passed, *round)).collect();
        let mut changed = records.clone();
        let at = at.index(changed.len());
        prop_assume!(changed[at].round != other);
        changed[at].round = other;
        prop_assert_ne!(replay(&records).unwrap().accumulator, replay(&changed).unwrap().accumulator);
        prop_assert_ne!(replay(&records).unwrap().accumulator, replay(&records[1..]).unwrap().accumulator);
    }

    #[test]
    fn a_beta_stays_between_none_and_all(observations in prop::collection::vec(any::<bool>(), 0..500)) {
        let mut beta = Beta::default();
        observations.iter().for_each(|good| beta.observe(*good));
        prop_assert!(beta.mean() > 0.0 && beta.mean() < 1.0);
    }
}
