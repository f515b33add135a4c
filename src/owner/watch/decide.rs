//! What a watching owner sends for one open agreement. Pure; the performing is next door.

use super::WatchPolicy;
use crate::agreement::{Agreement, Phase as Known};
use crate::moves;
use crate::seen::Seen;
use layr_audits::Verdict;
use layr_market::{Outcome, Party, Phase, Settled, Stage as Clock, settle};
use layr_types::{Stroops, UnixSeconds};
use serde::Serialize;

/// Why a host is challenged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suspicion {
    /// Its newest audit proved that it does not hold what it signed for.
    Lost,
    /// It has answered nothing for longer than the policy allows.
    Vanished,
}

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing.
    Nothing,
    /// The newest revision, over an older one that is on the ledger.
    Publish,
    /// A random challenge.
    Challenge(Suspicion),
}

/// Decides by the slot, the clock and the newest audit.
pub(crate) fn decide(agreement: &Agreement, seen: &Seen, now: UnixSeconds, policy: &WatchPolicy) -> Step {
    if outdated(agreement, seen) && seen.state.takes_revisions(&agreement.terms, now) {
        return Step::Publish;
    }
    match suspicion(agreement, seen, now, policy) {
        Some(why) if policy.challenge && can_challenge(agreement, seen, now, policy) => Step::Challenge(why),
        _ => Step::Nothing,
    }
}

/// Whether an older revision is on the ledger that this owner did not put there, or that a challenge aims at. An
/// older one that the owner itself published harms nobody before the end.
fn outdated(agreement: &Agreement, seen: &Seen) -> bool {
    let state = &seen.state;
    let newer = agreement.newest.as_ref().is_some_and(|newest| newest.revision.n > state.n);
    let aimed = state.phase == Phase::Challenged && state.challenge.by != Party::Owner;
    newer && state.n > 0 && (aimed || state.n > seen.ours)
}

fn suspicion(
    agreement: &Agreement,
    seen: &Seen,
    now: UnixSeconds,
    policy: &WatchPolicy,
) -> Option<Suspicion> {
    if matches!(agreement.audited, Some((Verdict::Corrupt | Verdict::Missing, _))) {
        return Some(Suspicion::Lost);
    }
    let silent = seen.silent_since.map_or(0, |since| now.since(since));
    (silent > policy.vanished_after).then_some(Suspicion::Vanished)
}

/// Whether the terms allow a challenge now that is over before the end.
fn can_challenge(agreement: &Agreement, seen: &Seen, now: UnixSeconds, policy: &WatchPolicy) -> bool {
    let open = agreement.phase == Known::Open && seen.clock(agreement, now) == Clock::Running;
    let Some(newest) = agreement.newest.as_ref().filter(|_| open) else { return false };
    let bond = moves::least_bond(&agreement.terms);
    let published = Seen { published: Some(newest.revision.clone()), ..seen.clone() };
    let state = layr_market::SlotState { n: newest.revision.n.max(seen.state.n), ..seen.state };
    let published = Seen { state, ..published };
    let challenge = moves::random(agreement, &published, bond, now);
    bond <= policy.max_bond && published.state.challenged(&agreement.terms, &challenge, now).is_ok()
}

/// How much of the owner's money a random challenge decides about: what comes back if the host does not answer,
/// beyond what would come back at the end if nobody made it prove anything.
pub(crate) fn stake(agreement: &Agreement, seen: &Seen) -> Stroops {
    let settled = Settled { floor: seen.state.floor, voucher: seen.state.voucher };
    let Some(newest) = agreement.newest.as_ref().map(|newest| &newest.revision) else { return Stroops::ZERO };
    let owner = |outcome| {
        let shares = settle(&agreement.terms, settled, seen.state.ending_at, outcome);
        shares.map_or(Stroops::ZERO, |shares| shares.owner)
    };
    (owner(Outcome::Missed(newest)) - owner(Outcome::Proved(newest))).max(Stroops::ZERO)
}
