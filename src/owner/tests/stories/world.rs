//! A small world: real hosts on in-memory disks and one in-memory ledger, and a network that can be cut.

use futures::future::{BoxFuture, FutureExt as _};
use futures::{Stream, StreamExt as _};
use layr_host::ports::{HostLedger, HostRecords, SectorError, SectorStore, Slot};
use layr_host::twins::{MemoryLedger, MemoryRecords as HostRows, MemorySectors, PlainNotes};
use layr_host::{Host, HostConfig, HostPorts, HostService, serve_lane};
use layr_identity::{Identity, Phrase, Signer};
use layr_market::Context;
use layr_owner::twins::MemoryRecords;
use layr_owner::{
    HostNet, Keeping, Lane, NetFault, Owner, OwnerConfig, OwnerLedger, Ports, Silent, UploadError,
    UploadReport, UploadRequest,
};
use layr_placement::HostCard;
use layr_protocol::HostApiClient;
use layr_types::{
    ByteCount, ContractId, GROUP_BYTES, NetworkId, NodeKey, SECTOR_BYTES, Stroops, UnixSeconds,
};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;
use tarpc::server::{BaseChannel, Channel as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::AbortHandle;

use crate::lies::{Face, Lie};

pub use crate::ledger::{Mishap, TwinLedger};

pub const START: UnixSeconds = UnixSeconds(1_800_000_000);
pub const TOKEN: ContractId = ContractId([3; 32]);
pub const FEE: Stroops = Stroops(1_000);
pub const FUNDS: Stroops = Stroops(10_000_000_000);

pub fn context() -> Context {
    Context { network: NetworkId([1; 32]), contract: ContractId([2; 32]) }
}

/// How a host behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As it should.
    Up,
    /// Not there.
    Dead,
    /// There, and silent.
    Hung,
}

/// One host.
pub struct Guest {
    pub host: Arc<Host>,
    pub sectors: Arc<MemorySectors>,
    /// Whether what its disk is given rots at once.
    pub rots: Arc<AtomicBool>,
    pub node: NodeKey,
    mode: Mutex<Mode>,
    /// Bytes its lanes take before the host dies; negative for any number.
    pub dies_after: AtomicI64,
    tasks: Mutex<Vec<AbortHandle>>,
    pub taken: AtomicU64,
    /// The operator it declares.
    pub operator: Mutex<String>,
    /// What it is after it was put back to an earlier state.
    rewound: Mutex<Option<Arc<Host>>>,
    copy: Box<dyn Fn() -> Arc<Host> + Send + Sync>,
    pub signer: Signer,
    pub lie: Mutex<Option<Arc<Lie>>>,
    address: IpAddr,
}

impl Guest {
    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
        if mode != Mode::Up {
            self.tasks.lock().unwrap().drain(..).for_each(|task| task.abort());
        }
    }

    /// The host as it is now, in another body.
    pub fn copy(&self) -> Arc<Host> {
        (self.copy)()
    }

    /// Goes on from an earlier state.
    pub fn rewind(&self, to: Arc<Host>) {
        *self.rewound.lock().unwrap() = Some(to);
        self.tasks.lock().unwrap().drain(..).for_each(|task| task.abort());
    }

    fn present(&self) -> Arc<Host> {
        self.rewound.lock().unwrap().clone().unwrap_or_else(|| Arc::clone(&self.host))
    }

    fn mode(&self) -> Mode {
        *self.mode.lock().unwrap()
    }

    /// Sectors its lanes have taken.
    pub fn puts(&self) -> u64 {
        self.taken.load(Ordering::SeqCst) / (1 << 20)
    }
}

/// A disk that may lie: it takes a sector and keeps another.
struct Disk {
    sectors: Arc<MemorySectors>,
    rots: Arc<AtomicBool>,
}

impl SectorStore for Disk {
    fn reserve(&self, slots: u32) -> Result<(), SectorError> {
        self.sectors.reserve(slots)
    }

    fn write(&self, slot: Slot, sector: &[u8; SECTOR_BYTES]) -> Result<(), SectorError> {
        self.sectors.write(slot, sector)?;
        if self.rots.load(Ordering::SeqCst) {
            (0..SECTOR_BYTES).step_by(1024).for_each(|byte| self.sectors.rot(slot, byte));
        }
        Ok(())
    }

