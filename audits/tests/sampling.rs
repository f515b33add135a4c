//! The mathematics against the printed tables, and the game against the mathematics.

mod common;

use common::{Host, in_time};
use layr_audits::{
    DAILY_LEAVES, Loss, Outcome, Redundancy, Verdict, days_to_detect, detection, judge, loss_of_any, prove,
    samples_needed, segment_loss,
};
use layr_types::LEAVES_PER_SECTOR;

/// Equal to the digits a table prints.
fn prints(value: f64, printed: f64, half_digit: f64) -> bool {
    (value - printed).abs() <= half_digit
}

#[test]
fn samples_needed_are_those_of_the_table() {
    let confidences = [0.9, 0.95, 0.99, 0.999, 0.9999];
    for (loss, row) in [
        (0.001, [2302, 2995, 4603, 6905, 9206]),
        (0.005, [460, 598, 919, 1379, 1838]),
        (0.01, [230, 299, 459, 688, 917]),
        (0.02, [114, 149, 228, 342, 456]),
        (0.05, [45, 59, 90, 135, 180]),
        (0.1, [22, 29, 44, 66, 88]),
        (0.2, [11, 14, 21, 31, 42]),
        (0.5, [4, 5, 7, 10, 14]),
    ] {
        assert_eq!(confidences.map(|confidence| samples_needed(loss, confidence)), row.map(Some), "{loss}");
    }
}

#[test]
fn samples_needed_are_the_fewest_that_do() {
    for loss in [0.001, 0.01, 0.1, 0.5, 0.9] {
        for confidence in [0.5, 0.9, 0.99] {
            let needed = u32::try_from(samples_needed(loss, confidence).unwrap()).unwrap();
            assert!(detection(loss, needed) >= confidence - 1e-12);
            assert!(detection(loss, needed - 1) < confidence);
        }
    }
    for nothing in [(0.0, 0.9), (0.1, 1.0), (f64::NAN, 0.9), (0.1, f64::NAN), (-1.0, 0.5), (2.0, 0.5)] {
        assert_eq!(samples_needed(nothing.0, nothing.1), None);
    }
    assert_eq!(samples_needed(1.0, 0.99), Some(1));
}

#[test]
fn one_audit_and_a_month_of_audits_find_what_the_table_says() {
    for (k, row) in
        [(5, [0.049, 0.226, 0.41, 0.67]), (10, [0.096, 0.40, 0.65, 0.89]), (20, [0.18, 0.64, 0.88, 0.99])]
    {
        for (loss, printed) in [0.01, 0.05, 0.1, 0.2].into_iter().zip(row) {
            assert!(prints(detection(loss, k), printed, 0.0051), "{loss} {k}");
        }
    }
    for (k, days, loss, printed) in [
        (20, 7, 0.01, 0.755),
        (20, 14, 0.01, 0.94),
        (20, 30, 0.01, 0.998),
        (20, 30, 0.001, 0.45),
        (20, 90, 0.001, 0.83),
    ] {
        assert!(prints(detection(loss, k * days), printed, 0.0051), "{loss} {k} {days}");
    }
    for (k, row) in [(5, [200.0, 20.0, 4.4, 2.4]), (20, [50.0, 5.5, 1.6, 1.14]), (32, [32.0, 3.6, 1.2, 1.04])]
    {
        for (loss, printed) in [0.001, 0.01, 0.05, 0.1].into_iter().zip(row) {
            let days = days_to_detect(loss, k);
            assert!((days / printed - 1.0).abs() < 0.035, "{loss} {k}: {days}");
        }
    }
    assert!(days_to_detect(0.0, 20).is_infinite());
}

