//! The choice itself: qualify, rank for each placement slot, take the nearest that keeps the set diverse.

use crate::candidate::{Candidate, HostCard};
use crate::diversity::Groups;
use crate::error::{Rejected, Rejection, Remedy, Shortage};
use crate::point::{distance, lookup_point};
use crate::policy::Policy;
use layr_types::{DAY_SECONDS, GIB, NodeKey, UnixSeconds};
use std::collections::HashSet;

/// The hosts of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The hosts to have agreements with, in placement-slot order.
    pub hosts: Vec<NodeKey>,
    /// Hosts to turn to if one of those fails, best first.
    pub spares: Vec<NodeKey>,
    /// Everyone else, and why not.
    pub rejected: Vec<Rejected>,
}

/// Chooses hosts for `owner` at ledger time `now`.
///
/// `keep` are hosts the owner already has fitting agreements with; they come first whatever their distance,
/// because one agreement per pair is what keeps an owner's costs small. Among the others each placement slot
/// takes the candidate nearest to its point, distance stretched by a bad score and a high price.
///
/// # Errors
/// [`Shortage`] where fewer than [`Policy::hosts`] can be chosen.
pub fn choose(
    owner: &NodeKey,
    candidates: &[Candidate],
    keep: &[NodeKey],
    policy: &Policy,
    now: UnixSeconds,
) -> Result<Choice, Shortage> {
    choose_beside(owner, candidates, (keep, &[]), policy, now)
}

/// The same beside hosts that have been chosen before and stay: whoever is chosen shares no more with them than
/// the policy allows, by network and operator. Their region does not count: the policy speaks of the new ones.
///
/// # Errors
/// [`Shortage`].
pub fn choose_beside(
    owner: &NodeKey,
    candidates: &[Candidate],
    (keep, beside): (&[NodeKey], &[HostCard]),
    policy: &Policy,
    now: UnixSeconds,
) -> Result<Choice, Shortage> {
    let mut seen = HashSet::new();
    let mut rejected = Vec::new();
    let mut open: Vec<&Candidate> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let kept = keep.contains(&candidate.node());
        let objection = if seen.insert(candidate.node()) {
            objection(candidate, policy, now).filter(|_| !kept)
        } else {
            Some(Rejection::Duplicate)
        };
        match objection {
            Some(why) => rejected.push(Rejected { node: candidate.node(), why }),
            None => open.push(candidate),
        }
    }
    let mut groups = Groups::default();
    for card in beside {
        groups.add(&HostCard { region: String::new(), ..card.clone() }, policy);
    }
    let mut pick = Pick { owner, policy, groups, open: weighed(&open, policy) };
    let hosts = pick.take(usize::from(policy.hosts()), keep);
    let spares = pick.take(usize::from(policy.spares), &[]);
    let left = pick.open.iter().map(|Weighed { candidate, .. }| Rejected {
        node: candidate.node(),
        why: pick.groups.objection(&candidate.card, policy).unwrap_or(Rejection::NotNeeded),
    });
    rejected.extend(left);
    if hosts.len() < usize::from(policy.hosts()) {
        return Err(shortage(hosts.len(), rejected, policy));
    }
    Ok(Choice { hosts, spares, rejected })
}

/// Why this candidate cannot serve, whoever else is chosen.
fn objection(candidate: &Candidate, policy: &Policy, now: UnixSeconds) -> Option<Rejection> {
    let offer = &candidate.offer;
    if offer.token != policy.token {
        return Some(Rejection::OtherAsset);
    }
    if offer.expires <= now {
        return Some(Rejection::OfferExpired { expired: offer.expires });
    }
    if let Some(limit) = policy.max_rate.filter(|limit| offer.rate > *limit) {
        return Some(Rejection::TooDear { rate: offer.rate, limit });
    }
    if offer.free < policy.capacity {
        return Some(Rejection::NoSpace { free: offer.free });
    }
    if !(u64::from(offer.min_term)..=u64::from(offer.max_term)).contains(&policy.term) {
        return Some(Rejection::Term { shortest: offer.min_term, longest: offer.max_term });
    }
    (candidate.score < policy.min_score).then_some(Rejection::Distrusted { score: candidate.score })
}

/// What a host takes in all, in stroops per GiB-day of this agreement: its rate and its share of the base fee, so
/// that a low rate does not hide a high fee.
fn price(candidate: &Candidate, policy: &Policy) -> u128 {
    const GIB_DAY: u128 = GIB as u128 * DAY_SECONDS as u128;
    let bought = u128::from(policy.capacity.0).saturating_mul(u128::from(policy.term)).max(1);
    let fee = u128::try_from(candidate.offer.base_fee.0).unwrap_or(0);
    u128::from(candidate.offer.rate).saturating_add(fee.saturating_mul(GIB_DAY) / bought)
}

