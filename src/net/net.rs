//! The handle: start the door, open streams and lanes, close the door.
//!
//! [`Net`] is cheap to clone; every clone speaks to the same swarm. Closing is one call that anyone may make
//! and everyone may wait for: it cancels the token, then waits until every task the door started has ended.

use crate::actor::Actor;
use crate::command::{Command, NetLoad, NetStatus};
use crate::config::NetConfig;
use crate::discover::Cards;
use crate::error::{ConnectError, LaneError, LookupError, Stage, StartError};
use crate::gate::Gate;
use crate::inbound::{Inbound, LANE_PROTOCOL, Ports, RPC_PROTOCOL};
use crate::key;
use crate::lane::{self, LaneStream};
use crate::lane_listener::LaneListener;
use crate::publisher::{Card, RecordServer};
use crate::rpc::{RpcTransport, rpc_transport};
use crate::stream::PeerStream;
use crate::stream_handler::{OpenFailure, OpenRequest};
use crate::swarm::{self, Door};
use crate::tls::LaneTls;
use layr_types::NodeKey;
use libp2p::identity::Keypair;
use libp2p::swarm::Swarm;
use libp2p::{Multiaddr, PeerId, StreamProtocol, TransportError};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Commands that may wait for the actor; a caller beyond that waits too.
const INBOX: usize = 128;

/// What all clones of the handle share.
pub(crate) struct Shared {
    pub(crate) config: NetConfig,
    pub(crate) identity: Keypair,
    pub(crate) node: NodeKey,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) status: watch::Receiver<NetStatus>,
    pub(crate) card: watch::Sender<Option<Card>>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    pub(crate) cards: Cards,
    tls: LaneTls,
}

/// The last handle closes the door behind it.
impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A handle on the node's network door. See the module's preface.
#[derive(Clone)]
pub struct Net(pub(crate) Arc<Shared>);

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Net({})", self.0.node)
    }
}