    fn read(&self, slot: Slot, first: usize, out: &mut [[u8; GROUP_BYTES]]) -> Result<(), SectorError> {
        self.sectors.read(slot, first, out)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), SectorError>> {
        self.sectors.sync()
    }
}

/// The network.
pub struct TwinNet {
    pub guests: HashMap<NodeKey, Arc<Guest>>,
    owner: NodeKey,
    record: Mutex<Option<Vec<u8>>>,
    pub record_down: Mutex<bool>,
}

impl TwinNet {
    /// The same hosts as somebody else reaches them.
    pub fn of(guests: HashMap<NodeKey, Arc<Guest>>, owner: NodeKey) -> Self {
        Self { guests, owner, record: Mutex::new(None), record_down: Mutex::new(false) }
    }
}

fn unreachable<T>() -> Result<T, NetFault> {
    Err(NetFault::Unreachable("connection refused".into()))
}

impl HostNet for TwinNet {
    fn closest_hosts(&self, _: [u8; 32], limit: usize) -> BoxFuture<'_, Result<Vec<HostCard>, NetFault>> {
        let cards = self.guests.values().take(limit).map(|guest| HostCard {
            node: guest.node,
            addresses: vec![guest.address],
            region: String::new(),
            operator: guest.operator.lock().unwrap().clone(),
        });
        let cards: Vec<HostCard> = cards.collect();
        async move { if cards.is_empty() { Err(NetFault::Isolated) } else { Ok(cards) } }.boxed()
    }

    fn rpc(&self, node: NodeKey) -> BoxFuture<'_, Result<HostApiClient, NetFault>> {
        async move {
            let Some(guest) = self.guests.get(&node) else { return unreachable() };
            let (ours, theirs) = tarpc::transport::channel::unbounded();
            match guest.mode() {
                Mode::Dead => return unreachable(),
                Mode::Hung => {
                    let task = tokio::spawn(async move {
                        let _open = theirs;
                        std::future::pending::<()>().await;
                    });
                    guest.tasks.lock().unwrap().push(task.abort_handle());
                }
                Mode::Up => {
                    let service = HostService { host: guest.present(), peer: self.owner };
                    let face = Face { service, guest: Arc::clone(guest) };
                    let serve = BaseChannel::with_defaults(theirs).execute(face);
                    let task = tokio::spawn(drain(serve));
                    guest.tasks.lock().unwrap().push(task.abort_handle());
                }
            }
            Ok(HostApiClient::new(tarpc::client::Config::default(), ours).spawn())
        }
        .boxed()
    }

    fn lane(&self, node: NodeKey) -> BoxFuture<'_, Result<Lane, NetFault>> {
        async move {
            let Some(guest) = self.guests.get(&node).cloned() else { return unreachable() };
            let (ours, theirs) = tokio::io::duplex(256 * 1024);
            match guest.mode() {
                Mode::Dead => return unreachable(),
                Mode::Hung => {
                    let task = tokio::spawn(async move {
                        let _open = theirs;
                        std::future::pending::<()>().await;
                    });
                    guest.tasks.lock().unwrap().push(task.abort_handle());
                }
                Mode::Up => {
                    let (host, peer) = (guest.present(), self.owner);
                    let task = tokio::spawn(async move {
                        let _ended = serve_lane(host, peer, theirs).await;
                    });
                    guest.tasks.lock().unwrap().push(task.abort_handle());
                }
            }
            Ok(Box::new(Counted { inner: ours, guest }) as Lane)
        }
        .boxed()
    }

    fn record_key(&self) -> NodeKey {
        NodeKey([77; 32])
    }

    fn sign_record(&self, sequence: u64, payload: &[u8]) -> Result<Vec<u8>, NetFault> {
        assert!(payload.len() <= 1024, "a record's payload is bounded");
        Ok([self.record_key().0.as_slice(), &sequence.to_be_bytes(), payload].concat())
    }

    fn read_record(&self, bytes: &[u8]) -> Result<(u64, Vec<u8>), NetFault> {
        let bad = || NetFault::Record("not a record".into());
        let (owner, rest) = bytes.split_first_chunk::<32>().ok_or_else(bad)?;
        let (sequence, payload) = rest.split_first_chunk::<8>().ok_or_else(bad)?;
        if *owner != self.record_key().0 {
            return Err(bad());
        }
        Ok((u64::from_be_bytes(*sequence), payload.to_vec()))
    }

    fn publish_record(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), NetFault>> {
        async move {
            if *self.record_down.lock().unwrap() {
                return Err(NetFault::NotKept);
            }
            *self.record.lock().unwrap() = Some(bytes);
            Ok(())
        }
        .boxed()
    }

    fn find_record(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, NetFault>> {
        let down = *self.record_down.lock().unwrap();
        let record = self.record.lock().unwrap().clone();
        async move { Ok(record.filter(|_| !down)) }.boxed()
    }
}

