//! An honest party against everything the others and the clock can do: it answers, publishes and proves, one
//! step after each of theirs, and they never wait longer than a fraction of the windows.

use super::model::{Challenged, Life, Paper, Side};
use super::model_run::Run;
use super::schedules::{AUDITOR, Dice, count, draft, sign_next};
use super::std::{vec, vec::Vec};

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;
/// The slot of the one agreement: its host is the first, its token lumens.
const SLOT: u8 = 0;

/// What happens in the world while one party is honest.
struct Trial {
    run: Run,
    dice: Dice,
    at: usize,
    /// All both ever signed, in the order they did.
    signed: Vec<(Paper, [u8; 2])>,
}

impl Trial {
    fn new(run: Run, seed: u64) -> Self {
        let (mut run, mut dice) = (run, Dice(seed));
        run.story = vec![super::std::format!("seed {seed}")];
        let at = draft(&mut run, &mut dice, (SLOT, None));
        assert!(run.open(at));
        Self { run, dice, at, signed: vec![] }
    }

    fn live(&self) -> bool {
        self.run.agreement(self.at).life == Life::Open
    }

    /// Both sign the next revision, as while data flows; nobody honest signs what can no longer go on record.
    fn sign(&mut self) {
        if self.run.now() >= self.run.agreement(self.at).ending {
            return;
        }
        sign_next(&mut self.run, &mut self.dice, self.at);
        self.signed.extend(self.run.newest[self.at].clone());
    }

    /// Somebody puts anything on record that was ever signed.
    fn publish_any(&mut self) {
        if !self.signed.is_empty() {
            let which = usize::try_from(self.dice.below(self.signed.len() as u64)).unwrap();
            let (paper, keys) = self.signed[which].clone();
            self.run.publish(self.at, &paper, keys);
        }
    }

    fn challenge(&mut self, by: Side) {
        let a = self.run.agreement(self.at);
        let named = by != Side::Host && self.dice.once_in(2);
        let list = (0..3).map(|_| self.dice.below(1_024 * 1_024)).collect();
        let bond = if by == Side::Host { 0 } else { a.terms.disclosure };
        let c = Challenged { named: named.then_some(list), by, opened: self.run.now(), bond };
        let key = match by {
            Side::Auditor => AUDITOR,
            Side::Owner => a.keys[0],
            Side::Host => a.keys[1],
        };
        let (wants, before) = (a.n(), a.count);
        self.run.challenge(self.at, &c, (wants, before, key));
    }

    fn notice(&mut self, by: Side) {
        let a = self.run.agreement(self.at);
        let ending = self.run.now() + a.terms.notice + self.dice.below(2) * DAY;
        let key = a.keys[usize::from(by == Side::Host)];
        self.run.start_close(self.at, by, (ending, key));
    }

    /// One side, or anybody, does what it can without the other.
    fn hinder(&mut self, by: Side) {
        let at = self.at;
        let change = 40 + u8::try_from(self.dice.below(8)).unwrap();
        match self.dice.below(16) {
            0..=2 => self.sign(),
            3 | 4 => self.publish_any(),
            5 => self.challenge(by),
            6 if by == Side::Owner => self.challenge(Side::Auditor),
            7 if self.dice.once_in(4) => self.notice(by),
            8 => {
                let key = self.run.agreement(at).keys[0];
                let amount = i128::from(self.dice.below(8_000));
                self.run.redeem(at, amount, key);
            }
            9 => _ = self.run.start_rotation(at, (by, change)),
            10 => {
                if let Some(pending) = self.run.agreement(at).pending.clone() {
                    self.run.finish_rotation(at, (pending.side, pending.to));
                }
            }
            11 => _ = self.run.default(at),
            12 => _ = self.run.expire(at),
            _ => {
                let hours = 1 + self.dice.below(4);
                self.run.pass(hours * HOUR);
            }
        }
    }

    /// What an honest host does whenever it looks: its newest revision on record before it could be too late, an
    /// answer to every challenge, a proof at the end.
    fn host_tends(&mut self) {
        let (at, now) = (self.at, self.run.now());
        let a = self.run.agreement(at).clone();
        if a.waiting || a.pending.is_some() || now >= a.ending {
            self.run.publish_newest(at);
        }
        if a.waiting {
            self.run.post_round(a.challenge_frozen());
            self.run.respond(at, true);
        } else if now >= a.frozen() {
            self.run.post_round(a.frozen());
            self.run.prove(at, true);
        }
    }

    /// What an honest owner does: its newest revision on record, and every deadline called.
    fn owner_tends(&mut self) {
        self.run.publish_newest(self.at);
        let a = self.run.agreement(self.at).clone();
        if a.life == Life::Open && a.waiting && self.run.now() > a.challenge_deadline() {
            assert!(self.run.default(self.at));
        } else if a.life == Life::Open && !a.waiting && self.run.now() > a.deadline() {
            assert!(self.run.expire(self.at));
        }
    }
}

/// Runs trials until the agreement is over; a world serves several.
fn trials(by: Side, tend: fn(&mut Trial), judge: fn(&Trial)) {
    let mut run = Run::new();
    for seed in 0..count(40) / 2 {
        if seed % 20 == 19 {
            run = Run::new();
        }
        let mut trial = Trial::new(run, seed + 1_000_000);
        while trial.live() {
            trial.hinder(by);
            if trial.live() {
                tend(&mut trial);
            }
        }
        judge(&trial);
        trial.run.compare_wallets();
        run = trial.run;
    }
}

#[test]
fn an_honest_host_that_answers_and_publishes_never_loses_collateral() {
    trials(Side::Owner, Trial::host_tends, |trial| {
        let a = trial.run.agreement(trial.at);
        let shares = a.shares.unwrap();
        let earned = trial.run.newest[trial.at].as_ref().map_or(a.terms.base_fee, |(p, _)| p.paid + p.due);
        assert_eq!(shares.burn, 0, "{:#?}", trial.run.story);
        assert!(shares.host >= a.terms.collateral + earned + a.voucher, "{:#?}", trial.run.story);
    });
}

#[test]
fn an_honest_owner_never_pays_for_more_than_one_unacknowledged_stretch() {
    trials(Side::Host, Trial::owner_tends, |trial| {
        let a = trial.run.agreement(trial.at);
        let storage = a.shares.unwrap().host - a.terms.collateral - a.voucher;
        let most =
            trial.run.newest[trial.at].as_ref().map_or(a.terms.base_fee, |(p, _)| a.earned(p, a.ending));
        assert!(storage <= most, "{storage} > {most} after {:#?}", trial.run.story);
    });
}
