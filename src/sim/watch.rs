//! When an owner's audits find out: the real schedule, draw, judge and containment, asked only about agreements on
//! which something is wrong. An agreement whose host is there and has every leaf passes whatever is drawn, so its
//! audits need not be played; where its schedule stands is drawn as a random moment would find it.

use crate::damage::Damage;
use crate::dice::Dice;
use layr_audits::{
    Answer, Attempt, AuditState, Challenge, Commitment, Contained, Outcome, Plan, RETRIES, RETRY_SECONDS,
    Schedule, Scrub, Verdict, contain, judge, scrub_leaves,
};
use layr_types::{AgreementId, AgreementRoot, LeafIndex, UnixSeconds};
use std::time::Duration;

/// Audits after which a loss that was never drawn is given up on: far beyond any that can be found at all.
const PATIENCE: u32 = 20_000;

/// What the audits came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finding {
    /// When the verdict was settled.
    pub(crate) at: u64,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// Audits and retries it took.
    pub(crate) audits: u32,
}

/// How an owner looks at agreements of a given size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Watch<'a> {
    pub(crate) schedule: &'a Schedule,
    pub(crate) sectors: u64,
    /// Whether every sector is sampled in its turn beside the random leaves.
    pub(crate) scrub: bool,
}

/// One agreement's place in the schedule.
struct Place {
    state: AuditState,
    seed: [u8; 32],
}

