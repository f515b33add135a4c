//! A running host: opened in order, stopped in the opposite order, nothing acknowledged lost in between.
//!
//! | Start | Stop |
//! |---|---|
//! | 1. records and slot files (one process per directory) | 5. closed last |
//! | 2. ledger: key registered, missing collateral deposited | 4. nothing to stop |
//! | 3. network door | 3. closed: no new streams |
//! | 4. calls and lanes served | 2. those under way are finished or cut |
//! | 5. watcher and scrub | 1. their round is finished |

use crate::host_ledger::StellarHost;
use crate::network_file::Network;
use crate::notes::Notes;
use futures::StreamExt as _;
use layr_host::{
    ExportError, Host, HostConfig, HostError, HostPorts, HostService, HostStatus, OfferPolicy, run_scrub,
    run_watcher, serve_lane,
};
use layr_identity::Identity;
use layr_ledger::{LedgerClient, LedgerError};
use layr_net::{
    HostProfile, Inbound, LaneInbound, Multiaddr, Net, NetConfig, PublishError, RpcInbound, StartError,
    rpc_transport,
};
use layr_protocol::{HostApi as _, PreparedProof};
use layr_store::HostStore;
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tarpc::server::{BaseChannel, Channel as _, Config};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Calls one caller may have under way on one stream.
const MAX_CALLS_PER_STREAM: usize = 32;
/// How long calls and lanes under way may take to end when the node stops.
const GRACE: Duration = Duration::from_secs(5);

/// What a host is started with.
pub struct HostNodeConfig {
    /// Where records and sectors lie.
    pub dir: PathBuf,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// Which ledger, contract and beacon.
    pub network: Network,
    /// Bytes lent out.
    pub quota: ByteCount,
    /// Prices and conditions.
    pub offer: OfferPolicy,
    /// Least collateral in escrow at the start, free and locked together.
    pub collateral: Stroops,
    /// Addresses libp2p listens on.
    pub listen: Vec<Multiaddr>,
    /// Address of the lane.
    pub lane: Option<SocketAddr>,
    /// Nodes to enter the network through.
    pub bootstrap: Vec<Multiaddr>,
    /// Find nodes on the local network.
    pub mdns: bool,
    /// What the host says of itself.
    pub profile: HostProfile,
    /// How often the watcher looks at the ledger's clock.
    pub tick: Duration,
}

/// Why a host does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostNodeError {
    /// The data directory.
    #[error(transparent)]
    Store(#[from] layr_store::StoreError),
    /// The host's records.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The network door.
    #[error(transparent)]
    Net(#[from] StartError),
    /// The host's record.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A task died while starting; the log has the cause.
    #[error("a task died while the host started")]
    Task,
}

/// A running host.
pub struct HostNode {
    host: Arc<Host>,
    net: Net,
    store: HostStore,
    stop: CancellationToken,
    tasks: TaskTracker,
    deposited: Stroops,
}

impl HostNode {
    /// Opens everything in order and announces the host.
    ///
    /// # Errors
    /// [`HostNodeError`]; whatever was opened is closed again.
    pub async fn start(config: HostNodeConfig) -> Result<Self, HostNodeError> {
        let dir = config.dir.clone();
        let store = tokio::task::spawn_blocking(move || HostStore::open(&dir))
            .await
            .map_err(|_| HostNodeError::Task)??;
        let client = LedgerClient::new(config.network.ledger.clone())?;
        client.check_network().await?;
        let ledger = StellarHost::new(client.escrow(config.network.escrow), &config.identity);
        let host = open_host(&config, &store, ledger.clone()).await?;
        // What agreements have locked is collateral too: a restart must not deposit it a second time.
        let free = config.collateral - host.status().await?.locked.min(config.collateral);
        let deposited = ledger.prepare(config.network.token, free).await?;
        let (net, inbound) = Net::start(net_config(&config)).await?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        serve(Arc::clone(&host), inbound, &tasks, &stop);
        net.publish_host(config.profile).await?;
        tasks.spawn(run_watcher(Arc::clone(&host), config.tick, stop.clone()));
        tasks.spawn(run_scrub(Arc::clone(&host), None, stop.clone()));
        Ok(Self { host, net, store, stop, tasks, deposited })
    }

    /// The node key.
    #[must_use]
    pub fn key(&self) -> NodeKey {
        self.host.key()
    }

    /// Addresses others can enter the network through.
    #[must_use]
    pub fn addresses(&self) -> Vec<Multiaddr> {
        self.net.dialable()
    }

    /// The lane's address, as bound.
    #[must_use]
    pub fn lane(&self) -> Option<SocketAddr> {
        self.net.status().lane
    }

    /// Collateral added to the escrow at the start.
    #[must_use]
    pub const fn deposited(&self) -> Stroops {
        self.deposited
    }

    /// The host's state now.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn status(&self) -> Result<HostStatus, HostError> {
        self.host.status().await
    }

    /// The proof the ledger waits for, for somebody else to submit.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export_proof(&self, id: AgreementId) -> Result<PreparedProof, ExportError> {
        self.host.export_proof(id).await
    }

    /// Ends one agreement, or every open one, as early as its terms allow; returns how many.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn leave(&self, only: Option<AgreementId>) -> Result<u64, HostError> {
        let host = Arc::clone(&self.host);
        tokio::task::spawn_blocking(move || host.leave(only)).await.map_err(|_| HostError::Task)?
    }

    /// Leaves as a whole: notice for every agreement, nothing new; or (`stay`) takes that back as far as the ledger has
    /// not taken it. Returns for how many agreements notice is given.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn exit(&self, stay: bool) -> Result<u64, HostError> {
        let host = Arc::clone(&self.host);
        let work = move || if stay { host.stay().map(|()| 0) } else { host.leave(None) };
        tokio::task::spawn_blocking(work).await.map_err(|_| HostError::Task)?
    }

    /// Stops in order; returns once nothing runs any more.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(GRACE, self.tasks.wait()).await.is_err() {
            tracing::warn!("calls were cut that did not end in time; nothing acknowledged is lost");
        }
        self.net.shutdown().await;
        drop(self.host);
        drop(self.store);
    }
}

