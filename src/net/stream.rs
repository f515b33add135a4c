//! A libp2p stream as the rest of the program sees it: tokio reads and writes, and a place at the gate.

use crate::gate::Permit;
use layr_types::NodeKey;
use libp2p::Stream;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

/// An authenticated, encrypted byte stream to one peer. Dropping it resets the stream and gives the place at
/// the gate back; shut it down to close it in order.
pub struct PeerStream {
    io: Compat<Stream>,
    _place: Option<Permit<NodeKey>>,
}

impl PeerStream {
    pub(crate) fn outbound(stream: Stream) -> Self {
        Self { io: stream.compat(), _place: None }
    }

    pub(crate) fn inbound(stream: Stream, place: Permit<NodeKey>) -> Self {
        Self { io: stream.compat(), _place: Some(place) }
    }
}

impl fmt::Debug for PeerStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerStream")
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
