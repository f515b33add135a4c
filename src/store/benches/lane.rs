//! A host's whole path from lane to disk and back, without a network: frames, hashing, slot files, records, flushes.
//!
//! Prints the processor time of both ends for a gigabyte beside the throughput: at three stored bytes for each byte of
//! a file it is what bounds an upload.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use layr_host::ports::HostLedger;
use layr_host::twins::{MemoryLedger, PlainNotes};
use layr_host::{Host, HostConfig, HostPorts, serve_lane};
use layr_identity::Signer;
use layr_market::{Context, Request, SoftwareSha256};
use layr_merkle::sector_root;
use layr_protocol::Proposal;
use layr_protocol::lane::{Op, RESPONSE_BYTES, Request as LaneRequest, Response};
use layr_store::HostStore;
use layr_types::{
    AccountKey, AgreementId, ByteCount, ContractId, NetworkId, NodeKey, SECTOR_BYTES, SectorRoot, Stroops,
    UnixSeconds,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const SLOTS: u64 = 8 * 1024;
/// Sectors stored in one measured round.
const ROUND: u32 = 64;
const IN_FLIGHT: usize = 16;

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&zeroize::Zeroizing::new([seed; 32]))
}

fn open(dir: &Path) -> (Arc<Host>, Arc<MemoryLedger>) {
    let store = HostStore::open(dir).expect("it opens");
    let context = Context { network: NetworkId([1; 32]), contract: ContractId([2; 32]) };
    let ledger = Arc::new(MemoryLedger::new(context, NOW, Stroops::from_xlm(1_000)));
    let ports = HostPorts {
        records: store.records(),
        sectors: store.sectors(),
        ledger: Arc::clone(&ledger) as Arc<dyn HostLedger>,
        notes: Arc::new(PlainNotes),
        signer: signer(200),
    };
    let quota = ByteCount::from_sectors(SLOTS + 128).expect("small");
    let host = Host::open(HostConfig::new(context, ContractId([3; 32]), quota), ports).expect("it opens");
    (host, ledger)
}

async fn agree(host: &Arc<Host>, ledger: &MemoryLedger) -> (NodeKey, AgreementId) {
    let offer = host.current_offer(NOW);
    let owner = NodeKey(signer(1).public());
    let request = Request {
        owner_account: AccountKey([1; 32]),
        owner_key: owner,
        folder: 0,
        slot: 0,
        capacity: ByteCount::from_sectors(SLOTS).expect("small"),
        start: NOW,
        end: NOW.plus(86_400),
        voucher_part: Stroops::ZERO,
        salt: [7; 16],
    };
    let terms = offer.offer.draft(&request).expect("the offer covers it");
    let id = terms.id(&SoftwareSha256, &host.config().context);
    host.propose(owner, Proposal { terms: terms.clone(), offer }).await.expect("agreed");
    ledger.open(&terms).expect("opened");
    host.activate(owner, id).await.expect("active");
    (owner, id)
}

/// A lane and the sectors that went through it.
struct Lane {
    reader: ReadHalf<DuplexStream>,
    writer: WriteHalf<DuplexStream>,
    agreement: AgreementId,
    next: u64,
    roots: Vec<SectorRoot>,
    sector: Vec<u8>,
}

impl Lane {
    /// Distinct sectors whose roots are known beforehand, so that only the host hashes while it is measured.
    fn prepare(&mut self) -> Vec<(Vec<u8>, SectorRoot)> {
        let make = |_| {
            self.next += 1;
            self.sector[..8].copy_from_slice(&self.next.to_be_bytes());
            let root = sector_root(self.sector.as_slice().try_into().expect("one sector"));
            self.roots.push(root);
            (self.sector.clone(), root)
        };
        (0..ROUND).map(make).collect()
    }

