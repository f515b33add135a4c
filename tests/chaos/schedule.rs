//! What goes wrong when: drawn from a seed alone, so that a run can be repeated.
//!
//! At most `MOST_ILL` hosts are ill or damaged at once, because that is the promise: any k of n hosts are enough.

use std::fmt;

/// Hosts of a world.
pub const HOSTS: usize = 7;
/// Owners of a world.
pub const OWNERS: usize = 2;
/// Any `K` of `N` hosts are enough.
pub const K: usize = 2;
/// Hosts a file is spread over.
pub const N: usize = 4;
/// Hosts that may be ill or damaged at once.
pub const MOST_ILL: usize = N - K;
/// The hosts whose disks are small enough to be filled, by their place.
pub const SMALL_DISKS: [usize; 2] = [5, 6];
/// Rounds of a schedule.
const ROUNDS: usize = 7;
/// How far the ledger's clock may jump in all before the end, in hours: no term of 30 days is over by then.
const MOST_HOURS: u64 = 20 * 24;

/// SplitMix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `bound`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (word ^ (word >> 31)) % bound
    }

    /// True this often, in percent.
    pub const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A place in a list of `len`.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("shorter than a list")
    }
}

/// What a host can suffer from for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ill {
    /// Killed as by a power cut.
    Dead,
    /// Stopped in mid-air: connections stay, nothing answers.
    Paused,
    /// Its disk is full to the last byte.
    FullDisk,
    /// Its cable is cut.
    Cut,
    /// Its link is narrow and drops what does not fit.
    Lossy,
    /// The machine's clock is wrong by so many seconds.
    WrongClock(i64),
}

/// What is done to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A host falls ill.
    Falls(usize, Ill),
    /// Bits flip in a host's slot files: so many in each sector, from this one on.
    Flips(usize, u64),
    /// An owner's command is killed.
    KillsOwner(usize),
    /// The node that watches for the last owner is killed, and started again at the end of the round.
    KillsWatch,
    /// The ledger is killed, and started again at the end of the round.
    KillsLedger,
    /// The ledger's clock jumps by so many hours.
    Jumps(u64),
}

/// What an owner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Stores a new file of so many KiB.
    Upload(usize),
    /// Fetches the file with this number modulo the number of files acknowledged, or stores a first one.
    Download(usize),
    /// Audits everything.
    Audit,
}

/// One round: everybody acts at once, and while they do, things go wrong.
#[derive(Debug, Clone)]
pub struct Round {
    /// What each owner does.
    pub acts: [Act; OWNERS],
    /// KiB the commands have written or read when the first event strikes.
    pub after: u64,
    /// What goes wrong, in order.
    pub events: Vec<Event>,
    /// Hosts that recover at the end of the round.
    pub heals: Vec<usize>,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// What it was drawn from.
    pub seed: u64,
    /// Its rounds.
    pub rounds: Vec<Round>,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn of(seed: u64) -> Self {
        let mut draw = Draw { dice: Dice::new(seed), ill: Vec::new(), damaged: None, hours: 0 };
        Self { seed, rounds: (0..ROUNDS).map(|_| draw.round()).collect() }
    }
}

struct Draw {
    dice: Dice,
    ill: Vec<usize>,
    damaged: Option<usize>,
    hours: u64,
}

impl Draw {
    fn round(&mut self) -> Round {
        let acts = std::array::from_fn(|_| self.act());
        let after = 64 + self.dice.below(4_096);
        let mut events = Vec::new();
        for _ in 0..=self.dice.below(3) {
            events.extend(self.event().filter(|event| !events.contains(event)));
        }
        let ill = std::mem::take(&mut self.ill);
        let (heals, ill) = ill.into_iter().partition(|_| self.dice.percent(60));
        self.ill = ill;
        Round { acts, after, events, heals }
    }

    fn act(&mut self) -> Act {
        match self.dice.below(10) {
            0..5 => Act::Upload(64 + self.dice.place(6_000)),
            5..8 => Act::Download(self.dice.place(1_000)),
            _ => Act::Audit,
        }
    }

    fn event(&mut self) -> Option<Event> {
        match self.dice.below(100) {
            0..50 => self.falls(),
            50..62 => self.flips(),
            62..74 => Some(Event::KillsOwner(self.dice.place(OWNERS))),
            74..80 => Some(Event::KillsWatch),
            80..86 => Some(Event::KillsLedger),
            _ => {
                let hours = 1 + self.dice.below(60);
                self.hours += hours;
                (self.hours <= MOST_HOURS).then_some(Event::Jumps(hours))
            }
        }
    }

    /// How many would be ill or damaged with this host.
    fn bad_with(&self, host: usize) -> usize {
        let mut all = self.ill.clone();
        all.extend(self.damaged);
        all.push(host);
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    fn falls(&mut self) -> Option<Event> {
        let ill = match self.dice.below(12) {
            0..3 => Ill::Dead,
            3..5 => Ill::Paused,
            5..7 => Ill::FullDisk,
            7..9 => Ill::Cut,
            9..11 => Ill::Lossy,
            _ => Ill::WrongClock([-3 * 86_400, -7_200, 7_200, 3 * 86_400][self.dice.place(4)]),
        };
        let host = match ill {
            Ill::FullDisk => SMALL_DISKS[self.dice.place(SMALL_DISKS.len())],
            _ => self.dice.place(HOSTS),
        };
        if self.ill.contains(&host) || self.bad_with(host) > MOST_ILL {
            return None;
        }
        self.ill.push(host);
        Some(Event::Falls(host, ill))
    }

    /// Only one host's disk ever rots: what it has lost stays lost until it is repaired.
    fn flips(&mut self) -> Option<Event> {
        let host = self.damaged.unwrap_or_else(|| self.dice.place(HOSTS));
        if self.bad_with(host) > MOST_ILL {
            return None;
        }
        self.damaged = Some(host);
        Some(Event::Flips(host, 1 + self.dice.below(16)))
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}:", self.seed)?;
        for (number, Round { acts, after, events, heals }) in self.rounds.iter().enumerate() {
            writeln!(
                f,
                "  round {}: {acts:?}; after {after} KiB {events:?}; then heal {heals:?}",
                number + 1
            )?;
        }
        Ok(())
    }
}