async fn drain(serve: impl Stream<Item = impl Future<Output = ()> + Send + 'static> + Send) {
    futures::pin_mut!(serve);
    while let Some(answer) = serve.next().await {
        tokio::spawn(answer);
    }
}

/// A lane that counts what the host is sent, and kills it when that was told to be enough.
struct Counted {
    inner: tokio::io::DuplexStream,
    guest: Arc<Guest>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, out)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let limit = self.guest.dies_after.load(Ordering::SeqCst);
        let taken = self.guest.taken.load(Ordering::SeqCst);
        if limit >= 0 && i64::try_from(taken).unwrap() >= limit {
            self.guest.set(Mode::Dead);
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let done = Pin::new(&mut self.inner).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = &done {
            self.guest.taken.fetch_add(*written as u64, Ordering::SeqCst);
        }
        done
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Everything.
pub struct World {
    pub net: Arc<TwinNet>,
    pub ledger: Arc<TwinLedger>,
    pub records: Arc<MemoryRecords>,
    pub owner: Owner,
    pub identity: Arc<Identity>,
    pub folder: tempfile::TempDir,
}

impl World {
    /// A world of `hosts` hosts with room for `slots` sectors each.
    pub fn new(hosts: u8, slots: u32) -> Self {
        Self::with(hosts, slots, &|_| {})
    }

    /// The same, with hosts that offer something else.
    pub fn with(hosts: u8, slots: u32, offer: &dyn Fn(&mut layr_host::OfferPolicy)) -> Self {
        let identity = Arc::new(Identity::from_phrase(Phrase::from_entropy(&[9; 32])));
        let chain = Arc::new(MemoryLedger::new(context(), START, Stroops::from_xlm(100_000)));
        let guests = (0..hosts).map(|number| Arc::new(guest(number, slots, &chain, offer)));
        let guests = guests.map(|guest| (guest.node, guest)).collect();
        let net = Arc::new(TwinNet::of(guests, identity.node_key()));
        let ledger = Arc::new(TwinLedger::new(chain, identity.account()));
        let records = Arc::new(MemoryRecords::new());
        let owner = open(&identity, &net, &ledger, &records);
        let folder = tempfile::tempdir().unwrap();
        Self { net, ledger, records, owner, identity, folder }
    }

    /// The same owner, who keeps this many bytes of shards in memory that are not acknowledged.
    pub fn with_send_memory(mut self, bytes: u64) -> Self {
        let config = OwnerConfig { send_memory: ByteCount(bytes), ..config() };
        self.owner = open_with(&self.identity, &self.net, &self.ledger, &self.records, config);
        self
    }

    /// The same owner after a crash: only what was committed is left.
    pub fn restart(&mut self) {
        self.records = Arc::new(self.records.restarted());
        self.owner = open(&self.identity, &self.net, &self.ledger, &self.records);
    }

    /// The same phrase on another machine.
    pub fn second_machine(&mut self) {
        self.records = Arc::new(MemoryRecords::new());
        self.owner = open(&self.identity, &self.net, &self.ledger, &self.records);
    }

    /// A file of that many incompressible bytes.
    pub fn file(&self, name: &str, bytes: usize) -> PathBuf {
        let path = self.folder.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        std::fs::write(&path, noise(bytes, name)).unwrap();
        path
    }

    pub fn request(&self, paths: &[PathBuf], keeping: &Keeping) -> UploadRequest {
        let (sources, _) = layr_owner::expand(paths, None).unwrap();
        UploadRequest { sources, keeping: keeping.clone() }
    }

    pub async fn upload(&self, path: &PathBuf, keeping: &Keeping) -> Result<UploadReport, UploadError> {
        self.owner.upload(self.request(std::slice::from_ref(path), keeping), Arc::new(Silent)).await
    }

    /// The ledger's clock.
    pub async fn owner_now(&self) -> UnixSeconds {
        self.ledger.now().await.unwrap()
    }

    pub fn guest(&self, node: &NodeKey) -> &Guest {
        &self.net.guests[node]
    }

    pub fn all(&self) -> Vec<Arc<Guest>> {
        let mut all: Vec<_> = self.net.guests.values().cloned().collect();
        all.sort_by_key(|guest| guest.node);
        all
    }

    pub fn puts(&self) -> u64 {
        self.net.guests.values().map(|guest| guest.puts()).sum()
    }

    pub async fn download(&self, name: &str) -> Result<Vec<u8>, layr_owner::DownloadError> {
        let path = self.folder.path().join("out").join(format!("{}.out", name.replace('/', "_")));
        let target = layr_owner::Target::File { path: path.clone(), force: true };
        let request = layr_owner::DownloadRequest { name: name.into(), range: None, target, max_cost: None };
        self.owner.download(request, Arc::new(Silent)).await?;
        Ok(std::fs::read(path).unwrap())
    }
}

pub fn noise(bytes: usize, name: &str) -> Vec<u8> {
    let mut out = vec![0; bytes];
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut out);
    out
}