    async fn put(&mut self, sectors: &[(Vec<u8>, SectorRoot)]) {
        let room = Semaphore::new(IN_FLIGHT);
        let (reader, writer, agreement) = (&mut self.reader, &mut self.writer, self.agreement);
        let write = async {
            for (number, (bytes, root)) in (0..).zip(sectors) {
                room.acquire().await.expect("open").forget();
                let request = LaneRequest { op: Op::Put, number, agreement, root: *root };
                writer.write_all(&request.encode()).await.expect("sent");
                writer.write_all(bytes).await.expect("sent");
            }
        };
        let read = async {
            for _ in sectors {
                let mut header = [0; RESPONSE_BYTES];
                reader.read_exact(&mut header).await.expect("answered");
                assert_eq!(Response::decode(&header).expect("an answer").status, 0);
                room.add_permits(1);
            }
        };
        tokio::join!(write, read);
    }

    async fn get(&mut self, roots: &[SectorRoot], buffer: &mut [u8]) {
        let room = Semaphore::new(IN_FLIGHT);
        let (reader, writer, agreement) = (&mut self.reader, &mut self.writer, self.agreement);
        let write = async {
            for (number, root) in (0..).zip(roots) {
                room.acquire().await.expect("open").forget();
                let op = Op::Get { first: 0, groups: 64 };
                let request = LaneRequest { op, number, agreement, root: *root };
                writer.write_all(&request.encode()).await.expect("sent");
            }
        };
        let read = async {
            for _ in roots {
                let mut header = [0; RESPONSE_BYTES];
                reader.read_exact(&mut header).await.expect("answered");
                let response = Response::decode(&header).expect("an answer");
                assert_eq!(response.status, 0);
                let body = &mut buffer[..response.length as usize];
                reader.read_exact(body).await.expect("answered");
                room.add_permits(1);
            }
        };
        tokio::join!(write, read);
    }
}

/// Processor time of this process so far.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

#[allow(clippy::cast_precision_loss, reason = "a printed figure")]
fn report(name: &str, bytes: u64, processor: Duration) {
    println!("{name}: {:.2} CPU-seconds per GB, both ends", processor.as_secs_f64() / (bytes as f64 / 1e9));
}

fn lane(c: &mut Criterion) {
    let base = std::env::var_os("LAYR_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(base).expect("a directory to measure in");
    let runtime = Runtime::new().expect("a runtime");
    let (host, ledger) = open(dir.path());
    let (owner, agreement) = runtime.block_on(agree(&host, &ledger));
    let (near, far) = tokio::io::duplex(4 << 20);
    runtime.spawn(serve_lane(Arc::clone(&host), owner, far));
    let (reader, writer) = tokio::io::split(near);
    let sector = vec![7; SECTOR_BYTES];
    let mut lane = Lane { reader, writer, agreement, next: 0, roots: Vec::new(), sector };
    let mut group = c.benchmark_group("64 sectors through one lane");
    group.throughput(Throughput::Bytes(u64::from(ROUND) * SECTOR_BYTES as u64));
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let (mut stored, mut processor) = (0, Duration::ZERO);
    group.bench_function("put", |b| {
        b.iter_custom(|rounds| {
            let mut took = Duration::ZERO;
            for _ in 0..rounds {
                let sectors = lane.prepare();
                let (busy, start) = (processor_time(), Instant::now());
                runtime.block_on(lane.put(&sectors));
                took += start.elapsed();
                processor += processor_time() - busy;
                stored += u64::from(ROUND) * SECTOR_BYTES as u64;
            }
            took
        });
    });
    report("put", stored, processor);
    let roots: Vec<_> = lane.roots.iter().take(ROUND as usize).copied().collect();
    let mut buffer = vec![0; SECTOR_BYTES + 4096];
    let (mut served, busy) = (0, processor_time());
    group.bench_function("get", |b| {
        b.iter(|| {
            runtime.block_on(lane.get(&roots, &mut buffer));
            served += u64::from(ROUND) * SECTOR_BYTES as u64;
        });
    });
    report("get", served, processor_time() - busy);
    group.finish();
}

criterion_group!(benches, lane);
criterion_main!(benches);
