//! The model and the contract side by side: every call is made to both, and both must agree on whether it is
//! taken, and on everything that can be seen afterwards.

use super::accounts::Party;
use super::deal::{Deal, bytes, stored};
use super::model::{Agreement, Challenged, Contract, Life, Model, Paper, Side};
use super::std::{collections::BTreeSet, format, string::String, sync::OnceLock, vec, vec::Vec};
use super::world::{DEPOSIT, FUNDS, GENESIS, PERIOD, World};
use crate::storage;
use layr_market::{
    BeaconSchedule, ChallengeKind, ChallengeState, PendingRotation, Phase, Revision, Rotation, Sha256 as _,
    SlotState, SoftwareSha256, leaf_index, named_leaves_hash,
};
use layr_types::{AgreementRoot, LeafIndex, NodeKey, Stroops, UnixSeconds};
use soroban_sdk::testutils::Ledger as _;
use soroban_sdk::{Address, Bytes, BytesN, token::TokenClient};

/// The owner's key at opening, and the hosts'.
pub const OWNER: u8 = 1;
pub const HOSTS: [u8; 2] = [10, 11];

/// The party with this number; they are made once.
pub fn party(number: u8) -> &'static Party {
    static ALL: OnceLock<Vec<Party>> = OnceLock::new();
    &ALL.get_or_init(|| (0..=127).map(Party::new).collect())[usize::from(number)]
}

/// Both worlds.
pub struct Run {
    pub world: World,
    pub model: Model,
    /// The model before the call that is being made.
    pub before: Model,
    pub deals: Vec<Deal>,
    /// The newest revision both have signed, with the keys they signed it with.
    pub newest: Vec<Option<(Paper, [u8; 2])>>,
    pub rounds: BTreeSet<u64>,
    pub tokens: [Address; 2],
    burn: Address,
    /// What happened, for a failure's report.
    pub story: Vec<String>,
    pub taken: u64,
    pub refused: u64,
    /// After how many calls everything that can be seen is compared: 1, or more in a long run.
    pub every: u64,
}

impl Run {
    pub fn new() -> Self {
        let world = World::with_hosts(2);
        for host in &world.hosts {
            world.escrow.deposit(&host.address(&world.env), &world.key(host), &world.other, &DEPOSIT);
        }
        let begin = i128::from(FUNDS);
        let model = Model {
            agreements: vec![],
            capacity: stored().tree.count(),
            owner: [begin; 2],
            hosts: vec![[begin - DEPOSIT; 2]; 2],
            free: vec![[DEPOSIT; 2]; 2],
            bond: vec![[0; 2]; 2],
            leaving: vec![[0; 2]; 2],
            free_at: vec![[0; 2]; 2],
            credit: [0; 2],
            burnt: [0; 2],
            frozen: false,
        };
        let tokens = [world.token.clone(), world.other.clone()];
        let burn = world.escrow.constants().burn;
        Self {
            world,
            before: model.clone(),
            model,
            deals: vec![],
            newest: vec![],
            rounds: BTreeSet::new(),
            tokens,
            burn,
            story: vec![],
            taken: 0,
            refused: 0,
            every: 1,
        }
    }

    pub fn now(&self) -> u64 {
        self.world.now().0
    }

    /// Time passes; ledgers hardly, so that nothing is archived.
    pub fn pass(&mut self, seconds: u64) {
        self.story.push(format!("{seconds} s pass"));
        self.world.env.ledger().with_mut(|info| {
            info.timestamp += seconds;
            info.sequence_number += 1;
        });
    }

    /// Takes an agreement into both worlds, unopened.
    pub fn add(&mut self, deal: Deal, (host, token, previous): (usize, usize, Option<usize>)) -> usize {
        let t = &deal.terms;
        let terms = Contract {
            host,
            token,
            previous,
            slot: t.slot.into(),
            escrow: t.escrow.0,
            voucher_part: t.voucher_part.0,
            collateral: t.collateral.0,
            base_fee: t.base_fee.0,
            repair_cap: t.repair_cap.0,
            exit_fee: t.exit_fee.0,
            disclosure: t.disclosure_price.0,
            rate: t.rate.into(),
            start: t.start.0,
            end: t.end.0,
            offer_expiry: t.offer_expiry.0,
            publish_window: t.publish_window.into(),
            proof_window: t.proof_window.into(),
            notice: t.notice.into(),
            gap: t.challenge_gap.into(),
            max_challenges: t.max_challenges,
            auditor: t.auditor_key != NodeKey([0; 32]),
        };
        self.model.agreements.push(Agreement::new(terms, [OWNER, HOSTS[host]]));
        self.before = self.model.clone();
        self.deals.push(deal);
        self.newest.push(None);
        self.deals.len() - 1
    }

