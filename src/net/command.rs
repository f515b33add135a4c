//! What the handle asks of the swarm's actor, and what the actor shows of itself.

use crate::layout::RecordError;
use crate::stream_handler::OpenRequest;
use libp2p::kad::RecordKey;
use libp2p::{Multiaddr, PeerId};
use std::net::SocketAddr;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// One request to the actor.
#[derive(Debug)]
pub(crate) enum Command {
    /// Open a stream to a peer, dialling these addresses if need be.
    Open { peer: PeerId, addresses: Vec<Multiaddr>, request: OpenRequest },
    /// The peers closest to a point that answered before the deadline, closest first.
    Closest { point: [u8; 32], limit: usize, until: Instant, reply: oneshot::Sender<Vec<PeerId>> },
    /// Valid records under a key: as many as were found until `enough` or the deadline.
    Get { key: RecordKey, enough: usize, until: Instant, reply: oneshot::Sender<Vec<Vec<u8>>> },
    /// Keep a record here and give it to the nodes closest to its key; answers with the copies made.
    Put { key: RecordKey, value: Vec<u8>, until: Instant, reply: oneshot::Sender<Result<usize, RecordError>> },
    /// Keep a record here only.
    Keep { key: RecordKey, value: Vec<u8>, reply: oneshot::Sender<Result<(), RecordError>> },
    /// The owner records kept here.
    OwnerRecords { reply: oneshot::Sender<Vec<Vec<u8>>> },
    /// Learn where a peer is.
    Introduce { addresses: Vec<Multiaddr> },
}

/// The door as it stands now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetStatus {
    /// Addresses libp2p listens on, as bound.
    pub listen: Vec<Multiaddr>,
    /// Address the TLS lane listens on, as bound.
    pub lane: Option<SocketAddr>,
    /// Peers connected.
    pub connected: usize,
    /// Hosts in the routing table.
    pub routable: usize,
    /// True once the first walk through the network has come far enough to ask around, or there was nobody to
    /// ask.
    pub joined: bool,
    /// Records kept for the network.
    pub records: usize,
    /// Records refused since the start.
    pub records_refused: u64,
}

/// Streams and lanes that others have open at this door.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetLoad {
    /// Streams for calls open now.
    pub rpc: u32,
    /// Streams for calls turned away since the start, for want of a place.
    pub rpc_refused: u64,
    /// Lanes open now.
    pub lanes: u32,
    /// Lanes turned away since the start, for want of a place.
    pub lanes_refused: u64,
}
