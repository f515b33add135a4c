//! One address: a request with limits, what can go wrong with it, and how long it asked to be left alone.
//!
//! Nothing an endpoint sends is believed here, its lengths included; redirects are not followed.

use crate::error::{Cause, Fault, LedgerError, Stage};
use crate::http::{Ask, HttpLimits};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Longest rest an endpoint can ask for; a longer wish is taken for this.
const LONGEST_REST: Duration = Duration::from_secs(3_600);
/// Statuses by which servers ask for patience; others are failures.
const ASKS_FOR_PATIENCE: [u16; 2] = [429, 503];

pub(crate) struct Endpoint {
    pub(crate) url: String,
    http: reqwest::Client,
    /// Before this it wants no requests.
    resting_until: Mutex<Option<Instant>>,
    /// It has shown that it serves the right network.
    admitted: AtomicBool,
}

impl Endpoint {
    pub(crate) fn new(url: &str, limits: HttpLimits) -> Result<Self, LedgerError> {
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
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            http,
            resting_until: Mutex::new(None),
            admitted: AtomicBool::new(false),
        })
    }

    pub(crate) async fn once(&self, ask: &Ask, max_body: usize) -> Result<Vec<u8>, Fault> {
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
            return Err(self.refusal(&response));
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

    /// A status other than success; one that asks for patience is heeded.
    fn refusal(&self, response: &reqwest::Response) -> Fault {
        let status = response.status().as_u16();
        // A date would have to be compared with this machine's clock, which decides nothing.
        let seconds =
            response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let rest = seconds.map(|seconds| Duration::from_secs(seconds).min(LONGEST_REST));
        if !ASKS_FOR_PATIENCE.contains(&status) || (status != 429 && rest.is_none()) {
            return Fault::Status(status);
        }
        if let Some(until) = rest.and_then(|rest| Instant::now().checked_add(rest)) {
            *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
        Fault::RateLimited { retry_after: rest }
    }

    /// How much longer it wants to be left alone.
    pub(crate) fn rest(&self) -> Option<Duration> {
        let until = *self.resting_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(Instant::now())).filter(|rest| !rest.is_zero())
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted.load(Ordering::Relaxed)
    }

    pub(crate) fn admit(&self) {
        self.admitted.store(true, Ordering::Relaxed);
    }
}

fn fault_of(error: &reqwest::Error) -> Fault {
    if error.is_timeout() {
        Fault::Timeout
    } else if error.is_connect() {
        if is_resolution(error) { Fault::Name } else { Fault::Connect }
    } else {
        Fault::Broken
    }
}

/// The HTTP library tells a failed look-up of a name apart by its words only.
fn is_resolution(error: &reqwest::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.to_string().starts_with("dns error") {
            return true;
        }
        source = inner.source();
    }
    false
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