impl Net {
    /// Opens the door: binds the listeners, starts the swarm, begins to join the network. Must be called on a
    /// tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] names the address that could not be bound, or what could not be set up.
    pub async fn start(config: NetConfig) -> Result<(Self, Inbound), StartError> {
        let identity = key::keypair(&config.node_secret);
        let tls = LaneTls::new(&identity)?;
        let (ports, inbound, asked) = Ports::open(config.role, &config.limits);
        let (ports, tasks, stop) = (Arc::new(ports), TaskTracker::new(), CancellationToken::new());
        let swarm = swarm::build(&config, identity.clone(), Arc::clone(&ports), tasks.clone())?;
        let socket = match config.lane_listen {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        let lane = socket.as_ref().and_then(|socket| socket.local_addr().ok());
        let (commands, inbox) = mpsc::channel(INBOX);
        let (shown, status) = watch::channel(NetStatus { lane, ..NetStatus::default() });
        let swarm = listen(swarm, &config.listen)?;
        tasks.spawn(Actor::new(swarm, config.clone(), inbox, shown, stop.clone()).run());
        if let Some(socket) = socket {
            let handshakes = Gate::new(config.limits.handshakes);
            let (tls, ports, counted, stop) = (tls.clone(), Arc::clone(&ports), tasks.clone(), stop.clone());
            tasks.spawn(LaneListener { socket, tls, ports, handshakes, tasks: counted, stop }.run());
        }
        let (card, shown_card) = watch::channel(None);
        tasks.spawn(RecordServer { asked, card: shown_card, stop: stop.clone() }.run());
        let node = key::own_key(&identity);
        let cards = Cards::default();
        let net = Self(Arc::new(Shared {
            config,
            identity,
            node,
            commands,
            status,
            card,
            ports,
            tasks,
            stop,
            cards,
            tls,
        }));
        net.listening().await;
        Ok((net, inbound))
    }

    /// This node's key.
    #[must_use]
    pub fn node(&self) -> NodeKey {
        self.0.node
    }

    /// The door as it stands now.
    #[must_use]
    pub fn status(&self) -> NetStatus {
        self.0.status.borrow().clone()
    }

    /// Streams and lanes that others have open at this door.
    #[must_use]
    pub fn load(&self) -> NetLoad {
        let (rpc, lanes) = (&self.0.ports.rpc.gate, &self.0.ports.lanes.gate);
        NetLoad {
            rpc: rpc.held(),
            rpc_refused: rpc.refused(),
            lanes: lanes.held(),
            lanes_refused: lanes.refused(),
        }
    }

    /// Waits until the door looks as `wanted` says, or the time is over; true if it does.
    pub async fn wait_for(&self, wanted: impl FnMut(&NetStatus) -> bool, within: Duration) -> bool {
        let mut status = self.0.status.clone();
        matches!(timeout(within, status.wait_for(wanted)).await, Ok(Ok(_)))
    }

    /// Waits until the first walk through the network has come far enough for look-ups to find what there is.
    ///
    /// # Errors
    /// [`LookupError::NoPeers`] if no bootstrap node has answered by then.
    pub async fn joined(&self, within: Duration) -> Result<(), LookupError> {
        if self.wait_for(|status| status.joined, within).await {
            return Ok(());
        }
        if self.0.stop.is_cancelled() { Err(LookupError::Stopped) } else { Err(LookupError::NoPeers) }
    }

    /// Addresses others can dial, each with this node's identity at the end: what to give to a bootstrap list.
    #[must_use]
    pub fn dialable(&self) -> Vec<Multiaddr> {
        let own = self.0.identity.public().to_peer_id();
        self.status().listen.into_iter().filter_map(|address| address.with_p2p(own).ok()).collect()
    }

    /// Tells the node where others may be (addresses with or without `/p2p/…`), beside its bootstrap list.
    ///
    /// # Errors
    /// [`LookupError::Stopped`] once the door is closed.
    pub async fn introduce(&self, addresses: Vec<Multiaddr>) -> Result<(), LookupError> {
        self.0.commands.send(Command::Introduce { addresses }).await.map_err(|_| LookupError::Stopped)
    }

    /// Opens a stream for calls to `node`, dialling `addresses` and whatever else is known of it if need be.
    ///
    /// # Errors
    /// [`ConnectError`] names the node, the address and the stage.
    pub async fn rpc_connect<In, Out>(
        &self,
        node: NodeKey,
        addresses: &[Multiaddr],
    ) -> Result<RpcTransport<In, Out>, ConnectError>
    where
        In: for<'de> Deserialize<'de>,
        Out: Serialize,
    {
        self.rpc_stream(node, addresses).await.map(rpc_transport)
    }

    /// The bare stream under [`Net::rpc_connect`], for whoever brings a framing of its own.
    ///
    /// # Errors
    /// [`ConnectError`] names the node, the address and the stage.
    pub async fn rpc_stream(
        &self,
        node: NodeKey,
        addresses: &[Multiaddr],
    ) -> Result<PeerStream, ConnectError> {
        self.open(node, addresses, RPC_PROTOCOL).await
    }

    /// Opens a lane to `node`: directly at `lanes` if one of them proves to be the node, else as a libp2p
    /// stream over `addresses`.
    ///
    /// # Errors
    /// [`LaneError`] says what happened at each lane address and why the stream failed too.
    pub async fn lane_connect(
        &self,
        node: NodeKey,
        lanes: &[SocketAddr],
        addresses: &[Multiaddr],
    ) -> Result<LaneStream, LaneError> {
        let within = self.0.config.timeouts.lane;
        let direct = tokio::select! {
            () = self.0.stop.cancelled() => Vec::new(),
            called = lane::call(&self.0.tls, node, lanes, within) => match called {
                Ok(lane) => return Ok(lane),
                Err(attempts) => attempts,
            },
        };
        let stream = self.open(node, addresses, LANE_PROTOCOL).await;
        stream.map(LaneStream::over_libp2p).map_err(|fallback| LaneError { node, direct, fallback })
    }

    /// Closes the door and waits until every task it started has ended. May be called more than once.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// Opens a libp2p stream, patiently; see [`Net::persist`].
    pub(crate) async fn open(
        &self,
        node: NodeKey,
        addresses: &[Multiaddr],
        protocol: &'static str,
    ) -> Result<PeerStream, ConnectError> {
        let peer = key::peer_id(&node).ok_or(ConnectError::NotAKey { node })?;
        let after = self.0.config.timeouts.open;
        match timeout(after, self.persist(peer, addresses.to_vec(), protocol)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(None)) => Err(ConnectError::Stopped),
            Ok(Err(Some(failure))) => Err(explain(node, protocol, failure, after)),
            Err(_) => Err(ConnectError::TimedOut { node, after }),
        }
    }

