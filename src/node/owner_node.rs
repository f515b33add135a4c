//! An owner's verbs with their ports, for as long as a command (or the daemon) needs them.

use crate::host_net::OwnerNet;
use crate::network_file::Network;
use crate::owner_ledger::StellarOwner;
use crate::peers;
use layr_identity::{Identity, Purpose};
use layr_ledger::{LedgerClient, LedgerError};
use layr_net::{LookupError, Multiaddr, Net, NetConfig, StartError};
use layr_owner::{Owner, OwnerConfig, Ports, RecordsFault};
use layr_store::OwnerStore;
use layr_types::Stroops;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// What an owner is started with.
#[derive(Clone)]
pub struct OwnerNodeConfig {
    /// Where records lie.
    pub dir: PathBuf,
    /// Who it is.
    pub identity: Arc<Identity>,
    /// Which ledger, contract and beacon.
    pub network: Network,
    /// Nodes to enter the network through.
    pub bootstrap: Vec<Multiaddr>,
    /// Find nodes on the local network.
    pub mdns: bool,
    /// How the owner works.
    pub owner: OwnerConfig,
    /// Most that may be spent on ledger fees and rent in all; `None` for no limit.
    pub max_fees: Option<Stroops>,
}

/// Why an owner cannot start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OwnerNodeError {
    /// The data directory.
    #[error(transparent)]
    Store(#[from] layr_store::StoreError),
    /// The owner's records.
    #[error(transparent)]
    Records(#[from] RecordsFault),
    /// The ledger's configuration.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The network door.
    #[error(transparent)]
    Net(#[from] StartError),
    /// Nobody to enter the network through.
    #[error("no node of the network answers")]
    Join(#[source] LookupError),
    /// A task died while starting; the log has the cause.
    #[error("a task died while the owner started")]
    Task,
}

impl OwnerNodeError {
    /// Whether another process has the records open: it may close them soon.
    #[must_use]
    pub const fn is_in_use(&self) -> bool {
        matches!(self, Self::Store(layr_store::StoreError::InUse { .. }))
    }
}

/// An owner with its ports.
pub struct OwnerNode {
    /// The verbs.
    pub owner: Owner,
    /// The ledger client, for what is not an owner's verb (balances, funding).
    pub ledger: LedgerClient,
    net: Net,
    hosts: OwnerNet,
    dir: PathBuf,
}

impl OwnerNode {
    /// Opens records, ledger client and network door.
    ///
    /// # Errors
    /// [`OwnerNodeError`].
    pub async fn start(config: OwnerNodeConfig) -> Result<Self, OwnerNodeError> {
        let dir = config.dir.clone();
        let store = tokio::task::spawn_blocking(move || OwnerStore::open(&dir))
            .await
            .map_err(|_| OwnerNodeError::Task)??;
        let ledger = LedgerClient::new(config.network.ledger.clone())?;
        let network = config.network.ledger.network_id();
        let mut door = NetConfig::client(config.identity.node_seed(), network);
        let met = peers::load(&config.dir, &network);
        door.bootstrap = config.bootstrap;
        door.bootstrap.extend(peers::entrances(&met));
        door.mdns = config.mdns;
        let (net, _) = Net::start(door).await?;
        let stellar =
            StellarOwner::new(ledger.escrow(config.network.escrow), config.network.token, &config.identity)
                .within(config.max_fees);
        let hosts = OwnerNet::new(net.clone(), network, config.identity.secret(Purpose::CatalogueRecord));
        hosts.recall(&met);
        let ports = Ports {
            net: Arc::new(hosts.clone()),
            ledger: Arc::new(stellar),
            records: Arc::new(store),
            identity: config.identity,
        };
        Ok(Self { owner: Owner::open(ports, config.owner)?, ledger, net, hosts, dir: config.dir })
    }

    /// Waits until the network has been entered.
    ///
    /// # Errors
    /// [`OwnerNodeError::Join`] if no node answered in time.
    pub async fn join(&self, within: Duration) -> Result<(), OwnerNodeError> {
        self.net.joined(within).await.map_err(OwnerNodeError::Join)
    }

    /// Closes the door and keeps the hosts met for the next run.
    pub async fn stop(self) {
        self.net.shutdown().await;
        if let Err(error) = peers::save(&self.dir, &self.hosts.remembered()) {
            tracing::debug!(%error, "the hosts met could not be kept");
        }
    }
}
