//! Several endpoints that serve the same thing: asked in turn, with time-outs, bounded bodies and pauses.
//!
//! An endpoint may hang, lag behind, answer with gigabytes, serve another network, or ask to be left alone; none of
//! that may hang or fill this program, and every failure is told with its endpoint. The endpoint that answered last
//! is asked first next time. Pauses are jittered, so that many programs do not come back in step.

use crate::endpoint::Endpoint;
use crate::error::{Cause, EndpointFault, Fault, LedgerError, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Longest pause between two questions to endpoints that lag behind.
const LAG_PAUSE: Duration = Duration::from_secs(1);

/// How long and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// For one request, from connecting to the last byte; also the longest that endpoints which lag behind, or
    /// asked for patience, are waited for.
    pub timeout: Duration,
    /// Times each endpoint is asked before giving up.
    pub rounds: u32,
    /// Pause after the first round, give or take half; doubles each round.
    pub backoff: Duration,
    /// Largest answer accepted, bytes.
    pub max_body: usize,
}

impl Default for HttpLimits {
    /// 15 s, three rounds, 250 ms, 8 MiB.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            rounds: 3,
            backoff: Duration::from_millis(250),
            max_body: 8 << 20,
        }
    }
}

/// One request to be put to any endpoint.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// POST this JSON to the endpoint itself.
    Post(Arc<Vec<u8>>),
    /// GET this path below the endpoint.
    Get(String),
}

/// An answer and who gave it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) endpoint: String,
    pub(crate) body: Vec<u8>,
    /// True where an earlier attempt may have reached an endpoint without our seeing its answer.
    pub(crate) maybe_delivered_before: bool,
}

/// A failure to get any answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) cause: Cause,
    /// True where some attempt may have reached an endpoint.
    pub(crate) maybe_delivered: bool,
}

/// What to do with an answer that was not accepted.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// No other endpoint would say otherwise.
    Final(Cause),
    /// This endpoint is at fault; ask the next.
    TryNext(Fault),
}

/// Decides by an answer whether to go on with the endpoint that gave it.
pub(crate) type Judge = Box<dyn Fn(&Answer) -> Result<(), Verdict> + Send + Sync>;

/// What an endpoint must answer to be asked anything.
pub(crate) struct Gate {
    /// The question.
    pub(crate) ask: Ask,
    /// The judge of its answer.
    pub(crate) admits: Judge,
}

/// Endpoints that serve the same thing.
pub(crate) struct Endpoints {
    list: Vec<Endpoint>,
    gate: Option<Gate>,
    preferred: AtomicUsize,
    limits: HttpLimits,
}

impl Endpoints {
    pub(crate) fn new(urls: &[String], limits: HttpLimits) -> Result<Self, LedgerError> {
        let list = urls.iter().map(|url| Endpoint::new(url, limits)).collect::<Result<Vec<_>, _>>()?;
        if list.is_empty() {
            let cause = Cause::BadUrl { url: String::new(), reason: "no endpoint is configured" };
            return Err(LedgerError::new(Stage::Configure, cause));
        }
        Ok(Self { list, gate: None, preferred: AtomicUsize::new(0), limits })
    }

