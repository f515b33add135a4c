//! How the libp2p swarm is put together: transports, behaviours, limits.
//!
//! QUIC first, TCP with noise and yamux beside it; Kademlia under our own protocol name so that we never mix
//! with other networks; identify, ping, connection limits, our raw streams; mDNS only where it is asked for.

use crate::config::{NetConfig, Role};
use crate::error::StartError;
use crate::inbound::Ports;
use crate::shelf::Shelf;
use crate::streams::Streams;
use libp2p::connection_limits::{self, ConnectionLimits};
use libp2p::identity::Keypair;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::{Config as SwarmConfig, NetworkBehaviour, Swarm};
use libp2p::{StreamProtocol, SwarmBuilder, identify, kad, mdns, noise, ping, quic, tcp, yamux};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Our Kademlia's name.
pub(crate) const KAD_PROTOCOL: StreamProtocol = StreamProtocol::new("/layr/kad/1");
/// What identify says we are; peers that say otherwise stay out of the routing table.
pub(crate) const ID_PROTOCOL: &str = "/layr/id/1";
/// What identify says we run.
const AGENT: &str = concat!("layr/", env!("CARGO_PKG_VERSION"));

/// Streams one connection may carry at once: with yamux each holds at least 256 KiB of window.
const STREAMS_PER_CONNECTION: u16 = 64;
/// Bytes one QUIC stream may have under way: 4 MiB fills a gigabit at 30 ms.
const QUIC_STREAM_WINDOW: u32 = 4 << 20;
/// Bytes one QUIC connection may have under way.
const QUIC_WINDOW: u32 = 8 << 20;
/// Neighbours hand records on this often, so that a record outlives the nodes it was first given to.
const REPLICATION: Duration = Duration::from_secs(3600);
/// A peer that does not answer one Kademlia request in this time is passed over.
const KAD_ANSWER: Duration = Duration::from_secs(4);
/// Bytes of the longest Kademlia message: twenty peers with their addresses, or one record.
const KAD_PACKET_BYTES: usize = 32 * 1024;
/// Half-open connections in each direction.
const PENDING: u32 = 128;

/// Everything the swarm does.
#[derive(NetworkBehaviour)]
pub(crate) struct Door {
    // First, so that a connection over the limit costs the others nothing.
    pub(crate) limits: connection_limits::Behaviour,
    pub(crate) kad: kad::Behaviour<Shelf>,
    pub(crate) identify: identify::Behaviour,
    pub(crate) ping: ping::Behaviour,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
    pub(crate) streams: Streams,
}

/// Builds the swarm; every task it starts is counted by `tasks`.
pub(crate) fn build(
    config: &NetConfig,
    identity: Keypair,
    ports: Arc<Ports>,
    tasks: TaskTracker,
) -> Result<Swarm<Door>, StartError> {
    let idle = config.limits.idle;
    let door = door(config, &identity, ports)?;
    let swarm = SwarmBuilder::with_existing_identity(identity)
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, multiplexer)
        .map_err(|e| StartError::Transport(Box::new(e)))?
        .with_quic_config(windows)
        .with_dns()
        .map_err(|e| StartError::Transport(Box::new(e)))?
        .with_behaviour(|_| door)
        .map_err(|e| StartError::Transport(Box::new(e)))?
        .with_swarm_config(|_| swarm_config(tasks).with_idle_connection_timeout(idle))
        .build();
    Ok(swarm)
}

fn swarm_config(tasks: TaskTracker) -> SwarmConfig {
    SwarmConfig::with_executor(move |task| {
        tasks.spawn(task);
    })
    .with_max_negotiating_inbound_streams(STREAMS_PER_CONNECTION.into())
    .with_smart_dial()
}

fn multiplexer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_PER_CONNECTION.into());
    config
}

fn windows(mut config: quic::Config) -> quic::Config {
    config.max_concurrent_stream_limit = STREAMS_PER_CONNECTION.into();
    config.max_stream_data = QUIC_STREAM_WINDOW;
    config.max_connection_data = QUIC_WINDOW;
    config
}

fn door(config: &NetConfig, identity: &Keypair, ports: Arc<Ports>) -> Result<Door, StartError> {
    let own = identity.public().to_peer_id();
    let mdns = if config.mdns {
        let seen = mdns::tokio::Behaviour::new(mdns::Config::default(), own);
        Some(seen.map_err(|e| StartError::Transport(Box::new(e)))?)
    } else {
        None
    };
    let identify = identify::Config::new(ID_PROTOCOL.to_owned(), identity.public())
        .with_agent_version(AGENT.to_owned())
        .with_push_listen_addr_updates(true)
        .with_cache_size(0);
    Ok(Door {
        limits: connection_limits::Behaviour::new(connection_limits(config)),
        kad: kademlia(config, identity),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::default(),
        mdns: Toggle::from(mdns),
        streams: Streams::new(ports),
    })
}

fn connection_limits(config: &NetConfig) -> ConnectionLimits {
    ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING))
        .with_max_pending_outgoing(Some(PENDING))
        .with_max_established_incoming(Some(config.limits.inbound_connections))
        .with_max_established_per_peer(Some(config.limits.connections_per_peer))
        .with_max_established(Some(config.limits.connections))
}

fn kademlia(config: &NetConfig, identity: &Keypair) -> kad::Behaviour<Shelf> {
    let own = identity.public().to_peer_id();
    let shelf = Shelf::new(own, config.network, Arc::clone(&config.clock), config.limits.records);
    let mut terms = kad::Config::new(KAD_PROTOCOL);
    terms
        .set_query_timeout(config.timeouts.lookup * 2)
        .set_parallelism(NonZeroUsize::new(5).expect("five is not zero"))
        .set_substreams_timeout(KAD_ANSWER)
        .set_max_packet_size(KAD_PACKET_BYTES)
        // The signed expiry inside each record is the only one that counts.
        .set_record_ttl(None)
        .set_replication_interval(Some(REPLICATION))
        .set_publication_interval(None)
        .set_provider_publication_interval(None)
        .set_caching(kad::Caching::Disabled)
        // Peers enter the routing table when identify has told us what they are; see the actor.
        .set_kbucket_inserts(kad::BucketInserts::Manual);
    let mut kademlia = kad::Behaviour::with_config(own, shelf, terms);
    kademlia.set_mode(Some(match config.role {
        Role::Host => kad::Mode::Server,
        Role::Client => kad::Mode::Client,
    }));
    kademlia
}
