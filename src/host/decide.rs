//! What to do about an agreement now: a pure function of its record, the ledger's slot and the clock.
//!
//! The slot is what counts. Whatever was tried before, and whatever a crash has hidden, the next step follows
//! from the 32 bytes the ledger holds; so an action that already happened is never repeated.

use crate::agreement::{Agreement, AgreementState};
use layr_market::{BeaconSchedule, Outcome, Settled, Settlement, SlotState, Stage, settle};
use layr_protocol::CoSigned;
use layr_types::{AgreementId, UnixSeconds};

/// Attempts to close by consent before the host falls back on publishing and proving.
const CLOSE_ATTEMPTS: u32 = 8;
/// How long to wait before looking again at a slot this host cannot read, seconds.
const LOOK_AGAIN: u64 = 600;
/// How long a beacon may take from its moment to its publication, seconds.
const BEACON_GRACE: u64 = 5;

/// What the ledger's slot holds, in the host's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing.
    Empty,
    /// The opening state.
    Opening(SlotState),
    /// The opening state with this revision published.
    Published(SlotState, Box<CoSigned>),
    /// The opening state of the agreement that renews this one.
    Renewed(AgreementId),
    /// 32 bytes that are none of these.
    Unknown,
}

/// The next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing before this moment.
    Wait(UnixSeconds),
    /// Remember that it is open.
    Open,
    /// Open this heir and give it what the agreement held.
    HandOver(AgreementId),
    /// Give its space back.
    Lapse,
    /// Bring the final split to the ledger.
    Close(SlotState),
    /// Publish the newest revision.
    Publish(SlotState),
    /// Prove the published revision with this round.
    Prove(SlotState, Box<CoSigned>, u64),
    /// Collect what is left after the proof window.
    Expire(SlotState, Option<Box<CoSigned>>),
    /// Remember that it was paid out so.
    Settle(Settlement),
    /// Let go of its sectors.
    Sweep,
    /// Tell the operator that the slot is beyond this host's understanding, and look again then.
    Alarm(UnixSeconds),
}

/// Decides.
pub(crate) fn decide(
    agreement: &Agreement,
    seen: &Seen,
    now: UnixSeconds,
    schedule: &BeaconSchedule,
) -> Action {
    match agreement.state {
        AgreementState::Proposed => proposed(agreement, seen, now),
        AgreementState::Settled => match agreement.renewing(now) {
            Some(until) => Action::Wait(until.plus(1)),
            None => Action::Sweep,
        },
        AgreementState::Lapsed => Action::Lapse,
        AgreementState::Open | AgreementState::Parting => match seen {
            Seen::Empty => Action::Settle(settlement(agreement)),
            Seen::Renewed(heir) => Action::HandOver(*heir),
            Seen::Unknown => Action::Alarm(now.plus(LOOK_AGAIN)),
            Seen::Opening(state) => escrowed(agreement, (state, None), now, schedule),
            Seen::Published(state, at) => escrowed(agreement, (state, Some(&**at)), now, schedule),
        },
    }
}

fn proposed(agreement: &Agreement, seen: &Seen, now: UnixSeconds) -> Action {
    match seen {
        Seen::Opening(_) => Action::Open,
        _ if now > agreement.terms.offer_expiry => Action::Lapse,
        _ => Action::Wait(agreement.terms.offer_expiry.plus(1)),
    }
}

fn escrowed(
    agreement: &Agreement,
    (state, published): (&SlotState, Option<&CoSigned>),
    now: UnixSeconds,
    schedule: &BeaconSchedule,
) -> Action {
    let terms = &agreement.terms;
    if agreement.state == AgreementState::Parting && agreement.attempts.count < CLOSE_ATTEMPTS {
        let allowed = terms.offer_expiry.plus(1);
        return if now < allowed { Action::Wait(allowed) } else { Action::Close(*state) };
    }
    let newer = agreement.newest.as_ref().is_some_and(|newest| newest.revision.n > state.n);
    let publish_at = state.ending_at.plus(u64::from(terms.publish_window) / 4);
    let frozen = terms.freezes_at(state.ending_at);
    let round = schedule.deciding_round(frozen);
    let round_at = schedule.time_of(round).plus(BEACON_GRACE);
    match state.stage(terms, now) {
        Stage::Running => Action::Wait(publish_at),
        Stage::Publishing if newer && now >= publish_at => Action::Publish(*state),
        Stage::Publishing if newer => Action::Wait(publish_at),
        Stage::Publishing => Action::Wait(frozen),
        Stage::Proving => match published {
            None => Action::Wait(terms.proof_deadline(state.ending_at).plus(1)),
            Some(_) if now < round_at => Action::Wait(round_at),
            Some(at) => Action::Prove(*state, Box::new(at.clone()), round),
        },
        Stage::Over => Action::Expire(*state, published.cloned().map(Box::new)),
    }
}

/// What the host was paid, as far as it can tell from how the agreement ended.
fn settlement(agreement: &Agreement) -> Settlement {
    let terms = &agreement.terms;
    let revision = agreement.newest.as_ref().map(|newest| &newest.revision);
    let outcome = match (&agreement.split, revision) {
        (Some(split), _) if !agreement.proved => Outcome::Cooperative(&split.split),
        (_, None) => Outcome::Unused,
        (_, Some(revision)) if agreement.proved => Outcome::Proved(revision),
        (_, Some(revision)) => Outcome::Missed(revision),
    };
    settle(terms, Settled::default(), terms.end, outcome).unwrap_or_default()
}