#[test]
fn segments_die_as_rarely_as_the_table_says() {
    let table = [
        ((10, 30, 20), [[2e-7, 1e-3, 0.4], [2e-12, 8e-8, 4e-3], [7e-18, 7e-13, 1e-6]]),
        ((10, 30, 24), [[2e-9, 1e-4, 0.3], [6e-16, 8e-10, 1e-3], [3e-23, 2e-16, 3e-8]]),
        ((20, 60, 40), [[9e-10, 2e-4, 0.4], [6e-18, 3e-10, 2e-3], [1e-27, 2e-18, 3e-8]]),
        ((29, 80, 52), [[3e-9, 7e-4, 0.5], [7e-18, 1e-9, 5e-3], [2e-28, 2e-18, 1e-7]]),
    ];
    for ((k, n, repair_at), rows) in table {
        for (life, row) in [60.0, 180.0, 540.0].into_iter().zip(rows) {
            for (repair, printed) in [1.0, 3.0, 14.0].into_iter().zip(row) {
                let loss = segment_loss(Redundancy { k, n, repair_at }, life, repair, 365.0);
                assert!(
                    (0.66..1.51).contains(&(loss / printed)),
                    "{k}/{n} {life} {repair}: {loss:e} {printed:e}"
                );
            }
        }
    }
}

#[test]
fn a_worse_code_or_a_slower_repair_never_helps() {
    let code = |k, n, repair_at| Redundancy { k, n, repair_at };
    let loss = |code, life, repair| segment_loss(code, life, repair, 365.0);
    for repair in [0.5, 1.0, 5.0, 50.0] {
        assert!(loss(code(10, 30, 20), 90.0, repair) < loss(code(10, 30, 20), 90.0, repair * 2.0));
        assert!(loss(code(10, 30, 20), 90.0, repair) < loss(code(10, 30, 15), 90.0, repair));
        assert!(loss(code(10, 30, 20), 90.0, repair) > loss(code(10, 30, 20), 180.0, repair));
    }
    // At the same expansion more shards are safer, as long as repair is quick against the hosts' lives.
    for repair in [0.5, 1.0, 5.0] {
        assert!(loss(code(4, 12, 8), 90.0, repair) > loss(code(10, 30, 20), 90.0, repair));
    }
    for senseless in [code(0, 3, 1), code(4, 3, 1)] {
        assert!(prints(loss(senseless, 90.0, 1.0), 1.0, 0.0));
    }
    assert!(prints(loss(code(4, 12, 8), f64::NAN, 1.0), 1.0, 0.0));
    assert!(prints(loss_of_any(0.01, 2), 0.0199, 1e-12));
}

/// Passes among `audits` audits of a host that lacks the first `lost` leaves of `sectors`, by the drawn indices
/// alone: it passes where none of them is lost.
fn passes(host: &Host, lost: u64, audits: u64) -> u64 {
    (0..audits)
        .filter(|seed| {
            let leaves =
                host.challenge(*seed, DAILY_LEAVES).leaves(&host.held).expect("it is about this host");
            leaves.iter().all(|leaf| leaf.0 >= lost)
        })
        .count() as u64
}

#[test]
fn a_host_that_lacks_a_fraction_passes_no_more_often_than_it_should() {
    let host = Host::new(4);
    let leaves = 4 * LEAVES_PER_SECTOR as u64;
    let audits = 4000;
    for percent in [1, 5, 10, 20] {
        let lost = leaves * percent / 100;
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let (fraction, n) = (lost as f64 / leaves as f64, audits as f64);
        let expected = 1.0 - detection(fraction, u32::from(DAILY_LEAVES));
        let deviation = (expected * (1.0 - expected) / n).sqrt();
        #[allow(clippy::cast_precision_loss, reason = "small numbers")]
        let passed = passes(&host, lost, audits) as f64 / n;
        // Four standard deviations: a sound derivation leaves them once in 16,000 seeds, and these are fixed.
        assert!((passed - expected).abs() <= 4.0 * deviation, "{percent} %: {passed} for {expected}");
    }
}

#[test]
fn what_the_draw_says_is_what_the_game_finds() {
    let mut host = Host::new(4);
    host.gone.insert(2, Loss::Missing);
    let lost = 2 * LEAVES_PER_SECTOR as u64..3 * LEAVES_PER_SECTOR as u64;
    let mut seen = [false; 2];
    for seed in 0..60 {
        let challenge = host.challenge(seed, 4);
        let hit = challenge.leaves(&host.held).unwrap().iter().any(|leaf| lost.contains(&leaf.0));
        let answer = prove(&challenge, &host.held, &host).unwrap();
        let judged = judge(&challenge, &host.held, &in_time(Outcome::Answered(&answer)));
        assert_eq!(judged.verdict, if hit { Verdict::Missing } else { Verdict::Passed });
        seen[usize::from(hit)] = true;
    }
    assert_eq!(seen, [true, true]);
}
