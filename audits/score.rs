//! An owner's own opinion of a host: two beta distributions that forget.
//!
//! Being away and losing data are different faults, so they are counted apart. Each observation weighs
//! 0.999 times its successor: the memory is about a thousand audits long. The score weighs placement; it never
//! touches money and is never told to others.

use crate::verdict::Verdict;
use layr_types::UnixSeconds;
use serde::{Deserialize, Serialize};

/// What an observation is worth once one more has been made.
pub const FORGETTING: f64 = 0.999;
/// Absences within one such window count once, in seconds: a night without power is one fault, not twelve.
pub const OFFLINE_WINDOW_SECONDS: u64 = 12 * 3600;

/// A beta distribution over "the next one is good".
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Beta {
    /// Good observations, faded.
    pub good: f64,
    /// Bad observations, faded.
    pub bad: f64,
}

impl Default for Beta {
    /// Nothing known: one of each.
    fn default() -> Self {
        Self { good: 1.0, bad: 1.0 }
    }
}

impl Beta {
    /// Takes one more observation into account.
    pub fn observe(&mut self, good: bool) {
        self.good *= FORGETTING;
        self.bad *= FORGETTING;
        *(if good { &mut self.good } else { &mut self.bad }) += 1.0;
    }

    /// The expected chance that the next one is good, above 0 and below 1.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.good / (self.good + self.bad)
    }
}

/// An owner's experience with one host.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Whether it is there and answers in time.
    pub available: Beta,
    /// Whether what it holds is what was stored.
    pub intact: Beta,
    /// The last counted absence's window; `None` before the first.
    pub absent_in: Option<u64>,
}

impl Score {
    /// Takes a verdict into account.
    pub fn observe(&mut self, verdict: Verdict, now: UnixSeconds) {
        match verdict {
            Verdict::OwnFault => {}
            Verdict::Passed => {
                self.available.observe(true);
                self.intact.observe(true);
            }
            Verdict::Missing | Verdict::Corrupt => {
                self.available.observe(true);
                self.intact.observe(false);
            }
            Verdict::Late | Verdict::Offline | Verdict::Refused => {
                let window = now.0 / OFFLINE_WINDOW_SECONDS;
                if self.absent_in.replace(window) != Some(window) {
                    self.available.observe(false);
                }
            }
        }
    }

    /// Between 0 and 1: the chance that the host is there and intact, for weighing one against another.
    #[must_use]
    pub fn weight(&self) -> f64 {
        self.available.mean() * self.intact.mean()
    }
}