    pub fn agreement(&self, at: usize) -> &Agreement {
        &self.model.agreements[at]
    }

    /// A paper as the parties write it: it holds the stored gibibyte, or nothing.
    pub fn revision(&self, at: usize, paper: &Paper) -> Revision {
        let root = if paper.sectors == 0 { AgreementRoot::default() } else { stored().tree.root() };
        Revision {
            n: paper.n,
            time: UnixSeconds(paper.time),
            root,
            sectors: paper.sectors,
            paid: Stroops(paper.paid),
            due: Stroops(paper.due),
            risk: Stroops(paper.risk),
            ..Revision::opening(&self.deals[at].terms, self.deals[at].id)
        }
    }

    /// The published revision's bytes; none where there is none.
    pub fn published(&self, at: usize) -> Bytes {
        let paper = self.agreement(at).published.clone();
        let raw = paper.map_or(vec![], |paper| self.revision(at, &paper).encode().to_vec());
        bytes(&self.world, &raw)
    }

    pub fn terms(&self, at: usize) -> Bytes {
        self.deals[at].terms_bytes(&self.world)
    }

    /// What the slot must stand for, out of the model alone.
    pub fn state(&self, at: usize) -> SlotState {
        let (a, id) = (self.agreement(at), self.deals[at].id);
        let digest = |paper: &Paper| self.revision(at, paper).digest(&SoftwareSha256);
        let key = |number: u8| NodeKey(party(number).node_key());
        let pending = a.pending.as_ref().map(|pending| {
            let rotation = self.rotation(at, (pending.side, pending.to));
            let mut half = [0; 16];
            half.copy_from_slice(&rotation.digest(&SoftwareSha256)[..16]);
            PendingRotation { effective: UnixSeconds(pending.at), party: rotation.party, digest: half }
        });
        debug_assert!(pending.is_none_or(|_| id == self.deals[at].id));
        SlotState {
            phase: if a.waiting { Phase::Challenged } else { Phase::Active },
            n: a.n(),
            revision: a.published.as_ref().map_or([0; 32], digest),
            floor: Stroops(a.floor),
            voucher: Stroops(a.voucher),
            ending_at: UnixSeconds(a.ending),
            challenge: a.challenge.as_ref().map_or(ChallengeState::NONE, |c| challenge_state(c, a.count)),
            owner_key: key(a.keys[0]),
            host_key: key(a.keys[1]),
            rotation: pending,
        }
    }

    pub fn state_bytes(&self, at: usize) -> Bytes {
        bytes(&self.world, &self.state(at).encode())
    }

    /// A side's change from its present key.
    pub fn rotation(&self, at: usize, (side, to): (Side, u8)) -> Rotation {
        let present = self.agreement(at).keys[usize::from(side == Side::Host)];
        let key = |number: u8| NodeKey(party(number).node_key());
        Rotation { id: self.deals[at].id, party: side_of(side), from: key(present), to: key(to) }
    }

    pub fn sign(&self, key: u8, digest: &[u8; 32]) -> BytesN<64> {
        self.world.signature(&party(key).sign(digest))
    }

    /// The round that decides over what freezes then.
    pub fn round(&self, frozen: u64) -> u64 {
        schedule().deciding_round(UnixSeconds(frozen))
    }

    /// Puts a round on the ledger once the beacon has published it. The signature is another test's matter.
    pub fn post_round(&mut self, frozen: u64) -> bool {
        let round = self.round(frozen);
        if schedule().time_of(round).0 > self.now() {
            return false;
        }
        let (env, seed) = (&self.world.env, randomness(round));
        env.as_contract(&self.world.escrow.address, || {
            storage::set_beacon(env, round, &BytesN::from_array(env, &seed));
        });
        self.rounds.insert(round);
        true
    }

    /// The proofs that the published revision owes after freezing then, or of these leaves.
    pub fn proofs(&self, at: usize, frozen: u64, named: Option<&[u64]>) -> Vec<u8> {
        let Some(paper) = &self.agreement(at).published else { return vec![] };
        let leaves = self.revision(at, paper).leaves();
        let (id, seed) = (self.deals[at].id, randomness(self.round(frozen)));
        let chosen: Vec<LeafIndex> = match named {
            Some(list) => list.iter().filter(|leaf| **leaf < leaves).map(|leaf| LeafIndex(*leaf)).collect(),
            None => (0..u32::from(self.deals[at].terms.samples))
                .filter_map(|i| leaf_index(&SoftwareSha256, &seed, (&id, paper.n), i, leaves))
                .collect(),
        };
        stored().proofs(&chosen)
    }

