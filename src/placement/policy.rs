//! What an owner insists on.

use crate::candidate::Score;
use layr_types::{ByteCount, ContractId, DAY_SECONDS};
use serde::{Deserialize, Serialize};

/// Conditions on the hosts of one upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Shards of a segment (`n`).
    pub shards: u8,
    /// Shards a segment can lose (`n − k`): no operator and no region gets more of one segment than this.
    pub tolerance: u8,
    /// Hosts to rank beyond those needed.
    pub spares: u8,
    /// Shards of one segment a host may hold: 1 unless explicitly allowed more.
    pub shards_per_host: u8,
    /// Space needed on each host.
    pub capacity: ByteCount,
    /// Length of the agreements in seconds.
    pub term: u64,
    /// The asset paid in.
    pub token: ContractId,
    /// Highest price accepted, in stroops per GiB-day.
    pub max_rate: Option<u64>,
    /// Hosts accepted from one /24 (IPv4) or /48 (IPv6); 0 for any number.
    pub hosts_per_prefix: u8,
    /// Hosts accepted of one declared operator; 0 for as many as may fail together without loss.
    pub hosts_per_operator: u8,
    /// Whether loopback and private addresses, which say nothing about who shares a network, are exempt.
    pub exempt_local: bool,
    /// Least score accepted.
    pub min_score: Score,
}

impl Policy {
    /// The strict policy for `shards` shards of which `tolerance` may be lost: one shard per host, one host
    /// per network prefix (local addresses exempt), 30 days, any price.
    #[must_use]
    pub const fn new(shards: u8, tolerance: u8, capacity: ByteCount, token: ContractId) -> Self {
        Self {
            shards,
            tolerance,
            spares: 4,
            shards_per_host: 1,
            capacity,
            term: 30 * DAY_SECONDS,
            token,
            max_rate: None,
            hosts_per_prefix: 1,
            hosts_per_operator: 0,
            exempt_local: true,
            min_score: Score(50),
        }
    }

    /// Hosts needed: every shard has a place and no host holds more than its share.
    #[must_use]
    pub const fn hosts(&self) -> u8 {
        let per_host = if self.shards_per_host == 0 { 1 } else { self.shards_per_host };
        self.shards.div_ceil(per_host)
    }

    /// Hosts one operator may have.
    #[must_use]
    pub const fn hosts_of_operator(&self) -> u8 {
        if self.hosts_per_operator == 0 { self.hosts_per_group() } else { self.hosts_per_operator }
    }

    /// Hosts one operator or region may have: as many as may fail together without loss.
    #[must_use]
    pub const fn hosts_per_group(&self) -> u8 {
        let per_host = if self.shards_per_host == 0 { 1 } else { self.shards_per_host };
        let hosts = self.tolerance / per_host;
        if hosts == 0 { 1 } else { hosts }
    }
}
