//! Laws that hold after any schedule: money is conserved, and the contract splits as the node does.

use super::deal::{Deal, bytes};
use super::std::{vec, vec::Vec};
use super::world::{DEPOSIT, World};
use layr_market::{Outcome, Revision, Settled, Settlement, settle};
use layr_types::Stroops;
use proptest::prelude::*;
use soroban_sdk::Vec as HostVec;

/// One step of a schedule. Slots are taken modulo the number of deals.
#[derive(Debug, Clone)]
enum Step {
    Open(u8),
    Publish(u8, u64),
    Close(u8, u64, i128),
    Prove(u8, bool),
    Expire(u8),
    Deposit(u32),
    Withdraw(u32),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let deal = 0..4u8;
    prop_oneof![
        3 => deal.clone().prop_map(Step::Open),
        3 => (deal.clone(), 1..6u64).prop_map(|(d, n)| Step::Publish(d, n)),
        2 => (deal.clone(), 0..6u64, -50_000..900_000i128).prop_map(|(d, n, e)| Step::Close(d, n, e)),
        3 => (deal.clone(), any::<bool>()).prop_map(|(d, honest)| Step::Prove(d, honest)),
        3 => deal.prop_map(Step::Expire),
        1 => (1..10_000u32).prop_map(Step::Deposit),
        1 => (1..10_000u32).prop_map(Step::Withdraw),
        4 => prop_oneof![Just(3_700), Just(86_400), Just(3 * 86_400), Just(9 * 86_400)].prop_map(Step::Pass),
    ]
}

/// A deal as the model knows it.
struct Tracked {
    deal: Deal,
    published: Option<Revision>,
    live: bool,
}

struct Model {
    world: World,
    deals: Vec<Tracked>,
    settled: u32,
}

impl Model {
    fn new() -> Self {
        let world = World::with_hosts(2);
        let deals = (0..4u8)
            .map(|slot| {
                let host = world.hosts[usize::from(slot % 2)].clone();
                let deal = Deal::with(&world, &host, |t| {
                    t.slot = slot;
                    t.end = t.start.plus(86_400 * (1 + 9 * u64::from(slot)));
                    t.offer_expiry = t.start.plus(86_400);
                });
                Tracked { deal, published: None, live: false }
            })
            .collect();
        Self { world, deals, settled: 0 }
    }

    /// Takes a step; refusals are fine, the laws hold either way.
    fn take(&mut self, step: &Step) {
        let world = &self.world;
        let owner = world.owner_address();
        match *step {
            Step::Open(at) => {
                let tracked = &mut self.deals[usize::from(at)];
                let batch = HostVec::from_array(&world.env, [tracked.deal.opening(world)]);
                if world.escrow.try_open(&owner, &batch).is_ok() {
                    assert!(!tracked.live, "nothing opens twice");
                    tracked.live = true;
                }
            }
            Step::Publish(at, n) => {
                let tracked = &mut self.deals[usize::from(at)];
                let risk = Stroops(tracked.deal.terms.collateral.0 * i128::from(n) / 5);
                let revision = Revision { n, risk, ..tracked.deal.revision_within_term() };
                if world.escrow.try_publish(&tracked.deal.publication(world, &revision)).is_ok() {
                    assert!(tracked.live && n > tracked.deal.state.n);
                    tracked.deal.state =
                        tracked.deal.state.published(&layr_market::SoftwareSha256, &revision);
                    tracked.published = Some(revision);
                }
            }
            Step::Close(at, n, earned) => {
                let tracked = &mut self.deals[usize::from(at)];
                let split = tracked.deal.split(n, earned);
                let batch = HostVec::from_array(&world.env, [tracked.deal.closing(world, &split)]);
                let expected = settle_of(&tracked.deal, Outcome::Cooperative(&split));
                let before = self.snapshot(at);
                if self.world.escrow.try_close(&batch).is_ok() {
                    self.ended(at, &before, expected);
                }
            }
            Step::Prove(at, honest) => self.prove(at, honest),
            Step::Expire(at) => self.expire(at),
            Step::Deposit(amount) => {
                let host = world.host().address(&world.env);
                world.escrow.deposit(&host, &world.key(world.host()), &world.token, &amount.into());
            }
            Step::Withdraw(amount) => {
                let _ = world.escrow.try_withdraw(&world.key(world.host()), &world.token, &amount.into());
            }
            Step::Pass(seconds) => world.pass(seconds),
        }
    }

