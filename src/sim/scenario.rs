//! What is simulated: a code, a network, its troubles, and the owner's rules. `Default` is the network of the
//! durability table; [`Scenario::as_modelled`] is the one the formula speaks of.

use crate::lifetime::Lifetime;
use layr_audits::Schedule;
use layr_placement::RepairPolicy;
use serde::{Deserialize, Serialize};

/// How losses are noticed and repaired.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// By audits as the schedule has them, containment, and a repair that takes its time.
    Audits {
        /// How long one repair takes, hours on average; evenly between half and one and a half of it.
        repair_hours: f64,
    },
    /// As the formula assumes: once no more than the threshold survive, all are back after an exponential time.
    Modelled {
        /// Its mean, in days.
        days: f64,
    },
}

/// What goes wrong beside hosts leaving.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Troubles {
    /// Temporary absences of a host in a year.
    pub absences: f64,
    /// Their mean length in hours (exponential).
    pub absence_hours: f64,
    /// The share of hosts that are slow: they are late as often again as others are away, for twice as long.
    pub slow: f64,
    /// Silent losses of a host in a year; half lose a share of their leaves, half one sector of each agreement.
    pub silent: f64,
    /// The share of leaves lost then, in 10,000.
    pub silent_parts: u64,
    /// The share of hosts that cheat; a third stores nothing, a third drops leaves later, a third stops answering.
    pub liars: f64,
    /// The share of hosts run by operators with several.
    pub operated: f64,
    /// Hosts of such an operator.
    pub fleet: u32,
    /// The share of operators that declare themselves.
    pub declared: f64,
    /// Years an operator stays on average; it leaves with all its hosts within two days.
    pub operator_years: f64,
    /// Outages of one of the twelve regions in a year.
    pub region_outages: f64,
    /// Their mean length in hours (exponential).
    pub region_hours: f64,
}

impl Troubles {
    /// Nothing but hosts leaving, each for itself.
    pub const NONE: Self = Self {
        absences: 0.0,
        absence_hours: 0.0,
        slow: 0.0,
        silent: 0.0,
        silent_parts: 0,
        liars: 0.0,
        operated: 0.0,
        fleet: 1,
        declared: 0.0,
        operator_years: 0.0,
        region_outages: 0.0,
        region_hours: 0.0,
    };
}

impl Default for Troubles {
    fn default() -> Self {
        Self {
            absences: 24.0,
            absence_hours: 8.0,
            slow: 0.05,
            silent: 0.05,
            silent_parts: 100,
            liars: 0.02,
            operated: 0.3,
            fleet: 15,
            declared: 0.5,
            operator_years: 5.0,
            region_outages: 0.5,
            region_hours: 12.0,
        }
    }
}

/// One simulated network and its owners.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scenario {
    /// Shards that are enough.
    pub k: u8,
    /// Shards in all.
    pub n: u8,
    /// Repair starts once no more than this many are sound; `None` for the policy's own threshold.
    pub repair_at: Option<u8>,
    /// Hosts there at any time; one that leaves is followed by a new one.
    pub hosts: u32,
    /// Segments in one world. A segment stands for all that share its hosts, and is counted once: they share its fate.
    pub segments: u32,
    /// Years one world lasts.
    pub years: f64,
    /// Days a host stays on average.
    pub life: f64,
    /// How unevenly.
    pub lifetime: Lifetime,
    /// How losses are noticed and repaired.
    pub clock: Clock,
    /// What else goes wrong.
    pub troubles: Troubles,
    /// Sectors of each agreement.
    pub sectors: u64,
    /// Money is counted for one segment in this many; 0 for none.
    pub books: u32,
    /// When the owner audits.
    pub schedule: Schedule,
    /// When the owner repairs.
    pub policy: RepairPolicy,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            k: 10,
            n: 30,
            repair_at: None,
            hosts: 2_000,
            segments: 2_000,
            years: 25.0,
            life: 180.0,
            lifetime: Lifetime::Exponential,
            clock: Clock::Audits { repair_hours: 6.0 },
            troubles: Troubles::default(),
            sectors: 1_024,
            books: 100,
            schedule: Schedule::default(),
            policy: RepairPolicy::default(),
        }
    }
}

