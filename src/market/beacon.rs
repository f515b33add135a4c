//! Which round of the public beacon decides: fixed arithmetic, nobody's choice.
//!
//! drand numbers its rounds from 1; round r is published at genesis + (r − 1) × period
//! (drand specification, "Beacon rounds"). Endings are quantised to the hour so that hundreds of agreements
//! share one posted round.

use layr_types::UnixSeconds;

/// Deciding rounds fall on multiples of this many seconds: one hour.
pub const BEACON_QUANTUM_SECONDS: u64 = 3_600;

/// A beacon's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct BeaconSchedule {
    /// When round 1 is published.
    pub genesis: UnixSeconds,
    /// Seconds between rounds; never 0.
    pub period: u32,
}

impl BeaconSchedule {
    /// The first round published at or after `time`.
    #[must_use]
    pub fn round_at_or_after(&self, time: UnixSeconds) -> u64 {
        let since = time.since(self.genesis);
        since.div_ceil(u64::from(self.period.max(1))).saturating_add(1)
    }

    /// The newest round already published at `time`; 0 before the first.
    #[must_use]
    pub fn latest_round(&self, time: UnixSeconds) -> u64 {
        if time < self.genesis {
            return 0;
        }
        time.since(self.genesis) / u64::from(self.period.max(1)) + 1
    }

    /// The round that decides for a state frozen at `frozen`: the first one at or after the next full hour.
    #[must_use]
    pub fn deciding_round(&self, frozen: UnixSeconds) -> u64 {
        let hour = frozen.0.div_ceil(BEACON_QUANTUM_SECONDS).saturating_mul(BEACON_QUANTUM_SECONDS);
        self.round_at_or_after(UnixSeconds(hour))
    }

    /// When `round` is published.
    #[must_use]
    pub fn time_of(&self, round: u64) -> UnixSeconds {
        self.genesis.plus(round.saturating_sub(1).saturating_mul(u64::from(self.period)))
    }
}
