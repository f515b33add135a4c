//! What a node's network door can be told, and the limits it keeps whatever it is told.

use crate::gate::GateLimits;
use layr_types::{NetworkId, UnixSeconds};
use libp2p::Multiaddr;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Where the door takes the time from when it judges whether a record has expired.
pub type Clock = Arc<dyn Fn() -> UnixSeconds + Send + Sync>;

/// What this node is to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Listens, answers look-ups, keeps records, accepts RPC streams and lanes.
    Host,
    /// Asks only: it is in nobody's routing table, keeps no records of others and accepts no streams.
    Client,
}

/// Bounds on what strangers can make this node hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Established connections from others.
    pub inbound_connections: u32,
    /// Established connections in both directions.
    pub connections: u32,
    /// Connections with one peer.
    pub connections_per_peer: u32,
    /// RPC streams opened by others.
    pub rpc: GateLimits,
    /// Lanes opened by others, over TLS and over libp2p together.
    pub lanes: GateLimits,
    /// TLS handshakes not yet done, by address of origin.
    pub handshakes: GateLimits,
    /// Records kept for the network (each at most 2 KiB).
    pub records: usize,
    /// A connection without streams is closed after this long.
    pub idle: Duration,
    /// A stream or lane that another node opened is cut after this long without a byte in either direction, so
    /// that places are not held for nothing.
    pub idle_stream: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbound_connections: 512,
            connections: 1024,
            connections_per_peer: 6,
            rpc: GateLimits { per_key: 8, total: 512 },
            lanes: GateLimits { per_key: 16, total: 256 },
            handshakes: GateLimits { per_key: 64, total: 128 },
            records: 4096,
            idle: Duration::from_secs(60),
            idle_stream: Duration::from_secs(600),
        }
    }
}

/// How long each step may take before it counts as failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// Connecting and agreeing on a stream over libp2p, all addresses together.
    pub open: Duration,
    /// Connecting a TCP lane and its TLS handshake, all addresses together.
    pub lane: Duration,
    /// One look-up in the network (closest peers, one record, storing one record).
    pub lookup: Duration,
    /// Asking one peer for its own record.
    pub record: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            open: Duration::from_secs(10),
            lane: Duration::from_secs(3),
            lookup: Duration::from_secs(6),
            record: Duration::from_secs(2),
        }
    }
}

/// Everything [`crate::Net::start`] needs.
#[derive(Clone)]
pub struct NetConfig {
    /// Seed of the node key. Never logged; the copy inside libp2p clears itself too.
    pub node_secret: Zeroizing<[u8; 32]>,
    /// The ledger network whose market this is; records of other networks are refused.
    pub network: NetworkId,
    /// What this node is to the others.
    pub role: Role,
    /// Addresses libp2p listens on, such as `/ip4/0.0.0.0/udp/4001/quic-v1`; none for a client.
    pub listen: Vec<Multiaddr>,
    /// Address the TLS lane listens on; `None` leaves lanes to libp2p streams.
    pub lane_listen: Option<SocketAddr>,
    /// Nodes to join the network through, with or without their `/p2p/…` identity.
    pub bootstrap: Vec<Multiaddr>,
    /// Look for peers on the local network. Off by default: it tells the whole network segment who we are.
    pub mdns: bool,
    /// Bounds on what strangers can make this node hold.
    pub limits: Limits,
    /// How long each step may take.
    pub timeouts: Timeouts,
    /// How often a published host record is signed anew and spread.
    pub republish: Duration,
    /// The clock records are judged by.
    pub clock: Clock,
}

impl NetConfig {
    /// A client that listens nowhere and uses the machine's clock.
    #[must_use]
    pub fn client(node_secret: Zeroizing<[u8; 32]>, network: NetworkId) -> Self {
        Self {
            node_secret,
            network,
            role: Role::Client,
            listen: Vec::new(),
            lane_listen: None,
            bootstrap: Vec::new(),
            mdns: false,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            republish: Duration::from_secs(3600),
            clock: Arc::new(machine_clock),
        }
    }

    /// A host that listens on the addresses set afterwards.
    #[must_use]
    pub fn host(node_secret: Zeroizing<[u8; 32]>, network: NetworkId) -> Self {
        Self { role: Role::Host, ..Self::client(node_secret, network) }
    }
}

/// Shows everything but the secret.
impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("network", &self.network)
            .field("role", &self.role)
            .field("listen", &self.listen)
            .field("lane_listen", &self.lane_listen)
            .field("bootstrap", &self.bootstrap)
            .field("mdns", &self.mdns)
            .field("limits", &self.limits)
            .field("timeouts", &self.timeouts)
            .field("republish", &self.republish)
            .finish_non_exhaustive()
    }
}

fn machine_clock() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixSeconds(since.as_secs())
}