    fn prove(&mut self, at: u8, honest: bool) {
        let (world, tracked) = (&self.world, &self.deals[usize::from(at)]);
        let deal = &tracked.deal;
        let revision = tracked.published.clone().unwrap_or_else(|| deal.revision_within_term());
        world.post_round_of(deal);
        let mut proofs = deal.proofs(&revision);
        proofs[400] ^= u8::from(!honest);
        let expected = settle_of(deal, Outcome::Proved(&revision));
        let before = self.snapshot(at);
        let result = world.escrow.try_prove(
            &deal.terms_bytes(world),
            &deal.state_bytes(world),
            &bytes(world, &revision.encode()),
            &bytes(world, &proofs),
        );
        if result.is_ok() {
            assert!(honest);
            self.ended(at, &before, expected);
        }
    }

    fn expire(&mut self, at: u8) {
        let (world, tracked) = (&self.world, &self.deals[usize::from(at)]);
        let deal = &tracked.deal;
        let (encoded, expected) = match &tracked.published {
            Some(revision) => (revision.encode().to_vec(), settle_of(deal, Outcome::Missed(revision))),
            None => (vec![], settle_of(deal, Outcome::Unused)),
        };
        let before = self.snapshot(at);
        let (terms, state) = (deal.terms_bytes(world), deal.state_bytes(world));
        if world.escrow.try_expire(&terms, &state, &bytes(world, &encoded)).is_ok() {
            self.ended(at, &before, expected);
        }
    }

    /// The host's free balance, the owner's and the burn address's lumens.
    fn snapshot(&self, at: u8) -> [i128; 3] {
        let world = &self.world;
        let burn = world.escrow.constants().burn;
        let host = world.free(&self.deals[usize::from(at)].deal.host);
        [host, world.lumens(&world.owner_address()), world.lumens(&burn)]
    }

    /// An agreement has just ended: once, and exactly as the shared function says.
    fn ended(&mut self, at: u8, before: &[i128; 3], expected: Settlement) {
        let after = self.snapshot(at);
        let tracked = &mut self.deals[usize::from(at)];
        assert!(tracked.live, "nothing is paid twice");
        tracked.live = false;
        self.settled += 1;
        let paid = [0, 1, 2].map(|i| after[i] - before[i]);
        assert_eq!(paid, [expected.host.0, expected.owner.0, expected.burn.0]);
    }

    /// Live locks, free balances and credits are what the contract holds.
    fn check(&self) {
        let world = &self.world;
        let live: i128 = self.deals.iter().filter(|t| t.live).map(|t| t.deal.terms.locked().0).sum();
        let free: i128 = world.hosts.iter().map(|host| world.free(host)).sum();
        let credit = world.escrow.credit(&world.owner_address(), &world.token);
        assert_eq!(live + free + credit, world.lumens(&world.escrow.address));
        for (slot, tracked) in self.deals.iter().enumerate() {
            let slot = u32::try_from(slot).unwrap();
            let held = world.escrow.slot(&world.owner_address(), &0, &slot).to_array();
            assert_eq!(held != [0; 32], tracked.live);
        }
    }
}

fn settle_of(deal: &Deal, outcome: Outcome<'_>) -> Settlement {
    settle(&deal.terms, Settled::default(), deal.terms.end, outcome).unwrap_or_default()
}

