//! A host on its twins, and an owner that plays by the rules unless a test says otherwise.

mod admission;
mod auditing;
mod books;
mod deciding;
mod disputes;
mod ending;
mod exam;
mod freeing;
mod lanes;
mod reading;
mod renewal;
mod revisions;
mod schedules;
mod scrubbing;

use crate::ports::{HostLedger, HostRecords, SectorStore};
use crate::twins::{MemoryLedger, MemoryRecords, MemorySectors, PlainNotes};
use crate::{Host, HostConfig, HostPorts, HostService, serve_lane};
use layr_audits::{Attempt, AuditKind, AuditRecord, Challenge, Commitment, Outcome, fold, judge};
use layr_identity::Signer;
use layr_market::{Context, FinalReason, Request, Revision, SlotState, SoftwareSha256, Terms};
use layr_merkle::{AgreementTree, Peaks, sector_root};
use layr_protocol::lane::{self, Op, RESPONSE_BYTES};
use layr_protocol::{
    Acknowledge, Append, ContentsRequest, Ending, Finish, Free, Proposal, Refusal, SignedOffer,
};
use layr_types::{
    AccountKey, AgreementId, AuditSeed, ByteCount, ContractId, NetworkId, NodeKey, SECTOR_BYTES, SectorIndex,
    SectorRoot, Signature, Stroops, UnixSeconds,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const START: UnixSeconds = UnixSeconds(1_800_000_000);
const TERM: u64 = 30 * 86_400;
/// What the tests' owners set aside for reading.
const VOUCHER_PART: Stroops = Stroops(5_000);

fn context() -> Context {
    Context { network: NetworkId([1; 32]), contract: ContractId([2; 32]) }
}

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&zeroize::Zeroizing::new([seed; 32]))
}

/// A sector whose content is a number's.
fn sector(number: u64) -> Vec<u8> {
    let mut out = vec![0; SECTOR_BYTES];
    blake3::Hasher::new().update(&number.to_be_bytes()).finalize_xof().fill(&mut out);
    out
}

fn root_of(sector: &[u8]) -> SectorRoot {
    sector_root(sector.try_into().expect("one sector"))
}

/// The host's world.
struct World {
    config: HostConfig,
    records: Arc<MemoryRecords>,
    sectors: Arc<MemorySectors>,
    ledger: Arc<MemoryLedger>,
    host: Arc<Host>,
}

impl World {
    /// A host with a quota of `slots` usable slots.
    fn new(slots: u64) -> Self {
        let quota = ByteCount::from_sectors(slots + 1).expect("small");
        let config = HostConfig { grace: 0, ..HostConfig::new(context(), ContractId([3; 32]), quota) };
        let ledger = MemoryLedger::new(context(), START, Stroops::from_xlm(1_000));
        let sectors = MemorySectors::new(u32::try_from(slots).expect("small"));
        Self::over(config, MemoryRecords::default(), sectors, Arc::new(ledger))
    }

    fn over(
        config: HostConfig,
        records: MemoryRecords,
        sectors: MemorySectors,
        ledger: Arc<MemoryLedger>,
    ) -> Self {
        let (records, sectors) = (Arc::new(records), Arc::new(sectors));
        let ports = HostPorts {
            records: Arc::clone(&records) as Arc<dyn HostRecords>,
            sectors: Arc::clone(&sectors) as Arc<dyn SectorStore>,
            ledger: Arc::clone(&ledger) as Arc<dyn HostLedger>,
            notes: Arc::new(PlainNotes),
            signer: signer(200),
        };
        let host = Host::open(config.clone(), ports).expect("the host opens");
        Self { config, records, sectors, ledger, host }
    }

    /// The host after a crash that kept the first `kept` unflushed batches.
    fn crash(&self, kept: usize) -> Self {
        let (records, sectors) = (self.records.crash(kept), self.sectors.crash());
        Self::over(self.config.clone(), records, sectors, Arc::clone(&self.ledger))
    }

