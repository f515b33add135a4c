//! Which of the chosen hosts gets which shard of which segment.

/// Shards rotate over the hosts, so that every host holds data shards and parity shards alike and the shorter
/// last segments do not always fall on the same hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    hosts: usize,
}

impl Rotation {
    /// A rotation over this many hosts; `None` for none.
    #[must_use]
    pub const fn over(hosts: usize) -> Option<Self> {
        if hosts == 0 { None } else { Some(Self { hosts }) }
    }

    /// The place among the hosts of shard `shard` of the segment number `segment` of a job.
    #[must_use]
    pub fn host(self, segment: u64, shard: u8) -> usize {
        let hosts = self.hosts as u64;
        let place = (segment % hosts + u64::from(shard)) % hosts;
        usize::try_from(place).unwrap_or_default()
    }
}
