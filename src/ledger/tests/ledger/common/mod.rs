//! A local network, funded accounts, and an endpoint that can be made to misbehave.

#![allow(dead_code, reason = "each test program uses its part")]

pub mod deal;
pub mod restore;

use layr_identity::Signer;
use layr_ledger::{BoxError, HttpLimits, LedgerClient, NetworkConfig, Payer, Pending};
use layr_localnet::{Clock, Localnet, LocalnetConfig, RunningLocalnet};
use layr_types::{AccountKey, Stroops};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use zeroize::Zeroizing;

/// The ledger's time when a test begins.
pub const START: u64 = 1_800_000_000;

/// Retries and time-outs short enough for tests.
pub const QUICK: HttpLimits = HttpLimits {
    timeout: Duration::from_secs(10),
    rounds: 2,
    backoff: Duration::from_millis(20),
    max_body: 1 << 20,
};

/// A network whose clock stands still until advanced.
pub async fn network() -> RunningLocalnet {
    named_network(LocalnetConfig::default().passphrase).await
}

/// The same, of another name.
pub async fn named_network(passphrase: String) -> RunningLocalnet {
    let config = LocalnetConfig {
        passphrase,
        seed: Some([7; 32]),
        clock: Clock::Manual(START),
        idle_tick: Duration::from_millis(50),
        batch_window: Duration::from_millis(1),
        ..LocalnetConfig::default()
    };
    Localnet::start(config).await.expect("a local network starts")
}

/// Its configuration, with short time-outs.
pub async fn config(net: &RunningLocalnet) -> NetworkConfig {
    let mut config = NetworkConfig::ask_local(&net.rpc_url()).await.expect("the network answers");
    config.http = QUICK;
    config.transactions.patience = Duration::from_millis(100);
    config
}

pub async fn client(net: &RunningLocalnet) -> LedgerClient {
    LedgerClient::new(config(net).await).expect("the configuration is sound")
}

/// Moves the network's clock.
pub async fn advance(net: &RunningLocalnet, seconds: u64) {
    develop(net, "advance", &format!("{{\"seconds\": {seconds}}}")).await;
}

/// Moves the network's ledger number.
pub async fn advance_ledgers(net: &RunningLocalnet, ledgers: u32) {
    develop(net, "advance", &format!("{{\"ledgers\": {ledgers}}}")).await;
}

/// Pretends a rush: what bids less than `price` stroops per operation waits. Zero ends it.
pub async fn rush(net: &RunningLocalnet, price: u32) {
    develop(net, "congestion", &format!("{{\"inclusion_fee\": {price}}}")).await;
}

/// Pretends a full queue: what bids less than `price` stroops per operation is refused at the door.
pub async fn full_queue(net: &RunningLocalnet, price: u32) {
    develop(net, "congestion", &format!("{{\"inclusion_fee\": {price}, \"queue_full\": true}}")).await;
}

