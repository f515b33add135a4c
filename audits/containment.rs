//! Containment: silence is asked about again before it counts.
//!
//! An answer is evidence at once. Silence and refusals are asked about three more times over a day, with the
//! same seed (aimed at the newest revision if the agreement has moved on, so a host cannot wait for an easier
//! question), and only then enter the history. They never touch money.

use crate::verdict::Verdict;
use layr_types::UnixSeconds;
use serde::{Deserialize, Serialize};

/// How often a silent host is asked again.
pub const RETRIES: u8 = 3;
/// Seconds between attempts: eight hours.
pub const RETRY_SECONDS: u64 = 8 * 3600;

/// A host that owes an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// When it was first silent.
    pub since: UnixSeconds,
    /// Attempts that counted so far.
    pub attempts: u8,
    /// The worst verdict among them.
    pub worst: Verdict,
}

/// What to do after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contained {
    /// The audit is over with this verdict.
    Settled(Verdict),
    /// Ask again, not before this time.
    Again(UnixSeconds, Option<Containment>),
}

/// Takes the verdict of an attempt made at `now` into account.
///
/// Own faults count for nothing: the next attempt is due as if this one had not been made.
#[must_use]
pub fn contain(before: Option<Containment>, verdict: Verdict, now: UnixSeconds) -> Contained {
    contain_every(before, verdict, now, RETRY_SECONDS)
}

/// As [`contain`], with attempts `retry_after` seconds apart instead of eight hours.
#[must_use]
pub fn contain_every(
    before: Option<Containment>,
    verdict: Verdict,
    now: UnixSeconds,
    retry_after: u64,
) -> Contained {
    if !verdict.may_recover() {
        return Contained::Settled(verdict);
    }
    if !verdict.counts() {
        return Contained::Again(now.plus(retry_after), before);
    }
    let state = Containment {
        since: before.map_or(now, |known| known.since),
        attempts: before.map_or(0, |known| known.attempts).saturating_add(1),
        worst: before.map_or(verdict, |known| known.worst.max(verdict)),
    };
    let over = now.since(state.since) >= u64::from(RETRIES).saturating_mul(retry_after);
    if state.attempts > RETRIES && over {
        return Contained::Settled(state.worst);
    }
    Contained::Again(now.plus(retry_after), Some(state))
}
