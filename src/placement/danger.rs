//! How much danger a segment is in, and which of its shards to rebuild. Pure; the node, `layr audit` and the
//! simulation share it.
//!
//! A shard is *sound* if its host is alive and no host before it in the segment shares its machine, network or
//! operator; a shard too many there is *clumped* and counts as damage, because what fails together protects
//! only once. *Danger* is the chance that fewer than `k` shards are left before a repair that begins now could
//! be done: hosts fail independently with an exponential life, those that share something fail together.
//! Repair starts once the sound shards are no more than the *threshold*: the largest number at which that chance
//! is above what the owner tolerates.
//!
//! What must never happen: a segment from which nothing can be rebuilt is called anything but lost; the order of
//! two segments in equal danger depends on anything but the order they were given in.

use crate::kin::Kin;
use layr_types::NodeKey;
use serde::{Deserialize, Serialize};

/// When repair starts, and what counts as damage. `Default` is the truth.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RepairPolicy {
    /// Days a host stays on average. Short on purpose: the hosts that fail are the ones about which least is known.
    pub life: f64,
    /// Days from a host's failure until what it held is rebuilt: a day to notice, a day to repair.
    pub window: f64,
    /// Chance of loss within the window above which repair starts. 10^-12: below that, correlated failures that
    /// no model knows are what kills.
    pub target: f64,
    /// Shards of a segment that one network may hold; 0 for any number.
    pub per_network: u8,
    /// Shards of a segment that one operator may hold; 0 for any number.
    pub per_operator: u8,
}

impl Default for RepairPolicy {
    fn default() -> Self {
        Self { life: 60.0, window: 2.0, target: 1e-12, per_network: 1, per_operator: 1 }
    }
}

/// Where one shard of a segment lies, and whether its host is believed to have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat<'a> {
    /// Which shard.
    pub shard: u8,
    /// With whom.
    pub host: NodeKey,
    /// Whom it shares what with.
    pub kin: &'a Kin,
    /// False once the host is destroyed, silent for too long, or proved not to have it.
    pub alive: bool,
}

/// A segment's state in one word; the worst of a file's segments is the file's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// Every shard is sound.
    Healthy,
    /// Damaged, but above the threshold.
    Degraded,
    /// At or below the threshold: to be repaired now.
    AtRisk,
    /// Fewer than `k` shards are left: nothing can be rebuilt from them.
    Lost,
}

impl core::fmt::Display for Condition {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::AtRisk => "at risk",
            Self::Lost => "lost",
        })
    }
}

/// A segment's health.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentHealth {
    /// Shards that are enough.
    pub k: u8,
    /// Shards made.
    pub n: u8,
    /// Distinct shards on hosts that are alive.
    pub alive: u8,
    /// Those of them that are not clumped.
    pub sound: u8,
    /// Repair starts once no more than this many are sound.
    pub threshold: u8,
    /// The chance of loss before a repair that begins now is done.
    pub danger: f64,
    /// Shards that nobody alive has, ascending.
    pub dead: Vec<u8>,
    /// Shards that are alive and too many on their host, network or operator, ascending.
    pub clumped: Vec<u8>,
}

impl SegmentHealth {
    /// In one word.
    #[must_use]
    pub fn condition(&self) -> Condition {
        if self.alive < self.k {
            return Condition::Lost;
        }
        if self.sound >= self.n {
            return Condition::Healthy;
        }
        if self.sound <= self.threshold { Condition::AtRisk } else { Condition::Degraded }
    }

    /// The shards to rebuild, those nobody has first; none where nothing can be.
    #[must_use]
    pub fn rebuild(&self) -> Vec<u8> {
        if self.condition() == Condition::Lost {
            return Vec::new();
        }
        self.dead.iter().chain(&self.clumped).copied().collect()
    }
}

impl RepairPolicy {
    /// The sound shards at which repair of a `k`-of-`n` segment starts: the most with which loss within the
    /// window is likelier than the target, and fewer than `n`.
    #[must_use]
    pub fn threshold(&self, k: u8, n: u8) -> u8 {
        let likely = |sound: u8| {
            let units = vec![1; usize::from(sound)];
            self.loss(sound, k, &units) > self.target
        };
        let last = n.saturating_sub(1);
        (k..=last).rev().find(|sound| likely(*sound)).unwrap_or(k).min(last)
    }