async fn develop(net: &RunningLocalnet, what: &str, body: &str) {
    let request = format!(
        "POST /dev/{what} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(net.address()).await.expect("the network listens");
    stream.write_all(request.as_bytes()).await.expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer comes");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A journal in memory.
#[derive(Clone, Default)]
pub struct Journal(pub Arc<Mutex<Vec<Pending>>>);

impl Journal {
    pub fn all(&self) -> Vec<Pending> {
        self.0.lock().expect("no test panics while holding it").clone()
    }

    pub fn last(&self) -> Pending {
        self.all().pop().expect("something was written down")
    }
}

impl layr_ledger::PendingLog for Journal {
    fn about_to_send(&self, pending: &Pending) -> Result<(), BoxError> {
        self.0.lock().expect("no test panics while holding it").push(pending.clone());
        Ok(())
    }
}

pub fn signer(number: u8) -> Signer {
    Signer::from_seed(&Zeroizing::new([number; 32]))
}

pub fn account(number: u8) -> AccountKey {
    AccountKey(signer(number).public())
}

/// A funded payer and its journal.
pub async fn payer(client: &LedgerClient, number: u8) -> (Payer, Journal) {
    client.fund(&account(number)).await.expect("the faucet gives");
    let journal = Journal::default();
    (Payer::new(signer(number), Arc::new(journal.clone())), journal)
}

pub async fn balance(client: &LedgerClient, account: &AccountKey) -> Stroops {
    client.account(account).await.expect("the ledger answers").expect("the account exists").balance
}

/// A client that reaches the network through these endpoints only.
pub async fn client_through(net: &RunningLocalnet, urls: Vec<String>) -> LedgerClient {
    let mut config = config(net).await;
    config.rpc_urls = urls;
    LedgerClient::new(config).expect("the configuration is sound")
}

/// How an endpoint behaves.
#[derive(Clone)]
pub enum Manner {
    /// Passes everything on.
    Honest,
    /// Passes requests on but closes the connection instead of answering; from the first such request on,
    /// everything else is refused too.
    DropAnswers(&'static str),
    /// Adds this member, once, to the result of the next simulation; then honest.
    AddToSimulation(&'static str, serde_json::Value),
    /// Closes every connection at once.
    Down,
    /// Passes requests on and answers, changing every answer so.
    Rewrite(fn(&mut serde_json::Value)),
    /// Passes nothing on and answers these bytes.
    Say(Vec<u8>),
    /// The same for the next request; then honest.
    SayOnce(Vec<u8>),
}

/// An endpoint between client and network.
pub struct Proxy {
    pub url: String,
    manner: Arc<Mutex<Manner>>,
    asked: Arc<AtomicU32>,
}

impl Proxy {
    pub async fn start(net: &RunningLocalnet) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let manner = Arc::new(Mutex::new(Manner::Honest));
        let asked = Arc::new(AtomicU32::new(0));
        let (upstream, shared, counter) = (net.address(), Arc::clone(&manner), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let _ = relay(stream, upstream, &shared).await;
                });
            }
        });
        Self { url, manner, asked }
    }

    /// Connections so far.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    pub fn set(&self, manner: Manner) {
        *self.manner.lock().expect("not poisoned") = manner;
    }
}

async fn relay(
    mut from: TcpStream,
    upstream: std::net::SocketAddr,
    manner: &Mutex<Manner>,
) -> std::io::Result<()> {
    let request = read_request(&mut from).await?;
    let named = |method: &str| request.windows(method.len()).any(|window| window == method.as_bytes());
    let now = manner.lock().expect("not poisoned").clone();
    let mut addition = None;
    let mut rewrite: Option<fn(&mut serde_json::Value)> = None;
    let swallow = match now {
        Manner::Honest => false,
        Manner::Down => return Ok(()),
        Manner::Say(bytes) => return from.write_all(&bytes).await,
        Manner::SayOnce(bytes) => {
            *manner.lock().expect("not poisoned") = Manner::Honest;
            return from.write_all(&bytes).await;
        }
        Manner::Rewrite(change) => {
            rewrite = Some(change);
            false
        }
        Manner::AddToSimulation(name, value) => {
            if named("simulateTransaction") {
                *manner.lock().expect("not poisoned") = Manner::Honest;
                addition = Some((name, value));
            }
            false
        }
        Manner::DropAnswers(method) => {
            let swallow = named(method);
            if swallow {
                *manner.lock().expect("not poisoned") = Manner::Down;
            }
            swallow
        }
    };
    let mut to = TcpStream::connect(upstream).await?;
    to.write_all(&request).await?;
    let mut answer = Vec::new();
    to.read_to_end(&mut answer).await?;
    if let Some((name, value)) = addition {
        answer = changed(&answer, |json| json["result"][name] = value);
    }
    if let Some(change) = rewrite {
        answer = changed(&answer, change);
    }
    if !swallow {
        from.write_all(&answer).await?;
    }
    Ok(())
}

fn changed(answer: &[u8], change: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let text = std::str::from_utf8(answer).expect("JSON is text");
    let (_, body) = text.split_once("\r\n\r\n").expect("the answer has a body");
    let mut json: serde_json::Value = serde_json::from_str(body).expect("the body is JSON");
    change(&mut json);
    http_ok(&json.to_string())
}

/// One request, its connection header replaced so that the answer ends with the connection.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await?;
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            if n == 0 {
                return Ok(bytes);
            }
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .unwrap_or(0usize);
        if n == 0 || body.len() >= length {
            return Ok(format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes());
        }
    }
}

/// A server that gives everybody the same bytes and then closes, or hangs where there are none.
pub async fn parrot(answer: Option<Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = read_request(&mut stream).await;
                match answer {
                    Some(bytes) => {
                        let _ = stream.write_all(&bytes).await;
                    }
                    None => std::future::pending::<()>().await,
                }
            });
        }
    });
    url
}

/// An HTTP answer with this body.
pub fn http_ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
