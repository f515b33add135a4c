//! What happens to hosts: they leave, alone or with their operator, are away for a while, lose leaves, cheat.

use crate::damage::Damage;
use crate::hosts::{ALONE, Lie};
use crate::number::float;
use crate::queue::Event;
use crate::scenario::Clock;
use crate::segments::{Belief, Cause, NOBODY, Truth};
use crate::tally::YEAR_SECONDS;
use crate::world::World;
use layr_audits::{RETRIES, RETRY_SECONDS, Verdict};
use layr_types::DAY_SECONDS;

/// Absences shorter than this cannot count: the retries take so long.
const COUNTS_AFTER: u64 = RETRIES as u64 * RETRY_SECONDS;
const HOUR: f64 = 3_600.0;

impl World<'_> {
    /// A host joins (`met`: it was there before), and what will happen to it is planned.
    pub(crate) fn arrive(&mut self, met: bool) {
        let operators = self.hosts.operators();
        let (host, stay) = self.hosts.join(self.scenario, met, &mut self.dice);
        for operator in operators..self.hosts.operators() {
            let mean = self.scenario.troubles.operator_years * float(YEAR_SECONDS);
            if mean > 0.0 {
                let leaves = self.dice.exponential(mean);
                self.queue.at(self.now + leaves, Event::Exit { operator });
            }
        }
        let serial = self.hosts.all[host as usize].serial;
        self.queue.at(self.now.saturating_add(stay), Event::Death { host, serial });
        self.plan_absence(host, self.now);
        if self.scenario.troubles.silent > 0.0 {
            let mean = float(YEAR_SECONDS) / self.scenario.troubles.silent;
            let damaged = self.dice.exponential(mean);
            self.queue.at(self.now + damaged, Event::Damage { host, serial });
        }
    }

    fn plan_absence(&mut self, host: u32, after: u64) {
        if self.scenario.troubles.absences > 0.0 {
            let serial = self.hosts.all[host as usize].serial;
            let slow = if self.hosts.all[host as usize].slow { 2.0 } else { 1.0 };
            let mean = float(YEAR_SECONDS) / self.scenario.troubles.absences / slow;
            let next = self.dice.exponential(mean);
            self.queue.at(after + next, Event::Absence { host, serial });
        }
    }

    pub(crate) fn plan_outage(&mut self, region: u8) {
        let next = self.dice.exponential(float(YEAR_SECONDS) / self.scenario.troubles.region_outages);
        self.queue.at(self.now + next, Event::Outage { region });
    }

    fn is(&self, host: u32, serial: u32) -> bool {
        let host = &self.hosts.all[host as usize];
        host.alive && host.serial == serial
    }

    /// A host is gone for good, and a new one comes.
    pub(crate) fn depart(&mut self, host: u32, serial: u32) {
        if !self.is(host, serial) {
            return;
        }
        self.tally.departures += 1;
        let seats = self.hosts.all[host as usize].seats.clone();
        self.hosts.leave(host);
        for seat in seats {
            self.hurt(seat, Truth::Gone, Cause::Departure);
            self.silence(seat, Verdict::Offline, u64::MAX);
        }
        self.arrive(false);
    }

    /// An operator leaves: all its hosts within two days.
    pub(crate) fn exit(&mut self, operator: u32) {
        self.tally.exits += 1;
        for host in 0..u32::try_from(self.hosts.all.len()).unwrap_or(u32::MAX) {
            let known = &self.hosts.all[host as usize];
            if known.alive && known.operator == operator && operator != ALONE {
                let serial = known.serial;
                let within = self.dice.below(2 * DAY_SECONDS);
                self.queue.at(self.now + within, Event::Death { host, serial });
            }
        }
    }

    /// A host is away, or too slow, for a while.
    pub(crate) fn absence(&mut self, host: u32, serial: u32) {
        if !self.is(host, serial) {
            return;
        }
        let slow = self.hosts.all[host as usize].slow;
        let longer = if slow { 2.0 } else { 1.0 };
        let away = self.dice.exponential(self.scenario.troubles.absence_hours * HOUR * longer);
        let late = slow && self.dice.happens(0.5);
        self.away(host, away, if late { Verdict::Late } else { Verdict::Offline });
        self.plan_absence(host, self.now + away);
    }

    /// A region is cut off.
    pub(crate) fn outage(&mut self, region: u8) {
        let away = self.dice.exponential(self.scenario.troubles.region_hours * HOUR);
        for host in 0..u32::try_from(self.hosts.all.len()).unwrap_or(u32::MAX) {
            let known = &self.hosts.all[host as usize];
            if known.alive && known.region == region {
                self.away(host, away, Verdict::Offline);
            }
        }
        self.plan_outage(region);
    }

    fn away(&mut self, host: u32, span: u64, verdict: Verdict) {
        self.tally.absences += 1;
        let until = self.now + span;
        let known = &mut self.hosts.all[host as usize];
        known.away_until = known.away_until.max(until);
        if span < COUNTS_AFTER {
            return;
        }
        let serial = known.serial;
        self.queue.at(until, Event::Return { host, serial });
        for seat in self.hosts.all[host as usize].seats.clone() {
            self.silence(seat, verdict, until);
        }
    }

    /// A host is back: whoever gave it up finds it there at the next audit.
    pub(crate) fn back(&mut self, host: u32, serial: u32) {
        if !self.is(host, serial) || self.hosts.all[host as usize].away_until > self.now {
            return;
        }
        for seat in self.hosts.all[host as usize].seats.clone() {
            let known = self.seats[seat as usize];
            if known.belief == Belief::Silent && known.truth == Truth::Intact {
                let at = self.watch().next_audit(self.now, &mut self.dice);
                self.queue.at(at, Event::Answer { seat, serial: known.serial });
            }
        }
    }

    /// Plans the verdict on a seat whose host says nothing until `until`.
    fn silence(&mut self, seat: u32, verdict: Verdict, until: u64) {
        let known = self.seats[seat as usize];
        if self.modelled() || known.host == NOBODY || known.belief != Belief::Sound {
            return;
        }
        if let Some(found) = self.watch().silence(verdict, (self.now, until), &mut self.dice) {
            let verdict = found.verdict;
            self.queue.at(found.at, Event::Verdict { seat, serial: known.serial, verdict });
        }
    }

    /// A host loses something of every agreement and does not know it.
    pub(crate) fn damage(&mut self, host: u32, serial: u32) {
        if !self.is(host, serial) {
            return;
        }
        let whole_sector = self.dice.happens(0.5);
        for seat in self.hosts.all[host as usize].seats.clone() {
            if self.seats[seat as usize].truth != Truth::Intact {
                continue;
            }
            self.tally.damages += 1;
            let damage = self.some_damage(whole_sector);
            self.hurt(seat, Truth::Damaged, Cause::Damage);
            self.search(seat, &damage, true);
        }
        let mean = float(YEAR_SECONDS) / self.scenario.troubles.silent;
        let next = self.dice.exponential(mean);
        self.queue.at(self.now + next, Event::Damage { host, serial });
    }

    fn some_damage(&mut self, whole_sector: bool) -> Damage {
        let sectors = self.scenario.sectors;
        if whole_sector {
            return Damage::Sector(self.dice.below(sectors));
        }
        let numbers = (self.dice.below(u64::MAX), self.dice.below(u64::MAX));
        Damage::scattered(sectors, self.scenario.troubles.silent_parts, numbers)
    }

    /// Plans the verdict on a seat whose host lacks `damage`.
    fn search(&mut self, seat: u32, damage: &Damage, honest: bool) {
        let known = self.seats[seat as usize];
        if self.modelled() || known.belief != Belief::Sound {
            return;
        }
        let from = self.now.max(self.hosts.all[known.host as usize].away_until);
        if let Some(found) = self.watch().damage(damage, honest, (from, self.end), &mut self.dice) {
            let verdict = found.verdict;
            self.queue.at(found.at, Event::Verdict { seat, serial: known.serial, verdict });
        }
    }

    /// A cheat begins to cheat.
    pub(crate) fn cheat(&mut self, seat: u32, serial: u32) {
        let known = self.seats[seat as usize];
        if known.serial != serial || known.truth != Truth::Intact {
            return;
        }
        self.tally.lies += 1;
        match self.hosts.all[known.host as usize].lie {
            Some(Lie::StopsAnswering) => {
                self.hurt(seat, Truth::Gone, Cause::Lie);
                self.silence(seat, Verdict::Refused, u64::MAX);
            }
            _ => {
                let damage = self.some_damage(false);
                self.hurt(seat, Truth::Damaged, Cause::Lie);
                self.search(seat, &damage, false);
            }
        }
    }

    /// A shard is no longer intact.
    fn hurt(&mut self, seat: u32, truth: Truth, cause: Cause) {
        let now = self.now;
        let segment = self.segment_of(seat);
        let known = &mut self.seats[seat as usize];
        let was = std::mem::replace(&mut known.truth, truth);
        if was != Truth::Intact {
            // What hurt it first is what its owner has to find out.
            return;
        }
        (known.hurt, known.cause) = (now, cause);
        let state = &mut self.segments[segment as usize];
        state.intact -= 1;
        self.tally.shards_lost += 1;
        self.tally.survivors[usize::from(state.intact)] += 1;
        let intact = state.intact;
        if intact <= self.threshold && state.exposed.is_none() {
            state.exposed = Some(now);
        }
        if intact < self.scenario.k && state.lost.is_none() {
            state.lost = Some(now);
            self.tally.losses += 1;
        }
        if let Clock::Modelled { days } = self.scenario.clock {
            self.modelled_repair(segment, seat, days);
        }
    }

    /// The formula's owner: knows at once, repairs after an exponential time from the threshold on.
    fn modelled_repair(&mut self, segment: u32, seat: u32, days: f64) {
        self.seats[seat as usize].belief = Belief::Lost;
        let state = &mut self.segments[segment as usize];
        state.believed = state.intact;
        if state.lost.is_some() {
            self.report_loss(segment);
        } else if state.intact <= self.threshold && !state.repairing {
            let after = self.dice.exponential(days * float(DAY_SECONDS));
            self.plan_repair(segment, after);
        }
    }
}
