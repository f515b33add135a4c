//! What happens next: events in order of time, ties in order of being planned.

use layr_audits::Verdict;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens. A host or seat is named with its serial number: who has taken the place since is meant
/// by nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Event {
    /// A host is gone for good.
    Death { host: u32, serial: u32 },
    /// An operator leaves with all its hosts.
    Exit { operator: u32 },
    /// A host cannot be reached, or is too slow, for a while.
    Absence { host: u32, serial: u32 },
    /// It is back.
    Return { host: u32, serial: u32 },
    /// A region is cut off.
    Outage { region: u8 },
    /// A host silently loses something.
    Damage { host: u32, serial: u32 },
    /// A cheat begins to cheat on one agreement.
    Cheat { seat: u32, serial: u32 },
    /// An audit's verdict stands.
    Verdict { seat: u32, serial: u32, verdict: Verdict },
    /// A host that had been given up on answers an audit.
    Answer { seat: u32, serial: u32 },
    /// A repair is ready to read and write.
    Repair { segment: u32, serial: u32 },
}

/// The events to come.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    planned: u64,
}

impl Queue {
    /// Plans an event.
    pub(crate) fn at(&mut self, time: u64, event: Event) {
        self.planned += 1;
        self.heap.push(Reverse((time, self.planned, event)));
    }

    /// The next event before `end`.
    pub(crate) fn next(&mut self, end: u64) -> Option<(u64, Event)> {
        let Reverse((time, _, _)) = self.heap.peek()?;
        if *time >= end {
            return None;
        }
        self.heap.pop().map(|Reverse((time, _, event))| (time, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_order_of_time_and_of_being_planned() {
        let mut queue = Queue::default();
        queue.at(5, Event::Outage { region: 1 });
        queue.at(3, Event::Outage { region: 2 });
        queue.at(5, Event::Outage { region: 0 });
        let order: Vec<_> = std::iter::from_fn(|| queue.next(6)).collect();
        assert_eq!(
            order,
            [
                (3, Event::Outage { region: 2 }),
                (5, Event::Outage { region: 1 }),
                (5, Event::Outage { region: 0 }),
            ]
        );
        queue.at(7, Event::Outage { region: 0 });
        assert_eq!(queue.next(7), None);
    }
}
