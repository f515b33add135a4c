//! The schedule: which audit of an agreement is due when, how many leaves it takes, and of which sectors.
//!
//! | An audit is due | why | leaves |
//! |---|---|---|
//! | at once | nothing was audited yet | the daily number |
//! | a day after the last one, give or take a tenth | [`Reason::Daily`] | the daily number |
//! | a quarter of that, for a week after a fault | [`Reason::Intensified`] | the most a challenge takes |
//! | eight hours after a host was silent, three times | [`Reason::Retry`] | as the one not answered |
//!
//! One audit in four goes over the read path ([`Plan::surprise`]): a host cannot tell it from a download.
//!
//! Beside the random leaves walks the **scrub**: one leaf of every sector, in sector order. A pass takes half of
//! [`Schedule::scrub_within`], less the longest wait for the audit that begins the next one, and covers the sectors
//! there when it began; so every span of `scrub_within` holds a whole pass, and whatever lay there for that long was
//! sampled in it. A sector that a
//! deletion moves behind the pass is owed and taken next ([`Scrub::moved`]).
//!
//! Pure: times and seeds are arguments. Whoever knows the seed knows the times; an owner's is secret. Never decides
//! what counts ([`crate::contain`] does) and never touches money.

use crate::challenge::{DAILY_LEAVES, MAX_LEAVES};
use crate::containment::{Containment, RETRIES, RETRY_SECONDS};
use crate::verdict::Verdict;
use layr_market::{Sha256 as _, SoftwareSha256};
use layr_types::{DAY_SECONDS, LEAVES_PER_SECTOR, LeafIndex, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Most sectors owed before a pass begins anew instead: 4,096.
const MAX_OWED: usize = 4_096;

/// How an owner audits. The default is the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Seconds between audits of one agreement, on average.
    pub every: u64,
    /// How much earlier or later each may come, in thousandths of `every`.
    pub jitter: u64,
    /// Leaves of a daily audit.
    pub leaves: u16,
    /// Every sector is sampled at least once within this many seconds.
    pub scrub_within: u64,
    /// Seconds between attempts at a silent host.
    pub retry_after: u64,
    /// For how long after a fault audits are intensified, seconds.
    pub intense_for: u64,
    /// How many times as often they come then.
    pub intense: u64,
    /// One audit in so many goes over the read path; 0 for none.
    pub surprise_one_in: u64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            every: DAY_SECONDS,
            jitter: 100,
            leaves: DAILY_LEAVES,
            scrub_within: 30 * DAY_SECONDS,
            retry_after: RETRY_SECONDS,
            intense_for: 7 * DAY_SECONDS,
            intense: 4,
            surprise_one_in: 4,
        }
    }
}

/// Why an audit is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// A day has passed, or nothing was audited yet.
    Daily,
    /// The host failed a short while ago.
    Intensified,
    /// The host did not answer and is asked again before that counts.
    Retry,
}

/// What one agreement's audits have come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditState {
    /// The newest audit that was answered or settled.
    pub last: Option<UnixSeconds>,
    /// The newest fault that counted.
    pub fault: Option<UnixSeconds>,
    /// What the host owes an answer for.
    pub silent: Option<Containment>,
    /// Which sectors have been sampled.
    pub scrub: Scrub,
}

/// The scrub's place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Scrub {
    /// When this pass began; `None` before the first.
    pub began: Option<UnixSeconds>,
    /// The sectors it covers: those there when it began.
    pub end: u64,
    /// The next sector to be sampled; those before have been.
    pub next: u64,
    /// Sectors before `next` that are to be sampled again because a deletion moved others there.
    pub owed: Vec<u64>,
}

/// An audit that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Why.
    pub reason: Reason,
    /// Random leaves to ask for.
    pub leaves: u16,
    /// Whether to ask over the read path.
    pub surprise: bool,
    /// Sectors the scrub is to sample beside them, at least.
    pub scrub: u64,
}

impl Schedule {
    /// The same with every span divided by `by` (0 is taken for 1; no span falls below a second): a month in a
    /// minute, for tests and simulations.
    #[must_use]
    pub fn faster(self, by: u64) -> Self {
        let span = |seconds: u64| (seconds / by.max(1)).max(1);
        Self {
            every: span(self.every),
            scrub_within: span(self.scrub_within),
            retry_after: span(self.retry_after),
            intense_for: span(self.intense_for),
            ..self
        }
    }

    /// When the next audit of an agreement in this state is due, [`UnixSeconds`] 0 for "now". `seed` is the owner's
    /// secret mixed with the agreement's id.
    #[must_use]
    pub fn next(&self, state: &AuditState, seed: &[u8; 32]) -> UnixSeconds {
        if let Some(silent) = state.silent {
            let waited = u64::from(silent.attempts.min(RETRIES)).saturating_mul(self.retry_after);
            return silent.since.plus(waited);
        }
        let Some(last) = state.last else { return UnixSeconds(0) };
        // Found otherwise than by an audit, such as by a read: looked into at once.
        if let Some(fault) = state.fault.filter(|fault| *fault > last) {
            return fault;
        }
        let every = if self.is_intense(state, last) { self.every / self.intense.max(1) } else { self.every };
        last.plus(self.jittered(every, number(seed, b"jitter", last.0)))
    }