    /// Asks every endpoint this first, once.
    pub(crate) fn behind(mut self, gate: Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    /// Asks the endpoints in turn until one answers with something `accept` can read.
    pub(crate) async fn ask<T>(
        &self,
        ask: &Ask,
        accept: impl Fn(&Answer) -> Result<T, Verdict>,
    ) -> Result<(T, Answer), Unanswered> {
        let mut tour = Tour::new(self.limits);
        loop {
            let first = self.preferred.load(Ordering::Relaxed);
            let before = tour.faults.len();
            for offset in 0..self.list.len() {
                let at = (first + offset) % self.list.len();
                let Some(endpoint) = self.list.get(at) else { continue };
                match self.visit(endpoint, ask, &accept, &mut tour).await {
                    Ok(found) => {
                        self.preferred.store(at, Ordering::Relaxed);
                        return Ok(found);
                    }
                    Err(Verdict::Final(cause)) => {
                        return Err(Unanswered { cause, maybe_delivered: tour.maybe_delivered });
                    }
                    Err(Verdict::TryNext(fault)) => {
                        tracing::debug!(endpoint = %endpoint.url, %fault, "ledger endpoint failed");
                        tour.faults.push(EndpointFault { endpoint: endpoint.url.clone(), fault });
                    }
                }
            }
            let rest = self.list.iter().map(|endpoint| endpoint.rest().unwrap_or_default()).min();
            match tour.pause_before_next_round(before, rest.unwrap_or_default()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(tour.give_up()),
            }
        }
    }

    /// One question to one endpoint, which may first have to show what it serves.
    async fn visit<T>(
        &self,
        endpoint: &Endpoint,
        ask: &Ask,
        accept: &impl Fn(&Answer) -> Result<T, Verdict>,
        tour: &mut Tour,
    ) -> Result<(T, Answer), Verdict> {
        if let Some(rest) = endpoint.rest() {
            return Err(Verdict::TryNext(Fault::RateLimited { retry_after: Some(rest) }));
        }
        let max_body = self.limits.max_body;
        let answered = |body| Answer {
            endpoint: endpoint.url.clone(),
            body,
            maybe_delivered_before: tour.maybe_delivered,
        };
        if let Some(gate) = self.gate.as_ref().filter(|_| !endpoint.is_admitted()) {
            let body = endpoint.once(&gate.ask, max_body).await.map_err(Verdict::TryNext)?;
            (gate.admits)(&answered(body))?;
            endpoint.admit();
        }
        let asked = endpoint.once(ask, max_body).await;
        let judged =
            asked.map_err(|fault| (fault.is_before_delivery(), Verdict::TryNext(fault))).and_then(|body| {
                let answer = answered(body);
                accept(&answer).map(|value| (value, answer)).map_err(|verdict| (false, verdict))
            });
        judged.map_err(|(undelivered, verdict)| {
            tour.maybe_delivered |= !undelivered && matches!(verdict, Verdict::TryNext(_));
            verdict
        })
    }
}

/// One request's way around the endpoints.
struct Tour {
    limits: HttpLimits,
    began: Instant,
    rounds: u32,
    pause: Duration,
    faults: Vec<EndpointFault>,
    maybe_delivered: bool,
}

impl Tour {
    fn new(limits: HttpLimits) -> Self {
        Self {
            limits,
            began: Instant::now(),
            rounds: 0,
            pause: limits.backoff,
            faults: Vec::new(),
            maybe_delivered: false,
        }
    }

    /// How long to wait before going around again, after a round whose faults begin at `first`; `None` to give up.
    /// Endpoints that lag behind catch up by themselves: waiting for them costs time but no round.
    fn pause_before_next_round(&mut self, first: usize, rest: Duration) -> Option<Duration> {
        let latest = self.faults.get(first..).unwrap_or_default();
        let all_settled = latest.iter().all(|failed| failed.fault.is_settled());
        let lagging = latest.iter().any(|failed| matches!(failed.fault, Fault::Stale { .. }));
        let left = self.limits.timeout.saturating_sub(self.began.elapsed());
        if lagging && !left.is_zero() {
            let pause = jittered(self.pause).min(LAG_PAUSE);
            self.pause = self.pause.saturating_mul(2).min(LAG_PAUSE);
            self.faults.truncate(first);
            return Some(pause);
        }
        self.rounds += 1;
        if all_settled || self.rounds >= self.limits.rounds || rest > self.limits.timeout {
            return None;
        }
        let pause = jittered(self.pause).max(rest);
        self.pause = self.pause.saturating_mul(2);
        Some(pause)
    }

    fn give_up(self) -> Unanswered {
        Unanswered { cause: Cause::Unreachable(self.faults), maybe_delivered: self.maybe_delivered }
    }
}

/// This pause, give or take half of it.
pub(crate) fn jittered(pause: Duration) -> Duration {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
    let random = RandomState::new().build_hasher().finish();
    Duration::from_nanos((nanos / 2).saturating_add(random % nanos.max(1)))
}
