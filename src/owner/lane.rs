//! The owner's end of a lane: many requests in flight, answers in any order.
//!
//! Two tasks per lane, both ended with the last clone of the [`LaneClient`]: the writer takes requests from a
//! bounded inbox and writes them back to back; the reader matches answers to requests by number. When either
//! meets an error, or nothing moves for the stall time while answers are owed, everything in flight fails with
//! that fault and the lane takes no more.

use crate::error::{HostFault, Misbehaviour};
use crate::ports::Lane;
use bytes::{Bytes, BytesMut};
use layr_protocol::Refusal;
use layr_protocol::lane::{Op, REQUEST_BYTES, RESPONSE_BYTES, Request, Response};
use layr_protocol::limits::{MAX_LANE_IN_FLIGHT, MAX_LANE_PAYLOAD_BYTES};
use layr_types::{AgreementId, SectorRoot};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

type Answer = Result<Bytes, HostFault>;

struct Call {
    op: Op,
    agreement: AgreementId,
    root: SectorRoot,
    body: Bytes,
    reply: oneshot::Sender<Answer>,
}

/// What both tasks see.
struct Shared {
    waiting: Mutex<Waiting>,
    slots: Semaphore,
    stall: Duration,
}

struct Waiting {
    calls: HashMap<u32, oneshot::Sender<Answer>>,
    moved: Instant,
    broken: bool,
}

/// A lane in use. Cheap to clone.
#[derive(Clone)]
pub(crate) struct LaneClient(Arc<Inner>);

