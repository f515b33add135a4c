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

/// The owner's own experience with a host, in thousandths: 0 never again, 1000 never failed. Nobody else's word
/// enters it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Score(pub u16);

impl Score {
    /// Of a host never dealt with.
    pub const STRANGER: Self = Self(250);

    /// As a weight: at least 1, so that nobody is infinitely far away.
    #[must_use]
    pub(crate) const fn weight(self) -> u128 {
        if self.0 == 0 { 1 } else { self.0 as u128 }
    }
}

impl Default for Score {
    fn default() -> Self {
        Self::STRANGER
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
