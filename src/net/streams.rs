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
use std::time::{Duration, Instant};

/// Requests that may wait for one peer to be reached.
const WAITING_PER_PEER: usize = 64;

/// A peer none of whose addresses answered is not dialled again for this long, unless a caller brings
/// addresses: one dead host would otherwise hold up every look-up that hears of it.
const UNREACHABLE: Duration = Duration::from_secs(10);
/// Unreachable peers remembered.
const REMEMBERED: usize = 1024;

/// The peer's key is not Ed25519.
#[derive(Debug, thiserror::Error)]
#[error("peer {0} has no node key")]
struct NoNodeKey(PeerId);

/// The peer could not be reached a moment ago.
#[derive(Debug, thiserror::Error)]
#[error("peer {0} could not be reached a moment ago")]
struct Unreachable(PeerId);

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
    /// Dials that are made whatever was learnt before.
    insisted: HashSet<ConnectionId>,
    unreachable: HashMap<PeerId, (Instant, Arc<Vec<Attempt>>)>,
}

impl Streams {
    pub(crate) fn new(ports: Arc<Ports>) -> Self {
        Self {
            ports,
            connected: HashSet::new(),
            waiting: HashMap::new(),
            queue: VecDeque::new(),
            insisted: HashSet::new(),
            unreachable: HashMap::new(),
        }
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
        if addresses.is_empty()
            && let Some(attempts) = self.lately_unreachable(&peer)
        {
            let _ = request.reply.send(Err(OpenFailure::Unreachable(attempts)));
            return;
        }
        // Always: a dial another behaviour began knows other addresses and tells its failure to nobody.
        let opts = DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(addresses)
            .extend_addresses_through_behaviour()
            .build();
        self.insist(opts.connection_id());
        self.waiting.insert(peer, Waiting { dial: opts.connection_id(), requests: vec![request] });
        self.queue.push_back(ToSwarm::Dial { opts });
    }

    /// Lets this dial through whatever was learnt of the peer before.
    pub(crate) fn insist(&mut self, dial: ConnectionId) {
        self.insisted.insert(dial);
    }

    fn lately_unreachable(&self, peer: &PeerId) -> Option<Arc<Vec<Attempt>>> {
        let (since, attempts) = self.unreachable.get(peer)?;
        (since.elapsed() < UNREACHABLE).then(|| Arc::clone(attempts))
    }

    fn remember_unreachable(&mut self, peer: PeerId, failure: &OpenFailure) {
        let OpenFailure::Unreachable(attempts) = failure else { return };
        if self.connected.contains(&peer) {
            return;
        }
        if self.unreachable.len() >= REMEMBERED {
            self.unreachable.retain(|_, (since, _)| since.elapsed() < UNREACHABLE);
        }
        if self.unreachable.len() < REMEMBERED {
            self.unreachable.insert(peer, (Instant::now(), Arc::clone(attempts)));
        }
    }

    fn ask(&mut self, peer_id: PeerId, event: OpenRequest) {
        self.queue.push_back(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::Any, event });
    }

    fn dial_failed(&mut self, peer: PeerId, dial: ConnectionId, error: &DialError) {
        let failure = failure(error);
        self.remember_unreachable(peer, &failure);
        if self.waiting.get(&peer).is_none_or(|waiting| waiting.dial != dial) {
            return;
        }
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

    fn handle_pending_outbound_connection(
        &mut self,
        dial: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let insisted = self.insisted.remove(&dial);
        match peer {
            Some(peer) if !insisted && self.lately_unreachable(&peer).is_some() => {
                Err(ConnectionDenied::new(Unreachable(peer)))
            }
            _ => Ok(Vec::new()),
        }
    }

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
                self.unreachable.remove(&made.peer_id);
                for request in
                    self.waiting.remove(&made.peer_id).into_iter().flat_map(|waiting| waiting.requests)
                {
                    self.ask(made.peer_id, request);
                }
            }
            FromSwarm::ConnectionClosed(closed) if closed.remaining_established == 0 => {
                self.connected.remove(&closed.peer_id);
            }
            FromSwarm::DialFailure(DialFailure { peer_id, error, connection_id }) => {
                self.insisted.remove(&connection_id);
                if let Some(peer) = peer_id {
                    self.dial_failed(peer, connection_id, error);
                }
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
