//! HTTP with limits: several endpoints in turn, time-outs, bounded bodies, no redirects.
//!
//! An endpoint may hang, answer with gigabytes, or lie about lengths; none of that may hang or fill this
//! program. The endpoint that answered last is asked first next time.

use crate::error::{Cause, EndpointFault, Fault, LedgerError, Stage};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long and how often to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// For one request, from connecting to the last byte.
    pub timeout: Duration,
    /// Times each endpoint is asked before giving up.
    pub rounds: u32,
    /// Pause after the first round; doubles each round.
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

struct Endpoint {
    url: String,
    http: reqwest::Client,
}

/// Endpoints that serve the same thing.
pub(crate) struct Endpoints {
    list: Vec<Endpoint>,
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
        Ok(Self { list, preferred: AtomicUsize::new(0), limits })
    }

    /// Asks the endpoints in turn until one answers with something `accept` can read.
    pub(crate) async fn ask<T>(
        &self,
        ask: &Ask,
        accept: impl Fn(&Answer) -> Result<T, Verdict>,
    ) -> Result<(T, Answer), Unanswered> {
        let mut faults = Vec::new();
        let mut maybe_delivered = false;
        let mut pause = self.limits.backoff;
        for round in 0..self.limits.rounds.max(1) {
            if round > 0 {
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2);
            }
            let first = self.preferred.load(Ordering::Relaxed);
            let before = faults.len();
            for offset in 0..self.list.len() {
                let at = (first + offset) % self.list.len();
                let Some(endpoint) = self.list.get(at) else { continue };
                let (fault, definitive) = match endpoint.once(ask, self.limits.max_body).await {
                    Ok(body) => {
                        let answer = Answer {
                            endpoint: endpoint.url.clone(),
                            body,
                            maybe_delivered_before: maybe_delivered,
                        };
                        match accept(&answer) {
                            Ok(value) => {
                                self.preferred.store(at, Ordering::Relaxed);
                                return Ok((value, answer));
                            }
                            Err(Verdict::Final(cause)) => return Err(Unanswered { cause, maybe_delivered }),
                            Err(Verdict::TryNext(fault)) => (fault, false),
                        }
                    }
                    Err(fault) => {
                        let refused = matches!(fault, Fault::Connect | Fault::Status(400..=499));
                        (fault, refused)
                    }
                };
                maybe_delivered |= !definitive;
                tracing::debug!(endpoint = %endpoint.url, %fault, "ledger endpoint failed");
                faults.push(EndpointFault { endpoint: endpoint.url.clone(), fault });
            }
            if faults.iter().skip(before).all(|failed| failed.fault.is_settled()) {
                break;
            }
        }
        Err(Unanswered { cause: Cause::Unreachable(faults), maybe_delivered })
    }
}

/// What to do with an answer that was not accepted.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// No other endpoint would say otherwise.
    Final(Cause),
    /// This endpoint is at fault; ask the next.
    TryNext(Fault),
}

impl Endpoint {
    fn new(url: &str, limits: HttpLimits) -> Result<Self, LedgerError> {
        let bad = |reason| LedgerError::new(Stage::Configure, Cause::BadUrl { url: url.to_owned(), reason });
        let parsed = reqwest::Url::parse(url).map_err(|_| bad("it is not a URL"))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad("it must begin with http:// or https://"));
        }
        let host = parsed.host_str().ok_or_else(|| bad("it names no host"))?;
        let mut builder = reqwest::Client::builder()
            .timeout(limits.timeout)
            .connect_timeout(limits.timeout.min(Duration::from_secs(5)))
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(host) {
            builder = builder.no_proxy();
        }
        ensure_tls_provider();
        let http = builder.build().map_err(|e| LedgerError::new(Stage::Configure, Cause::Http(e)))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http })
    }

    async fn once(&self, ask: &Ask, max_body: usize) -> Result<Vec<u8>, Fault> {
        let request = match ask {
            Ask::Post(json) => self
                .http
                .post(&self.url)
                .header("content-type", "application/json")
                .body(json.as_ref().clone()),
            Ask::Get(path) => self.http.get(format!("{}{path}", self.url)),
        };
        let mut response = request.send().await.map_err(|e| fault_of(&e))?;
        if !response.status().is_success() {
            return Err(Fault::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| fault_of(&e))? {
            if body.len() + chunk.len() > max_body {
                return Err(Fault::TooLarge(max_body));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn fault_of(error: &reqwest::Error) -> Fault {
    if error.is_connect() {
        Fault::Connect
    } else if error.is_timeout() {
        Fault::Timeout
    } else {
        Fault::Broken
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// TLS needs a process-wide choice of cryptography; the program's is ring. Whoever chose first wins.
fn ensure_tls_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Losing the race means another thread installed one, which is all that is needed.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
}
