//! How long hosts stay.
//!
//! Measurements of large open networks agree that stays are far more uneven than exponential: Stutzbach and Rejaie
//! ("Understanding churn in peer-to-peer networks", IMC 2006) fit Weibull distributions of shape 0.34 to 0.59 to
//! Gnutella, Kad and BitTorrent; Steiner, En-Najjary and Biersack ("Long term study of peer behavior in the KAD
//! DHT", IEEE/ACM Transactions on Networking 17(5), 2009), over six months, Weibull distributions of shape 0.54 to
//! 0.58; Bernard and Le Fessant ("Optimizing peer-to-peer backup using lifetime estimations", DaMaP 2009) build on
//! Pareto lifetimes. A shape below 1 means: the newer a host, the likelier it leaves. No long measurement of
//! departures from a *paid* storage network has been published; shape 0.58 with a given mean is the tail of the
//! longest study on the mean that is asked for.

use crate::dice::Dice;
use crate::number::{float, ln_gamma, seconds};
use layr_types::DAY_SECONDS;
use serde::{Deserialize, Serialize};

/// The distribution of a host's stay; the mean is the scenario's.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifetime {
    /// Hosts do not age: what the model assumes.
    #[default]
    Exponential,
    /// Heavier-tailed the further the shape lies below 1.
    Weibull {
        /// The shape, above 0.
        shape: f64,
    },
}

impl Lifetime {
    /// The shape measured over the longest time (see above).
    pub const MEASURED: Self = Self::Weibull { shape: 0.58 };

    /// A whole stay of a host that joins now, in seconds; `mean` in days.
    pub(crate) fn stay(self, mean: f64, dice: &mut Dice) -> u64 {
        match self {
            Self::Exponential => dice.exponential(mean * float(DAY_SECONDS)),
            Self::Weibull { shape } => {
                let standard = -(-dice.unit()).ln_1p();
                seconds(scale(shape, mean) * standard.powf(1.0 / shape))
            }
        }
    }

    /// What is left of the stay of a host met at a random moment, in seconds: a stay drawn in proportion to its
    /// length, cut at a random place. For the exponential that is the whole stay again.
    pub(crate) fn rest(self, mean: f64, dice: &mut Dice) -> u64 {
        match self {
            Self::Exponential => self.stay(mean, dice),
            Self::Weibull { shape } => {
                let long = scale(shape, mean) * gamma_deviate(1.0 + 1.0 / shape, dice).powf(1.0 / shape);
                seconds(long * dice.unit())
            }
        }
    }
}

/// The scale, in seconds, at which a Weibull distribution of this shape has this mean (days).
fn scale(shape: f64, mean: f64) -> f64 {
    mean * float(DAY_SECONDS) / ln_gamma(1.0 + 1.0 / shape).exp()
}

/// A Γ(shape ≥ 1, 1) deviate (Marsaglia and Tsang 2000).
fn gamma_deviate(shape: f64, dice: &mut Dice) -> f64 {
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = dice.normal();
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - dice.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(of: impl Fn(&mut Dice) -> u64) -> f64 {
        let mut dice = Dice::new(5, 0);
        (0..200_000).map(|_| float(of(&mut dice))).sum::<f64>() / 200_000.0 / float(DAY_SECONDS)
    }

    #[test]
    fn every_distribution_has_the_mean_asked_for() {
        for lifetime in [Lifetime::Exponential, Lifetime::MEASURED] {
            let measured = mean(|dice| lifetime.stay(180.0, dice));
            assert!((measured - 180.0).abs() < 3.0, "{lifetime:?}: {measured}");
        }
    }

    /// E[rest] = E[stay²] / 2 E[stay]; for a Weibull, Γ(1 + 2/k) / 2 Γ(1 + 1/k)² of the mean.
    #[test]
    fn a_host_met_at_random_stays_longer_where_tails_are_heavy() {
        assert!((mean(|dice| Lifetime::Exponential.rest(180.0, dice)) - 180.0).abs() < 3.0);
        let shape: f64 = 0.58;
        let expected = 180.0 * (ln_gamma(1.0 + 2.0 / shape) - 2.0 * ln_gamma(1.0 + 1.0 / shape)).exp() / 2.0;
        let measured = mean(|dice| Lifetime::MEASURED.rest(180.0, dice));
        assert!((measured / expected - 1.0).abs() < 0.05, "{measured} instead of {expected}");
    }
}
