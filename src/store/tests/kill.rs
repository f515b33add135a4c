//! kill -9: a host that is killed at any moment loses nothing it has acknowledged and leaks nothing it has not.
//!
//! The test runs itself again as a child that opens a real store, stores sectors through the host and writes the
//! number of each acknowledged one to a pipe; the parent kills it, opens the same directory and looks.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use layr_host::ports::HostLedger;
use layr_host::twins::{MemoryLedger, PlainNotes};
use layr_host::{Host, HostConfig, HostPorts, serve_lane};
use layr_identity::Signer;
use layr_market::{Context, Request, SoftwareSha256, Terms};
use layr_merkle::sector_root;
use layr_protocol::Proposal;
use layr_protocol::lane::{Op, RESPONSE_BYTES, Request as LaneRequest, Response};
use layr_store::HostStore;
use layr_types::{
    AccountKey, AgreementId, ByteCount, ContractId, NetworkId, NodeKey, SECTOR_BYTES, SectorRoot, Stroops,
    UnixSeconds,
};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const SLOTS: u64 = 96;
const CHILD: &str = "LAYR_TEST_KILL_DIR";

fn signer(seed: u8) -> Signer {
    Signer::from_seed(&zeroize::Zeroizing::new([seed; 32]))
}

fn context() -> Context {
    Context { network: NetworkId([1; 32]), contract: ContractId([2; 32]) }
}

fn open(dir: &Path) -> (Arc<Host>, Arc<MemoryLedger>) {
    let store = HostStore::open(dir).unwrap();
    let ledger = Arc::new(MemoryLedger::new(context(), NOW, Stroops::from_xlm(1_000)));
    let quota = ByteCount::from_sectors(SLOTS + 1).unwrap();
    let ports = HostPorts {
        records: store.records(),
        sectors: store.sectors(),
        ledger: Arc::clone(&ledger) as Arc<dyn HostLedger>,
        notes: Arc::new(PlainNotes),
        signer: signer(200),
    };
    (Host::open(HostConfig::new(context(), ContractId([3; 32]), quota), ports).unwrap(), ledger)
}

fn terms(host: &Host) -> (NodeKey, Proposal) {
    let offer = host.current_offer(NOW);
    let owner = NodeKey(signer(1).public());
    let request = Request {
        owner_account: AccountKey([1; 32]),
        owner_key: owner,
        folder: 0,
        slot: 0,
        capacity: ByteCount::from_sectors(SLOTS).unwrap(),
        start: NOW,
        end: NOW.plus(86_400),
        voucher_part: Stroops::ZERO,
        salt: [7; 16],
    };
    (owner, Proposal { terms: offer.offer.draft(&request).unwrap(), offer })
}

fn id(terms: &Terms) -> AgreementId {
    terms.id(&SoftwareSha256, &context())
}

fn sector(number: u32) -> Vec<u8> {
    let mut out = vec![0; SECTOR_BYTES];
    blake3::Hasher::new().update(&number.to_be_bytes()).finalize_xof().fill(&mut out);
    out
}

fn root(sector: &[u8]) -> SectorRoot {
    sector_root(sector.try_into().unwrap())
}

/// Stores sectors eight at a time and prints each acknowledged number, until it is killed.
async fn store_until_killed(dir: PathBuf) {
    let (host, ledger) = open(&dir);
    let (owner, proposal) = terms(&host);
    let (terms, id) = (proposal.terms.clone(), id(&proposal.terms));
    host.propose(owner, proposal).await.unwrap();
    ledger.open(&terms).unwrap();
    host.activate(owner, id).await.unwrap();
    let (near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(serve_lane(host, owner, far));
    let (mut reader, mut writer) = tokio::io::split(near);
    tokio::spawn(async move {
        for number in 0..u32::try_from(SLOTS).unwrap() {
            let bytes = sector(number);
            let request = LaneRequest { op: Op::Put, number, agreement: id, root: root(&bytes) };
            writer.write_all(&request.encode()).await.unwrap();
            writer.write_all(&bytes).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let mut pipe = std::io::stdout();
    loop {
        let mut header = [0; RESPONSE_BYTES];
        reader.read_exact(&mut header).await.unwrap();
        let response = Response::decode(&header).unwrap();
        assert_eq!(response.status, 0);
        writeln!(pipe, "stored {}", response.number).unwrap();
        pipe.flush().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_host_keeps_what_it_acknowledged_and_leaks_nothing() {
    if let Some(dir) = std::env::var_os(CHILD) {
        store_until_killed(dir.into()).await;
        return;
    }
    for kill_after in [1, 7, 30] {
        let dir = tempfile::tempdir().unwrap();
        let stored = run_and_kill(dir.path(), kill_after);
        assert!(stored.len() >= kill_after);
        let (host, _) = open(dir.path());
        let (owner, proposal) = terms(&host);
        let space = host.space();
        assert_eq!(space, host.recount().unwrap(), "counters and rows agree");
        assert!(space.live >= stored.len() as u64, "{} of {} are there", space.live, stored.len());
        assert_eq!(space.live + space.reserved, SLOTS, "what was not recorded is room again");
        for number in stored {
            assert_eq!(
                fetch(&host, owner, id(&proposal.terms), number).await,
                sector(number),
                "sector {number}"
            );
        }
        let (near, far) = tokio::io::duplex(1 << 20);
        tokio::spawn(serve_lane(Arc::clone(&host), owner, far));
        fill(near, id(&proposal.terms)).await;
        assert_eq!(host.space().live, SLOTS, "every slot of the quota can still be used");
    }
}

/// Runs this test as a child, kills it after that many acknowledgements, and returns what it acknowledged.
fn run_and_kill(dir: &Path, after: usize) -> Vec<u32> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_host_keeps_what_it_acknowledged_and_leaks_nothing", "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut stored = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some((_, number)) = line.split_once("stored ") {
            stored.push(number.parse().unwrap());
        }
        if stored.len() == after {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    stored
}

async fn fetch(host: &Arc<Host>, owner: NodeKey, agreement: AgreementId, number: u32) -> Vec<u8> {
    let (mut near, far) = tokio::io::duplex(1 << 20);
    tokio::spawn(serve_lane(Arc::clone(host), owner, far));
    let op = Op::Get { first: 0, groups: 64 };
    let request = LaneRequest { op, number, agreement, root: root(&sector(number)) };
    near.write_all(&request.encode()).await.unwrap();
    let mut header = [0; RESPONSE_BYTES];
    near.read_exact(&mut header).await.unwrap();
    let response = Response::decode(&header).unwrap();
    let mut body = vec![0; response.length as usize];
    near.read_exact(&mut body).await.unwrap();
    assert_eq!(response.status, 0);
    body.split_off(64 * 32)
}

/// Stores every sector the child was to store, again.
async fn fill(lane: tokio::io::DuplexStream, agreement: AgreementId) {
    let (mut reader, mut writer) = tokio::io::split(lane);
    let write = async {
        for number in 0..u32::try_from(SLOTS).unwrap() {
            let bytes = sector(number);
            let request = LaneRequest { op: Op::Put, number, agreement, root: root(&bytes) };
            writer.write_all(&request.encode()).await.unwrap();
            writer.write_all(&bytes).await.unwrap();
        }
    };
    let read = async {
        for _ in 0..SLOTS {
            let mut header = [0; RESPONSE_BYTES];
            reader.read_exact(&mut header).await.unwrap();
            assert_eq!(Response::decode(&header).unwrap().status, 0);
        }
    };
    tokio::join!(write, read);
}