impl Watch<'_> {
    /// The first audit after `from` of an agreement that has been watched for long.
    fn place(&self, from: u64, dice: &mut Dice) -> (Place, u64) {
        let seed = dice.bytes();
        let since = dice.below(self.schedule.every.max(1));
        let mut state =
            AuditState { last: Some(UnixSeconds(from.saturating_sub(since))), ..AuditState::default() };
        loop {
            let next = self.schedule.next(&state, &seed);
            if next.0 > from {
                return (Place { state, seed }, next.0);
            }
            state.last = Some(next);
        }
    }

    /// When an answered audit of a host that is back at `from` takes place.
    pub(crate) fn next_audit(&self, from: u64, dice: &mut Dice) -> u64 {
        self.place(from, dice).1
    }

    /// What comes of a host that gives no answer (`verdict`: late, offline or refused) from `from` until `until`;
    /// `None` where it answers again before that counts.
    pub(crate) fn silence(
        &self,
        verdict: Verdict,
        (from, until): (u64, u64),
        dice: &mut Dice,
    ) -> Option<Finding> {
        if until.saturating_sub(from) < u64::from(RETRIES) * RETRY_SECONDS {
            // Containment asks for a whole day of silence; `contain` is held to that by a test below.
            return None;
        }
        let (mut place, mut at) = self.place(from, dice);
        for audits in 1.. {
            if at >= until {
                return None;
            }
            match contain(place.state.silent, verdict, UnixSeconds(at)) {
                Contained::Settled(verdict) => return Some(Finding { at, verdict, audits }),
                Contained::Again(_, silent) => {
                    place.state.took(verdict, silent, UnixSeconds(at));
                    at = self.schedule.next(&place.state, &place.seed).0.max(at + 1);
                }
            }
        }
        None
    }

    /// What comes of a host that answers but lacks `damage` from `from` on. An honest one admits what it lacks, a
    /// liar sends something else. `None` where it is not found before `until`.
    pub(crate) fn damage(
        &self,
        damage: &Damage,
        honest: bool,
        (from, until): (u64, u64),
        dice: &mut Dice,
    ) -> Option<Finding> {
        let (mut place, mut at) = self.place(from, dice);
        place.state.scrub = self.scrubbing(from, dice);
        for audits in 1..PATIENCE {
            if at >= until {
                return None;
            }
            let now = UnixSeconds(at);
            if let Some(plan) = self.schedule.plan(&place.state, self.sectors, now, &place.seed) {
                let drawn = self.draw(&plan, &mut place.state.scrub, now, dice);
                if let Some(leaf) = drawn.into_iter().find(|leaf| damage.hits(*leaf)) {
                    let verdict = self.judged(leaf, honest, dice);
                    return Some(Finding { at, verdict, audits });
                }
            }
            place.state.took(Verdict::Passed, None, now);
            at = self.schedule.next(&place.state, &place.seed).0.max(at + 1);
        }
        None
    }

    /// A scrub pass under way for a random part of its time.
    fn scrubbing(&self, from: u64, dice: &mut Dice) -> Scrub {
        let pass = self.schedule.scrub_within / 2;
        let gone = dice.below(pass.max(1));
        let next = u128::from(self.sectors) * u128::from(gone) / u128::from(pass.max(1));
        let next = u64::try_from(next).unwrap_or(self.sectors);
        let began = Some(UnixSeconds(from.saturating_sub(gone)));
        Scrub { began, end: self.sectors, next, owed: Vec::new() }
    }

    /// Draws the leaves of one audit: the random ones as a challenge names them, and the scrub's.
    fn draw(&self, plan: &Plan, scrub: &mut Scrub, now: UnixSeconds, dice: &mut Dice) -> Vec<LeafIndex> {
        let held = self.held(dice);
        let challenge = Challenge::random(&held, (now.0, &dice.bytes()), [7; 32], plan.leaves);
        let mut drawn = challenge.leaves(&held).unwrap_or_default();
        let turn = if self.scrub { plan.scrub } else { 0 };
        drawn.extend(scrub_leaves(&scrub.take(turn, self.sectors, now), &dice.bytes()));
        drawn
    }

    /// A revision nobody signed: only its numbers matter to the draw.
    fn held(&self, dice: &mut Dice) -> Commitment {
        let (agreement, root) = (AgreementId(dice.bytes()), AgreementRoot([1; 32]));
        Commitment { agreement, revision: 1, root, sectors: self.sectors }
    }

    /// The verdict once a lost leaf was drawn: an honest host admits it; a liar is asked for it again by name, and
    /// nothing it sends proves it.
    fn judged(&self, leaf: LeafIndex, honest: bool, dice: &mut Dice) -> Verdict {
        if honest {
            return Verdict::Missing;
        }
        let held = self.held(dice);
        let nothing = Answer::default();
        let outcome = Outcome::Answered(&nothing);
        let attempt = Attempt { outcome, took: Duration::ZERO, allowed: Duration::from_secs(2) };
        judge(&Challenge::named(&held, vec![leaf]), &held, &attempt).verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_types::DAY_SECONDS;

    const START: u64 = 1_000 * DAY_SECONDS;

    fn watch(schedule: &Schedule) -> Watch<'_> {
        Watch { schedule, sectors: 64, scrub: true }
    }

    #[test]
    fn a_host_that_is_gone_is_settled_offline_within_two_and_a_half_days() {
        let schedule = Schedule::default();
        let mut dice = Dice::new(1, 0);
        let mut sum = 0;
        for _ in 0..1_000 {
            let found =
                watch(&schedule).silence(Verdict::Offline, (START, u64::MAX), &mut dice).expect("never back");
            assert_eq!((found.verdict, found.audits), (Verdict::Offline, 4));
            let days = (found.at - START) / DAY_SECONDS;
            assert!((1..=2).contains(&days), "{days} days");
            sum += found.at - START;
        }
        let mean = sum / 1_000;
        assert!((DAY_SECONDS * 14 / 10..DAY_SECONDS * 16 / 10).contains(&mean), "{mean} s on average");
    }

    /// The shortcut in `silence` skips absences shorter than a day; here containment itself is asked.
    #[test]
    fn an_absence_shorter_than_a_day_never_counts() {
        let schedule = Schedule::default();
        let mut dice = Dice::new(2, 0);
        for _ in 0..1_000 {
            let away = dice.below(u64::from(RETRIES) * RETRY_SECONDS);
            let (mut place, mut at) = watch(&schedule).place(START, &mut dice);
            while at < START + away {
                let Contained::Again(_, silent) =
                    contain(place.state.silent, Verdict::Offline, UnixSeconds(at))
                else {
                    unreachable!("settled after less than a day");
                };
                place.state.took(Verdict::Offline, silent, UnixSeconds(at));
                at = schedule.next(&place.state, &place.seed).0;
            }
        }
    }

    #[test]
    fn who_lacks_everything_is_found_by_the_next_audit_and_who_lacks_nothing_never() {
        let schedule = Schedule::default();
        let mut dice = Dice::new(3, 0);
        let span = (START, START + 40 * DAY_SECONDS);
        let liar = watch(&schedule).damage(&Damage::All, false, span, &mut dice).expect("found");
        assert_eq!((liar.verdict, liar.audits), (Verdict::Corrupt, 1));
        let honest = watch(&schedule).damage(&Damage::All, true, span, &mut dice).expect("found");
        assert_eq!(honest.verdict, Verdict::Missing);
        let sound = Damage::Sector(64);
        assert_eq!(watch(&schedule).damage(&sound, false, span, &mut dice), None);
    }

    /// A dropped sector is one of 64 and all its leaves: the scrub finds it within thirty days, without luck.
    #[test]
    fn a_dropped_sector_is_found_within_the_scrub() {
        let schedule = Schedule { leaves: 1, ..Schedule::default() };
        let mut dice = Dice::new(4, 0);
        for sector in 0..64 {
            let span = (START, START + 90 * DAY_SECONDS);
            let found =
                watch(&schedule).damage(&Damage::Sector(sector), false, span, &mut dice).expect("found");
            assert!(found.at - START <= 30 * DAY_SECONDS, "{} days", (found.at - START) / DAY_SECONDS);
        }
    }
}
