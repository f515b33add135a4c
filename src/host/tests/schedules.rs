//! A host that is awake loses nothing, whatever its owner does and wherever it crashes: random schedules of both
//! parties, the clock, lost answers and crashes, through to the settlement.

use super::*;
use crate::ports::OnLedger;
use layr_market::{
    Challenge as Demand, ChallengeKind, Notice, Outcome as Ended, Party, Settled, named_leaves_hash, settle,
};
use layr_protocol::CoSigned;
use proptest::prelude::*;

/// One thing that happens.
#[derive(Debug, Clone)]
enum Event {
    /// So many minutes pass, and the host looks.
    Minutes(u16),
    /// The host crashes, keeping so many unflushed batches, and starts again.
    Crash(usize),
    /// Answers of the ledger are lost until the host has looked again.
    Mute(bool),
    /// The ledger refuses every change until the host has looked again.
    Refuse(bool),
    /// The owner acknowledges an audit.
    Acknowledge,
    /// The owner appends one more sector.
    Append,
    /// The owner publishes this revision, if it may.
    Publish(usize),
    /// The owner challenges: named leaves, or at random.
    Challenge(Option<u16>),
    /// The owner gives notice.
    Notice,
    /// The owner hands over a voucher of this amount.
    Voucher(u16),
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (1u16..600).prop_map(Event::Minutes),
        3 => (0usize..4).prop_map(Event::Crash),
        1 => any::<bool>().prop_map(Event::Mute),
        1 => any::<bool>().prop_map(Event::Refuse),
        2 => Just(Event::Acknowledge),
        2 => Just(Event::Append),
        2 => (0usize..6).prop_map(Event::Publish),
        3 => proptest::option::of(0u16..5_000).prop_map(Event::Challenge),
        1 => Just(Event::Notice),
        1 => (1u16..5_000).prop_map(Event::Voucher),
    ]
}

/// A host, an owner that remembers every revision, and what they have agreed on.
struct Play {
    world: World,
    owner: Owner,
    signed: Vec<CoSigned>,
    now: UnixSeconds,
    next_sector: u64,
}

impl Play {
    async fn new() -> Self {
        let world = World::new(8);
        let mut owner = Owner::open(&world, 1, 6).await;
        owner.store(&world, &[1, 2], START).await.expect("stored");
        let mut play = Self { world, owner, signed: Vec::new(), now: START, next_sector: 3 };
        play.remember().await;
        play
    }

    async fn remember(&mut self) {
        let latest = self.world.host.latest(self.owner.key, self.owner.id).await;
        if let Ok(Some(signed)) = latest
            && self.signed.last() != Some(&signed)
        {
            self.signed.push(signed);
        }
    }

    fn at(&self) -> OnLedger {
        let opening = || SlotState::opening(&self.owner.terms);
        let state = self.world.ledger.told(&self.owner.id).unwrap_or_else(opening);
        OnLedger { terms: self.owner.terms.clone(), state }
    }

    async fn look(&mut self) {
        for _ in 0..3 {
            self.now = self.now.plus(20);
            self.world.ledger.set_now(self.now);
            self.world.host.tick().await.expect("the watcher finishes its round");
        }
    }

    /// What the contract or the host refuses, it refuses; nothing depends on it.
    async fn happen(&mut self, event: &Event) {
        match event {
            Event::Minutes(minutes) => {
                self.now = self.now.plus(u64::from(*minutes) * 60);
                self.look().await;
            }
            Event::Crash(kept) => self.world = self.world.crash(*kept),
            Event::Mute(mute) => self.world.ledger.set_mute(*mute),
            Event::Refuse(refusing) => self.world.ledger.set_refusing(*refusing),
            Event::Acknowledge => self.acknowledge().await,
            Event::Append => self.append().await,
            Event::Publish(which) => {
                let which = which % self.signed.len();
                let _ = self.world.ledger.publish_by_owner(&self.at(), &self.signed[which]);
            }
            Event::Challenge(leaf) => self.challenge(*leaf),
            Event::Notice => {
                let ending_at = self.now.plus(u64::from(self.owner.terms.notice) + 60);
                let notice = Notice { id: self.owner.id, by: Party::Owner, ending_at };
                let _ = self.world.ledger.notice(&self.at(), &notice);
            }
            Event::Voucher(amount) => {
                let amount = Stroops(i128::from(*amount));
                let voucher = layr_market::Voucher { id: self.owner.id, amount, bytes: ByteCount(1) };
                let signature = self.owner.signer.sign(&voucher.digest(&SoftwareSha256));
                let signed = layr_protocol::SignedVoucher { voucher, signature };
                let _ = self.world.host.voucher(self.owner.key, signed).await;
            }
        }
    }

