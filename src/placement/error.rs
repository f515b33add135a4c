//! Why a host was not chosen, and what to do when there are too few.

use crate::candidate::Score;
use crate::diversity::Prefix;
use layr_types::{ByteCount, NodeKey, UnixSeconds};
use std::fmt;

/// Why one candidate was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// Everything fits; others were nearer, cheaper or better known.
    NotNeeded,
    /// The same host was listed before.
    Duplicate,
    /// It wants another asset.
    OtherAsset,
    /// Its offer has expired.
    OfferExpired {
        /// When.
        expired: UnixSeconds,
    },
    /// It asks more than the owner pays.
    TooDear {
        /// Asked, stroops per GiB-day.
        rate: u64,
        /// The owner's limit.
        limit: u64,
    },
    /// It has too little room.
    NoSpace {
        /// What it has free.
        free: ByteCount,
    },
    /// The term is outside what it accepts, in seconds.
    Term {
        /// Shortest it accepts.
        shortest: u32,
        /// Longest it accepts.
        longest: u32,
    },
    /// The owner's own experience with it is too bad.
    Distrusted {
        /// The score.
        score: Score,
    },
    /// Enough hosts of its network prefix are chosen.
    SameNetwork(Prefix),
    /// Enough hosts of its operator are chosen.
    SameOperator {
        /// Hosts allowed per operator.
        limit: u8,
    },
    /// Enough hosts of its region are chosen.
    SameRegion {
        /// Hosts allowed per region.
        limit: u8,
    },
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNeeded => f.write_str("others were nearer, cheaper or better known"),
            Self::Duplicate => f.write_str("listed twice"),
            Self::OtherAsset => f.write_str("wants to be paid in another asset"),
            Self::OfferExpired { expired } => write!(f, "its offer expired at {expired}"),
            Self::TooDear { rate, limit } => {
                write!(f, "asks {rate} stroops per GiB-day, more than the limit of {limit}")
            }
            Self::NoSpace { free } => write!(f, "has only {free} free"),
            Self::Term { shortest, longest } => {
                write!(f, "takes terms of {shortest} to {longest} seconds only")
            }
            Self::Distrusted { score } => write!(f, "has served badly before (score {} of 1000)", score.0),
            Self::SameNetwork(prefix) => write!(f, "shares the network {prefix:?} with a chosen host"),
            Self::SameOperator { limit } => write!(f, "its operator has {limit} chosen hosts already"),
            Self::SameRegion { limit } => write!(f, "its region has {limit} chosen hosts already"),
        }
    }
}

/// A candidate that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The host.
    pub node: NodeKey,
    /// Why.
    pub why: Rejection,
}

/// Something that would make the hosts at hand enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Remedy {
    /// Use a smaller code.
    SmallerProfile {
        /// Shards that can be placed now.
        shards: u8,
    },
    /// Let one host hold several shards of a segment.
    SharedHosts {
        /// How many.
        per_host: u8,
    },
    /// Pay more.
    HigherPrice {
        /// What would do, in stroops per GiB-day.
        rate: u64,
    },
    /// Accept hosts of one network.
    SharedNetworks,
}

impl Remedy {
    /// The flag that accepts it.
    #[must_use]
    pub const fn flag(&self) -> &'static str {
        match self {
            Self::SmallerProfile { .. } => "--profile",
            Self::SharedHosts { .. } => "--allow-shared-hosts",
            Self::HigherPrice { .. } => "--max-price",
            Self::SharedNetworks => "--allow-same-network",
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SmallerProfile { shards } => {
                write!(f, "--profile k/{shards} or smaller spreads over {shards} hosts")
            }
            Self::SharedHosts { per_host } => {
                write!(f, "--allow-shared-hosts puts {per_host} shards on one host (less safe)")
            }
            Self::HigherPrice { rate } => {
                // The flag takes the price of a TiB for 30 days.
                write!(f, "--max-price {}stroops accepts dearer hosts", u128::from(*rate) * 30 * 1024)
            }
            Self::SharedNetworks => f.write_str("--allow-same-network accepts hosts that may fail together"),
        }
    }
}

/// Too few hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// Hosts needed.
    pub needed: u8,
    /// Hosts that could be chosen.
    pub found: u8,
    /// Everyone else, and why not.
    pub rejected: Vec<Rejected>,
    /// What would help, most harmless first.
    pub remedies: Vec<Remedy>,
}

impl Shortage {
    /// How many are missing.
    #[must_use]
    pub const fn missing(&self) -> u8 {
        self.needed.saturating_sub(self.found)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (needed, found, missing) = (self.needed, self.found, self.missing());
        write!(f, "{needed} hosts are needed and {found} accept: {missing} missing")?;
        for (at, remedy) in self.remedies.iter().enumerate() {
            write!(f, "{}{remedy}", if at == 0 { "; " } else { ", or " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Shortage {}
