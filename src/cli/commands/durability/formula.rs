//! The formula's figure.

use super::days;
use crate::args::Durability;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::units::show_duration;
use layr_audits::loss_of_any;
use layr_sim::{Scenario, formula, table::show_figure};
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Figure {
    profile: String,
    repair_at: u8,
    life_days: f64,
    repair_days: f64,
    /// Losses per segment and year.
    rate: f64,
    segments: u32,
    /// The chance that at least one of them is lost within a year.
    chance: f64,
}

/// Computes it.
pub fn run(args: &Durability, scenario: &Scenario) -> Result<Report, Failure> {
    let rate = formula(scenario, days(args.repair));
    let each = -(-rate).exp_m1();
    let figure = Figure {
        profile: format!("{}/{}", scenario.k, scenario.n),
        repair_at: scenario.threshold(),
        life_days: scenario.life,
        repair_days: days(args.repair),
        rate,
        segments: args.segments,
        chance: loss_of_any(each, args.segments),
    };
    let of = if args.segments == 1 {
        "the segment".to_owned()
    } else {
        format!("one of {} segments", args.segments)
    };
    let words = format!(
        "{}, repaired once no more than {} shards are sound, hosts that stay {} on average, {} to notice and repair:\n\
         the chance that {of} is lost within a year is {}.\n\
         The formula knows hosts that leave one by one. What fails together is not in it: take figures below 1e-12 for\n\
         'not what will kill it', and see 'layr durability --simulate'.",
        figure.profile,
        figure.repair_at,
        show_duration(args.life),
        show_duration(args.repair),
        show_figure(figure.chance),
    );
    Report::new(&figure, words)
}