struct Inner {
    calls: mpsc::Sender<Call>,
    shared: Arc<Shared>,
    tasks: [AbortHandle; 3],
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl LaneClient {
    /// Drives a fresh lane; nothing may stand still on it for longer than `stall` while answers are owed.
    pub(crate) fn start(lane: Lane, stall: Duration) -> Self {
        let (reading, writing) = tokio::io::split(lane);
        let (calls, inbox) = mpsc::channel(MAX_LANE_IN_FLIGHT);
        let waiting = Waiting { calls: HashMap::new(), moved: Instant::now(), broken: false };
        let shared = Arc::new(Shared {
            waiting: Mutex::new(waiting),
            slots: Semaphore::new(MAX_LANE_IN_FLIGHT),
            stall,
        });
        let tasks = [
            tokio::spawn(write(writing, inbox, Arc::clone(&shared))).abort_handle(),
            tokio::spawn(read(reading, Arc::clone(&shared))).abort_handle(),
            tokio::spawn(watch(Arc::clone(&shared))).abort_handle(),
        ];
        Self(Arc::new(Inner { calls, shared, tasks }))
    }

    /// Stores one sector; returns once the host says it is durable.
    pub(crate) async fn put(
        &self,
        agreement: AgreementId,
        root: SectorRoot,
        sector: Bytes,
    ) -> Result<(), HostFault> {
        let answer = self.call(Op::Put, (agreement, root), sector).await?;
        if answer.is_empty() { Ok(()) } else { Err(HostFault::Misbehaved(Misbehaviour::Frame)) }
    }

    /// Fetches some groups of a sector with their proof, unchecked.
    pub(crate) async fn get(
        &self,
        (agreement, root): (AgreementId, SectorRoot),
        (first, groups): (u16, u16),
    ) -> Result<Bytes, HostFault> {
        self.call(Op::Get { first, groups }, (agreement, root), Bytes::new()).await
    }

    /// False once the lane takes no more.
    pub(crate) fn works(&self) -> bool {
        !self.0.shared.lock().broken
    }

    async fn call(&self, op: Op, (agreement, root): (AgreementId, SectorRoot), body: Bytes) -> Answer {
        let (reply, answer) = oneshot::channel();
        let call = Call { op, agreement, root, body, reply };
        self.0.calls.send(call).await.map_err(|_| broken("the lane is closed"))?;
        answer.await.map_err(|_| broken("the lane closed before the answer"))?
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails everything in flight; the first fault wins.
    fn fail(&self, fault: &dyn Fn() -> HostFault) {
        let calls = {
            let mut waiting = self.lock();
            waiting.broken = true;
            std::mem::take(&mut waiting.calls)
        };
        self.slots.close();
        for reply in calls.into_values() {
            let _gone = reply.send(Err(fault()));
        }
    }
}

fn broken(what: &'static str) -> HostFault {
    HostFault::Broken(what.into())
}

async fn write(mut out: WriteHalf<Lane>, mut inbox: mpsc::Receiver<Call>, shared: Arc<Shared>) {
    let mut number = 0u32;
    while let Some(call) = inbox.recv().await {
        let Ok(slot) = shared.slots.acquire().await else { return };
        slot.forget();
        number = number.wrapping_add(1);
        let Call { op, agreement, root, body, reply } = call;
        {
            let mut waiting = shared.lock();
            if waiting.broken {
                return;
            }
            if waiting.calls.is_empty() {
                waiting.moved = Instant::now();
            }
            waiting.calls.insert(number, reply);
        }
        let head = Request { op, number, agreement, root }.encode();
        if let Err(error) = send(&mut out, &head, &body, &shared, inbox.is_empty()).await {
            return shared.fail(&|| HostFault::Broken(error.to_string().into()));
        }
    }
}

/// Bytes written between two looks at the clock.
const WRITE_STEP: usize = 256 * 1024;

async fn send(
    out: &mut WriteHalf<Lane>,
    head: &[u8; REQUEST_BYTES],
    body: &Bytes,
    shared: &Shared,
    last: bool,
) -> std::io::Result<()> {
    out.write_all(head).await?;
    for part in body.chunks(WRITE_STEP) {
        out.write_all(part).await?;
        shared.lock().moved = Instant::now();
    }
    if last { out.flush().await } else { Ok(()) }
}

async fn read(mut from: ReadHalf<Lane>, shared: Arc<Shared>) {
    loop {
        match read_one(&mut from, &shared).await {
            Ok(()) => {}
            Err(HostFault::Broken(cause)) => {
                let text = cause.to_string();
                return shared.fail(&|| HostFault::Broken(text.clone().into()));
            }
            Err(_) => return shared.fail(&|| HostFault::Misbehaved(Misbehaviour::Frame)),
        }
    }
}

async fn read_one(from: &mut ReadHalf<Lane>, shared: &Shared) -> Result<(), HostFault> {
    let io = |error: std::io::Error| HostFault::Broken(error.into());
    let frame = || HostFault::Misbehaved(Misbehaviour::Frame);
    let mut head = [0u8; RESPONSE_BYTES];
    from.read_exact(&mut head).await.map_err(io)?;
    let head = Response::decode(&head).map_err(|_| frame())?;
    let length = usize::try_from(head.length).ok().filter(|length| *length <= MAX_LANE_PAYLOAD_BYTES);
    let mut body = BytesMut::with_capacity(length.ok_or_else(frame)?);
    let mut left = u64::from(head.length);
    while left > 0 {
        let step = (&mut *from).take(left.min(WRITE_STEP as u64)).read_buf(&mut body).await.map_err(io)?;
        if step == 0 {
            return Err(broken("the lane ended within an answer"));
        }
        left -= step as u64;
        shared.lock().moved = Instant::now();
    }
    let reply = {
        let mut waiting = shared.lock();
        waiting.moved = Instant::now();
        waiting.calls.remove(&head.number).ok_or_else(frame)?
    };
    shared.slots.add_permits(1);
    let answer = if head.status == 0 { Ok(body.freeze()) } else { Err(refusal(head.status, &body)) };
    let _gone = reply.send(answer);
    Ok(())
}

fn refusal(status: u16, body: &[u8]) -> HostFault {
    match postcard::from_bytes::<Refusal>(body) {
        Ok(refusal) if refusal.code() == status => HostFault::Refused(refusal),
        _ => HostFault::Misbehaved(Misbehaviour::Frame),
    }
}

/// Fails the lane when answers are owed and nothing has moved for the stall time.
async fn watch(shared: Arc<Shared>) {
    loop {
        let until = {
            let waiting = shared.lock();
            if waiting.broken {
                return;
            }
            let idle = waiting.calls.is_empty();
            if !idle && waiting.moved.elapsed() >= shared.stall {
                drop(waiting);
                let after = shared.stall;
                return shared.fail(&|| HostFault::Late { after });
            }
            if idle { Instant::now() + shared.stall } else { waiting.moved + shared.stall }
        };
        sleep_until(until + Duration::from_millis(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_types::SECTOR_BYTES;
    use tokio::io::DuplexStream;

    const STALL: Duration = Duration::from_millis(200);

    fn lane() -> (LaneClient, DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        (LaneClient::start(Box::new(ours), STALL), theirs)
    }

    async fn request(host: &mut DuplexStream) -> Request {
        let mut head = [0; REQUEST_BYTES];
        host.read_exact(&mut head).await.unwrap();
        let request = Request::decode(&head).unwrap();
        if request.op == Op::Put {
            let mut body = vec![0; SECTOR_BYTES];
            host.read_exact(&mut body).await.unwrap();
        }
        request
    }

    async fn answer(host: &mut DuplexStream, (status, number): (u16, u32), body: &[u8]) {
        let length = u32::try_from(body.len()).unwrap();
        host.write_all(&Response { status, number, length }.encode()).await.unwrap();
        host.write_all(body).await.unwrap();
    }

    fn ask(lane: &LaneClient, root: u8) -> tokio::task::JoinHandle<Answer> {
        let lane = lane.clone();
        tokio::spawn(async move { lane.get((AgreementId([1; 32]), SectorRoot([root; 32])), (0, 1)).await })
    }

    #[tokio::test]
    async fn answers_find_their_requests_in_any_order() {
        let (lane, mut host) = lane();
        let (first, second) = (ask(&lane, 1), ask(&lane, 2));
        let (a, b) = (request(&mut host).await, request(&mut host).await);
        answer(&mut host, (0, b.number), &b.root.0).await;
        answer(&mut host, (0, a.number), &a.root.0).await;
        let bodies = [first.await.unwrap().unwrap(), second.await.unwrap().unwrap()];
        assert_eq!(bodies, [Bytes::from(vec![1; 32]), Bytes::from(vec![2; 32])]);
    }

    #[tokio::test]
    async fn a_refusal_keeps_the_lane_and_its_code_must_fit() {
        let (lane, mut host) = lane();
        let asked = ask(&lane, 1);
        let number = request(&mut host).await.number;
        let body = postcard::to_allocvec(&Refusal::Busy).unwrap();
        answer(&mut host, (Refusal::Busy.code(), number), &body).await;
        assert!(matches!(asked.await.unwrap(), Err(HostFault::Refused(Refusal::Busy))));
        let asked = ask(&lane, 1);
        let number = request(&mut host).await.number;
        answer(&mut host, (Refusal::NotOpen.code(), number), &body).await;
        assert!(matches!(asked.await.unwrap(), Err(HostFault::Misbehaved(Misbehaviour::Frame))));
        assert!(lane.works());
    }

    #[tokio::test]
    async fn an_answer_nobody_asked_for_ends_the_lane_and_fails_what_waits() {
        let (lane, mut host) = lane();
        let asked = ask(&lane, 1);
        let number = request(&mut host).await.number;
        answer(&mut host, (0, number.wrapping_add(7)), &[]).await;
        assert!(matches!(asked.await.unwrap(), Err(HostFault::Misbehaved(Misbehaviour::Frame))));
        assert!(!lane.works());
    }

    #[tokio::test]
    async fn garbage_and_oversized_answers_end_the_lane_before_anything_is_allocated() {
        let mut oversized = Response { status: 0, number: 1, length: 0 }.encode();
        oversized[12..].copy_from_slice(&u32::MAX.to_be_bytes());
        for head in [[0xFF; RESPONSE_BYTES], oversized] {
            let (lane, mut host) = lane();
            let asked = ask(&lane, 1);
            request(&mut host).await;
            host.write_all(&head).await.unwrap();
            assert!(matches!(asked.await.unwrap(), Err(HostFault::Misbehaved(Misbehaviour::Frame))));
        }
    }

    #[tokio::test]
    async fn a_lane_on_which_nothing_moves_fails_within_the_stall_time() {
        let (lane, mut host) = lane();
        let asked = ask(&lane, 1);
        request(&mut host).await;
        assert!(matches!(asked.await.unwrap(), Err(HostFault::Late { after }) if after == STALL));
        let body = Bytes::from(vec![0; SECTOR_BYTES]);
        let refused = lane.put(AgreementId([1; 32]), SectorRoot([1; 32]), body).await;
        assert!(refused.is_err(), "a broken lane takes no more");
    }

    #[tokio::test]
    async fn a_closed_lane_fails_what_waits() {
        let (lane, mut host) = lane();
        let asked = ask(&lane, 1);
        request(&mut host).await;
        drop(host);
        assert!(matches!(asked.await.unwrap(), Err(HostFault::Broken(_))));
        assert!(!lane.works());
    }
}
