//! The law of the space ledger: after any operations and any crash, it is what the rows say.

use super::*;
use proptest::prelude::*;

/// Something that happens to a host. Owners and sectors are taken modulo those there are.
#[derive(Debug, Clone)]
enum Step {
    /// A new owner proposes that many sectors and opens the agreement.
    Agree(u64),
    /// A new owner proposes that many sectors and is never heard of again.
    Propose(u64),
    /// An owner stores a sector (of very few, so that they meet).
    Put(usize, u64),
    /// An owner appends everything it stored.
    Append(usize),
    /// An owner gives up some of what it appended: every place whose bit is set.
    Free(usize, u64),
    /// An owner ends by consent.
    Finish(usize),
    /// Time passes.
    Pass(u64),
    /// The host crashes; that many unflushed batches survive.
    Crash(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1u64..5).prop_map(Step::Agree),
        1 => (1u64..4).prop_map(Step::Propose),
        12 => (0usize..8, 0u64..7).prop_map(|(owner, sector)| Step::Put(owner, sector)),
        6 => (0usize..8).prop_map(Step::Append),
        4 => (0usize..8, 1u64..256).prop_map(|(owner, places)| Step::Free(owner, places)),
        2 => (0usize..8).prop_map(Step::Finish),
        4 => prop_oneof![4 => 1u64..700, 2 => 20_000u64..90_000, 1 => Just(TERM)].prop_map(Step::Pass),
        2 => (0usize..3).prop_map(Step::Crash),
    ];
    proptest::collection::vec(step, 10..70)
}

/// What the outside remembers: owners and what they have been told is stored.
#[derive(Default)]
struct Outside {
    owners: Vec<(Owner, Vec<SectorRoot>)>,
    now: u64,
    proposals: u8,
}

impl Outside {
    async fn take(&mut self, world: World, step: Step) -> World {
        let now = START.plus(self.now);
        match step {
            Step::Agree(sectors) => {
                if let Some(owner) = self.propose(&world, sectors, now).await {
                    world.ledger.open(&owner.terms).expect("the ledger opens what the host has signed");
                    world.host.activate(owner.key, owner.id).await.expect("the host sees it");
                    self.owners.push((owner, Vec::new()));
                }
            }
            Step::Propose(sectors) => drop(self.propose(&world, sectors, now).await),
            Step::Put(at, number) => {
                if let Some((owner, stored)) = self.owner(at)
                    && let Ok(root) = owner.put(&world, &sector(number)).await
                {
                    stored.push(root);
                }
            }
            Step::Append(at) => self.append(&world, at, now).await,
            Step::Free(at, bits) => {
                if let Some((owner, _)) = self.owner(at) {
                    let count = owner.newest.sectors.min(64);
                    let places: Vec<u64> = (0..count).rev().filter(|at| (bits >> at) & 1 == 1).collect();
                    let _ = owner.free(&world, &places, now).await;
                }
            }
            Step::Finish(at) => {
                if let Some((owner, _)) = self.owner(at) {
                    let reason =
                        if now >= owner.terms.end { FinalReason::TermOver } else { FinalReason::Early };
                    let _ = world.host.finish(owner.key, owner.finish(reason)).await;
                }
            }
            Step::Pass(seconds) => {
                self.now += seconds;
                world.at(START.plus(self.now)).await;
            }
            Step::Crash(kept) => return world.crash(kept),
        }
        world
    }

    fn owner(&mut self, at: usize) -> Option<&mut (Owner, Vec<SectorRoot>)> {
        let count = self.owners.len().max(1);
        self.owners.get_mut(at % count)
    }

    async fn propose(&mut self, world: &World, sectors: u64, now: UnixSeconds) -> Option<Owner> {
        self.proposals += 1;
        let offer = world.host.current_offer(now);
        let signer = signer(self.proposals);
        let request = Request {
            owner_account: AccountKey([self.proposals; 32]),
            owner_key: NodeKey(signer.public()),
            folder: 0,
            slot: 0,
            capacity: ByteCount::from_sectors(sectors)?,
            start: now,
            end: now.plus(TERM),
            voucher_part: Stroops::ZERO,
            salt: [self.proposals; 16],
        };
        let terms = offer.offer.draft(&request).ok()?;
        let (key, id) = (request.owner_key, terms.id(&SoftwareSha256, &context()));
        world.host.propose(key, Proposal { terms: terms.clone(), offer }).await.ok()?;
        let newest = Revision::opening(&terms, id);
        Some(Owner { signer, key, terms, id, newest, peaks: Peaks::new(), voucher: Stroops::ZERO })
    }

    async fn append(&mut self, world: &World, at: usize, now: UnixSeconds) {
        let Some((owner, stored)) = self.owner(at) else { return };
        let stored = std::mem::take(stored);
        if stored.is_empty() || now > owner.terms.end {
            return;
        }
        let mut peaks = owner.peaks.clone();
        stored.iter().for_each(|root| peaks.append(root).expect("small"));
        let revision = owner.newest.append(&owner.terms, now, peaks.root(), stored.len() as u64);
        let Ok(revision) = revision else { return };
        let append = Append { signature: owner.sign(&revision), revision, sectors: stored };
        if world.host.append(owner.key, append.clone()).await.is_ok() {
            (owner.newest, owner.peaks) = (append.revision, peaks);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_space_ledger_is_what_the_rows_say_after_anything(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut world = World::new(9);
            let mut outside = Outside::default();
            for step in steps {
                world = outside.take(world, step).await;
                world.assert_books();
            }
            for (owner, _) in &outside.owners {
                let Ok(Some(latest)) = world.host.latest(owner.key, owner.id).await else { continue };
                assert_eq!(latest.revision, owner.newest, "what was countersigned is kept");
            }
        });
    }
}
