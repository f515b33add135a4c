//! One connection's part in opening and accepting raw streams.
//!
//! Lives inside the swarm, one per connection. In: requests to open a stream. Out: nothing; answers go
//! straight to whoever asked, inbound streams straight to their port. Replaces `libp2p-stream`, whose inbox
//! holds one stream per protocol and silently drops the second of two that arrive together.

use crate::inbound::Ports;
use layr_types::NodeKey;
use libp2p::core::upgrade::{InboundUpgrade, OutboundUpgrade, UpgradeInfo};
use libp2p::swarm::handler::{
    ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound,
};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol};
use libp2p::{Stream, StreamProtocol};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::oneshot;

use crate::error::Attempt;

/// Agreeing on a stream's protocol is one round trip.
const NEGOTIATION: Duration = Duration::from_secs(5);

/// Why a stream did not come about; the handle adds which node it was meant for.
#[derive(Debug, Clone)]
pub(crate) enum OpenFailure {
    /// No address was known.
    NoAddress,
    /// Every address failed.
    Unreachable(Arc<Vec<Attempt>>),
    /// Another node answered at the address.
    WrongIdentity { address: String, found: Option<NodeKey> },
    /// The peer does not speak the protocol.
    Unsupported,
    /// The connection broke.
    Io(Arc<io::Error>),
    /// Negotiation took too long.
    Slow,
    /// A limit is reached.
    Busy,
}

/// Where the answer to a request goes.
pub(crate) type OpenReply = oneshot::Sender<Result<Stream, OpenFailure>>;

/// A request to open one stream.
#[derive(Debug)]
pub(crate) struct OpenRequest {
    pub(crate) protocol: StreamProtocol,
    pub(crate) reply: OpenReply,
}

/// Offers these protocols and hands the stream out unread.
#[derive(Debug, Clone)]
pub(crate) struct Offer(Vec<StreamProtocol>);

impl UpgradeInfo for Offer {
    type Info = StreamProtocol;
    type InfoIter = std::vec::IntoIter<StreamProtocol>;

    fn protocol_info(&self) -> Self::InfoIter {
        self.0.clone().into_iter()
    }
}

impl InboundUpgrade<Stream> for Offer {
    type Output = (Stream, StreamProtocol);
    type Error = Infallible;
    type Future = Ready<Result<Self::Output, Infallible>>;

    fn upgrade_inbound(self, stream: Stream, protocol: StreamProtocol) -> Self::Future {
        ready(Ok((stream, protocol)))
    }
}

impl OutboundUpgrade<Stream> for Offer {
    type Output = Stream;
    type Error = Infallible;
    type Future = Ready<Result<Stream, Infallible>>;

    fn upgrade_outbound(self, stream: Stream, _: StreamProtocol) -> Self::Future {
        ready(Ok(stream))
    }
}

/// See the module's preface.
pub(crate) struct StreamHandler {
    peer: NodeKey,
    ports: Arc<Ports>,
    asked: VecDeque<OpenRequest>,
}

impl StreamHandler {
    pub(crate) const fn new(peer: NodeKey, ports: Arc<Ports>) -> Self {
        Self { peer, ports, asked: VecDeque::new() }
    }
}

impl ConnectionHandler for StreamHandler {
    type FromBehaviour = OpenRequest;
    type ToBehaviour = Infallible;
    type InboundProtocol = Offer;
    type OutboundProtocol = Offer;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = OpenReply;

    fn listen_protocol(&self) -> SubstreamProtocol<Offer> {
        SubstreamProtocol::new(Offer(self.ports.protocols.clone()), ()).with_timeout(NEGOTIATION)
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ConnectionHandlerEvent<Offer, OpenReply, Infallible>> {
        while let Some(OpenRequest { protocol, reply }) = self.asked.pop_front() {
            if reply.is_closed() {
                continue;
            }
            let protocol = SubstreamProtocol::new(Offer(vec![protocol]), reply).with_timeout(NEGOTIATION);
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, request: OpenRequest) {
        self.asked.push_back(request);
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Offer, Offer, (), OpenReply>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: (stream, protocol),
                ..
            }) => {
                self.ports.deliver(self.peer, &protocol, stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: stream,
                info: reply,
            }) => {
                // Whoever asked may have given up; the stream then drops and is reset.
                let _ = reply.send(Ok(stream));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { error, info: reply }) => {
                let failure = match error {
                    StreamUpgradeError::Timeout => OpenFailure::Slow,
                    StreamUpgradeError::NegotiationFailed => OpenFailure::Unsupported,
                    StreamUpgradeError::Io(source) => OpenFailure::Io(Arc::new(source)),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                let _ = reply.send(Err(failure));
            }
            _ => {}
        }
    }
}
