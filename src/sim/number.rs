//! Conversions between counts and fractions, each with what it does at the edges, and the logarithm of Γ.

/// A count as a fraction; exact up to 2^53.
#[allow(clippy::cast_precision_loss, reason = "counts and seconds stay far below 2^53")]
pub(crate) const fn float(count: u64) -> f64 {
    count as f64
}

/// A span in whole seconds, rounded down; 0 for what is negative or no number, the largest for what is too large.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to int saturates, and no number becomes 0"
)]
pub(crate) const fn seconds(span: f64) -> u64 {
    span as u64
}

/// ln Γ(x) for x > 0: Lanczos' approximation with g = 7 and nine terms, good to 15 digits.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let series = |sum: f64, (at, term): (u32, &f64)| sum + term / (x + f64::from(at));
    let sum = (1u32..).zip(&TERMS).fold(0.999_999_999_999_809_9, series);
    let t = x + 7.5;
    0.5 * core::f64::consts::TAU.ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gamma_of_whole_numbers_is_a_factorial() {
        for (x, factorial) in [(1.0, 1.0), (2.0, 1.0), (5.0, 24.0), (11.0, 3_628_800.0f64)] {
            assert!((ln_gamma(x) - factorial.ln()).abs() < 1e-12, "{x}");
        }
        assert!((ln_gamma(0.5) - core::f64::consts::PI.sqrt().ln()).abs() < 1e-12);
    }

    #[test]
    fn spans_saturate() {
        assert_eq!((seconds(-1.0), seconds(f64::NAN), seconds(f64::INFINITY)), (0, 0, u64::MAX));
    }
}