async fn open_host(
    config: &HostNodeConfig,
    store: &HostStore,
    ledger: StellarHost,
) -> Result<Arc<Host>, HostNodeError> {
    let ports = HostPorts {
        records: store.records(),
        sectors: store.sectors(),
        ledger: Arc::new(ledger),
        notes: Arc::new(Notes(config.network.ledger.network_id())),
        signer: config.identity.node_signer(),
    };
    let mut host = HostConfig::new(config.network.context(), config.network.token, config.quota);
    host.offer = config.offer.clone();
    let opened = tokio::task::spawn_blocking(move || Host::open(host, ports)).await;
    Ok(opened.map_err(|_| HostNodeError::Task)??)
}

fn net_config(config: &HostNodeConfig) -> NetConfig {
    let mut net = NetConfig::host(config.identity.node_seed(), config.network.ledger.network_id());
    net.listen.clone_from(&config.listen);
    net.lane_listen = config.lane;
    net.bootstrap.clone_from(&config.bootstrap);
    net.mdns = config.mdns;
    net
}

/// Takes in calls and lanes until told to stop.
fn serve(host: Arc<Host>, inbound: Inbound, tasks: &TaskTracker, stop: &CancellationToken) {
    tasks.spawn(serve_calls(Arc::clone(&host), inbound.rpc, tasks.clone(), stop.clone()));
    tasks.spawn(serve_lanes(host, inbound.lanes, tasks.clone(), stop.clone()));
}

async fn serve_calls(
    host: Arc<Host>,
    mut arrivals: mpsc::Receiver<RpcInbound>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    while let Some(Some(arrived)) = stop.run_until_cancelled(arrivals.recv()).await {
        let service = HostService { host: Arc::clone(&host), peer: arrived.peer };
        let config = Config { pending_response_buffer: MAX_CALLS_PER_STREAM };
        let channel = BaseChannel::new(config, rpc_transport(arrived.stream));
        let answers = channel.max_concurrent_requests(MAX_CALLS_PER_STREAM).execute(service.serve());
        let stop = stop.clone();
        tasks.spawn(async move {
            let each = answers.for_each_concurrent(MAX_CALLS_PER_STREAM, |answer| answer);
            let _ended = stop.run_until_cancelled(each).await;
        });
    }
}

async fn serve_lanes(
    host: Arc<Host>,
    mut arrivals: mpsc::Receiver<LaneInbound>,
    tasks: TaskTracker,
    stop: CancellationToken,
) {
    while let Some(Some(arrived)) = stop.run_until_cancelled(arrivals.recv()).await {
        let (host, stop) = (Arc::clone(&host), stop.clone());
        tasks.spawn(async move {
            if let Some(Err(error)) =
                stop.run_until_cancelled(serve_lane(host, arrived.peer, arrived.stream)).await
            {
                tracing::debug!(peer = %arrived.peer, %error, "a lane ended");
            }
        });
    }
}