pub fn keeping(k: u8, n: u8) -> Keeping {
    Keeping { profile: layr_coding::Profile::new(k, n).unwrap(), ..Keeping::default() }
}

pub fn config() -> OwnerConfig {
    OwnerConfig {
        connect: Duration::from_millis(800),
        call: Duration::from_secs(3),
        shard_floor: Duration::from_millis(500),
        shard_ceiling: Duration::from_secs(2),
        ledger_read: Duration::from_millis(500),
        ledger_send: Duration::from_secs(1),
        ..OwnerConfig::default()
    }
}

pub fn open(
    identity: &Arc<Identity>,
    net: &Arc<TwinNet>,
    ledger: &Arc<TwinLedger>,
    records: &Arc<MemoryRecords>,
) -> Owner {
    open_with(identity, net, ledger, records, config())
}

fn open_with(
    identity: &Arc<Identity>,
    net: &Arc<TwinNet>,
    ledger: &Arc<TwinLedger>,
    records: &Arc<MemoryRecords>,
    config: OwnerConfig,
) -> Owner {
    let ports = Ports {
        identity: Arc::clone(identity),
        net: Arc::clone(net) as Arc<dyn HostNet>,
        ledger: Arc::clone(ledger) as Arc<dyn OwnerLedger>,
        records: Arc::clone(records) as Arc<dyn layr_owner::OwnerRecords>,
    };
    Owner::open(ports, config).unwrap()
}

fn guest(
    number: u8,
    slots: u32,
    chain: &Arc<MemoryLedger>,
    offer: &dyn Fn(&mut layr_host::OfferPolicy),
) -> Guest {
    let signer = Signer::from_seed(&zeroize::Zeroizing::new([100 + number; 32]));
    let quota = ByteCount::from_sectors(u64::from(slots) + 1).unwrap();
    let sectors = Arc::new(MemorySectors::new(slots));
    let rots = Arc::new(AtomicBool::new(false));
    let rows = Arc::new(HostRows::default());
    let ports = HostPorts {
        records: Arc::clone(&rows) as Arc<dyn HostRecords>,
        sectors: Arc::new(Disk { sectors: Arc::clone(&sectors), rots: Arc::clone(&rots) }),
        ledger: Arc::clone(chain) as Arc<dyn HostLedger>,
        notes: Arc::new(PlainNotes),
        signer: signer.clone(),
    };
    let mut config = HostConfig::new(context(), TOKEN, quota);
    // Stories that count what hosts hold do not wait for the grace to pass.
    config.grace = 0;
    offer(&mut config.offer);
    let (copied, settings) = (ports.clone(), config.clone());
    let copy = Box::new(move || {
        let ports = HostPorts { records: Arc::new(rows.crash(0)), ..copied.clone() };
        Host::open(settings.clone(), ports).unwrap()
    });
    let host = Host::open(config, ports).unwrap();
    Guest {
        host,
        sectors,
        rots,
        node: NodeKey(signer.public()),
        mode: Mutex::new(Mode::Up),
        dies_after: AtomicI64::new(-1),
        tasks: Mutex::default(),
        taken: AtomicU64::new(0),
        operator: Mutex::default(),
        rewound: Mutex::default(),
        copy,
        signer,
        lie: Mutex::default(),
        address: IpAddr::V4(Ipv4Addr::new(80, number, 1, 1)),
    }
}
