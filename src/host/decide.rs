//! What to do about an agreement now: a pure function of its record, the ledger's slot and the clock.
//!
//! The slot is what counts. Whatever was tried before, and whatever a crash has hidden, the next step follows
//! from the 32 bytes the ledger holds; so an action that already happened is never repeated.
//!
//! | Slot | When | What |
//! |---|---|---|
//! | any | a split is signed, its offer has expired | close by consent, up to 8 attempts |
//! | any | the owner's account asked for a new key | publish what is newer, redeem, before the old key is gone |
//! | challenged, named | sectors were given up since the published revision | publish the newest: the old one cannot be proved |
//! | challenged, named | the leaves are known | respond: what is newer only adds leaves, and may wait |
//! | challenged, random | a quarter of the window before its root freezes | publish what is newer |
//! | challenged, random | its round exists | respond |
//! | challenged | a day after its deadline | settle the default: what is left of the collateral is wanted |
//! | running | the operator wants out | give notice |
//! | running | much is earned and nothing acknowledged | publish, then challenge oneself at random |
//! | ended | a quarter of the window has passed, or somebody has published something older | publish |
//! | ended | a voucher is worth the fee | redeem |
//! | frozen | the deciding round exists | prove |
//! | over | | collect what is left |

use crate::agreement::{Agreement, AgreementState};
use crate::config::OfferPolicy;
use layr_market::{
    BeaconSchedule, Challenge, ChallengeKind, Outcome, Party, Phase, Revision, Settled, Settlement,
    SlotState, Stage, accrued, settle,
};
use layr_types::{AgreementId, DAY_SECONDS, Stroops, UnixSeconds};

/// Attempts at what something else can follow without: a split before publishing and proving, a voucher before the
/// proof, a newer revision before the answer.
const MAX_ATTEMPTS: u32 = 8;
/// How long to wait before looking again at a slot this host cannot read, seconds.
const LOOK_AGAIN: u64 = 600;
/// How long a beacon may take from its moment to its publication, seconds.
const BEACON_GRACE: u64 = 5;
/// How long a challenge's signature is good for, seconds.
const CHALLENGE_LIFE: u64 = 3_600;
/// How long the owner may take to settle a default before the host does, seconds.
const OWNER_DEFAULTS_WITHIN: u64 = DAY_SECONDS;

/// What the ledger's slot holds, in the host's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Nothing.
    Empty,
    /// A state with nothing published.
    Opening(SlotState),
    /// A state with this revision published.
    Published(SlotState, Box<Revision>),
    /// The opening state of the agreement that renews this one.
    Renewed(AgreementId),
    /// It is over, an event says, whatever the slot holds now.
    Over(Settlement),
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
    /// Put the largest voucher on record.
    Redeem(SlotState),
    /// Challenge oneself.
    Vest(SlotState, Challenge),
    /// Give notice.
    Leave(SlotState),
    /// Answer the open challenge; a random one with this round.
    Respond(SlotState, Box<Revision>, Option<u64>),
    /// Settle a challenge this host has left unanswered.
    Default(SlotState, Box<Revision>),
    /// Prove the published revision with this round.
    Prove(SlotState, Box<Revision>, u64),
    /// Collect what is left after the proof window.
    Expire(SlotState, Option<Box<Revision>>),
    /// Remember that it was paid out so.
    Settle(Settlement),
    /// Let go of its sectors.
    Sweep,
    /// Tell the operator that this host cannot help itself, and look again then.
    Alarm(UnixSeconds),
}

/// The time, and what depends on nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    /// By the ledger's clock.
    pub now: UnixSeconds,
    /// The beacon's clock.
    pub schedule: &'a BeaconSchedule,
    /// What the operator finds worth a fee.
    pub policy: &'a OfferPolicy,
}

