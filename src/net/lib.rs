//! The network door: libp2p swarm, host records, streams for calls, and the lane for bytes.
//!
//! What enters: a node key, addresses to listen on and to join through, and strangers' bytes. What leaves:
//! verified records of hosts and owners, streams whose other end has proved its node key, and the streams and
//! lanes others opened to us. What never happens here: a record is believed unverified, a stranger's length is
//! allocated unbounded, or a byte of an RPC or of a sector is interpreted; services and lane frames are
//! defined upstream, and what this node does with a call is decided downstream.
//!
//! One actor owns the swarm ([`Net`] is its handle), one listener takes lanes, one server hands out the host's
//! card; all end with [`Net::shutdown`]. Every inbox is bounded and every gate counts per peer and in all.
//!
//! ```no_run
//! # async fn example(seed: [u8; 32], network: layr_types::NetworkId) -> Result<(), Box<dyn std::error::Error>> {
//! use layr_net::{HostProfile, Net, NetConfig};
//!
//! let mut config = NetConfig::host(seed.into(), network);
//! config.listen = vec!["/ip4/0.0.0.0/udp/4001/quic-v1".parse()?, "/ip4/0.0.0.0/tcp/4001".parse()?];
//! config.lane_listen = Some("0.0.0.0:4002".parse()?);
//! let (net, mut inbound) = Net::start(config).await?;
//! net.publish_host(HostProfile { region: "eu-north".into(), ..HostProfile::default() }).await?;
//! while let Some(call) = inbound.rpc.recv().await {
//!     println!("{} opened a stream for calls", call.peer);
//! }
//! # Ok(()) }
//! ```

mod actor;
mod command;
mod config;
mod discover;
mod error;
mod gate;
mod host_record;
mod idle;
mod inbound;
mod key;
mod lane;
mod lane_listener;
mod layout;
mod lookups;
mod net;
mod owner_record;
mod publisher;
mod rpc;
mod shelf;
mod stream;
mod stream_handler;
mod streams;
mod swarm;
mod tls;

pub use command::{NetLoad, NetStatus};
pub use config::{Clock, Limits, NetConfig, Role, Timeouts};
pub use error::{Attempt, ConnectError, LaneError, LookupError, PublishError, Stage, StartError};
pub use gate::GateLimits;
pub use host_record::{
    HostRecord, MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_CLOCK_SKEW, MAX_HOST_RECORD_BYTES, MAX_LABEL_BYTES,
    MAX_LANE_ADDRESSES, MAX_LIFETIME, VerifiedHostRecord,
};
pub use inbound::{Inbound, LANE_PROTOCOL, LaneInbound, RPC_PROTOCOL, RpcInbound};
pub use key::{node_key, peer_id};
pub use lane::{LanePath, LaneStream};
pub use layout::RecordError;
pub use libp2p::multiaddr::{Error as MultiaddrError, Protocol};
pub use libp2p::{Multiaddr, PeerId};
pub use net::Net;
pub use owner_record::{
    MAX_OWNER_PAYLOAD_BYTES, MAX_OWNER_RECORD_BYTES, OwnerRecordKey, VerifiedOwnerRecord,
};
pub use publisher::HostProfile;
pub use rpc::{ClientTransport, MAX_FRAME_BYTES, Postcard, RpcTransport, ServerTransport, rpc_transport};
pub use stream::PeerStream;
