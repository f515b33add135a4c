//! Plays a schedule: owners act while things go wrong; whatever was acknowledged is asked for at the end.

use crate::money::Money;
use crate::schedule::{Act, Event, K, N, OWNERS, Round, Schedule};
use crate::stage::{Means, Stage};
use crate::support::{Layr, Outcome, Person, Running, assert_same, until, write_noise};
use serde_json::Value;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Longest any command may take, whatever goes wrong.
const PATIENCE: Duration = Duration::from_secs(120);
/// Past the end of every term.
const TERM: &str = "31d";

/// A file an owner has stored or tried to.
#[derive(Debug, Clone)]
struct Stored {
    name: String,
    original: PathBuf,
}

/// What became of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Files acknowledged while things went wrong.
    pub acknowledged: usize,
    /// Uploads that were stopped or could not be completed before the end.
    pub put_off: usize,
    /// Files that came back whole while things went wrong.
    pub fetched: usize,
    /// Audits that ended.
    pub audits: usize,
    /// The command that took longest.
    pub longest: Duration,
    /// How long setting up, the rounds, completing, fetching and settling took.
    pub spent: [Duration; 5],
}

#[derive(Debug, Default)]
struct Shelf {
    stored: Vec<Stored>,
    put_off: Vec<Stored>,
    made: u64,
}

/// What a command is about.
enum Doing {
    Uploading(Stored),
    Fetching(Stored, PathBuf),
    Auditing,
}

struct Play<'a> {
    stage: Stage<'a>,
    shelves: [Shelf; OWNERS],
    tally: Tally,
    seed: u64,
}

/// Plays it and checks everything; panics with what was not as promised.
pub fn play(schedule: &Schedule, means: &Means) -> Tally {
    let mut watch = Instant::now();
    let mut lap = || std::mem::replace(&mut watch, Instant::now()).elapsed();
    let stage = Stage::set(schedule.seed, means);
    let addresses: Vec<&str> = stage.people.iter().map(|owner| owner.address.as_str()).collect();
    let money = Money::of(&stage.world, &addresses);
    let before = money.read();
    let mut play = Play { stage, shelves: Default::default(), tally: Tally::default(), seed: schedule.seed };
    let set = lap();
    for round in &schedule.rounds {
        play.round(round);
    }
    let rounds = lap();
    play.stage.heal_all();
    play.complete();
    let completed = lap();
    play.all_comes_back();
    let fetched = lap();
    play.settle();
    play.tally.spent = [set, rounds, completed, fetched, lap()];
    let after = money.read();
    assert_eq!(after.all(), before.all(), "money was made or lost: {before:?}, then {after:?}");
    assert_eq!(after.escrow, after.free, "all is settled, and money is still locked: {after:?}");
    play.tally
}

