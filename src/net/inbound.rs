//! Where streams opened by others arrive: one gate and one bounded inbox for each protocol.
//!
//! The inbox has as many places as the gate, and a stream holds its place until it is dropped, so a stream
//! that got through the gate always fits; one that did not is reset at once. Nothing here reads a byte.

use crate::config::{Limits, Role};
use crate::gate::{Gate, GateLimits};
use crate::lane::LaneStream;
use crate::stream::{Held, PeerStream};
use layr_types::NodeKey;
use libp2p::{Stream, StreamProtocol};
use std::time::Duration;
use tokio::sync::mpsc;

/// Calls: tarpc frames.
pub const RPC_PROTOCOL: &str = "/layr/rpc/1";
/// Sector bytes, where no TLS lane can be had.
pub const LANE_PROTOCOL: &str = "/layr/lane/1";
/// A host's own newest record, straight from the host.
pub(crate) const RECORD_PROTOCOL: &str = "/layr/record/1";

/// Asking a host for its record is cheap and short, but not free.
const RECORD_GATE: GateLimits = GateLimits { per_key: 4, total: 64 };

/// A stream for calls that another node opened.
#[derive(Debug)]
pub struct RpcInbound {
    /// Who opened it; proved by the handshake.
    pub peer: NodeKey,
    /// The stream; see [`crate::rpc_transport`].
    pub stream: PeerStream,
}

/// A lane that another node opened.
#[derive(Debug)]
pub struct LaneInbound {
    /// Who opened it; proved by the handshake.
    pub peer: NodeKey,
    /// The lane.
    pub stream: LaneStream,
}

/// The inboxes the rest of the node reads from. Both end when the door closes.
#[derive(Debug)]
pub struct Inbound {
    /// Streams for calls.
    pub rpc: mpsc::Receiver<RpcInbound>,
    /// Lanes.
    pub lanes: mpsc::Receiver<LaneInbound>,
}

/// A gate and the inbox behind it.
#[derive(Debug)]
pub(crate) struct Port<T> {
    pub(crate) gate: Gate<NodeKey>,
    inbox: mpsc::Sender<T>,
}

impl<T> Port<T> {
    fn open(limits: GateLimits) -> (Self, mpsc::Receiver<T>) {
        let places = usize::try_from(limits.total).unwrap_or(usize::MAX).clamp(1, 65_536);
        let (inbox, outlet) = mpsc::channel(places);
        (Self { gate: Gate::new(limits), inbox }, outlet)
    }

    /// Hands on what arrived; drops it where nobody reads the inbox any more.
    pub(crate) fn hand_over(&self, arrived: T) {
        if self.inbox.try_send(arrived).is_err() {
            tracing::debug!("nobody takes inbound streams; dropped one");
        }
    }
}

/// All the ports of one node.
#[derive(Debug)]
pub(crate) struct Ports {
    pub(crate) protocols: Vec<StreamProtocol>,
    pub(crate) rpc: Port<RpcInbound>,
    pub(crate) lanes: Port<LaneInbound>,
    records: Port<PeerStream>,
    pub(crate) idle: Duration,
}

impl Ports {
    pub(crate) fn open(role: Role, limits: &Limits) -> (Self, Inbound, mpsc::Receiver<PeerStream>) {
        let protocols = match role {
            Role::Host => [RPC_PROTOCOL, LANE_PROTOCOL, RECORD_PROTOCOL].map(StreamProtocol::new).to_vec(),
            Role::Client => Vec::new(),
        };
        let (rpc, rpc_outlet) = Port::open(limits.rpc);
        let (lanes, lanes_outlet) = Port::open(limits.lanes);
        let (records, records_outlet) = Port::open(RECORD_GATE);
        let inbound = Inbound { rpc: rpc_outlet, lanes: lanes_outlet };
        (Self { protocols, rpc, lanes, records, idle: limits.idle_stream }, inbound, records_outlet)
    }

    /// Lets a libp2p stream in, or resets it by dropping it.
    pub(crate) fn deliver(&self, peer: NodeKey, protocol: &StreamProtocol, stream: Stream) {
        let gate = match protocol.as_ref() {
            RPC_PROTOCOL => &self.rpc.gate,
            LANE_PROTOCOL => &self.lanes.gate,
            _ => &self.records.gate,
        };
        let Some(place) = gate.enter(peer) else {
            tracing::debug!(%peer, %protocol, "no place for another inbound stream");
            return;
        };
        let stream = PeerStream::inbound(stream, Held::new(place, self.idle));
        match protocol.as_ref() {
            RPC_PROTOCOL => self.rpc.hand_over(RpcInbound { peer, stream }),
            LANE_PROTOCOL => {
                self.lanes.hand_over(LaneInbound { peer, stream: LaneStream::over_libp2p(stream) })
            }
            _ => self.records.hand_over(stream),
        }
    }
}
