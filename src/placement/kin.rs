//! Who would probably fail together with a host: what of its card danger and declumping look at.

use crate::candidate::HostCard;
use crate::diversity::{Prefix, is_local};

/// A host's networks and operator, made once from its card and compared often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kin {
    networks: Box<[Prefix]>,
    operator: Option<u128>,
}

impl Kin {
    /// Of a host with this card. `exempt_local` leaves out loopback and private addresses, which say nothing
    /// about who shares a network.
    #[must_use]
    pub fn of(card: &HostCard, exempt_local: bool) -> Self {
        let counted = card.addresses.iter().filter(|address| !(exempt_local && is_local(**address)));
        let mut networks: Vec<Prefix> = counted.map(|address| Prefix::of(*address)).collect();
        networks.sort_unstable();
        networks.dedup();
        let operator = (!card.operator.is_empty()).then(|| digest(card.operator.as_bytes()));
        Self { networks: networks.into_boxed_slice(), operator }
    }

    /// The network prefixes, ascending.
    #[must_use]
    pub fn networks(&self) -> &[Prefix] {
        &self.networks
    }

    /// The operator, as a digest of its name; `None` where none is declared.
    #[must_use]
    pub const fn operator(&self) -> Option<u128> {
        self.operator
    }

    /// True where both have a network or the operator in common.
    #[must_use]
    pub fn shares(&self, other: &Self) -> bool {
        let operator = self.operator.is_some() && self.operator == other.operator;
        operator || self.networks.iter().any(|network| other.networks.contains(network))
    }
}

fn digest(name: &[u8]) -> u128 {
    let hash = blake3::hash(name);
    let (half, _) = hash.as_bytes().split_first_chunk::<16>().expect("a hash has 32 bytes");
    u128::from_be_bytes(*half)
}
