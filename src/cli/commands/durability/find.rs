//! How soon silent losses are found.

use super::days;
use crate::args::{Durability, Global};
use crate::envelope::Report;
use crate::failure::Failure;
use crate::progress::Display;
use layr_audits::{Schedule, detection};
use layr_sim::{Found, Search, search};
use layr_types::DAY_SECONDS;
use serde::Serialize;

#[derive(Debug, Serialize)]
struct Searched {
    search: Search,
    seed: u64,
    found: Found,
    /// What random leaves alone find by theory: 1 − (1 − share)^(leaves · days).
    theory: f64,
}

/// Measures it.
pub fn run(global: &Global, args: &Durability) -> Result<Report, Failure> {
    let what = Search {
        agreements: args.agreements,
        sectors: args.sectors,
        parts: args.lost,
        days: (args.within / DAY_SECONDS).max(1),
        schedule: Schedule::default(),
        scrub: !args.no_scrub,
    };
    let display = Display::start(global.quiet || global.json);
    display.stage(&format!("watching {} agreements", what.agreements), 0);
    let found = search(&what, args.seed);
    drop(display);
    let samples = u64::from(what.schedule.leaves).saturating_mul(what.days);
    let share = f64::from(u32::try_from(what.parts).unwrap_or(10_000)) / 10_000.0;
    let theory = detection(share, u32::try_from(samples).unwrap_or(u32::MAX));
    let searched = Searched { search: what, seed: args.seed, found, theory };
    let words = format!(
        "{} agreements of {} sectors, {} % of the leaves lost at random moments, {} random leaves a day{}:\n\
         found within {:.0} days: {} of {}, {:.4} % (95 % confidence: {:.4} to {:.4} %)\n\
         on average after {:.2} days and {:.1} audits; by theory random leaves alone find {:.4} %",
        what.agreements,
        what.sectors,
        share * 100.0,
        what.schedule.leaves,
        if what.scrub { " and the scrub" } else { ", no scrub" },
        days(what.days * DAY_SECONDS),
        found.within,
        what.agreements,
        found.chance.estimate * 100.0,
        found.chance.low * 100.0,
        found.chance.high * 100.0,
        found.spans.mean_days(),
        found.audits,
        theory * 100.0,
    );
    Report::new(&searched, words)
}