    /// Both worlds must have answered alike, and look alike.
    pub fn agree<T, E>(&mut self, what: String, allowed: bool, result: Result<T, E>) -> bool {
        self.story.push(what);
        let before = core::mem::replace(&mut self.before, self.model.clone());
        self.model.follows(&before, allowed);
        assert_eq!(
            result.is_ok(),
            allowed,
            "the contract and the model differ on the last of {:#?}",
            self.story
        );
        let count = if allowed { &mut self.taken } else { &mut self.refused };
        *count += 1;
        // Every call carries the model's state, so that the next one would be refused if the contract's were another.
        if (self.taken + self.refused).is_multiple_of(self.every) {
            self.compare();
        }
        allowed
    }

    /// Everything that can be seen is what the model says, and no balance is negative.
    pub fn compare(&self) {
        let (world, model) = (&self.world, &self.model);
        let env = &world.env;
        let owner = world.owner_address();
        let folder: Vec<u8> = env.as_contract(&world.escrow.address, || {
            for (token, address) in self.tokens.iter().enumerate() {
                for (host, number) in HOSTS.iter().enumerate() {
                    let key = BytesN::from_array(env, &party(*number).node_key());
                    assert_eq!(
                        storage::balance(env, &key, address),
                        model.free[host][token],
                        "{:#?}",
                        self.story
                    );
                    assert!(model.free[host][token] >= 0);
                    let bond = storage::bond(env, &key, address);
                    assert_eq!(
                        (bond.amount, bond.leaving),
                        (model.bond[host][token], model.leaving[host][token])
                    );
                }
                assert_eq!(storage::credit(env, &owner, address), model.credit[token], "{:#?}", self.story);
            }
            storage::folder(env, &owner, 0).iter().collect()
        });
        for (slot, held) in folder.chunks(32).enumerate() {
            let tenant = model.tenant(u32::try_from(slot).unwrap());
            let expected =
                tenant.map_or([0; 32], |at| self.state(at).commitment(&SoftwareSha256, &self.deals[at].id));
            assert_eq!(held, expected, "slot {slot} after {:#?}", self.story);
        }
        for (token, address) in self.tokens.iter().enumerate() {
            let client = TokenClient::new(env, address);
            assert_eq!(client.balance(&world.escrow.address), model.held(token), "{:#?}", self.story);
            assert_eq!(client.balance(&owner), model.owner[token], "{:#?}", self.story);
        }
    }

    /// The rest of what can be seen; it changes less often.
    pub fn compare_wallets(&self) {
        for (token, address) in self.tokens.iter().enumerate() {
            let client = TokenClient::new(&self.world.env, address);
            assert_eq!(client.balance(&self.burn), self.model.burnt[token]);
            for (host, party) in self.world.hosts.iter().enumerate() {
                assert_eq!(client.balance(&party.address(&self.world.env)), self.model.hosts[host][token]);
            }
        }
    }

    /// The agreements that are open.
    pub fn open_ones(&self) -> Vec<usize> {
        (0..self.deals.len()).filter(|at| self.agreement(*at).life == Life::Open).collect()
    }
}

fn challenge_state(c: &Challenged, count: u16) -> ChallengeState {
    let (kind, leaves_hash) = match &c.named {
        Some(list) => (ChallengeKind::Named, named_leaves_hash(&SoftwareSha256, &list_bytes(list))),
        None => (ChallengeKind::Random, [0; 32]),
    };
    let (by, bond) = (side_of(c.by), Stroops(c.bond));
    ChallengeState { kind, by, opened: UnixSeconds(c.opened), bond, leaves_hash, count }
}

/// A named challenge's list as it is signed.
pub fn list_bytes(list: &[u64]) -> Vec<u8> {
    list.iter().flat_map(|leaf| leaf.to_be_bytes()).collect()
}

pub const fn side_of(side: Side) -> layr_market::Party {
    match side {
        Side::Owner => layr_market::Party::Owner,
        Side::Host => layr_market::Party::Host,
        Side::Auditor => layr_market::Party::Auditor,
    }
}

const fn schedule() -> BeaconSchedule {
    BeaconSchedule { genesis: UnixSeconds(GENESIS), period: PERIOD }
}

/// What these schedules take for a round's randomness.
fn randomness(round: u64) -> [u8; 32] {
    SoftwareSha256.sha256(&[b"a round of the schedules", &round.to_be_bytes()])
}