/// Why a scenario cannot be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// `k` is 0 or above `n`, or `n` above 128.
    #[error("a profile needs 1 to n of at most 128 shards")]
    Code,
    /// The threshold is below `k` or not below `n`.
    #[error("repair must start at k or more shards and fewer than n")]
    Threshold,
    /// There are too few hosts for the code, or more than a million.
    #[error("the network needs two hosts for every shard of a segment, and at most 1,000,000")]
    Hosts,
    /// No segments, years or sectors, or too many.
    #[error("segments, years and sectors must be above 0, and a world at most 1,000,000 segments")]
    Size,
    /// A span, share or rate is negative, no number, or a share above 1.
    #[error("a span must be above 0, a rate at least 0, a share between 0 and 1")]
    Range,
}

impl Scenario {
    /// The network the formula speaks of: hosts leave independently after an exponential stay, nothing else goes
    /// wrong, and notice and repair take an exponential time of `days` on average.
    #[must_use]
    pub fn as_modelled(self, days: f64) -> Self {
        let clock = Clock::Modelled { days };
        Self { lifetime: Lifetime::Exponential, clock, troubles: Troubles::NONE, ..self }
    }

    /// The same with worlds of a size that suits this many segment-years in all, and how many of those there are;
    /// together they hold at least so many.
    #[must_use]
    pub fn sized(self, segment_years: u64) -> (Self, u64) {
        let (segments, years) = match segment_years {
            0..2_500 => (u32::try_from(segment_years.div_ceil(5)).unwrap_or(500).max(1), 5u32),
            2_500..500_000 => (500, 5),
            _ => (2_000, 25),
        };
        let worlds = segment_years.div_ceil(u64::from(segments) * u64::from(years)).max(1);
        (Self { segments, years: f64::from(years), ..self }, worlds)
    }

    /// The sound shards at which repair starts.
    #[must_use]
    pub fn threshold(&self) -> u8 {
        self.repair_at.unwrap_or_else(|| self.policy.threshold(self.k, self.n))
    }

    /// Checks that it can be simulated.
    ///
    /// # Errors
    /// The first [`ScenarioError`] that applies.
    pub fn check(&self) -> Result<(), ScenarioError> {
        require(self.k > 0 && self.k <= self.n && self.n <= 128, ScenarioError::Code)?;
        let threshold = self.repair_at.is_none_or(|at| at >= self.k && at < self.n);
        require(threshold, ScenarioError::Threshold)?;
        let hosts = (2 * u32::from(self.n)..=1_000_000).contains(&self.hosts);
        require(hosts, ScenarioError::Hosts)?;
        let sized = (1..=1_000_000).contains(&self.segments) && (1..=1 << 24).contains(&self.sectors);
        require(sized && self.years > 0.0 && self.years <= 10_000.0, ScenarioError::Size)?;
        let t = &self.troubles;
        let shares = [t.slow, t.liars, t.operated, t.declared];
        let rates =
            [t.absences, t.absence_hours, t.silent, t.operator_years, t.region_outages, t.region_hours];
        let delay = match self.clock {
            Clock::Audits { repair_hours } => repair_hours,
            Clock::Modelled { days } => days,
        };
        let shape = match self.lifetime {
            Lifetime::Exponential => 1.0,
            Lifetime::Weibull { shape } => shape,
        };
        let spans = [self.life, delay];
        let fits = shares.iter().all(|share| (0.0..=1.0).contains(share))
            && rates.iter().all(|rate| (0.0..=1e6).contains(rate))
            && spans.iter().all(|span| *span > 0.0 && *span <= 1e6)
            && (0.2..=10.0).contains(&shape)
            && t.silent_parts <= 10_000
            && t.fleet > 0
            && self.schedule.every > 0;
        require(fits, ScenarioError::Range)
    }
}

const fn require(holds: bool, otherwise: ScenarioError) -> Result<(), ScenarioError> {
    if holds { Ok(()) } else { Err(otherwise) }
}
