//! A libp2p stream as the rest of the program sees it: tokio reads and writes, and a place at the gate.

use crate::gate::Permit;
use crate::idle::Watch;
use layr_types::NodeKey;
use libp2p::Stream;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

/// An authenticated, encrypted byte stream to one peer. Dropping it resets the stream and gives the place at
/// the gate back; shut it down to close it in order.
pub struct PeerStream {
    io: Compat<Stream>,
    held: Option<Held>,
}

/// What an inbound stream holds: a place at its gate, and the watch that sees to it that it uses it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) watch: Watch,
    pub(crate) _place: Permit<NodeKey>,
}

impl Held {
    pub(crate) fn new(place: Permit<NodeKey>, idle: Duration) -> Self {
        Self { watch: Watch::new(idle), _place: place }
    }
}

/// Passes a transfer's outcome on, watched where the stream is held to be used.
pub(crate) fn watched<T>(
    held: &mut Option<Held>,
    cx: &mut Context<'_>,
    outcome: Poll<io::Result<T>>,
) -> Poll<io::Result<T>> {
    match held {
        Some(held) => held.watch.over(cx, outcome),
        None => outcome,
    }
}

impl PeerStream {
    pub(crate) fn outbound(stream: Stream) -> Self {
        Self { io: stream.compat(), held: None }
    }

    pub(crate) fn inbound(stream: Stream, held: Held) -> Self {
        Self { io: stream.compat(), held: Some(held) }
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
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        watched(&mut self.held, cx, outcome)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, buf);
        watched(&mut self.held, cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        watched(&mut self.held, cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
