//! The lane: an authenticated byte stream for sector bytes, as cheap as the path to the peer allows.
//!
//! Between nodes that can reach each other it is TLS 1.3 over TCP (a quarter of the processor time of
//! libp2p's own stacks); where no lane address answers, a libp2p stream stands in, which also works through
//! whatever libp2p can traverse. Either way the peer has proved its node key. What is said on the lane is
//! defined elsewhere; this room never looks at a byte of it.

use crate::error::{Attempt, Stage};
use crate::stream::{Held, PeerStream, watched};
use crate::streams::causes;
use crate::tls::{LaneTls, WrongNode};
use futures::stream::{FuturesUnordered, StreamExt};
use layr_types::NodeKey;
use rustls::pki_types::ServerName;
use rustls::{CertificateError, Error};
use std::fmt;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsConnector, TlsStream};

/// Ciphertext one lane may buffer before a write waits: few system calls, little memory.
pub(crate) const TLS_BUFFER_BYTES: usize = 256 * 1024;
/// Ciphertext read from the socket at once. TLS alone asks for 4 KiB at a time, which makes system calls the
/// largest cost of receiving.
const READ_BUFFER_BYTES: usize = 128 * 1024;
/// Head start of each lane address over the next one.
const STAGGER: Duration = Duration::from_millis(150);
/// Lane addresses tried; a record lists no more.
const TRIED: usize = crate::host_record::MAX_LANE_ADDRESSES;

/// How a lane reaches its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LanePath {
    /// TLS 1.3 over TCP.
    Direct,
    /// A stream of a libp2p connection.
    Libp2p,
}

/// What TLS reads from and writes to: writes go straight to the socket.
pub(crate) type Wire = BufReader<TcpStream>;

/// Makes a connected socket ready to carry a lane.
pub(crate) fn wire(tcp: TcpStream) -> io::Result<Wire> {
    tcp.set_nodelay(true)?;
    Ok(BufReader::with_capacity(READ_BUFFER_BYTES, tcp))
}

/// An authenticated, encrypted byte stream for bulk data. Dropping it cuts the lane; shut it down to close it
/// in order.
pub struct LaneStream(Inner);

enum Inner {
    Direct { io: Box<TlsStream<Wire>>, held: Option<Held> },
    Libp2p(PeerStream),
}

impl LaneStream {
    pub(crate) fn direct(io: TlsStream<Wire>, held: Option<Held>) -> Self {
        Self(Inner::Direct { io: Box::new(io), held })
    }

    pub(crate) const fn over_libp2p(stream: PeerStream) -> Self {
        Self(Inner::Libp2p(stream))
    }

    /// How this lane reaches its peer.
    #[must_use]
    pub const fn path(&self) -> LanePath {
        match self.0 {
            Inner::Direct { .. } => LanePath::Direct,
            Inner::Libp2p(_) => LanePath::Libp2p,
        }
    }
}

impl fmt::Debug for LaneStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LaneStream({:?})", self.path())
    }
}

impl AsyncRead for LaneStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Inner::Direct { io, held } => {
                let outcome = Pin::new(io).poll_read(cx, buf);
                watched(held, cx, outcome)
            }
            Inner::Libp2p(io) => Pin::new(io).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for LaneStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Inner::Direct { io, held } => {
                let outcome = Pin::new(io).poll_write(cx, buf);
                watched(held, cx, outcome)
            }
            Inner::Libp2p(io) => Pin::new(io).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Inner::Direct { io, held } => {
                let outcome = Pin::new(io).poll_write_vectored(cx, bufs);
                watched(held, cx, outcome)
            }
            Inner::Libp2p(io) => Pin::new(io).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.0 {
            Inner::Direct { io, .. } => io.is_write_vectored(),
            Inner::Libp2p(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Inner::Direct { io, held } => {
                let outcome = Pin::new(io).poll_flush(cx);
                watched(held, cx, outcome)
            }
            Inner::Libp2p(io) => Pin::new(io).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Inner::Direct { io, .. } => Pin::new(io).poll_shutdown(cx),
            Inner::Libp2p(io) => Pin::new(io).poll_shutdown(cx),
        }
    }
}

/// Calls a node's lane addresses, each a little after the one before; the first that proves to be the node
/// wins. What happened at the others is the error.
pub(crate) async fn call(
    tls: &LaneTls,
    node: NodeKey,
    addresses: &[SocketAddr],
    within: Duration,
) -> Result<LaneStream, Vec<Attempt>> {
    let mut calls: FuturesUnordered<_> = (0u32..)
        .zip(addresses.iter().take(TRIED))
        .map(|(place, &address)| async move {
            sleep(STAGGER * place).await;
            call_one(tls, node, address, within).await
        })
        .collect();
    let mut failed = Vec::new();
    while let Some(outcome) = calls.next().await {
        match outcome {
            Ok(lane) => return Ok(lane),
            Err(attempt) => failed.push(attempt),
        }
    }
    Err(failed)
}

async fn call_one(
    tls: &LaneTls,
    node: NodeKey,
    address: SocketAddr,
    within: Duration,
) -> Result<LaneStream, Attempt> {
    let failed = |stage, cause: String| Attempt { address: address.to_string(), stage, cause };
    let late = || format!("no answer within {} ms", within.as_millis());
    let tcp = match timeout(within, TcpStream::connect(address)).await {
        Ok(Ok(tcp)) => tcp,
        Ok(Err(error)) => return Err(failed(Stage::Dial, error.to_string())),
        Err(_) => return Err(failed(Stage::Dial, late())),
    };
    let wire = wire(tcp).map_err(|error| failed(Stage::Dial, error.to_string()))?;
    let terms = tls.client(node).map_err(|error| failed(Stage::Handshake, error.to_string()))?;
    let name = ServerName::IpAddress(address.ip().into());
    let connect = TlsConnector::from(terms).connect_with(name, wire, |session| {
        session.set_buffer_limit(Some(TLS_BUFFER_BYTES));
    });
    match timeout(within, connect).await {
        Ok(Ok(io)) => Ok(LaneStream::direct(TlsStream::Client(io), None)),
        Ok(Err(error)) => {
            let (stage, cause) = verdict(&error);
            Err(failed(stage, cause))
        }
        Err(_) => Err(failed(Stage::Handshake, late())),
    }
}

/// Where a failed handshake ended, and why.
fn verdict(error: &io::Error) -> (Stage, String) {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if let Some(Error::InvalidCertificate(CertificateError::Other(other))) = tls
        && let Some(wrong) = other.0.downcast_ref::<WrongNode>()
    {
        return (Stage::Identity, wrong.to_string());
    }
    (Stage::Handshake, causes(error))
}
