//! How a local network is run.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use crate::clock::Clock;
use crate::engine::{EngineConfig, STANDALONE_PASSPHRASE};

/// Everything [`crate::Localnet::start`] needs.
#[derive(Clone, Debug)]
pub struct LocalnetConfig {
    /// Where the network is kept. `None` keeps it in memory only: gone when the process ends.
    pub directory: Option<PathBuf>,
    /// Where to listen. Port zero takes any free port. Keep it on the loopback: whoever reaches the port can take
    /// lumens, move the clock and read everything.
    pub listen: SocketAddr,
    /// Name of the network.
    pub passphrase: String,
    /// Seed of the development beacon; drawn at random when `None`. Only used when the network is born.
    pub seed: Option<[u8; 32]>,
    /// Source of time.
    pub clock: Clock,
    /// A ledger closes after this long without any, so that time passes on an idle network.
    pub idle_tick: Duration,
    /// How long a ledger waits for company once it has a transaction.
    pub batch_window: Duration,
    /// Ledgers whose transactions and events stay retrievable.
    pub retention_ledgers: usize,
}

impl Default for LocalnetConfig {
    fn default() -> Self {
        Self {
            directory: None,
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            passphrase: STANDALONE_PASSPHRASE.to_owned(),
            seed: None,
            clock: Clock::Wall,
            idle_tick: Duration::from_secs(5),
            batch_window: Duration::from_millis(10),
            retention_ledgers: 17_280,
        }
    }
}

impl LocalnetConfig {
    pub(crate) fn engine(&self) -> EngineConfig {
        EngineConfig {
            passphrase: self.passphrase.clone(),
            seed: self.seed,
            clock: self.clock,
            retention_ledgers: self.retention_ledgers,
        }
    }
}