impl Deal {
    /// A full gibibyte since the start, whatever the term.
    fn revision_within_term(&self) -> Revision {
        let stored = super::deal::stored();
        Revision::opening(&self.terms, self.id)
            .append(&self.terms, self.terms.start.plus(60), stored.tree.root(), stored.tree.count())
            .unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved_after_every_call_and_every_agreement_ends(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut model = Model::new();
        for step in (0..4).map(Step::Open).collect::<Vec<_>>().iter().chain(&steps) {
            model.take(step);
            model.check();
        }
        // From wherever this led, time and anybody's call alone bring it to its end.
        model.world.pass(60 * 86_400);
        (0..4).for_each(|at| model.expire(at));
        model.check();
        prop_assert!(model.deals.iter().all(|tracked| !tracked.live));
    }

    #[test]
    fn the_contract_splits_as_the_node_does(
        (proved, paid, due, risk) in (any::<bool>(), 0..=100i128, 0..=100i128, 0..=100i128),
        (days, collateral) in (1..30u64, 2..1_000_000_000i128),
        (rate, voucher) in (0..2_000_000u64, 0..10_000i128),
    ) {
        let world = World::new();
        let mut deal = Deal::with(&world, world.host(), |t| {
            t.rate = rate;
            t.collateral = Stroops(collateral);
            t.repair_cap = Stroops(collateral / 3);
            t.voucher_part = Stroops(voucher);
            t.escrow = t.base_fee + Stroops(i128::from(rate) * 31);
        }).open(&world);
        let escrow = deal.terms.escrow.0;
        let stored = super::deal::stored();
        let revision = Revision {
            n: 1,
            time: deal.terms.start.plus(days * 86_400 + 7),
            root: stored.tree.root(),
            sectors: stored.tree.count(),
            paid: Stroops(escrow * paid / 200),
            due: Stroops(escrow * due / 200),
            risk: Stroops(collateral * risk / 100),
            ..Revision::opening(&deal.terms, deal.id)
        };
        deal.publish(&world, &revision);
        let before = (world.free(world.host()), world.lumens(&world.owner_address()));
        let (terms, state) = (deal.terms_bytes(&world), deal.state_bytes(&world));
        let encoded = bytes(&world, &revision.encode());
        let outcome = if proved {
            world.pass_until(deal.frozen());
            world.post_round_of(&deal);
            world.escrow.prove(&terms, &state, &encoded, &bytes(&world, &deal.proofs(&revision)));
            Outcome::Proved(&revision)
        } else {
            world.pass_until(deal.deadline().plus(1));
            world.escrow.expire(&terms, &state, &encoded);
            Outcome::Missed(&revision)
        };
        let share = settle(&deal.terms, Settled::default(), deal.terms.end, outcome).unwrap();
        prop_assert_eq!(world.free(world.host()) - before.0, share.host.0);
        prop_assert_eq!(world.lumens(&world.owner_address()) - before.1, share.owner.0);
        prop_assert_eq!(world.lumens(&world.escrow.constants().burn), share.burn.0);
    }
}

#[test]
fn a_schedule_that_visits_every_end_conserves_money() {
    let mut model = Model::new();
    let steps = [
        Step::Open(0),
        Step::Open(1),
        Step::Open(2),
        Step::Open(3),
        Step::Pass(3_700),
        Step::Close(3, 0, 5),
        Step::Publish(0, 3),
        Step::Publish(1, 5),
        Step::Pass(2 * 86_400),
        Step::Prove(0, false),
        Step::Prove(0, true),
        Step::Pass(31 * 86_400),
        Step::Expire(1),
        Step::Expire(2),
    ];
    for step in &steps {
        model.take(step);
        model.check();
    }
    assert_eq!(model.settled, 4);
    assert!(model.world.lumens(&model.world.escrow.constants().burn) > 0);
    let deposits = i128::try_from(model.world.hosts.len()).unwrap() * DEPOSIT;
    assert!(model.world.lumens(&model.world.escrow.address) < deposits + 10_000_000);
}