impl Play<'_> {
    fn round(&mut self, round: &Round) {
        let mut acting: Vec<(usize, Doing, Running)> = Vec::new();
        for (owner, act) in round.acts.iter().enumerate() {
            let (doing, command) = self.begin(owner, *act);
            acting.push((owner, doing, command.json().start()));
        }
        until("the commands to be under way", PATIENCE, || {
            let written: u64 = acting.iter().map(|(.., running)| running.written()).sum();
            let over = acting.iter_mut().all(|(.., running)| running.poll());
            (over || written >= round.after << 10).then_some(())
        });
        for event in &round.events {
            if let Event::KillsOwner(victim) = event {
                acting.iter_mut().filter(|(owner, ..)| owner == victim).for_each(|(.., one)| one.kill());
            }
            self.stage.strike(*event);
        }
        for (owner, doing, running) in acting {
            let started = Instant::now();
            let ended = running.finish(PATIENCE);
            self.tally.longest = self.tally.longest.max(started.elapsed());
            self.judge(owner, doing, &ended);
        }
        self.stage.assert_hosts_live();
        self.stage.heal(&round.heals);
    }

    fn begin(&mut self, owner: usize, act: Act) -> (Doing, Layr) {
        let person = &self.stage.people[owner];
        let shelf = &mut self.shelves[owner];
        match act {
            Act::Download(which) if !shelf.stored.is_empty() => {
                let one = shelf.stored[which % shelf.stored.len()].clone();
                let back = person.home.join("fetched");
                let command = person.layr(["download", "--force", &one.name, "-o"]).args([&back]);
                (Doing::Fetching(one, back), command)
            }
            Act::Audit if !shelf.stored.is_empty() => (Doing::Auditing, person.layr(["audit"])),
            Act::Upload(kib) => Self::upload(person, shelf, (self.seed, owner), kib),
            Act::Download(_) | Act::Audit => Self::upload(person, shelf, (self.seed, owner), 1_500),
        }
    }

    fn upload(person: &Person, shelf: &mut Shelf, (seed, owner): (u64, usize), kib: usize) -> (Doing, Layr) {
        shelf.made += 1;
        let name = format!("file-{}", shelf.made);
        let original = person.home.join(&name);
        write_noise(&original, kib << 10, (seed << 16) + ((owner as u64) << 8) + shelf.made);
        let command = again(person, &name);
        (Doing::Uploading(Stored { name, original }), command)
    }

    fn judge(&mut self, owner: usize, doing: Doing, ended: &Outcome) {
        let killed = ended.exit.is_none();
        let story = || format!("{}\n{:?}", ended.story(), self.shelves[owner]);
        assert!(!ended.stderr.contains("panicked at"), "{}", story());
        match doing {
            Doing::Uploading(one) => match ended.exit {
                Some(0) => {
                    self.tally.acknowledged += 1;
                    self.shelves[owner].stored.push(one);
                }
                None | Some(3 | 7) => {
                    self.tally.put_off += 1;
                    self.shelves[owner].put_off.push(one);
                }
                Some(_) => panic!("an upload failed in a way of its own: {}", story()),
            },
            Doing::Fetching(one, back) => {
                let excused = killed || (self.stage.without_ledger() && ended.exit == Some(3));
                assert!(excused || ended.exit == Some(0), "a file did not come back: {}", story());
                if ended.exit == Some(0) {
                    self.tally.fetched += 1;
                    assert_same(&one.original, &back);
                }
            }
            Doing::Auditing => {
                let excused = killed || (self.stage.without_ledger() && ended.exit == Some(3));
                assert!(excused || matches!(ended.exit, Some(0 | 7 | 10)), "an audit failed: {}", story());
                self.tally.audits += usize::from(!killed);
            }
        }
    }

    /// Every upload that was stopped completes, with the same command, now that all is well again.
    fn complete(&mut self) {
        for (person, shelf) in self.stage.people.iter().zip(&mut self.shelves) {
            for one in std::mem::take(&mut shelf.put_off) {
                let mut last = None;
                until("an upload to complete", PATIENCE, || {
                    let ended = again(person, &one.name).json().run();
                    assert!(matches!(ended.exit, Some(0 | 3 | 7)), "{}", ended.story());
                    let done = ended.exit == Some(0);
                    if !done && last.replace(ended.story()).is_none() {
                        eprintln!("not at once: {}", ended.story());
                    }
                    done.then_some(())
                });
                shelf.stored.push(one);
            }
        }
    }

    /// Every acknowledged file, byte for byte; for one owner from a second machine, with nothing but the phrase.
    fn all_comes_back(&self) {
        for (number, (person, shelf)) in self.stage.people.iter().zip(&self.shelves).enumerate() {
            let second = (number == 0 && !shelf.stored.is_empty()).then(|| {
                let second = person.on_a_new_machine(&person.phrase);
                let recovered = second.layr(["recover"]).data();
                assert_eq!(recovered["files"], shelf.stored.len(), "{recovered}");
                second
            });
            for one in &shelf.stored {
                second.as_ref().unwrap_or(person).assert_comes_back(&one.name, &one.original);
            }
        }
    }

    /// The terms end, and everybody is settled with.
    fn settle(&mut self) {
        self.stage.stop_watch();
        self.stage.world.advance(TERM);
        for owner in &self.stage.people {
            let mut tries = 0;
            until("everything to be settled", PATIENCE, || {
                let ended = owner.layr(["settle"]).json().run();
                assert!(matches!(ended.exit, Some(0 | 3 | 7)), "{}", ended.story());
                let open: Vec<Value> = owner.agreements();
                if open.is_empty() {
                    return Some(());
                }
                tries += 1;
                assert!(tries < 12, "{}\nis left after {}", Value::from(open), ended.story());
                self.stage.world.advance("6h");
                None
            });
        }
        self.stage.assert_hosts_live();
    }
}

fn again(person: &Person, name: &str) -> Layr {
    let profile = format!("{K}/{N}");
    person.layr(["upload", name, "--profile", &profile])
}