    async fn acknowledge(&mut self) {
        if let Ok(ack) = self.owner.audit(&self.world, 1, self.now.min(self.owner.terms.end)).await
            && self.world.host.acknowledge(self.owner.key, ack.clone()).await.is_ok()
        {
            self.owner.newest = ack.revision;
            self.remember().await;
        }
    }

    async fn append(&mut self) {
        if self.now < self.owner.terms.end
            && self.owner.store(&self.world, &[self.next_sector], self.now).await.is_ok()
        {
            self.next_sector += 1;
            self.remember().await;
        }
    }

    fn challenge(&self, leaf: Option<u16>) {
        let state = self.at().state;
        let list = leaf.map_or_else(Vec::new, |leaf| u64::from(leaf).to_be_bytes().to_vec());
        let demand = Demand {
            id: self.owner.id,
            n: state.n,
            count: state.challenge.count,
            kind: if leaf.is_some() { ChallengeKind::Named } else { ChallengeKind::Random },
            by: Party::Owner,
            bond: self.owner.terms.disclosure_price,
            leaves_hash: if leaf.is_some() { named_leaves_hash(&SoftwareSha256, &list) } else { [0; 32] },
            expires: self.owner.terms.end,
        };
        let _ = self.world.ledger.open_challenge(&self.at(), &demand, &list);
    }

    /// The ledger works again; time passes by the hour until everything is over.
    async fn end(&mut self) {
        self.world.ledger.set_mute(false);
        self.world.ledger.set_refusing(false);
        let over = self.owner.terms.proof_deadline(self.owner.terms.end).plus(2 * 86_400);
        while self.world.ledger.paid().is_empty() && self.now < over {
            self.now = self.now.plus(3_600);
            self.look().await;
        }
        for _ in 0..3 {
            self.now = self.now.plus(3_600);
            self.look().await;
        }
    }
}

async fn play(schedule: Vec<Event>) {
    let mut play = Play::new().await;
    for event in &schedule {
        play.happen(event).await;
        play.world.assert_books();
        // A ledger that refuses everything for a day can cost a deadline; this host is spared that.
        if let Event::Minutes(_) = event {
            play.world.ledger.set_refusing(false);
            play.world.ledger.set_mute(false);
        }
    }
    play.end().await;
    let paid = play.world.ledger.paid();
    assert_eq!(paid.len(), 1, "paid once: {:?}", play.world.ledger.calls());
    let (terms, state) = (&play.owner.terms, play.at().state);
    let settled = Settled { floor: state.floor, voucher: state.voucher };
    let owed = settle(terms, settled, state.ending_at, Ended::Proved(&play.owner.newest)).expect("fits");
    assert_eq!(
        paid[0].settlement,
        owed,
        "all it earned and all its collateral: {:?}",
        play.world.ledger.calls()
    );
    play.world.assert_books();
    let space = play.world.host.space();
    assert_eq!((space.free, space.reserved, space.live), (8, 0, 0));
    let income = play.world.host.status().await.expect("readable").paid;
    assert_eq!(income, owed.host - terms.collateral, "and its books say so");
}

fn run(schedule: Vec<Event>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(play(schedule));
}

/// 24 schedules, or as many as `LAYR_SCHEDULES` says.
fn cases() -> u32 {
    std::env::var("LAYR_SCHEDULES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(24)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn an_awake_host_loses_nothing_whatever_the_owner_does_and_wherever_it_crashes(
        schedule in proptest::collection::vec(events(), 0..60),
    ) {
        run(schedule);
    }
}
