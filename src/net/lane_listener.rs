//! The ear for TLS lanes: accepts, lets each caller prove its node key, hands the lane on.
//!
//! One task, started by [`crate::Net::start`], ended by the shutdown token. Inbox: the listening socket.
//! Bounds: half-done handshakes by address of origin and in all, a deadline on each, then lanes by peer and
//! in all; whoever exceeds one is cut off at once. A failing accept (out of file descriptors) pauses the ear
//! instead of spinning it.

use crate::gate::{Gate, Permit};
use crate::inbound::{LaneInbound, Ports};
use crate::lane::{LaneStream, TLS_BUFFER_BYTES, Wire, wire};
use crate::stream::Held;
use crate::tls::{LaneTls, proved_by};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A caller gets this long to prove who it is.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Pause after an accept that failed.
const BREATH: Duration = Duration::from_millis(50);

/// See the module's preface.
pub(crate) struct LaneListener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: LaneTls,
    pub(crate) ports: Arc<Ports>,
    pub(crate) handshakes: Gate<IpAddr>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl LaneListener {
    pub(crate) async fn run(self) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((tcp, from)) => {
                    if let Some(place) = self.handshakes.enter(from.ip()) {
                        self.greet(tcp, place);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a lane");
                    tokio::select! {
                        () = self.stop.cancelled() => return,
                        () = sleep(BREATH) => {}
                    }
                }
            }
        }
    }

    fn greet(&self, tcp: TcpStream, place: Permit<IpAddr>) {
        let (acceptor, ports, stop) =
            (TlsAcceptor::from(self.tls.server()), Arc::clone(&self.ports), self.stop.clone());
        self.tasks.spawn(async move {
            let handshake = timeout(HANDSHAKE, handshake(&acceptor, tcp));
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = handshake => outcome,
            };
            drop(place);
            match outcome {
                Ok(Ok(io)) => hand_over(&ports, io),
                Ok(Err(error)) => tracing::debug!(%error, "a lane's handshake failed"),
                Err(_) => tracing::debug!("a lane's handshake took too long"),
            }
        });
    }
}

async fn handshake(acceptor: &TlsAcceptor, tcp: TcpStream) -> io::Result<TlsStream<Wire>> {
    let wire = wire(tcp)?;
    let accept = acceptor.accept_with(wire, |session| session.set_buffer_limit(Some(TLS_BUFFER_BYTES)));
    accept.await.map(TlsStream::Server)
}

fn hand_over(ports: &Ports, io: TlsStream<Wire>) {
    let Some(peer) = proved_by(io.get_ref().1.peer_certificates()) else {
        tracing::debug!("a lane's caller proved no node key");
        return;
    };
    match ports.lanes.gate.enter(peer) {
        Some(place) => ports.lanes.hand_over(LaneInbound {
            peer,
            stream: LaneStream::direct(io, Some(Held::new(place, ports.idle))),
        }),
        None => tracing::debug!(%peer, "no place for another lane"),
    }
}