    /// The audit that is due at `now`, if one is, of an agreement that holds `sectors`.
    #[must_use]
    pub fn plan(&self, state: &AuditState, sectors: u64, now: UnixSeconds, seed: &[u8; 32]) -> Option<Plan> {
        if sectors == 0 || now < self.next(state, seed) {
            return None;
        }
        let (reason, leaves) = match state.silent {
            Some(_) => (Reason::Retry, self.leaves),
            None if self.is_intense(state, now) => (Reason::Intensified, MAX_LEAVES),
            None => (Reason::Daily, self.leaves),
        };
        let last = state.last.unwrap_or_default().0;
        let lot = number(seed, b"surprise", last).checked_rem(self.surprise_one_in);
        let surprise = reason != Reason::Retry && state.last.is_some() && lot == Some(0);
        let scrub = if reason == Reason::Retry { 0 } else { self.scrub_due(state, sectors, now) };
        Some(Plan { reason, leaves: leaves.clamp(1, MAX_LEAVES), surprise, scrub })
    }

    /// How many sectors the scrub is behind at `now`, counting what must be sampled before the next audit: after
    /// that many the pass is where it has to be then.
    #[must_use]
    pub fn scrub_due(&self, state: &AuditState, sectors: u64, now: UnixSeconds) -> u64 {
        let pass = u128::from((self.scrub_within / 2).saturating_sub(self.latest()).max(1));
        let (began, end, next) = state.scrub.current(sectors).unwrap_or((now, sectors, 0));
        let owed = state.scrub.owed(sectors).count() as u64;
        // Until the latest moment of the audit after this one.
        let until = u128::from(now.since(began)) + u128::from(self.latest());
        let there = (u128::from(end) * until).div_ceil(pass).min(u128::from(end));
        u64::try_from(there).unwrap_or(end).saturating_sub(next).saturating_add(owed)
    }

    /// The longest time between two audits, seconds.
    const fn latest(&self) -> u64 {
        self.every + self.every * self.jitter / 1000
    }

    fn is_intense(&self, state: &AuditState, at: UnixSeconds) -> bool {
        state.fault.is_some_and(|fault| at.since(fault) < self.intense_for)
    }

    /// `every`, moved by at most `jitter` thousandths either way.
    fn jittered(&self, every: u64, lot: u64) -> u64 {
        let most = every.saturating_mul(self.jitter.min(1000)) / 1000;
        every - most + lot % (2 * most + 1)
    }
}

impl AuditState {
    /// Takes an attempt at `now` into account. `silent` is what [`crate::contain`] made of it: `None` where the audit
    /// is over. An own fault changes nothing.
    pub fn took(&mut self, verdict: Verdict, silent: Option<Containment>, now: UnixSeconds) {
        if !verdict.counts() {
            return;
        }
        self.silent = silent;
        if silent.is_some() {
            return;
        }
        self.last = Some(now);
        if verdict != Verdict::Passed {
            self.fault = Some(now);
        }
    }
}

impl Scrub {
    /// Where the pass stands over an agreement that now holds `sectors`: when it began, where it ends, and its
    /// place; `None` where a new one has to begin.
    fn current(&self, sectors: u64) -> Option<(UnixSeconds, u64, u64)> {
        let (began, end) = (self.began?, self.end.min(sectors));
        (self.next < end).then_some((began, end, self.next))
    }

    /// What is owed of an agreement that now holds `sectors`: places it no longer has are forgotten.
    fn owed(&self, sectors: u64) -> impl Iterator<Item = u64> {
        self.owed.iter().copied().filter(move |owed| *owed < sectors)
    }

    /// Takes the next `count` sectors of an agreement that holds `sectors` at `now`: those owed first, then in order.
    /// The place moves on; whoever is not answered keeps the state from before.
    pub fn take(&mut self, count: u64, sectors: u64, now: UnixSeconds) -> Vec<u64> {
        if self.current(sectors).is_none() {
            // What is owed stays owed: a pass does not wait for it, and the next one may come to it too late.
            let owed = std::mem::take(&mut self.owed);
            *self = Self { began: Some(now), end: sectors, next: 0, owed };
        }
        self.end = self.end.min(sectors);
        self.owed.retain(|owed| *owed < sectors);
        let owed = usize::try_from(count).unwrap_or(usize::MAX).min(self.owed.len());
        let mut taken: Vec<u64> = self.owed.drain(..owed).collect();
        let until = self.next.saturating_add(count.saturating_sub(owed as u64)).min(self.end);
        taken.extend(self.next..until.max(self.next));
        self.next = self.next.max(until);
        taken
    }

    /// Notes that another sector now lies at place `to`: a deletion filled its gap from the end.
    pub fn moved(&mut self, to: u64) {
        if to >= self.next || self.owed.contains(&to) {
            return;
        }
        if self.owed.len() < MAX_OWED {
            self.owed.push(to);
        } else {
            self.owed.clear();
            self.next = 0;
        }
    }
}

/// One leaf of each of these sectors, at a place that follows from `seed`: an owner draws a fresh one.
#[must_use]
pub fn scrub_leaves(sectors: &[u64], seed: &[u8; 32]) -> Vec<LeafIndex> {
    let per = LEAVES_PER_SECTOR as u64;
    let leaf = |sector: &u64| sector.saturating_mul(per) + number(seed, b"leaf", *sector) % per;
    sectors.iter().map(|sector| LeafIndex(leaf(sector))).collect()
}

/// A number that follows from the seed, a label and a number.
fn number(seed: &[u8; 32], label: &[u8], of: u64) -> u64 {
    let hash = SoftwareSha256.sha256(&[b"layr audit schedule ", label, &of.to_be_bytes(), seed]);
    let (first, _) = hash.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_be_bytes(*first)
}
