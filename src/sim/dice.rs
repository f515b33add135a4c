//! Chance, from a seed: the only randomness in the room. The same seed and stream give the same throws on every
//! machine; spans are rounded to whole seconds so that the last bit of a logarithm does not matter.

use crate::number::{float, seconds};
use rand::{RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// One stream of chance.
#[derive(Debug, Clone)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream number `stream` of `seed`.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform in 0 ≤ x < 1, with 53 random bits.
    pub(crate) fn unit(&mut self) -> f64 {
        float(self.0.next_u64() >> 11) / float(1 << 53)
    }

    /// Uniform below `bound` (0 for a bound of 0); the bias of the modulo is below `bound` / 2^64.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0.next_u64().checked_rem(bound).unwrap_or(0)
    }

    /// True with probability `chance`.
    pub(crate) fn happens(&mut self, chance: f64) -> bool {
        self.unit() < chance
    }

    /// An exponential span with this mean, both in seconds.
    pub(crate) fn exponential(&mut self, mean: f64) -> u64 {
        seconds(-mean * (-self.unit()).ln_1p())
    }

    /// A normal deviate (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (-self.unit()).ln_1p()).sqrt();
        radius * (core::f64::consts::TAU * self.unit()).cos()
    }

    /// 32 random bytes.
    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        self.0.fill_bytes(&mut out);
        out
    }
}