    /// Asks again where that helps: once after a connection that broke unnoticed (the peer was restarted), and
    /// without an address at which another node answered, because one such address ends the whole dial.
    async fn persist(
        &self,
        peer: PeerId,
        mut addresses: Vec<Multiaddr>,
        protocol: &'static str,
    ) -> Result<PeerStream, Option<OpenFailure>> {
        let mut broken = false;
        loop {
            let failure = match self.ask(peer, &addresses, protocol).await {
                Err(Some(failure)) => failure,
                answer => return answer,
            };
            match &failure {
                OpenFailure::Io(_) if !broken => broken = true,
                OpenFailure::WrongIdentity { address, .. } => {
                    let before = addresses.len();
                    addresses.retain(|listed| !address.starts_with(&listed.to_string()));
                    if addresses.is_empty() || addresses.len() == before {
                        return Err(Some(failure));
                    }
                }
                _ => return Err(Some(failure)),
            }
        }
    }

    /// One request to the actor; `Err(None)` once the door is closed.
    async fn ask(
        &self,
        peer: PeerId,
        addresses: &[Multiaddr],
        protocol: &'static str,
    ) -> Result<PeerStream, Option<OpenFailure>> {
        let (reply, answer) = oneshot::channel();
        let request = OpenRequest { protocol: StreamProtocol::new(protocol), reply };
        let command = Command::Open { peer, addresses: addresses.to_vec(), request };
        self.0.commands.send(command).await.map_err(|_| None)?;
        match answer.await {
            Ok(opened) => opened.map(PeerStream::outbound).map_err(Some),
            Err(_) if self.0.stop.is_cancelled() => Err(None),
            Err(_) => Err(Some(OpenFailure::Io(Arc::new(io::ErrorKind::ConnectionAborted.into())))),
        }
    }

    /// The first addresses are bound before [`Net::start`] returns; a wildcard may show more of them later.
    async fn listening(&self) {
        let wanted = self.0.config.listen.len();
        self.wait_for(|status| status.listen.len() >= wanted, Duration::from_secs(2)).await;
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::LaneListen { address, source })
}

fn listen(mut swarm: Swarm<Door>, addresses: &[Multiaddr]) -> Result<Swarm<Door>, StartError> {
    for address in addresses {
        swarm.listen_on(address.clone()).map_err(|error| StartError::Listen {
            address: address.clone(),
            source: match error {
                TransportError::Other(source) => source,
                TransportError::MultiaddrNotSupported(_) => io::ErrorKind::Unsupported.into(),
            },
        })?;
    }
    Ok(swarm)
}

fn explain(node: NodeKey, protocol: &'static str, failure: OpenFailure, after: Duration) -> ConnectError {
    match failure {
        OpenFailure::NoAddress => ConnectError::NoAddress { node },
        OpenFailure::Unreachable(attempts) => ConnectError::Unreachable { node, attempts },
        OpenFailure::WrongIdentity { address, found } => ConnectError::WrongIdentity { node, address, found },
        OpenFailure::Unsupported => ConnectError::Unsupported { node, protocol },
        OpenFailure::Io(source) => {
            ConnectError::Broken { node, stage: Stage::Negotiation, source: Some(source) }
        }
        OpenFailure::Slow => ConnectError::TimedOut { node, after },
        OpenFailure::Busy => ConnectError::Busy { node },
    }
}
