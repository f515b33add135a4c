//! Hosts that would probably fail together, and how many of them may be chosen.

use crate::candidate::HostCard;
use crate::error::Rejection;
use crate::policy::Policy;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// A network prefix: /24 of an IPv4 address, /48 of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

impl Prefix {
    /// The prefix an address lies in. An IPv4 address written as IPv6 counts as IPv4.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                Self::V4([a, b, c])
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f])
            }
        }
    }
}

/// True for loopback, private, link-local and unspecified addresses.
#[must_use]
pub const fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || is_local_v6(v6),
    }
}

const fn is_local_v6(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80
}

/// How many of each group have been chosen.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    prefixes: HashMap<Prefix, u8>,
    operators: HashMap<String, u8>,
    regions: HashMap<String, u8>,
}

impl Groups {
    /// Why one more host with this card would be too many of its kind; `None` where it may be chosen.
    pub(crate) fn objection(&self, card: &HostCard, policy: &Policy) -> Option<Rejection> {
        let full = |count: Option<&u8>, limit: u8| limit > 0 && count.is_some_and(|count| *count >= limit);
        for prefix in prefixes(card, policy) {
            if full(self.prefixes.get(&prefix), policy.hosts_per_prefix) {
                return Some(Rejection::SameNetwork(prefix));
            }
        }
        let limit = policy.hosts_of_operator();
        if !card.operator.is_empty() && full(self.operators.get(&card.operator), limit) {
            return Some(Rejection::SameOperator { limit });
        }
        let limit = policy.hosts_per_group();
        if !card.region.is_empty() && full(self.regions.get(&card.region), limit) {
            return Some(Rejection::SameRegion { limit });
        }
        None
    }

    /// Counts a chosen host.
    pub(crate) fn add(&mut self, card: &HostCard, policy: &Policy) {
        for prefix in prefixes(card, policy) {
            *self.prefixes.entry(prefix).or_default() += 1;
        }
        if !card.operator.is_empty() {
            *self.operators.entry(card.operator.clone()).or_default() += 1;
        }
        if !card.region.is_empty() {
            *self.regions.entry(card.region.clone()).or_default() += 1;
        }
    }
}

/// The distinct prefixes that count.
fn prefixes(card: &HostCard, policy: &Policy) -> Vec<Prefix> {
    let counted = card.addresses.iter().filter(|address| !(policy.exempt_local && is_local(**address)));
    let mut out: Vec<Prefix> = counted.map(|address| Prefix::of(*address)).collect();
    out.sort_unstable();
    out.dedup();
    out
}