/// Decides.
pub(crate) fn decide(agreement: &Agreement, seen: &Seen, moment: Moment<'_>) -> Action {
    let now = moment.now;
    match agreement.state {
        AgreementState::Proposed => proposed(agreement, seen, now),
        AgreementState::Settled => match agreement.renewing(now) {
            Some(until) => Action::Wait(until.plus(1)),
            None => Action::Sweep,
        },
        AgreementState::Lapsed => Action::Lapse,
        AgreementState::Open | AgreementState::Parting => match seen {
            Seen::Empty => Action::Settle(settlement(agreement, now)),
            Seen::Over(settlement) => Action::Settle(*settlement),
            Seen::Renewed(heir) => Action::HandOver(*heir),
            Seen::Unknown => Action::Alarm(now.plus(LOOK_AGAIN)),
            Seen::Opening(state) => Look { agreement, state, published: None, moment }.escrowed(),
            Seen::Published(state, at) => {
                Look { agreement, state, published: Some(&**at), moment }.escrowed()
            }
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

/// An agreement the ledger holds.
struct Look<'a> {
    agreement: &'a Agreement,
    state: &'a SlotState,
    published: Option<&'a Revision>,
    moment: Moment<'a>,
}

impl Look<'_> {
    fn escrowed(&self) -> Action {
        let rotating = self.state.rotation.is_some_and(|pending| pending.party == Party::Owner);
        let parting = self.parting();
        let prepared = if rotating { self.prepared() } else { None };
        match (parting, prepared, self.state.phase) {
            (Some(part), ..) => part,
            (_, Some(prepare), _) => prepare,
            (_, _, Phase::Challenged) => self.challenged(),
            (_, _, Phase::Active) => self.active(),
        }
    }

    /// The signed split, while it is worth trying.
    fn parting(&self) -> Option<Action> {
        let agreement = self.agreement;
        let split = agreement.split.filter(|_| agreement.state == AgreementState::Parting)?;
        if agreement.attempts.count >= MAX_ATTEMPTS || self.state.n > split.split.n {
            return None;
        }
        let allowed = agreement.terms.offer_expiry.plus(1);
        let early = self.moment.now < allowed;
        Some(if early { Action::Wait(allowed) } else { Action::Close(*self.state) })
    }

    /// What only counts while it is on record: the newest revision, and a voucher worth its fee.
    fn prepared(&self) -> Option<Action> {
        let open = self.state.takes_revisions(&self.agreement.terms, self.moment.now);
        if self.newer() && open {
            return Some(Action::Publish(*self.state));
        }
        self.worth_redeeming().then_some(Action::Redeem(*self.state))
    }

    fn newer(&self) -> bool {
        self.agreement.current().n > self.state.n
    }

    /// Sectors have been given up since the published revision: it cannot be proved, the newest can.
    fn outdated(&self) -> bool {
        self.agreement.trimmed > self.state.n
    }

    fn worth_redeeming(&self) -> bool {
        let gained = self.agreement.vouched() - self.state.voucher.min(self.agreement.vouched());
        let tried = self.agreement.attempts.count >= MAX_ATTEMPTS;
        !tried && gained > Stroops::ZERO && gained >= self.moment.policy.redeem_above
    }

    fn challenged(&self) -> Action {
        let (terms, now) = (&self.agreement.terms, self.moment.now);
        let deadline = self.state.challenge.deadline(terms);
        let frozen = self.state.challenge.freezes_at(terms);
        let Some(published) = self.published else { return Action::Alarm(now.plus(LOOK_AGAIN)) };
        if now > deadline {
            let settle_at = deadline.plus(OWNER_DEFAULTS_WITHIN);
            return match (self.worth_redeeming(), now < settle_at) {
                (true, _) => Action::Redeem(*self.state),
                (_, true) => Action::Wait(settle_at),
                (_, false) => Action::Default(*self.state, Box::new(published.clone())),
            };
        }
        let answer = |round| Action::Respond(*self.state, Box::new(published.clone()), round);
        match self.state.challenge.kind {
            ChallengeKind::Named if self.outdated() && now < frozen => Action::Publish(*self.state),
            ChallengeKind::Named if self.agreement.leaves.is_empty() => Action::Alarm(now.plus(LOOK_AGAIN)),
            ChallengeKind::Named => answer(None),
            ChallengeKind::Random if self.newer() && now < frozen => {
                let publish_at = UnixSeconds(frozen.0 - u64::from(terms.publish_window) / 4);
                if now < publish_at { Action::Wait(publish_at) } else { Action::Publish(*self.state) }
            }
            ChallengeKind::Random => {
                let round = self.moment.schedule.deciding_round(frozen);
                let round_at = self.moment.schedule.time_of(round).plus(BEACON_GRACE);
                if now < round_at { Action::Wait(round_at) } else { answer(Some(round)) }
            }
        }
    }

    fn active(&self) -> Action {
        let (terms, state, now) = (&self.agreement.terms, self.state, self.moment.now);
        let publish_at = state.ending_at.plus(u64::from(terms.publish_window) / 4);
        let frozen = terms.freezes_at(state.ending_at);
        let round = self.moment.schedule.deciding_round(frozen);
        let round_at = self.moment.schedule.time_of(round).plus(BEACON_GRACE);
        match state.stage(terms, now) {
            Stage::Running => self.running(),
            Stage::Publishing if now >= publish_at || state.n > 0 => {
                let until = if now < publish_at { publish_at } else { frozen };
                self.prepared().unwrap_or(Action::Wait(until))
            }
            Stage::Publishing => Action::Wait(publish_at),
            Stage::Proving | Stage::Over if self.worth_redeeming() => Action::Redeem(*state),
            Stage::Proving => match self.published {
                None => Action::Wait(terms.proof_deadline(state.ending_at).plus(1)),
                Some(_) if now < round_at => Action::Wait(round_at),
                Some(at) => Action::Prove(*state, Box::new(at.clone()), round),
            },
            Stage::Over => Action::Expire(*state, self.published.cloned().map(Box::new)),
        }
    }

    fn running(&self) -> Action {
        let (state, now) = (self.state, self.moment.now);
        let earliest = now.plus(u64::from(self.agreement.terms.notice)).plus(CHALLENGE_LIFE);
        if self.agreement.leaving && earliest < state.ending_at {
            return Action::Leave(*state);
        }
        let publish_at = state.ending_at.plus(u64::from(self.agreement.terms.publish_window) / 4);
        let wait = Action::Wait(publish_at.min(now.plus(DAY_SECONDS)));
        match self.own_challenge() {
            None => wait,
            Some(_) if self.newer() => Action::Publish(*state),
            Some(challenge) => Action::Vest(*state, challenge),
        }
    }

    /// The challenge of oneself that makes what was earned safe, if it is worth its fees and the contract takes it.
    fn own_challenge(&self) -> Option<Challenge> {
        let (agreement, state, now) = (self.agreement, self.state, self.moment.now);
        let (terms, newest) = (&agreement.terms, agreement.current());
        let earned = newest.paid + newest.due + newest.earned_since(terms, now)?;
        let unsafe_yet = earned - newest.paid.max(state.floor);
        let usual = accrued(terms.rate, newest.bytes()?, self.moment.policy.vest_after.into())?;
        if newest.sectors == 0 || unsafe_yet < self.moment.policy.vest_above.max(usual) {
            return None;
        }
        let challenge = Challenge {
            id: agreement.id,
            n: newest.n,
            count: state.challenge.count,
            kind: ChallengeKind::Random,
            by: Party::Host,
            bond: Stroops::ZERO,
            leaves_hash: [0; 32],
            expires: now.plus(CHALLENGE_LIFE),
        };
        // As if the newest revision were published already: that comes first.
        let then = SlotState { n: newest.n, ..*state };
        then.challenged(terms, &challenge, now).ok().map(|_| challenge)
    }
}

/// What the host was paid, as far as it can tell from how the agreement ended.
fn settlement(agreement: &Agreement, now: UnixSeconds) -> Settlement {
    let (terms, state) = (&agreement.terms, &agreement.slot);
    let revision = agreement.newest.as_ref().map(|newest| &newest.revision);
    let outcome = match (&agreement.split, revision) {
        (_, Some(revision)) if state.in_default(terms, now) => Outcome::Missed(revision),
        (Some(split), _) if !agreement.proved => Outcome::Cooperative(&split.split),
        (_, Some(revision)) if agreement.proved => Outcome::Proved(revision),
        (_, Some(revision)) if state.n > 0 => Outcome::Missed(revision),
        _ => Outcome::Unused,
    };
    let settled = Settled { floor: state.floor, voucher: state.voucher };
    settle(terms, settled, state.ending_at, outcome).unwrap_or_default()
}