/// A candidate with what does not change while others are chosen, so that it is worked out once.
struct Weighed<'a> {
    candidate: &'a Candidate,
    /// Its distance from the point that is all zero.
    place: u64,
    /// Its price in sixteenths of the cheapest, at least 1.
    dear: u128,
    /// One more of its network, operator or region would be too many; that never changes back.
    full: bool,
}

fn weighed<'a>(open: &[&'a Candidate], policy: &Policy) -> Vec<Weighed<'a>> {
    let prices: Vec<u128> = open.iter().map(|candidate| price(candidate, policy)).collect();
    let cheapest = prices.iter().copied().min().unwrap_or(1).max(1);
    let weigh = |(candidate, price): (&&'a Candidate, u128)| Weighed {
        candidate,
        place: distance(&[0; 32], &candidate.node()),
        dear: price.max(1).saturating_mul(16) / cheapest,
        full: false,
    };
    open.iter().zip(prices).map(weigh).collect()
}

/// A choice under way.
struct Pick<'a> {
    owner: &'a NodeKey,
    policy: &'a Policy,
    groups: Groups,
    open: Vec<Weighed<'a>>,
}

impl Pick<'_> {
    /// Takes up to `count` hosts, those of `keep` first.
    fn take(&mut self, count: usize, keep: &[NodeKey]) -> Vec<NodeKey> {
        let mut taken = Vec::with_capacity(count);
        for node in keep {
            let at = self.open.iter().position(|weighed| weighed.candidate.node() == *node);
            if let (Some(at), true) = (at, taken.len() < count) {
                taken.push(self.remove(at));
            }
        }
        for slot in 0u32.. {
            if taken.len() >= count {
                break;
            }
            match self.best(head(&lookup_point(self.owner, slot))) {
                Some(at) => taken.push(self.remove(at)),
                None => break,
            }
        }
        taken
    }

    fn remove(&mut self, at: usize) -> NodeKey {
        let Weighed { candidate, .. } = self.open.remove(at);
        self.groups.add(&candidate.card, self.policy);
        candidate.node()
    }

    /// The nearest that may be taken; whoever may not is never looked at again.
    fn best(&mut self, point: u64) -> Option<usize> {
        loop {
            let allowed = self.open.iter().enumerate().filter(|(_, weighed)| !weighed.full);
            let nearest =
                allowed.min_by_key(|(_, weighed)| (stretched(point, weighed), weighed.candidate.node()));
            let (at, weighed) = nearest?;
            if self.groups.objection(&weighed.candidate.card, self.policy).is_none() {
                return Some(at);
            }
            self.open[at].full = true;
        }
    }
}

/// Distance, stretched: twice the price or half the score is twice as far.
fn stretched(point: u64, weighed: &Weighed<'_>) -> u128 {
    u128::from(point ^ weighed.place).saturating_mul(weighed.dear) / weighed.candidate.score.weight()
}

/// The part of a point that distances are taken of.
fn head(point: &[u8; 32]) -> u64 {
    let (first, _) = point.split_first_chunk::<8>().expect("32 bytes begin with 8");
    u64::from_be_bytes(*first)
}

fn shortage(found: usize, rejected: Vec<Rejected>, policy: &Policy) -> Shortage {
    let found = u8::try_from(found).unwrap_or(u8::MAX);
    let needed = policy.hosts();
    let mut remedies = Vec::new();
    let network =
        rejected.iter().filter(|rejected| matches!(rejected.why, Rejection::SameNetwork(_))).count();
    if usize::from(found) + network >= usize::from(needed) {
        remedies.push(Remedy::SharedNetworks);
    }
    let mut rates: Vec<u64> = rejected.iter().filter_map(|rejected| dearer(&rejected.why)).collect();
    rates.sort_unstable();
    let missing = usize::from(needed.saturating_sub(found));
    if let Some(rate) = missing.checked_sub(1).and_then(|last| rates.get(last)) {
        remedies.push(Remedy::HigherPrice { rate: *rate });
    }
    if found > 0 {
        remedies.push(Remedy::SmallerProfile { shards: found.saturating_mul(policy.shards_per_host.max(1)) });
        remedies.push(Remedy::SharedHosts { per_host: policy.shards.div_ceil(found) });
    }
    Shortage { needed, found, rejected, remedies }
}

const fn dearer(why: &Rejection) -> Option<u64> {
    match why {
        Rejection::TooDear { rate, .. } => Some(*rate),
        _ => None,
    }
}
