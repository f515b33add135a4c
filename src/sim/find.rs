//! How soon a silent loss is found: many agreements, each losing a share of its leaves at a random moment of its
//! schedule, watched until the verdict.

use crate::bounds::{Bounded, chance};
use crate::damage::Damage;
use crate::dice::Dice;
use crate::number::float;
use crate::tally::Spans;
use crate::watch::Watch;
use layr_audits::Schedule;
use layr_types::DAY_SECONDS;
use serde::{Deserialize, Serialize};

/// What is searched for, and how.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Agreements tried.
    pub agreements: u64,
    /// Sectors of each.
    pub sectors: u64,
    /// The share of leaves lost, in 10,000.
    pub parts: u64,
    /// Days within which it is to be found.
    pub days: u64,
    /// When the owner audits.
    pub schedule: Schedule,
    /// Whether every sector is sampled in its turn as well; without, random leaves alone.
    pub scrub: bool,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// How many were found in time.
    pub within: u64,
    /// The chance of that, with 95 % confidence.
    pub chance: Bounded,
    /// From the loss to the verdict, for those found in time.
    pub spans: Spans,
    /// Audits it took, on average.
    pub audits: f64,
}

/// Measures it: agreement number `i` has stream `i` of the seed.
#[must_use]
pub fn search(what: &Search, seed: u64) -> Found {
    let watch = Watch { schedule: &what.schedule, sectors: what.sectors.max(1), scrub: what.scrub };
    let from = 2 * crate::world::BEGIN;
    let until = from + what.days * DAY_SECONDS;
    let (mut within, mut audits, mut spans) = (0u64, 0u64, Spans::default());
    for agreement in 0..what.agreements {
        let mut dice = Dice::new(seed, agreement);
        let numbers = (dice.below(u64::MAX), dice.below(u64::MAX));
        let damage = Damage::scattered(watch.sectors, what.parts, numbers);
        if let Some(found) = watch.damage(&damage, true, (from, until), &mut dice) {
            within += 1;
            audits += u64::from(found.audits);
            spans.add(from, found.at);
        }
    }
    let audits = float(audits) / float(within.max(1));
    Found { within, chance: chance(within, what.agreements, 0.95), spans, audits }
}
