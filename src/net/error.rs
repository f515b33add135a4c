//! What can go wrong at the network door: one enum per verb, each naming the address and the stage.

use crate::layout::RecordError;
use layr_types::NodeKey;
use libp2p::Multiaddr;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Where on the way to a stream an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reaching the address.
    Dial,
    /// Agreeing on keys.
    Handshake,
    /// Finding the expected node at the address.
    Identity,
    /// Agreeing on the protocol of a stream.
    Negotiation,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dial => "dialling",
            Self::Handshake => "the handshake",
            Self::Identity => "checking the identity",
            Self::Negotiation => "negotiating the stream",
        })
    }
}

/// Why the door could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A libp2p address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: Multiaddr,
        /// What the transport said.
        source: io::Error,
    },
    /// The lane's address cannot be listened on.
    #[error("cannot listen for lanes on {address}")]
    LaneListen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The TLS certificate bound to the node key could not be made.
    #[error("cannot make the certificate bound to the node key")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A transport could not be set up.
    #[error("cannot set up the transport")]
    Transport(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// One address that was tried in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The address, as text: a multiaddr or a socket address.
    pub address: String,
    /// Where the attempt ended.
    pub stage: Stage,
    /// What the transport or the system said.
    pub cause: String,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed at {}: {}", self.address, self.stage, self.cause)
    }
}

/// Why there is no stream to a node.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The key is not a point of the curve: nobody can hold it.
    #[error("{node} is not a node key")]
    NotAKey {
        /// The key asked for.
        node: NodeKey,
    },
    /// Nobody told us where the node is.
    #[error("no address is known for node {node}")]
    NoAddress {
        /// The node asked for.
        node: NodeKey,
    },
    /// Every address failed.
    #[error("cannot reach node {node}: {}", Listed(attempts))]
    Unreachable {
        /// The node asked for.
        node: NodeKey,
        /// What happened at each address.
        attempts: Arc<Vec<Attempt>>,
    },
    /// Another node answered.
    #[error("node {node} was expected at {address}, but {} answered", Found(found))]
    WrongIdentity {
        /// The node asked for.
        node: NodeKey,
        /// The address dialled.
        address: String,
        /// Who answered; `None` for a peer without a node key.
        found: Option<NodeKey>,
    },
    /// The node does not speak the protocol (a client, or another version).
    #[error("node {node} does not speak {protocol}")]
    Unsupported {
        /// The node asked for.
        node: NodeKey,
        /// The protocol asked for.
        protocol: &'static str,
    },
    /// The connection broke while the stream was being opened.
    #[error("the connection to node {node} broke at {stage}")]
    Broken {
        /// The node asked for.
        node: NodeKey,
        /// Where it broke.
        stage: Stage,
        /// What the transport said.
        #[source]
        source: Option<Arc<io::Error>>,
    },
    /// A limit on connections or waiting streams is reached.
    #[error("too many connections or waiting streams to open one to node {node}")]
    Busy {
        /// The node asked for.
        node: NodeKey,
    },
    /// It took too long.
    #[error("node {node} did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// The node asked for.
        node: NodeKey,
        /// How long we waited.
        after: Duration,
    },
    /// The door is closed.
    #[error("the network door is closed")]
    Stopped,
}

/// Why there is no lane to a node: neither a direct one nor a stream.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no lane to node {node}: {}; over libp2p: {fallback}", Listed(direct))]
pub struct LaneError {
    /// The node asked for.
    pub node: NodeKey,
    /// What happened at each lane address.
    pub direct: Vec<Attempt>,
    /// Why the stream that should have stood in failed too.
    #[source]
    pub fallback: ConnectError,
}

/// Why a look-up brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// No other node is known yet.
    #[error("no other node of the network is known yet")]
    NoPeers,
    /// It took too long.
    #[error("the network did not answer within {} ms", after.as_millis())]
    TimedOut {
        /// How long we waited.
        after: Duration,
    },
    /// The door is closed.
    #[error("the network door is closed")]
    Stopped,
}

/// Why a record was not spread.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The record itself is not acceptable; this node refuses it first.
    #[error("the record was refused")]
    Record(#[from] RecordError),
    /// No other node is known yet.
    #[error("no other node of the network is known yet")]
    NoPeers,
    /// Other nodes are known, but none of them kept a copy: they hold a newer record or did not answer.
    #[error("no other node kept the record")]
    NoCopies,
    /// The door is closed.
    #[error("the network door is closed")]
    Stopped,
}

struct Listed<'a>(&'a [Attempt]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no address was given");
        }
        for (at, attempt) in self.0.iter().enumerate() {
            write!(f, "{}{attempt}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

struct Found<'a>(&'a Option<NodeKey>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(node) => write!(f, "node {node}"),
            None => f.write_str("a peer without a node key"),
        }
    }
}
