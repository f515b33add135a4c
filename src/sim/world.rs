//! One world: hosts come, fail and go; owners audit, repair and pay. Events in order of virtual time, chance from
//! one seed: the same scenario, seed and number give the same tally.

use crate::books::Account;
use crate::dice::Dice;
use crate::hosts::{Hosts, REGIONS};
use crate::number::{float, seconds};
use crate::queue::{Event, Queue};
use crate::scenario::{Clock, Scenario};
use crate::segments::{Belief, Cause, Ledger, NOBODY, Seat, Segment};
use crate::tally::{Tally, YEAR_SECONDS};
use crate::watch::Watch;
use layr_types::{DAY_SECONDS, NodeKey};

/// When the simulation begins: late enough that nothing before it lies before 1970.
pub(crate) const BEGIN: u64 = 365 * DAY_SECONDS;
/// What nobody has found after so long counts as never found.
const FORGOTTEN: u64 = 90 * DAY_SECONDS;

/// The state of one world.
#[derive(Debug)]
pub(crate) struct World<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) threshold: u8,
    pub(crate) now: u64,
    pub(crate) end: u64,
    pub(crate) dice: Dice,
    pub(crate) queue: Queue,
    pub(crate) hosts: Hosts,
    pub(crate) segments: Vec<Segment>,
    /// Seat `s · n + i` is shard `i` of segment `s`.
    pub(crate) seats: Vec<Seat>,
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    serial: u32,
}

/// Simulates world number `number` of `scenario` under `seed`; the scenario has been checked.
pub(crate) fn play(scenario: &Scenario, seed: u64, number: u64) -> Tally {
    let mut world = World::new(scenario, Dice::new(seed, number));
    world.populate();
    while let Some((time, event)) = world.queue.next(world.end) {
        world.now = time;
        world.happen(event);
    }
    world.now = world.end;
    world.close()
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, dice: Dice) -> Self {
        let n = usize::from(scenario.n);
        Self {
            scenario,
            threshold: scenario.threshold(),
            now: BEGIN,
            end: BEGIN + seconds(scenario.years * float(YEAR_SECONDS)),
            dice,
            queue: Queue::default(),
            hosts: Hosts::new(scenario),
            segments: Vec::with_capacity(scenario.segments as usize),
            seats: vec![Seat::EMPTY; scenario.segments as usize * n],
            ledger: Ledger::default(),
            tally: Tally { worlds: 1, survivors: vec![0; n + 1], ..Tally::default() },
            serial: 0,
        }
    }

    /// Hosts that have been there for a while, then the segments on them.
    fn populate(&mut self) {
        for _ in 0..self.scenario.hosts {
            self.arrive(true);
        }
        if self.scenario.troubles.region_outages > 0.0 {
            for region in 0..REGIONS {
                self.plan_outage(region);
            }
        }
        for segment in 0..self.scenario.segments {
            let owner = NodeKey(self.dice.bytes());
            self.segments.push(Segment::new(owner));
            self.settle_down(segment);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Death { host, serial } => self.depart(host, serial),
            Event::Exit { operator } => self.exit(operator),
            Event::Absence { host, serial } => self.absence(host, serial),
            Event::Return { host, serial } => self.back(host, serial),
            Event::Outage { region } => self.outage(region),
            Event::Damage { host, serial } => self.damage(host, serial),
            Event::Cheat { seat, serial } => self.cheat(seat, serial),
            Event::Verdict { seat, serial, verdict } => self.verdict(seat, serial, verdict),
            Event::Answer { seat, serial } => self.answer(seat, serial),
            Event::Repair { segment, serial } => self.repair(segment, serial),
        }
    }

    /// The owner's eyes.
    pub(crate) const fn watch(&self) -> Watch<'a> {
        Watch { schedule: &self.scenario.schedule, sectors: self.scenario.sectors, scrub: true }
    }

    /// True where the formula's clock runs instead of audits.
    pub(crate) const fn modelled(&self) -> bool {
        matches!(self.scenario.clock, Clock::Modelled { .. })
    }

    /// A number nobody had before.
    pub(crate) const fn next_serial(&mut self) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.serial
    }

    /// The seats of a segment.
    pub(crate) fn seats_of(&self, segment: u32) -> std::ops::Range<u32> {
        let n = u32::from(self.scenario.n);
        segment * n..(segment + 1) * n
    }

    /// Which segment a seat belongs to.
    pub(crate) fn segment_of(&self, seat: u32) -> u32 {
        seat / u32::from(self.scenario.n)
    }

    /// Opens the books of a seat, if its segment is booked.
    pub(crate) fn book(&mut self, seat: u32) {
        let segment = self.segment_of(seat);
        if segment.checked_rem(self.scenario.books) != Some(0) {
            return;
        }
        let host = &self.hosts.all[self.seats[seat as usize].host as usize];
        let owner = self.segments[segment as usize].owner;
        let (offer, sectors) = (&host.candidate.offer, self.scenario.sectors);
        if let Some(account) = Account::open(&mut self.tally.money, offer, owner, sectors, self.now) {
            self.ledger.accounts.insert(seat, account);
        }
    }

    /// Counts what is left when time is up.
    fn close(mut self) -> Tally {
        let span = self.end - BEGIN;
        self.tally.segment_seconds += span * u64::from(self.scenario.segments);
        for segment in &self.segments {
            if let Some(lost) = segment.lost {
                self.tally.segment_seconds -= self.end - lost;
                self.tally.silent_losses += u64::from(self.end - lost > FORGOTTEN);
            }
        }
        for seat in self.seats.iter().filter(|seat| seat.host != NOBODY) {
            let hidden = matches!(seat.cause, Cause::Damage | Cause::Lie)
                && seat.belief == Belief::Sound
                && self.end.saturating_sub(seat.hurt) > FORGOTTEN;
            self.tally.unfound += u64::from(hidden);
        }
        for account in std::mem::take(&mut self.ledger.accounts).into_values() {
            account.hold(&mut self.tally.money, self.end);
        }
        self.tally
    }
}