    /// The health of a `k`-of-`n` segment whose shards lie on these seats. A shard on two seats counts once,
    /// one that does not exist not at all.
    #[must_use]
    pub fn assess(&self, (k, n): (u8, u8), seats: &[Seat<'_>]) -> SegmentHealth {
        let threshold = self.threshold(k, n);
        self.assess_at((k, n), threshold, seats)
    }

    /// The same where the threshold is known: it depends on `k` and `n` alone, and takes longer than the rest.
    #[must_use]
    pub fn assess_at(&self, (k, n): (u8, u8), threshold: u8, seats: &[Seat<'_>]) -> SegmentHealth {
        let mut alive: Vec<&Seat<'_>> = seats.iter().filter(|seat| seat.alive && seat.shard < n).collect();
        alive.sort_by_key(|seat| seat.shard);
        let mut clumped = Vec::new();
        let mut sound: Vec<&Seat<'_>> = Vec::with_capacity(alive.len());
        // A shard on two seats is sound if one of them is.
        for shard in 0..n {
            let mut here = alive.iter().filter(|seat| seat.shard == shard).peekable();
            if here.peek().is_none() {
                continue;
            }
            match here.find(|seat| self.has_room(&sound, &seat.host, seat.kin)) {
                Some(seat) => sound.push(seat),
                None => clumped.push(shard),
            }
        }
        let has = |shard: &u8| alive.iter().any(|seat| seat.shard == *shard);
        let dead: Vec<u8> = (0..n).filter(|shard| !has(shard)).collect();
        let distinct = n - u8::try_from(dead.len()).unwrap_or(n);
        let mut once = alive.clone();
        once.dedup_by_key(|seat| seat.shard);
        let danger = if distinct < k { 1.0 } else { self.loss(distinct, k, &units(&once)) };
        let sound = u8::try_from(sound.len()).unwrap_or(n);
        SegmentHealth { k, n, alive: distinct, sound, threshold, danger, dead, clumped }
    }

    /// Whether a host may take one more shard of a segment whose other shards lie on these seats.
    #[must_use]
    pub fn welcomes(&self, seats: &[Seat<'_>], host: &NodeKey, kin: &Kin) -> bool {
        let alive: Vec<&Seat<'_>> = seats.iter().filter(|seat| seat.alive).collect();
        self.has_room(&alive, host, kin)
    }

    fn has_room(&self, seats: &[&Seat<'_>], host: &NodeKey, kin: &Kin) -> bool {
        if seats.iter().any(|seat| seat.host == *host) {
            return false;
        }
        let below = |limit: u8, same: &dyn Fn(&Kin) -> bool| {
            limit == 0 || seats.iter().filter(|seat| same(seat.kin)).count() < usize::from(limit)
        };
        let network = |network| below(self.per_network, &|other: &Kin| other.networks().contains(network));
        let operator = kin.operator();
        let operators = operator.is_none() || below(self.per_operator, &|other| other.operator() == operator);
        operators && kin.networks().iter().all(network)
    }

    /// The chance that fewer than `k` of `alive` shards are left after the window, where shards stand in units
    /// that fail together. Summed over what is lost, so that tiny chances keep their digits.
    fn loss(&self, alive: u8, k: u8, units: &[u8]) -> f64 {
        let failing = -(-(self.window / self.life)).exp_m1();
        let failing = if failing.is_finite() { failing.clamp(0.0, 1.0) } else { 1.0 };
        let mut lost = vec![0.0; usize::from(alive) + 1];
        lost[0] = 1.0;
        for unit in units {
            let unit = usize::from(*unit);
            for at in (0..lost.len()).rev() {
                let before = at.checked_sub(unit).and_then(|at| lost.get(at)).copied().unwrap_or(0.0);
                let stays = lost[at] * (1.0 - failing);
                lost[at] = stays + before * failing;
            }
        }
        let too_many = usize::from(alive) + 1 - usize::from(k).min(usize::from(alive) + 1);
        lost.iter().skip(too_many).sum::<f64>().min(1.0)
    }
}

/// Sizes of the groups of seats that share a host, a network or an operator, directly or through others.
fn units(seats: &[&Seat<'_>]) -> Vec<u8> {
    let mut group: Vec<usize> = (0..seats.len()).collect();
    for (at, seat) in seats.iter().enumerate() {
        for (earlier, other) in seats.iter().enumerate().take(at) {
            let together = seat.host == other.host || seat.kin.shares(other.kin);
            if together && group[at] != group[earlier] {
                let (old, new) = (group[at], group[earlier]);
                group.iter_mut().filter(|group| **group == old).for_each(|group| *group = new);
            }
        }
    }
    let size = |at: usize| group.iter().filter(|group| **group == at).count();
    let sizes = (0..seats.len()).map(size).filter(|size| *size > 0);
    sizes.map(|size| u8::try_from(size).unwrap_or(u8::MAX)).collect()
}

/// Puts what is in most danger first. Lost segments come last: nothing can be done for them. Equal danger is
/// ordered by fewer shards to spare, then stays as it was.
pub fn rank<T>(segments: &mut [T], health: impl Fn(&T) -> &SegmentHealth) {
    segments.sort_by(|a, b| {
        let (a, b) = (health(a), health(b));
        let lost = |health: &SegmentHealth| health.condition() == Condition::Lost;
        let spare = |health: &SegmentHealth| health.sound.saturating_sub(health.k);
        lost(a).cmp(&lost(b)).then(b.danger.total_cmp(&a.danger)).then(spare(a).cmp(&spare(b)))
    });
}

#[cfg(test)]
#[path = "danger_tests.rs"]
mod tests;
