//! What is counted. Counts of several worlds are added; everything else is worked out from them.

use crate::books::Money;
use crate::number::float;
use layr_types::DAY_SECONDS;
use serde::{Deserialize, Serialize};

/// Seconds in a Julian year.
pub(crate) const YEAR_SECONDS: u64 = 31_557_600;

/// Spans of time: how many, how long together, the longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spans {
    /// How many.
    pub count: u64,
    /// Together, in seconds.
    pub seconds: u64,
    /// The longest, in seconds.
    pub longest: u64,
}

impl Spans {
    pub(crate) fn add(&mut self, from: u64, until: u64) {
        let span = until.saturating_sub(from);
        self.count += 1;
        self.seconds += span;
        self.longest = self.longest.max(span);
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.seconds += other.seconds;
        self.longest = self.longest.max(other.longest);
    }

    /// The mean in days; 0 for none.
    #[must_use]
    pub fn mean_days(&self) -> f64 {
        float(self.seconds) / float(self.count.max(1)) / float(DAY_SECONDS)
    }

    /// The longest in days.
    #[must_use]
    pub fn longest_days(&self) -> f64 {
        float(self.longest) / float(DAY_SECONDS)
    }
}

/// What happened in some worlds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Worlds counted.
    pub worlds: u64,
    /// Time segments spent whole, over all of them, in seconds.
    pub segment_seconds: u64,
    /// Segments of which fewer than k shards were left.
    pub losses: u64,
    /// Those of them that the owner was told of.
    pub reported: u64,
    /// From the loss to that.
    pub reporting: Spans,
    /// Losses older than 90 days of which the owner knew nothing at the end: must be none.
    pub silent_losses: u64,
    /// Segments the owner believed lost for a while although hosts that were away still had them.
    pub feared: u64,
    /// Hosts that left for good.
    pub departures: u64,
    /// Operators that left with all their hosts.
    pub exits: u64,
    /// Shards lost with them or otherwise.
    pub shards_lost: u64,
    /// Repairs done.
    pub repairs: u64,
    /// Repairs put off because too few hosts could be read.
    pub postponed: u64,
    /// Shards read for repairs.
    pub shards_read: u64,
    /// Shards written by repairs.
    pub shards_written: u64,
    /// Times hosts were away or too slow.
    pub absences: u64,
    /// Agreements on which such an absence came to count: the shard was taken for lost.
    pub absences_counted: u64,
    /// Of those, shards that were back before they were replaced.
    pub absences_forgiven: u64,
    /// `survivors[i]`: how often a loss left exactly i shards intact.
    pub survivors: Vec<u64>,
    /// From the moment no more than the threshold were left to the end of the repair: the formula's time.
    pub exposed: Spans,
    /// From a host's departure to the verdict.
    pub noticed: Spans,
    /// Agreements that silently lost leaves or a sector.
    pub damages: u64,
    /// From there to the verdict.
    pub damage_found: Spans,
    /// Agreements on which a host began to cheat.
    pub lies: u64,
    /// From there to the verdict, or the departure of the cheat.
    pub lie_found: Spans,
    /// Damages and lies older than 90 days that nobody had found at the end: must be none.
    pub unfound: u64,
    /// The money of the segments that are booked.
    pub money: Money,
}

impl Tally {
    /// Adds what happened elsewhere.
    pub fn merge(&mut self, other: &Self) {
        let pairs = [
            (&mut self.worlds, other.worlds),
            (&mut self.segment_seconds, other.segment_seconds),
            (&mut self.losses, other.losses),
            (&mut self.reported, other.reported),
            (&mut self.silent_losses, other.silent_losses),
            (&mut self.feared, other.feared),
            (&mut self.departures, other.departures),
            (&mut self.exits, other.exits),
            (&mut self.shards_lost, other.shards_lost),
            (&mut self.repairs, other.repairs),
            (&mut self.postponed, other.postponed),
            (&mut self.shards_read, other.shards_read),
            (&mut self.shards_written, other.shards_written),
            (&mut self.absences, other.absences),
            (&mut self.absences_counted, other.absences_counted),
            (&mut self.absences_forgiven, other.absences_forgiven),
            (&mut self.damages, other.damages),
            (&mut self.lies, other.lies),
            (&mut self.unfound, other.unfound),
        ];
        for (mine, theirs) in pairs {
            *mine += theirs;
        }
        self.survivors.resize(self.survivors.len().max(other.survivors.len()), 0);
        for (mine, theirs) in self.survivors.iter_mut().zip(&other.survivors) {
            *mine += theirs;
        }
        for (mine, theirs) in [
            (&mut self.reporting, &other.reporting),
            (&mut self.exposed, &other.exposed),
            (&mut self.noticed, &other.noticed),
            (&mut self.damage_found, &other.damage_found),
            (&mut self.lie_found, &other.lie_found),
        ] {
            mine.merge(theirs);
        }
        self.money.merge(&other.money);
    }

    /// Segment-years simulated.
    #[must_use]
    pub fn segment_years(&self) -> f64 {
        float(self.segment_seconds) / float(YEAR_SECONDS)
    }

    /// The fewest intact shards a segment that was not lost came down to; `None` where none was ever hurt.
    #[must_use]
    pub fn fewest(&self, k: u8) -> Option<usize> {
        let above = self.survivors.iter().enumerate().skip(usize::from(k));
        above.filter(|(_, times)| **times > 0).map(|(left, _)| left).next()
    }

    /// Bytes read and written by repairs for each byte of the owners' data and year.
    #[must_use]
    pub fn traffic(&self, k: u8) -> f64 {
        float(self.shards_read + self.shards_written) / f64::from(k.max(1)) / self.segment_years()
    }
}
