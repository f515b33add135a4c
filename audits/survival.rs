//! How long a segment lives: hosts leave, repair replaces them.
//!
//! The model: hosts leave independently, each after an exponential life; once no more than `repair_at` shards
//! survive, the loss is noticed and repaired to all n after an exponential time; below k nothing can be
//! rebuilt. One cycle runs from full health to either repair or loss; losses per year follow from the chance
//! of the one and the length of the other. Real failures are correlated: take figures below 1e-12 for "not
//! what will kill it".

/// How a segment is coded and when it is repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redundancy {
    /// Shards that are enough.
    pub k: u32,
    /// Shards in all.
    pub n: u32,
    /// Repair starts once no more than this many survive.
    pub repair_at: u32,
}

/// The chance that a segment is lost within `days`, with hosts that stay `life` days on average and loss noticed
/// and repaired within `repair` days on average.
#[must_use]
pub fn segment_loss(code: Redundancy, life: f64, repair: f64, days: f64) -> f64 {
    if code.k == 0 || code.k > code.n || life.is_nan() || life <= 0.0 {
        return 1.0;
    }
    let repair_at = code.repair_at.clamp(code.k, code.n);
    let mut cycle: f64 = (repair_at + 1..=code.n).map(|alive| life / f64::from(alive)).sum();
    let mut reached = 1.0;
    for alive in (code.k..=repair_at).rev() {
        let leaving = f64::from(alive) / life;
        let repairing = 1.0 / repair.max(f64::MIN_POSITIVE);
        cycle += reached / (leaving + repairing);
        reached *= leaving / (leaving + repairing);
    }
    -(-days * reached / cycle).exp_m1()
}

/// The chance that at least one of `segments` is lost, if each is with probability `each`.
#[must_use]
pub fn loss_of_any(each: f64, segments: u32) -> f64 {
    crate::sampling::detection(each, segments)
}
