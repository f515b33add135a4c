//! How far a count of rare things can be trusted: exact confidence bounds, without tables.
//!
//! No loss in T segment-years does not mean a rate of nothing: with 95 % confidence it means a rate below 3/T.
//! These are the same statement for any count.

use crate::number::{float, ln_gamma};
use serde::{Deserialize, Serialize};

/// A measured figure with the interval that holds the true one with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bounded {
    /// The best single guess.
    pub estimate: f64,
    /// The true figure lies below this with half the error probability.
    pub low: f64,
    /// The true figure lies above this with half the error probability; with the whole of it where nothing was
    /// counted (for 95 %, the rule of three).
    pub high: f64,
}

/// The rate per unit of exposure behind `count` independent events in `exposure`, with exact (Garwood) bounds at
/// this confidence (0.95, say).
#[must_use]
pub fn rate(count: u64, exposure: f64, confidence: f64) -> Bounded {
    let error = 1.0 - confidence;
    let (below, above) = if count == 0 { (0.0, error) } else { (error / 2.0, error / 2.0) };
    let low = match count.checked_sub(1) {
        None => 0.0,
        // The mean at which `count` or more become unlikely.
        Some(fewer) => bisect(0.0, float(count), |mean| 1.0 - poisson_at_most(fewer, mean) < below),
    };
    let most = 2.0 * float(count) + 40.0;
    let high = bisect(float(count), most, |mean| poisson_at_most(count, mean) > above);
    Bounded { estimate: float(count) / exposure, low: low / exposure, high: high / exposure }
}

/// The chance behind `hits` of `trials`, with Clopper and Pearson's exact bounds at this confidence.
#[must_use]
pub fn chance(hits: u64, trials: u64, confidence: f64) -> Bounded {
    if trials == 0 {
        return Bounded { estimate: 0.0, low: 0.0, high: 1.0 };
    }
    if 2 * hits > trials {
        // Counted from the rarer side: fewer terms, more digits.
        let missed = chance(trials - hits, trials, confidence);
        return Bounded {
            estimate: float(hits) / float(trials),
            low: 1.0 - missed.high,
            high: 1.0 - missed.low,
        };
    }
    let half = (1.0 - confidence) / 2.0;
    let low = match hits.checked_sub(1) {
        None => 0.0,
        Some(fewer) => bisect(0.0, 1.0, |p| 1.0 - binomial_at_most(fewer, trials, p) < half),
    };
    let above = if hits == 0 { 2.0 * half } else { half };
    let high = bisect(0.0, 1.0, |p| binomial_at_most(hits, trials, p) > above);
    Bounded { estimate: float(hits) / float(trials), low, high }
}

/// The chance of at most `count` events where `mean` are expected.
#[must_use]
pub fn poisson_at_most(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 1.0;
    }
    let term = |i: u64| (float(i) * mean.ln() - mean - ln_gamma(float(i) + 1.0)).exp();
    (0..=count).map(term).sum::<f64>().min(1.0)
}

fn binomial_at_most(count: u64, trials: u64, p: f64) -> f64 {
    if p <= 0.0 {
        return 1.0;
    }
    if p >= 1.0 {
        return f64::from(u8::from(count >= trials));
    }
    let all = ln_gamma(float(trials) + 1.0);
    let term = |i: u64| {
        let ways = all - ln_gamma(float(i) + 1.0) - ln_gamma(float(trials - i) + 1.0);
        (ways + float(i) * p.ln() + float(trials - i) * (-p).ln_1p()).exp()
    };
    (0..=count).map(term).sum::<f64>().min(1.0)
}

/// Where `holds` turns from true to false between `from` and `to`.
fn bisect(mut from: f64, mut to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..80 {
        let middle = f64::midpoint(from, to);
        if holds(middle) {
            from = middle;
        } else {
            to = middle;
        }
    }
    f64::midpoint(from, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_is_the_rule_of_three() {
        let none = rate(0, 1e6, 0.95);
        assert_eq!((none.estimate, none.low), (0.0, 0.0));
        assert!((none.high - 2.995_732e-6).abs() < 1e-11, "{none:?}");
    }

    /// Textbook values (Garwood 1936): 10 events, 95 %: 4.795 to 18.39.
    #[test]
    fn counts_have_the_textbook_bounds() {
        let ten = rate(10, 1.0, 0.95);
        assert!((ten.low - 4.795_4).abs() < 1e-3 && (ten.high - 18.390_4).abs() < 1e-3, "{ten:?}");
        let half = chance(5, 10, 0.95);
        assert!((half.low - 0.187_1).abs() < 1e-3 && (half.high - 0.812_9).abs() < 1e-3, "{half:?}");
        let all = chance(1_000, 1_000, 0.95);
        assert!((all.low - 0.997_009).abs() < 1e-5 && all.high > 0.999_999, "{all:?}");
    }
}
