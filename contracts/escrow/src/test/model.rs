//! The escrow once more, as plainly as it can be said: who holds how much, and which agreement stands where.
//!
//! Written from the rules, not from the code: neither `settle()` nor the moves of `layr-market` are used, so that
//! a mistake in them does not repeat itself here. Every method says whether the contract must take a call, and
//! if so does what it must do; the schedules compare. Never: bytes, signatures, hashes.

use super::std::vec::Vec;

/// Bytes of a sector, of a gibibyte; seconds of a day.
const SECTOR: i128 = 1 << 20;
const GIB_DAY: i128 = (1 << 30) * 86_400;
pub const HOUR: u64 = 3_600;
/// How long a bond takes to leave.
pub const BOND_DELAY: u64 = 15 * 86_400;

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Owner,
    Host,
    Auditor,
}

/// Terms, as far as money and time go. Amounts in stroops, times in seconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    pub host: usize,
    pub token: usize,
    pub slot: u32,
    pub previous: Option<usize>,
    pub escrow: i128,
    pub voucher_part: i128,
    pub collateral: i128,
    pub base_fee: i128,
    pub repair_cap: i128,
    pub exit_fee: i128,
    pub disclosure: i128,
    pub rate: i128,
    pub start: u64,
    pub end: u64,
    pub offer_expiry: u64,
    pub publish_window: u64,
    pub proof_window: u64,
    pub notice: u64,
    pub gap: u64,
    pub max_challenges: u16,
    pub auditor: bool,
}

/// A revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    pub n: u64,
    pub time: u64,
    pub sectors: u64,
    pub paid: i128,
    pub due: i128,
    pub risk: i128,
}

/// The open or last challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenged {
    /// The leaves, or none where the beacon chooses.
    pub named: Option<Vec<u64>>,
    pub by: Side,
    pub opened: u64,
    pub bond: i128,
}

/// A key that one side wants alone, and from when on it can have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub side: Side,
    pub to: u8,
    pub at: u64,
}

/// Who got what in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shares {
    pub host: i128,
    pub owner: i128,
    pub burn: i128,
}

/// Where an agreement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Unopened,
    Open,
    Over,
}

/// One agreement. Keys are numbers of parties.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    pub terms: Contract,
    pub life: Life,
    pub published: Option<Paper>,
    pub floor: i128,
    pub voucher: i128,
    pub ending: u64,
    pub challenge: Option<Challenged>,
    pub waiting: bool,
    pub count: u16,
    pub keys: [u8; 2],
    pub pending: Option<Pending>,
    pub shares: Option<Shares>,
}

impl Agreement {
    pub fn new(terms: Contract, keys: [u8; 2]) -> Self {
        Self {
            ending: terms.end,
            terms,
            life: Life::Unopened,
            published: None,
            floor: 0,
            voucher: 0,
            challenge: None,
            waiting: false,
            count: 0,
            keys,
            pending: None,
            shares: None,
        }
    }

    pub fn n(&self) -> u64 {
        self.published.as_ref().map_or(0, |paper| paper.n)
    }

    pub fn frozen(&self) -> u64 {
        self.ending + self.terms.publish_window
    }

    pub fn deadline(&self) -> u64 {
        self.frozen() + self.terms.proof_window
    }

    pub fn last_opening(&self) -> u64 {
        self.terms.offer_expiry.min(self.terms.start + HOUR)
    }

    /// When the root of the last challenge freezes: a random one's a publish window after its opening.
    pub fn challenge_frozen(&self) -> u64 {
        match &self.challenge {
            Some(Challenged { named: None, opened, .. }) => opened + self.terms.publish_window,
            _ => self.challenge_deadline(),
        }
    }

    /// Until when the last challenge can be answered.
    pub fn challenge_deadline(&self) -> u64 {
        self.challenge.as_ref().map_or(0, |c| answer_by(&self.terms, c))
    }

    pub fn locked(&self) -> i128 {
        let t = &self.terms;
        t.escrow + t.voucher_part + t.collateral
    }

    pub fn bond(&self) -> i128 {
        if self.waiting { self.challenge.as_ref().map_or(0, |c| c.bond) } else { 0 }
    }

    /// What the contract holds for it.
    pub fn held(&self) -> i128 {
        if self.life == Life::Open { self.locked() + self.bond() } else { 0 }
    }

    /// What a revision has earned by `until`.
    pub fn earned(&self, paper: &Paper, until: u64) -> i128 {
        let t = &self.terms;
        let seconds = until.min(t.end).saturating_sub(paper.time);
        let since = t.rate * (i128::from(paper.sectors) * SECTOR) * i128::from(seconds) / GIB_DAY;
        (paper.paid + paper.due + since).min(t.escrow)
    }

    /// The host proved what is published.
    pub fn proved(&self, paper: &Paper) -> Shares {
        let storage = self.earned(paper, self.ending).max(self.floor);
        let host = storage + self.voucher + self.terms.collateral;
        Shares { host, owner: self.locked() - host, burn: 0 }
    }

    /// The host did not.
    pub fn missed(&self, paper: &Paper) -> Shares {
        let repair = paper.risk.min(self.terms.repair_cap);
        let storage = paper.paid.max(self.floor);
        let host = storage + self.voucher + self.terms.collateral - paper.risk;
        let owner = self.terms.escrow + self.terms.voucher_part - storage - self.voucher + repair;
        Shares { host, owner, burn: paper.risk - repair }
    }

    pub fn unused(&self) -> Shares {
        let host = self.terms.base_fee + self.voucher + self.terms.collateral;
        Shares { host, owner: self.locked() - host, burn: 0 }
    }

    pub fn fits(&self, paper: &Paper, capacity: u64) -> bool {
        let t = &self.terms;
        paper.paid >= 0
            && paper.due >= 0
            && paper.paid + paper.due <= t.escrow
            && (0..=t.collateral).contains(&paper.risk)
            && paper.sectors <= capacity
            && (t.start..=t.end).contains(&paper.time)
    }
}

pub fn answer_by(terms: &Contract, challenge: &Challenged) -> u64 {
    let wait = if challenge.named.is_some() { 0 } else { terms.publish_window };
    challenge.opened + wait + terms.proof_window
}

/// Everything, by token where it is money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    pub agreements: Vec<Agreement>,
    pub capacity: u64,
    pub owner: [i128; 2],
    pub hosts: Vec<[i128; 2]>,
    pub free: Vec<[i128; 2]>,
    pub bond: Vec<[i128; 2]>,
    pub leaving: Vec<[i128; 2]>,
    pub free_at: Vec<[u64; 2]>,
    pub credit: [i128; 2],
    pub burnt: [i128; 2],
    /// The owner's trust line of the second token is frozen.
    pub frozen: bool,
}
