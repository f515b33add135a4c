//! What is known of a host before it is chosen.

use layr_market::Offer;
use layr_types::NodeKey;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a host's signed record says about it; the caller has checked the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCard {
    /// The host.
    pub node: NodeKey,
    /// Addresses it is reached at; what its network prefix is read from.
    pub addresses: Vec<IpAddr>,
    /// Declared region; empty for none.
    pub region: String,
    /// Declared operator; empty for none.
    pub operator: String,
}

/// The owner's own experience with a host. Nobody else's word enters it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Score {
    /// Audits and reads that went well, forgotten slowly.
    pub good: u32,
    /// Those that did not.
    pub bad: u32,
}

impl Score {
    /// The expected share of good outcomes in thousandths (mean of a beta distribution): 500 for a stranger.
    #[must_use]
    pub fn permille(self) -> u64 {
        let (good, bad) = (u64::from(self.good) + 1, u64::from(self.bad) + 1);
        good * 1000 / (good + bad)
    }

    /// The score after one more outcome. Old outcomes fade: beyond 200 both counts are halved, so that half a
    /// year of good days does not hide a bad week.
    #[must_use]
    pub const fn after(self, good: bool) -> Self {
        let next = if good {
            Self { good: self.good.saturating_add(1), ..self }
        } else {
            Self { bad: self.bad.saturating_add(1), ..self }
        };
        if next.good.saturating_add(next.bad) > 200 {
            Self { good: next.good / 2, bad: next.bad.div_ceil(2) }
        } else {
            next
        }
    }
}

/// A host that could be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who and where it is.
    pub card: HostCard,
    /// What it asks, as it signed it; the caller has checked the signature.
    pub offer: Offer,
    /// The owner's own experience.
    pub score: Score,
}

impl Candidate {
    /// The host.
    #[must_use]
    pub const fn node(&self) -> NodeKey {
        self.card.node
    }
}