    /// The same host after a clean stop.
    fn restart(&self) -> Self {
        self.crash(self.records.unsynced())
    }

    /// Moves the ledger's clock and lets the watcher see it.
    async fn at(&self, time: UnixSeconds) -> crate::Tick {
        self.ledger.set_now(time);
        self.host.tick().await.expect("the watcher finishes its round")
    }

    /// The space ledger is what all rows together say, and adds up to the quota.
    fn assert_books(&self) {
        let space = self.host.space();
        assert_eq!(space, self.host.recount().expect("the rows can be read"), "counters drifted from rows");
        assert_eq!(space.quota(), self.config.quota.whole_sectors());
        let walked = crate::desk::walk(self.host.records()).expect("the rows can be read");
        assert_eq!(self.host.desk().seats, walked.seats, "what the host knows by heart is what is written");
    }
}

/// An owner with one agreement.
#[derive(Clone)]
struct Owner {
    signer: Signer,
    key: NodeKey,
    terms: Terms,
    id: AgreementId,
    newest: Revision,
    peaks: Peaks,
    /// The largest voucher given.
    voucher: Stroops,
}

impl Owner {
    fn draft(world: &World, seed: u8, sectors: u64) -> (Signer, Proposal) {
        let offer: SignedOffer = world.host.current_offer(START);
        let signer = signer(seed);
        let request = Request {
            owner_account: AccountKey([seed; 32]),
            owner_key: NodeKey(signer.public()),
            folder: 0,
            slot: 0,
            capacity: ByteCount::from_sectors(sectors).expect("small"),
            start: START,
            end: START.plus(TERM),
            voucher_part: VOUCHER_PART,
            salt: [seed; 16],
        };
        let terms = offer.offer.draft(&request).expect("the offer covers it");
        (signer, Proposal { terms, offer })
    }

    /// Proposed and signed by the host, not opened.
    async fn proposed(world: &World, seed: u8, sectors: u64) -> Result<Self, Refusal> {
        let (signer, proposal) = Self::draft(world, seed, sectors);
        let key = NodeKey(signer.public());
        let terms = proposal.terms.clone();
        let signature = world.host.propose(key, proposal).await?;
        let id = terms.id(&SoftwareSha256, &context());
        assert!(layr_identity::verify(&world.host.key(), &id.0, &signature), "the host signs the id");
        let newest = Revision::opening(&terms, id);
        Ok(Self { signer, key, terms, id, newest, peaks: Peaks::new(), voucher: Stroops::ZERO })
    }

    /// Opened on the ledger and active.
    async fn open(world: &World, seed: u8, sectors: u64) -> Self {
        let owner = Self::proposed(world, seed, sectors).await.expect("the host agrees");
        world.ledger.open(&owner.terms).expect("the ledger opens it");
        world.host.activate(owner.key, owner.id).await.expect("the host sees it");
        owner
    }

    async fn put(&self, world: &World, sector: &[u8]) -> Result<SectorRoot, Refusal> {
        let root = root_of(sector);
        let mut buffer = world.host.buffers.take().await;
        buffer.copy_from_slice(sector);
        world.host.put_sector(self.key, self.id, root, buffer).await.map(|()| root)
    }

    fn sign(&self, revision: &Revision) -> Signature {
        self.signer.sign(&revision.digest(&SoftwareSha256))
    }

    /// The append of `roots` at `now`, as this owner computes it.
    fn append(&self, roots: &[SectorRoot], now: UnixSeconds) -> (Append, Peaks) {
        let mut peaks = self.peaks.clone();
        roots.iter().for_each(|root| peaks.append(root).expect("small"));
        let revision = self.newest.append(&self.terms, now, peaks.root(), roots.len() as u64);
        let revision = revision.expect("within the terms");
        (Append { signature: self.sign(&revision), revision, sectors: roots.to_vec() }, peaks)
    }

