//! The swarm's part in opening raw streams: dial where needed, then ask the connection.
//!
//! Lives inside the swarm. Requests for one peer wait together while that peer is dialled (at most
//! [`WAITING_PER_PEER`]); they all get the stream, or all learn why each address failed. Peers without an
//! Ed25519 key are refused here, so every connection the node holds has a node key.

use crate::error::{Attempt, Stage};
use crate::inbound::Ports;
use crate::key;
use crate::stream_handler::{OpenFailure, OpenRequest, StreamHandler};
use layr_types::NodeKey;
use libp2p::core::Endpoint;
use libp2p::core::transport::{PortUse, TransportError};
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{
    ConnectionDenied, ConnectionId, DialError, DialFailure, FromSwarm, NetworkBehaviour, NotifyHandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Requests that may wait for one peer to be reached.
const WAITING_PER_PEER: usize = 64;

/// The peer's key is not Ed25519.
#[derive(Debug, thiserror::Error)]
#[error("peer {0} has no node key")]
struct NoNodeKey(PeerId);

struct Waiting {
    dial: ConnectionId,
    requests: Vec<OpenRequest>,
}

/// See the module's preface.
pub(crate) struct Streams {
    ports: Arc<Ports>,
    connected: HashSet<PeerId>,
    waiting: HashMap<PeerId, Waiting>,
    queue: VecDeque<ToSwarm<Infallible, OpenRequest>>,
}

impl Streams {
    pub(crate) fn new(ports: Arc<Ports>) -> Self {
        Self { ports, connected: HashSet::new(), waiting: HashMap::new(), queue: VecDeque::new() }
    }

    /// Asks for a stream to `peer`, dialling `addresses` and whatever else the node knows if need be.
    pub(crate) fn open(&mut self, peer: PeerId, addresses: Vec<Multiaddr>, request: OpenRequest) {
        if self.connected.contains(&peer) {
            self.ask(peer, request);
            return;
        }
        if let Some(waiting) = self.waiting.get_mut(&peer) {
            waiting.requests.retain(|earlier| !earlier.reply.is_closed());
            if waiting.requests.len() < WAITING_PER_PEER {
                waiting.requests.push(request);
            } else {
                let _ = request.reply.send(Err(OpenFailure::Busy));
            }
            return;
        }
        // Always: a dial another behaviour began knows other addresses and tells its failure to nobody.
        let opts = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(addresses)
            .extend_addresses_through_behaviour()
            .build();
        self.waiting.insert(peer, Waiting { dial: opts.connection_id(), requests: vec![request] });
        self.queue.push_back(ToSwarm::Dial { opts });
    }

    fn ask(&mut self, peer_id: PeerId, event: OpenRequest) {
        self.queue.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event });
    }

    fn dial_failed(&mut self, peer: PeerId, dial: ConnectionId, error: &DialError) {
        if self.waiting.get(&peer).is_none_or(|waiting| waiting.dial != dial) {
            return;
        }
        let failure = failure(error);
        for request in self.waiting.remove(&peer).into_iter().flat_map(|waiting| waiting.requests) {
            let _ = request.reply.send(Err(failure.clone()));
        }
    }

    fn handler(&self, peer: PeerId) -> Result<StreamHandler, ConnectionDenied> {
        let node: NodeKey = key::node_key(&peer).ok_or_else(|| ConnectionDenied::new(NoNodeKey(peer)))?;
        Ok(StreamHandler::new(node, Arc::clone(&self.ports)))
    }
}

fn failure(error: &DialError) -> OpenFailure {
    match error {
        DialError::NoAddresses => OpenFailure::NoAddress,
        DialError::WrongPeerId { obtained, address } => {
            OpenFailure::WrongIdentity { address: address.to_string(), found: key::node_key(obtained) }
        }
        DialError::LocalPeerId { address } => {
            OpenFailure::WrongIdentity { address: address.to_string(), found: None }
        }
        DialError::Denied { .. } => OpenFailure::Busy,
        DialError::Transport(errors) => OpenFailure::Unreachable(Arc::new(
            errors.iter().map(|(address, error)| attempt(address, error)).collect(),
        )),
        other => OpenFailure::Io(Arc::new(io::Error::other(other.to_string()))),
    }
}

fn attempt(address: &Multiaddr, error: &TransportError<io::Error>) -> Attempt {
    let reached = matches!(error, TransportError::Other(source) if source.kind() == io::ErrorKind::Other);
    let stage = if reached { Stage::Handshake } else { Stage::Dial };
    Attempt { address: address.to_string(), stage, cause: causes(error) }
}

/// An error and everything under it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let deeper = source.to_string();
        if !text.ends_with(&deeper) {
            text.push_str(": ");
            text.push_str(&deeper);
        }
        next = source.source();
    }
    text
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = StreamHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<StreamHandler, ConnectionDenied> {
        self.handler(peer)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<StreamHandler, ConnectionDenied> {
        self.handler(peer)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(made) => {
                self.connected.insert(made.peer_id);
                for request in
                    self.waiting.remove(&made.peer_id).into_iter().flat_map(|waiting| waiting.requests)
                {
                    self.ask(made.peer_id, request);
                }
            }
            FromSwarm::ConnectionClosed(closed) if closed.remaining_established == 0 => {
                self.connected.remove(&closed.peer_id);
            }
            FromSwarm::DialFailure(DialFailure { peer_id: Some(peer), error, connection_id }) => {
                self.dial_failed(peer, connection_id, error);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Infallible, THandlerInEvent<Self>>> {
        self.queue.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
