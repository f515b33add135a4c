//! What owners do: believe verdicts, judge danger, place, repair, and say what is lost.

use crate::books::End;
use crate::hosts::{Lie, TOKEN};
use crate::number::seconds;
use crate::queue::Event;
use crate::scenario::Clock;
use crate::segments::{Belief, Cause, NOBODY, Seat, Segment, Truth};
use crate::world::World;
use layr_audits::Verdict;
use layr_placement::{
    self as placement, Candidate, Condition, Policy, Score, SegmentHealth, choose, distance, lookup_point,
};
use layr_types::{ByteCount, DAY_SECONDS, NodeKey, UnixSeconds};

/// Hosts a look-up brings.
const BUCKET: usize = 20;
/// Look-ups before everybody is asked.
const LOOKUPS: u32 = 24;
/// How long after a repair that found too few hosts the next is tried.
const AGAIN: u64 = 8 * 3_600;
/// A host that drops leaves waits up to so long.
const TRUSTED_AFTER: u64 = 60 * DAY_SECONDS;
/// Passed audits an owner's memory of a host is begun with at most.
const REMEMBERED: u64 = 60;

impl World<'_> {
    /// A verdict stands.
    pub(crate) fn verdict(&mut self, seat: u32, serial: u32, verdict: Verdict) {
        let known = self.seats[seat as usize];
        if known.serial != serial || known.belief != Belief::Sound {
            return;
        }
        let silent = verdict.may_recover();
        self.seats[seat as usize].belief = if silent { Belief::Silent } else { Belief::Lost };
        let segment = self.segment_of(seat);
        self.segments[segment as usize].believed -= 1;
        match known.cause {
            Cause::Departure => self.tally.noticed.add(known.hurt, self.now),
            Cause::Damage => self.tally.damage_found.add(known.hurt, self.now),
            Cause::Lie => self.tally.lie_found.add(known.hurt, self.now),
            Cause::None => self.tally.absences_counted += 1,
        }
        self.remember(segment, seat, verdict);
        self.consider(segment);
    }

    /// What the owner keeps of its experience with a host that failed it.
    fn remember(&mut self, segment: u32, seat: u32, verdict: Verdict) {
        let known = self.seats[seat as usize];
        let host = &self.hosts.all[known.host as usize];
        if !host.alive {
            return;
        }
        let node = host.candidate.node();
        let mut score = layr_audits::Score::default();
        for day in
            0..(known.hurt.max(known.placed).saturating_sub(known.placed) / DAY_SECONDS).min(REMEMBERED)
        {
            score.observe(Verdict::Passed, UnixSeconds(known.placed + day * DAY_SECONDS));
        }
        score.observe(verdict, UnixSeconds(self.now));
        let weight = u16::try_from(seconds(score.weight() * 1_000.0)).unwrap_or(u16::MAX);
        let memory = &mut self.segments[segment as usize].known;
        memory.retain(|(other, _)| *other != node);
        memory.push((node, Score(weight)));
    }

    /// A host that had been given up on answers.
    pub(crate) fn answer(&mut self, seat: u32, serial: u32) {
        let known = &mut self.seats[seat as usize];
        if known.serial == serial && known.belief == Belief::Silent && known.truth == Truth::Intact {
            known.belief = Belief::Sound;
            self.tally.absences_forgiven += 1;
            let segment = self.segment_of(seat);
            self.segments[segment as usize].believed += 1;
        }
    }

    /// Looks at a segment's danger and plans a repair or reports the loss.
    fn consider(&mut self, segment: u32) {
        let state = &self.segments[segment as usize];
        if state.believed >= self.scenario.k
            && (state.repairing || state.believed.saturating_sub(state.clumped) > self.threshold)
        {
            return;
        }
        let health = self.health(segment);
        self.segments[segment as usize].clumped = u8::try_from(health.clumped.len()).unwrap_or(u8::MAX);
        match health.condition() {
            Condition::Lost => self.report_loss(segment),
            Condition::AtRisk if !self.segments[segment as usize].repairing => {
                let Clock::Audits { repair_hours } = self.scenario.clock else { return };
                let spread = 0.5 + self.dice.unit();
                self.plan_repair(segment, seconds(repair_hours * spread * 3_600.0));
            }
            _ => {}
        }
    }

    /// The segment's health as its owner sees it.
    fn health(&self, segment: u32) -> SegmentHealth {
        let seats: Vec<placement::Seat<'_>> = self.believed(segment);
        let code = (self.scenario.k, self.scenario.n);
        self.scenario.policy.assess_at(code, self.threshold, &seats)
    }

    fn believed(&self, segment: u32) -> Vec<placement::Seat<'_>> {
        let sound = (0u8..).zip(self.seats_of(segment)).filter_map(|(shard, seat)| {
            let seat = &self.seats[seat as usize];
            let host = self.hosts.all.get(seat.host as usize)?;
            let alive = seat.belief == Belief::Sound;
            alive.then(|| placement::Seat { shard, host: host.candidate.node(), kin: &host.kin, alive })
        });
        sound.collect()
    }

    /// The owner says that the segment is lost; if it truly is, its agreements are settled and something new is
    /// stored in its stead.
    pub(crate) fn report_loss(&mut self, segment: u32) {
        let state = &mut self.segments[segment as usize];
        let Some(lost) = state.lost else {
            self.tally.feared += u64::from(!state.feared);
            state.feared = true;
            if !state.repairing {
                self.plan_repair(segment, AGAIN);
            }
            return;
        };
        self.tally.reported += 1;
        self.tally.reporting.add(lost, self.now);
        self.tally.segment_seconds = self.tally.segment_seconds.saturating_sub(self.now - lost);
        for seat in self.seats_of(segment) {
            self.leave_seat(seat);
        }
        let owner = NodeKey(self.dice.bytes());
        let serial = self.segments[segment as usize].serial.wrapping_add(1);
        self.segments[segment as usize] = Segment { serial, ..Segment::new(owner) };
        self.settle_down(segment);
    }

    pub(crate) fn plan_repair(&mut self, segment: u32, after: u64) {
        let state = &mut self.segments[segment as usize];
        state.repairing = true;
        state.serial = state.serial.wrapping_add(1);
        let serial = state.serial;
        self.queue.at(self.now + after, Event::Repair { segment, serial });
    }

    /// Reads any k shards, rebuilds what is lost or clumped, and places it anew.
    pub(crate) fn repair(&mut self, segment: u32, serial: u32) {
        let state = &mut self.segments[segment as usize];
        if state.serial != serial || !state.repairing {
            return;
        }
        state.repairing = false;
        if !self.read(segment) {
            self.tally.postponed += 1;
            if self.health(segment).condition() == Condition::Lost {
                self.report_loss(segment);
            } else {
                self.plan_repair(segment, AGAIN);
            }
            return;
        }
        let health = self.health(segment);
        let first = self.seats_of(segment).start;
        let dead: Vec<u32> = health.dead.iter().map(|shard| first + u32::from(*shard)).collect();
        let clumped: Vec<u32> = health.clumped.iter().map(|shard| first + u32::from(*shard)).collect();
        self.tally.repairs += 1;
        self.tally.shards_read += u64::from(self.scenario.k);
        for seat in dead.iter().chain(&clumped) {
            self.leave_seat(*seat);
        }
        let all: Vec<u32> = dead.into_iter().chain(clumped).collect();
        let placed = self.place(segment, &all);
        self.tally.shards_written += placed;
        let state = &mut self.segments[segment as usize];
        state.feared = false;
        if state.intact > self.threshold
            && let Some(exposed) = state.exposed.take()
        {
            self.tally.exposed.add(exposed, self.now);
        }
        self.segments[segment as usize].clumped =
            u8::try_from(self.health(segment).clumped.len()).unwrap_or(u8::MAX);
        if self.segments[segment as usize].believed <= self.threshold {
            self.plan_repair(segment, AGAIN);
        }
    }

    /// Whether k shards can be read now. Reading verifies: what turns out damaged is known from then on.
    fn read(&mut self, segment: u32) -> bool {
        let seats: Vec<u32> = self.seats_of(segment).collect();
        let begin = self.dice.below(seats.len() as u64);
        let turned = seats.iter().cycle().skip(usize::try_from(begin).unwrap_or(0)).take(seats.len());
        let mut found = 0;
        for seat in turned {
            let known = self.seats[*seat as usize];
            if found == self.scenario.k || known.host == NOBODY {
                continue;
            }
            let there = self.hosts.all[known.host as usize].alive
                && (self.modelled() || self.hosts.all[known.host as usize].away_until <= self.now);
            match known.truth {
                Truth::Intact if there => found += 1,
                Truth::Damaged if there => self.verdict(*seat, known.serial, Verdict::Corrupt),
                _ => {}
            }
        }
        found == self.scenario.k
    }

    /// The agreement on this seat ends.
    fn leave_seat(&mut self, seat: u32) {
        let known = std::mem::replace(&mut self.seats[seat as usize], Seat::EMPTY);
        if known.host == NOBODY {
            return;
        }
        let segment = self.segment_of(seat);
        let state = &mut self.segments[segment as usize];
        state.intact -= u8::from(known.truth == Truth::Intact);
        state.believed -= u8::from(known.belief == Belief::Sound);
        if let Some(account) = self.ledger.accounts.remove(&seat) {
            let sound = if known.truth == Truth::Intact { self.now } else { known.hurt };
            let end = if known.truth == Truth::Intact { End::LetGo } else { End::Missed };
            account.close(&mut self.tally.money, end, (sound, self.now));
        }
        self.hosts.vacate(known.host, seat);
    }

    /// Places a new segment on n hosts.
    pub(crate) fn settle_down(&mut self, segment: u32) {
        let all: Vec<u32> = self.seats_of(segment).collect();
        let placed = self.place(segment, &all);
        let clumped = self.health(segment).clumped.len();
        self.segments[segment as usize].clumped = u8::try_from(clumped).unwrap_or(u8::MAX);
        if placed < all.len() as u64 {
            self.plan_repair(segment, AGAIN);
        }
    }

    /// Puts shards on hosts for these seats; how many found one that passed its first audit.
    fn place(&mut self, segment: u32, seats: &[u32]) -> u64 {
        let hosts = self.find(segment, seats.len());
        let mut hosts = hosts.into_iter();
        let mut placed = 0;
        for seat in seats {
            for host in hosts.by_ref() {
                if self.sit(*seat, host) {
                    placed += 1;
                    break;
                }
            }
        }
        placed
    }

    /// One shard on one host, and the first audit; false where that fails.
    fn sit(&mut self, seat: u32, host: u32) -> bool {
        let lie = self.hosts.all[host as usize].lie;
        if lie == Some(Lie::StoresNothing) {
            // The audit right after the upload asks for leaves of what was just sent, and none is there.
            self.tally.lies += 1;
            self.tally.lie_found.add(self.now, self.now);
            return false;
        }
        let segment = self.segment_of(seat);
        let serial = self.next_serial();
        self.seats[seat as usize] = Seat {
            host,
            serial,
            truth: Truth::Intact,
            belief: Belief::Sound,
            placed: self.now,
            hurt: 0,
            cause: Cause::None,
        };
        self.hosts.all[host as usize].seats.push(seat);
        let state = &mut self.segments[segment as usize];
        state.intact += 1;
        state.believed += 1;
        if lie.is_some() {
            let after = self.dice.below(TRUSTED_AFTER);
            self.queue.at(self.now + after, Event::Cheat { seat, serial });
        }
        self.book(seat);
        true
    }

    /// Hosts for `missing` shards: look-ups near the owner's points, then the real choice, spares behind.
    fn find(&self, segment: u32, missing: usize) -> Vec<u32> {
        let fresh = self.survey(segment, missing);
        let kept: Vec<u32> = self
            .seats_of(segment)
            .map(|seat| self.seats[seat as usize])
            .filter(|seat| seat.host != NOBODY && seat.belief == Belief::Sound)
            .map(|seat| seat.host)
            .collect();
        let candidate = |host: &u32| self.hosts.all[*host as usize].candidate.clone();
        let mut candidates: Vec<Candidate> = kept.iter().chain(&fresh).map(candidate).collect();
        let state = &self.segments[segment as usize];
        for (node, score) in &state.known {
            for candidate in candidates.iter_mut().filter(|candidate| candidate.node() == *node) {
                candidate.score = *score;
            }
        }
        let keep: Vec<NodeKey> =
            kept.iter().map(|host| self.hosts.all[*host as usize].candidate.node()).collect();
        let shards = u8::try_from(kept.len() + missing).unwrap_or(self.scenario.n);
        let capacity = ByteCount::from_sectors(self.scenario.sectors).unwrap_or_default();
        let policy = Policy::new(shards, self.scenario.n - self.scenario.k, capacity, TOKEN);
        let chosen = choose(&state.owner, &candidates, &keep, &policy, UnixSeconds(self.now));
        let Ok(choice) = chosen else { return Vec::new() };
        let number = |node: &NodeKey| {
            fresh.iter().copied().find(|host| self.hosts.all[*host as usize].candidate.node() == *node)
        };
        let picked = choice.hosts.iter().skip(keep.len()).chain(&choice.spares).filter_map(number);
        let seats = self.believed(segment);
        let welcome = |host: &u32| {
            let known = &self.hosts.all[*host as usize];
            self.scenario.policy.welcomes(&seats, &known.candidate.node(), &known.kin)
        };
        // Who would clump comes last: better than nobody.
        let (first, last): (Vec<u32>, Vec<u32>) = picked.partition(welcome);
        first.into_iter().chain(last).collect()
    }

    /// Hosts near the owner's points that are there and have none of the segment.
    fn survey(&self, segment: u32, missing: usize) -> Vec<u32> {
        let state = &self.segments[segment as usize];
        let wanted = missing + missing / 2 + 6;
        let (mut near, mut fresh) = (Vec::with_capacity(BUCKET), Vec::with_capacity(wanted + BUCKET));
        let fits = |host: &u32| {
            let known = &self.hosts.all[*host as usize];
            let there = self.modelled() || known.away_until <= self.now;
            let holds = || self.seats_of(segment).any(|seat| self.seats[seat as usize].host == *host);
            there && !holds()
        };
        for slot in 0..=LOOKUPS {
            let everybody = if slot == LOOKUPS { self.hosts.all.len() } else { BUCKET };
            let point = distance(&lookup_point(&state.owner, slot), &NodeKey([0; 32]));
            let origin = distance(&[0; 32], &NodeKey([0; 32]));
            near.clear();
            self.hosts.directory.nearest(point ^ origin, everybody, &mut near);
            for host in &near {
                if !fresh.contains(host) && fits(host) {
                    fresh.push(*host);
                }
            }
            if fresh.len() >= wanted {
                break;
            }
        }
        fresh
    }
}