    async fn store(
        &mut self,
        world: &World,
        numbers: &[u64],
        now: UnixSeconds,
    ) -> Result<Signature, Refusal> {
        let mut roots = Vec::new();
        for number in numbers {
            roots.push(self.put(world, &sector(*number)).await?);
        }
        let (append, peaks) = self.append(&roots, now);
        let revision = append.revision.clone();
        let signature = world.host.append(self.key, append).await?;
        (self.newest, self.peaks) = (revision, peaks);
        Ok(signature)
    }

    /// The sectors of the agreement in order, as the host lists them.
    async fn contents(&self, world: &World) -> Vec<SectorRoot> {
        let request = ContentsRequest { id: self.id, from: 0 };
        world.host.contents(self.key, request).await.expect("listed")
    }

    /// Giving up these places (highest first) at `now`, as this owner computes it.
    async fn freeing(&self, world: &World, places: &[u64], now: UnixSeconds) -> (Free, Peaks) {
        let places: Vec<SectorIndex> = places.iter().copied().map(SectorIndex).collect();
        let mut tree = AgreementTree::from_roots(&self.contents(world).await).expect("small");
        tree.trim(&places).expect("they are there");
        let revision = self.newest.trim(&self.terms, now, tree.root(), places.len() as u64);
        let revision = revision.expect("within the terms");
        (Free { signature: self.sign(&revision), revision, places }, tree.peaks())
    }

    async fn free(&mut self, world: &World, places: &[u64], now: UnixSeconds) -> Result<Signature, Refusal> {
        if places.is_empty() || now > self.terms.end {
            return Err(Refusal::TooMany);
        }
        let listed = world.host.contents(self.key, ContentsRequest { id: self.id, from: 0 }).await?;
        if listed.len() as u64 != self.newest.sectors {
            return Err(Refusal::Ended);
        }
        let (free, peaks) = self.freeing(world, places, now).await;
        let revision = free.revision.clone();
        let signature = world.host.free(self.key, free).await?;
        (self.newest, self.peaks) = (revision, peaks);
        Ok(signature)
    }

    fn challenge(&self, nonce: u8) -> Challenge {
        Challenge::random(&Commitment::from(&self.newest), (7, &[9; 32]), [nonce; 32], 20)
    }

    /// Audits, judges, and returns the acknowledgement due.
    async fn audit(&self, world: &World, nonce: u8, now: UnixSeconds) -> Result<Acknowledge, Refusal> {
        let challenge = self.challenge(nonce);
        let answer = world.host.audit(self.key, challenge.clone()).await?;
        let (took, allowed) = (Duration::from_millis(5), Duration::from_secs(5));
        let attempt = Attempt { outcome: Outcome::Answered(&answer), took, allowed };
        let judged = judge(&challenge, &Commitment::from(&self.newest), &attempt);
        let record = AuditRecord::new(AuditKind::Random, &challenge, &judged).expect("it counts");
        Ok(self.acknowledgement(record, now))
    }

    fn acknowledgement(&self, record: AuditRecord, now: UnixSeconds) -> Acknowledge {
        let audits = fold(&self.newest.audits, &record).expect("not full");
        let revision = match record.verdict {
            layr_audits::Verdict::Passed => self.newest.acknowledge(&self.terms, now, audits),
            _ => self.newest.record_failure(&self.terms, now, audits),
        };
        let revision = revision.expect("within the terms");
        Acknowledge { signature: self.sign(&revision), revision, record, seed: AuditSeed([0; 32]) }
    }

    fn finish(&self, reason: FinalReason) -> Finish {
        let (terms, newest, state) = (&self.terms, &self.newest, &SlotState::opening(&self.terms));
        let ending = Ending { terms, newest, state, voucher: self.voucher };
        let split = ending.fair_split(reason).expect("fits");
        Finish { signature: self.signer.sign(&split.digest(&SoftwareSha256)), split }
    }
}
