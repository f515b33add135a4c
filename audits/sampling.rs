//! What random leaves find: detection, sample counts, days.
//!
//! A host that lacks a fraction of the leaves survives k independent draws with probability (1 − fraction)^k,
//! whatever the size of the data.

/// The chance that `samples` random leaves hit at least one of a lost `fraction` (0 to 1).
#[must_use]
pub fn detection(fraction: f64, samples: u32) -> f64 {
    let fraction = fraction.clamp(0.0, 1.0);
    if samples == 0 {
        return 0.0;
    }
    -(f64::from(samples) * (-fraction).ln_1p()).exp_m1()
}

/// The fewest samples that find a lost `fraction` with at least this `confidence`; `None` where none do (nothing
/// lost, or certainty asked for).
#[must_use]
pub fn samples_needed(fraction: f64, confidence: f64) -> Option<u64> {
    let findable = fraction > 0.0 && fraction <= 1.0;
    if !(findable && (0.0..1.0).contains(&confidence)) {
        return None;
    }
    let samples = (-confidence).ln_1p() / (-fraction).ln_1p();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "float to int saturates, and it is at least 0"
    )]
    let whole = samples.ceil().max(1.0) as u64;
    Some(whole)
}

/// Days until daily audits of `samples` leaves find a lost `fraction`, on average; infinite where nothing is lost.
#[must_use]
pub fn days_to_detect(fraction: f64, samples: u32) -> f64 {
    1.0 / detection(fraction, samples)
}
