//! The hosts: who they are, whom they would fail together with, and whether they cheat.

use crate::dice::Dice;
use crate::directory::Directory;
use crate::scenario::{Scenario, Troubles};
use layr_market::Offer;
use layr_placement::{Candidate, HostCard, Kin, Score, distance};
use layr_types::{ByteCount, ContractId, DAY_SECONDS, GIB, NodeKey, Stroops, UnixSeconds};
use std::net::{IpAddr, Ipv4Addr};

/// Regions there are.
pub(crate) const REGIONS: u8 = 12;
/// The asset everybody is paid in.
pub(crate) const TOKEN: ContractId = ContractId([3; 32]);
/// An operator that is none: the host stands alone.
pub(crate) const ALONE: u32 = u32::MAX;

/// How a host cheats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Signs for everything and stores nothing.
    StoresNothing,
    /// Drops leaves once it believes itself trusted.
    DropsLeaves,
    /// Stops answering audits, and keeps its connection.
    StopsAnswering,
}

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    /// Tells it from those before it in the same place.
    pub(crate) serial: u32,
    /// As placement sees it.
    pub(crate) candidate: Candidate,
    /// Whom it shares what with, as it declares.
    pub(crate) kin: Kin,
    /// Its place in the key space.
    pub(crate) place: u64,
    /// False once it is gone for good.
    pub(crate) alive: bool,
    /// It cannot be reached, or is too slow, before this.
    pub(crate) away_until: u64,
    /// Late rather than away.
    pub(crate) slow: bool,
    /// Whether and how it cheats.
    pub(crate) lie: Option<Lie>,
    /// Who runs it, declared or not.
    pub(crate) operator: u32,
    /// Where it stands.
    pub(crate) region: u8,
    /// Seats that lie on it.
    pub(crate) seats: Vec<u32>,
}

/// One operator of several hosts.
#[derive(Debug, Clone, Copy)]
struct Operator {
    /// How many hosts it still has room for.
    room: u32,
    declared: bool,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// By number; dead ones stay until nobody names them.
    pub(crate) all: Vec<Host>,
    /// The living, by place.
    pub(crate) directory: Directory,
    free: Vec<u32>,
    operators: Vec<Operator>,
    serial: u32,
    /// Mean stay of a host for itself, days: operators' exits make up the rest of the scenario's rate.
    life_alone: f64,
    life_operated: f64,
}

impl Hosts {
    /// Nobody yet.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let exits = scenario.troubles.operator_years * 365.25;
        let alone = 1.0 / scenario.life - 1.0 / exits;
        let operated = scenario.troubles.operated > 0.0 && exits > 0.0 && alone > 0.0;
        Self {
            all: Vec::new(),
            directory: Directory::default(),
            free: Vec::new(),
            operators: Vec::new(),
            serial: 0,
            life_alone: scenario.life,
            life_operated: if operated { 1.0 / alone } else { scenario.life },
        }
    }

    /// A new host joins; `met` says that it was there before the simulation began. Its number, and seconds it stays.
    pub(crate) fn join(&mut self, scenario: &Scenario, met: bool, dice: &mut Dice) -> (u32, u64) {
        self.serial += 1;
        let operator = self.employer(&scenario.troubles, dice);
        let host = self.make(&scenario.troubles, operator, dice);
        let life = if operator == ALONE { self.life_alone } else { self.life_operated };
        let stay = if met { scenario.lifetime.rest(life, dice) } else { scenario.lifetime.stay(life, dice) };
        let place = host.place;
        let number = match self.free.pop() {
            Some(number) => {
                self.all[number as usize] = host;
                number
            }
            None => {
                self.all.push(host);
                u32::try_from(self.all.len() - 1).expect("a scenario has at most a million hosts")
            }
        };
        self.directory.insert(place, number);
        (number, stay)
    }

    /// The operators there are, and whether this one is new since `known` of them.
    pub(crate) fn operators(&self) -> u32 {
        u32::try_from(self.operators.len()).unwrap_or(u32::MAX)
    }

    fn employer(&mut self, troubles: &Troubles, dice: &mut Dice) -> u32 {
        if !dice.happens(troubles.operated) {
            return ALONE;
        }
        let last = self.operators.len().saturating_sub(1);
        match self.operators.last_mut().filter(|operator| operator.room > 0) {
            Some(operator) => {
                operator.room -= 1;
                u32::try_from(last).unwrap_or(ALONE)
            }
            None => {
                let declared = dice.happens(troubles.declared);
                self.operators.push(Operator { room: troubles.fleet - 1, declared });
                u32::try_from(self.operators.len() - 1).unwrap_or(ALONE)
            }
        }
    }

    fn make(&self, troubles: &Troubles, operator: u32, dice: &mut Dice) -> Host {
        let node = NodeKey(dice.bytes());
        let region = u8::try_from(dice.below(REGIONS.into())).unwrap_or(0);
        let [a, b, c, d, ..] = dice.bytes();
        // Public addresses (11.0.0.0 to 126.255.255.255): about 7.6 million networks of 256.
        let address = IpAddr::V4(Ipv4Addr::new(11 + a % 116, b, c, d));
        let declared = self.operators.get(operator as usize).is_some_and(|operator| operator.declared);
        let card = HostCard {
            node,
            addresses: vec![address],
            region: format!("r{region}"),
            operator: if declared { format!("o{operator}") } else { String::new() },
        };
        let lie = dice.happens(troubles.liars).then(|| match dice.below(3) {
            0 => Lie::StoresNothing,
            1 => Lie::DropsLeaves,
            _ => Lie::StopsAnswering,
        });
        Host {
            serial: self.serial,
            kin: Kin::of(&card, true),
            place: distance(&[0; 32], &node),
            candidate: Candidate { card, offer: offer(node, dice), score: Score::STRANGER },
            alive: true,
            away_until: 0,
            slow: dice.happens(troubles.slow),
            lie,
            operator,
            region,
            seats: Vec::new(),
        }
    }

    /// A host is gone for good; its seats stay named until [`Hosts::vacate`].
    pub(crate) fn leave(&mut self, number: u32) {
        let host = &mut self.all[number as usize];
        host.alive = false;
        self.directory.remove(host.place, number);
        self.release(number);
    }

    /// A seat no longer lies on this host.
    pub(crate) fn vacate(&mut self, number: u32, seat: u32) {
        let host = &mut self.all[number as usize];
        if let Some(at) = host.seats.iter().position(|held| *held == seat) {
            host.seats.swap_remove(at);
        }
        self.release(number);
    }

    fn release(&mut self, number: u32) {
        let host = &self.all[number as usize];
        if !host.alive && host.seats.is_empty() {
            self.free.push(number);
        }
    }
}

/// A price around 20,000 stroops per GiB-day, and the windows hosts use.
fn offer(node: NodeKey, dice: &mut Dice) -> Offer {
    let day = u32::try_from(DAY_SECONDS).expect("86,400");
    let rate = 15_000 + dice.below(15_000);
    Offer {
        host_key: node,
        token: TOKEN,
        rate,
        base_fee: Stroops(200_000),
        collateral_percent: 200,
        free: ByteCount(1_024 * GIB),
        min_term: day,
        max_term: 180 * day,
        publish_window: day,
        proof_window: day,
        notice: 3 * day,
        challenge_gap: day,
        max_challenges: 10,
        disclosure_price: Stroops(100_000),
        exit_fee: Stroops(0),
        samples: 4,
        egress_rate: 0,
        issued: UnixSeconds(0),
        expires: UnixSeconds(u64::MAX),
    }
}
