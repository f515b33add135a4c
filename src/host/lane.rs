//! The host's end of a lane: sector bytes in and out of one authenticated stream.
//!
//! One reader, one writer, and as many requests between them as the protocol allows. Memory is taken from the
//! shared budget before a body is read and given back when its answer is on the wire; a peer that sends or reads
//! too slowly loses the lane, not the host its memory. A request that cannot be served is answered with a
//! refusal and the lane goes on; only bytes that are no request end it.

use crate::host::Host;
use crate::sectors::SectorRead;
use layr_merkle::GroupRange;
use layr_protocol::Refusal;
use layr_protocol::lane::{Op, REQUEST_BYTES, Request, Response};
use layr_protocol::limits::MAX_LANE_IN_FLIGHT;
use layr_types::{DecodeError, NodeKey, SECTOR_BYTES};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How long one sector may take on the wire: 35 KiB/s is the slowest peer worth serving.
const SECTOR_TIME: Duration = Duration::from_secs(30);

/// Why a lane ended, other than by its peer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LaneError {
    /// The stream broke.
    #[error("the lane's stream broke")]
    Io(#[from] io::Error),
    /// The peer sent something that is no request.
    #[error("the peer sent something that is no request")]
    Malformed(#[from] DecodeError),
    /// The peer took too long over one sector.
    #[error("the peer took longer than 30 s over one sector")]
    Slow,
}

/// One answer on its way out.
struct Reply {
    number: u32,
    result: Result<Option<SectorRead>, Refusal>,
    _permit: OwnedSemaphorePermit,
}

/// Serves one lane until its peer closes it. Cancel by dropping: a sector being stored is either recorded or
/// forgotten, never half of it.
///
/// # Errors
/// [`LaneError`] where the lane had to be ended.
pub async fn serve_lane<S>(host: Arc<Host>, peer: NodeKey, stream: S) -> Result<(), LaneError>
where
    S: AsyncRead + AsyncWrite + Send,
{
    let (reader, writer) = tokio::io::split(stream);
    let (replies, outbox) = mpsc::channel(MAX_LANE_IN_FLIGHT);
    let read = read_requests(&host, peer, reader, replies);
    let write = write_replies(writer, outbox);
    tokio::pin!(read, write);
    tokio::select! {
        done = &mut read => done.and(write.await),
        done = &mut write => done,
    }
}

async fn read_requests(
    host: &Arc<Host>,
    peer: NodeKey,
    mut stream: impl AsyncRead + Unpin,
    replies: mpsc::Sender<Reply>,
) -> Result<(), LaneError> {
    let in_flight = Arc::new(Semaphore::new(MAX_LANE_IN_FLIGHT));
    let mut work = JoinSet::new();
    loop {
        let permit = Arc::clone(&in_flight).acquire_owned().await.expect("never closed");
        let Some(request) = next_request(&mut stream).await? else { break };
        let number = request.number;
        let stored = match request.op {
            Op::Put if host.serves(&peer, &request.agreement) => Some(read_body(host, &mut stream).await?),
            Op::Put => skip_body(&mut stream).await.map(|()| None)?,
            Op::Get { .. } => None,
        };
        let (host, replies) = (Arc::clone(host), replies.clone());
        work.spawn(async move {
            let result = match (request.op, stored) {
                (Op::Put, Some(bytes)) => {
                    host.put_sector(peer, request.agreement, request.root, bytes).await.map(|()| None)
                }
                (Op::Get { first, groups }, _) => get(&host, peer, &request, (first, groups)).await.map(Some),
                (Op::Put, None) => Err(Refusal::UnknownAgreement),
            };
            let _ = replies.send(Reply { number, result, _permit: permit }).await;
        });
        while work.try_join_next().is_some() {}
    }
    drop(replies);
    while work.join_next().await.is_some() {}
    Ok(())
}

/// The next header; `None` where the peer has closed the lane between two requests.
async fn next_request(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Request>, LaneError> {
    let mut header = [0; REQUEST_BYTES];
    let (first, rest) = header.split_at_mut(1);
    if stream.read(first).await? == 0 {
        return Ok(None);
    }
    timeout(SECTOR_TIME, stream.read_exact(rest)).await.map_err(|_| LaneError::Slow)??;
    Ok(Some(Request::decode(&header)?))
}

async fn read_body(
    host: &Host,
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<crate::buffers::SectorBuffer, LaneError> {
    let mut bytes = host.buffers.take().await;
    timeout(SECTOR_TIME, stream.read_exact(&mut bytes[..SECTOR_BYTES]))
        .await
        .map_err(|_| LaneError::Slow)??;
    Ok(bytes)
}

/// Reads past a sector that will be refused, without taking memory for it.
async fn skip_body(stream: &mut (impl AsyncRead + Unpin)) -> Result<(), LaneError> {
    let mut body = stream.take(SECTOR_BYTES as u64);
    let skipped = timeout(SECTOR_TIME, tokio::io::copy(&mut body, &mut tokio::io::sink())).await;
    match skipped.map_err(|_| LaneError::Slow)?? == SECTOR_BYTES as u64 {
        true => Ok(()),
        false => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
    }
}

async fn get(
    host: &Arc<Host>,
    peer: NodeKey,
    request: &Request,
    (first, groups): (u16, u16),
) -> Result<SectorRead, Refusal> {
    let range = GroupRange::new(first.into(), groups.into()).map_err(|_| Refusal::TooMany)?;
    host.get_sector(peer, request.agreement, request.root, range).await
}

async fn write_replies(
    mut stream: impl AsyncWrite + Unpin,
    mut outbox: mpsc::Receiver<Reply>,
) -> Result<(), LaneError> {
    while let Some(reply) = outbox.recv().await {
        timeout(SECTOR_TIME, write_reply(&mut stream, &reply)).await.map_err(|_| LaneError::Slow)??;
        drop(reply);
        if outbox.is_empty() {
            stream.flush().await?;
        }
    }
    Ok(())
}

async fn write_reply(stream: &mut (impl AsyncWrite + Unpin), reply: &Reply) -> io::Result<()> {
    let (status, small, groups) = match &reply.result {
        Ok(None) => (0, Vec::new(), &[] as &[u8]),
        Ok(Some(read)) => (0, read.proof.clone(), &read.bytes[..read.len]),
        Err(refusal) => (refusal.code(), postcard::to_allocvec(refusal).unwrap_or_default(), &[] as &[u8]),
    };
    let length = u32::try_from(small.len() + groups.len()).unwrap_or(u32::MAX);
    let header = Response { status, number: reply.number, length }.encode();
    stream.write_all(&[&header[..], &small].concat()).await?;
    stream.write_all(groups).await
}
