//! Measurement and formula side by side.

use crate::bounds::{Bounded, rate};
use crate::scenario::{Clock, Scenario};
use crate::tally::Tally;
use layr_audits::{Redundancy, segment_loss};
use serde::{Deserialize, Serialize};

/// Days of a Julian year.
const YEAR_DAYS: f64 = 365.25;
/// How sure the bounds are.
pub(crate) const CONFIDENCE: f64 = 0.95;

/// What was measured and what the formula says, each in segments lost per segment and year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Segments lost.
    pub losses: u64,
    /// Segment-years simulated.
    pub segment_years: f64,
    /// The measured rate, with 95 % confidence.
    pub measured: Bounded,
    /// The formula's rate.
    pub formula: f64,
    /// The time from the threshold to the end of the repair that the formula was given, in days: the one assumed, or
    /// where audits ran the one measured.
    pub days: f64,
}

/// The formula's rate for a scenario whose repairs take `days`: exponential stays, nothing else going wrong.
#[must_use]
pub fn formula(scenario: &Scenario, days: f64) -> f64 {
    let code =
        Redundancy { k: scenario.k.into(), n: scenario.n.into(), repair_at: scenario.threshold().into() };
    // The chance of a loss within a year, turned into a rate: the two part where losses are frequent.
    -(-segment_loss(code, scenario.life, days, YEAR_DAYS)).ln_1p()
}

/// Puts a scenario's tally beside the formula.
#[must_use]
pub fn compare(scenario: &Scenario, tally: &Tally) -> Comparison {
    let days = match scenario.clock {
        Clock::Modelled { days } => days,
        Clock::Audits { .. } => tally.exposed.mean_days(),
    };
    let segment_years = tally.segment_years();
    Comparison {
        losses: tally.losses,
        segment_years,
        measured: rate(tally.losses, segment_years, CONFIDENCE),
        formula: formula(scenario, days),
        days,
    }
}
