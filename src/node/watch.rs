//! The owner's role of a node: somebody who looks after agreements while their owner sleeps.
//!
//! One actor, started and stopped by whoever composes the node; it has no inbox, and publishes [`WatchState`]
//! after every round. It looks at the ledger's clock every so often; where a round is due it opens the owner's
//! records, does what is due, writes its state down and closes the records again, so that commands on the same
//! directory work in between. A round follows transactions of an earlier run whose fate is not known (those of an
//! interrupted upload too), publishes and settles what has ended, and audits once a day. It never uploads, and
//! never spends more than ledger fees.
//!
//! Stopped in the middle of a round nothing is lost: every outside effect is in the owner's journal before it
//! happens.

use crate::owner_node::{OwnerNode, OwnerNodeConfig, OwnerNodeError};
use crate::watch_state::WatchState;
use layr_ledger::LedgerClient;
use layr_owner::{AuditTarget, SettleOptions, Silent};
use layr_types::{NodeKey, UnixSeconds};
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where the state is written down, in the owner's directory.
pub const WATCH_STATE_FILE: &str = "watch.json";
/// There while a round has the owner's records open: a command that finds them in use then may wait.
pub const WATCH_ROUND_FILE: &str = "watch-round";
/// Largest state file read: 1 MiB.
const MAX_STATE_BYTES: u64 = 1 << 20;
/// How long a round waits to enter the network; hosts met before are reached without.
const JOIN: Duration = Duration::from_secs(15);
/// How long the clock may take to be told.
const CLOCK: Duration = Duration::from_secs(20);

/// How the watch works.
#[derive(Clone)]
pub struct WatchConfig {
    /// The owner it works for.
    pub owner: OwnerNodeConfig,
    /// How often it looks at the ledger's clock.
    pub look_every: Duration,
    /// How often hosts are audited, seconds of the ledger's clock.
    pub audit_every: u64,
}

/// A running watch.
pub struct OwnerWatch {
    key: NodeKey,
    state: Arc<Mutex<WatchState>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl OwnerWatch {
    /// Starts watching. `tell` is called with lines for the operator.
    ///
    /// # Errors
    /// The ledger's configuration.
    pub fn start(
        config: WatchConfig,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> Result<Self, OwnerNodeError> {
        let ledger = LedgerClient::new(config.owner.network.ledger.clone())?;
        let state = Arc::new(Mutex::new(read_watch_state(&config.owner.dir)));
        let (key, stop) = (config.owner.identity.node_key(), CancellationToken::new());
        end_round(&config.owner.dir);
        let watch = Watch { config, ledger, state: Arc::clone(&state), tell: Box::new(tell), looked: false };
        let task = tokio::spawn(watch.run(stop.clone()));
        Ok(Self { key, state, stop, task })
    }

    /// The owner's node key.
    #[must_use]
    pub const fn key(&self) -> NodeKey {
        self.key
    }

    /// What it knows.
    #[must_use]
    pub fn state(&self) -> WatchState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops it; a round under way is left where it is, its records closed.
    pub async fn stop(self) {
        self.stop.cancel();
        if self.task.await.is_err() {
            tracing::warn!("the owner's watch died; the log says why");
        }
    }
}

/// The state an earlier run left; empty where there is none or it does not read.
#[must_use]
pub fn read_watch_state(dir: &Path) -> WatchState {
    use io::Read as _;
    let mut bytes = Vec::new();
    let read = std::fs::File::open(dir.join(WATCH_STATE_FILE))
        .and_then(|file| file.take(MAX_STATE_BYTES).read_to_end(&mut bytes));
    if read.is_err() {
        return WatchState::default();
    }
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!(%error, "the watch's last state does not read; it starts afresh");
        WatchState::default()
    })
}

/// The actor.
struct Watch {
    config: WatchConfig,
    ledger: LedgerClient,
    state: Arc<Mutex<WatchState>>,
    tell: Box<dyn Fn(&str) + Send + Sync>,
    looked: bool,
}

impl Watch {
    async fn run(mut self, stop: CancellationToken) {
        let mut look = tokio::time::interval(self.config.look_every.max(Duration::from_millis(10)));
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while stop.run_until_cancelled(look.tick()).await.is_some() {
            let looking = stop.run_until_cancelled(self.look());
            if looking.await.is_none() {
                break;
            }
        }
        end_round(&self.config.owner.dir);
    }

    async fn look(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = match tokio::time::timeout(CLOCK, self.ledger.now()).await {
            Ok(Ok(time)) => time.now,
            Ok(Err(error)) => return self.in_trouble(state, format!("the ledger cannot be asked: {error}")),
            Err(_) => return self.in_trouble(state, "the ledger does not answer".to_owned()),
        };
        if !state.due(now, self.looked) {
            return;
        }
        self.looked = true;
        match self.round(&mut state, now).await {
            Ok(trouble) => {
                for line in trouble.iter().filter(|line| !state.trouble.contains(line)) {
                    (self.tell)(line);
                }
                state.trouble = trouble;
                state.completed(now);
                self.keep(state);
            }
            Err(error) => {
                let words = if error.is_in_use() {
                    "another layr command has the records open; the watch waits for it".to_owned()
                } else {
                    chain(&error)
                };
                self.in_trouble(state, words);
            }
        }
    }

    /// One round; returns what stood in its way without stopping it.
    async fn round(&self, state: &mut WatchState, now: UnixSeconds) -> Result<Vec<String>, OwnerNodeError> {
        begin_round(&self.config.owner.dir);
        let node = match OwnerNode::start(self.config.owner.clone()).await {
            Ok(node) => node,
            Err(error) => {
                end_round(&self.config.owner.dir);
                return Err(error);
            }
        };
        let mut trouble = Vec::new();
        if let Err(error) = node.join(JOIN).await {
            trouble.push(chain(&error));
        }
        self.settle(&node, state, &mut trouble).await;
        self.stand(&node, state, now, &mut trouble).await;
        if state.audit_due(now) {
            self.audit(&node, state, now, &mut trouble).await;
        }
        node.stop().await;
        end_round(&self.config.owner.dir);
        Ok(trouble)
    }

    /// Follows what is under way on the ledger, publishes and settles what has ended.
    async fn settle(&self, node: &OwnerNode, state: &mut WatchState, trouble: &mut Vec<String>) {
        match node.owner.settle(SettleOptions::default(), Arc::new(Silent)).await {
            Ok(done) => {
                let ended = state.settled(&done);
                if ended > 0 {
                    let (back, fees) = (done.refunded, done.fees);
                    (self.tell)(&format!("settled {ended} agreement(s): {back} XLM back, {fees} XLM fees"));
                }
            }
            Err(error) => trouble.push(format!("settling stopped: {}", chain(&error))),
        }
    }

    async fn audit(
        &self,
        node: &OwnerNode,
        state: &mut WatchState,
        now: UnixSeconds,
        trouble: &mut Vec<String>,
    ) {
        match node.owner.audit(AuditTarget::All, Arc::new(Silent)).await {
            Ok(found) => {
                state.audited(&found, (now, self.config.audit_every), rand::random());
                let Some(audit) = &state.last_audit else { return };
                let all = audit.passed + audit.failed.len() as u64;
                (self.tell)(&format!("audit: {} of {all} hosts passed", audit.passed));
                for (host, verdict) in &audit.failed {
                    (self.tell)(&format!("audit: host {host} {verdict}"));
                }
            }
            Err(error) => trouble.push(format!("the audit could not be made: {}", chain(&error))),
        }
    }

    async fn stand(
        &self,
        node: &OwnerNode,
        state: &mut WatchState,
        now: UnixSeconds,
        trouble: &mut Vec<String>,
    ) {
        match (node.owner.agreements().await, node.owner.jobs()) {
            (Ok(agreements), Ok(jobs)) => state.stand(&agreements, &jobs, now),
            (Err(error), _) | (_, Err(error)) => trouble.push(chain(&error)),
        }
    }

    fn in_trouble(&self, mut state: WatchState, words: String) {
        if !state.trouble.contains(&words) {
            (self.tell)(&words);
        }
        state.trouble = vec![words];
        self.keep(state);
    }

    /// Publishes the state and writes it down; failing to write costs an audit too many after a restart.
    fn keep(&self, state: WatchState) {
        let written = serde_json::to_vec(&state).map_err(io::Error::other).and_then(|bytes| {
            let path = self.config.owner.dir.join(WATCH_STATE_FILE);
            replace(&path, &bytes)
        });
        if let Err(error) = written {
            tracing::warn!(%error, "the watch's state could not be written down");
        }
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

/// Writes beside, then renames: a reader never sees half a file.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside: PathBuf = path.with_extension("new");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, path)
}

fn begin_round(dir: &Path) {
    if let Err(error) = std::fs::write(dir.join(WATCH_ROUND_FILE), b"") {
        tracing::debug!(%error, "a round cannot be announced");
    }
}

fn end_round(dir: &Path) {
    let _absent = std::fs::remove_file(dir.join(WATCH_ROUND_FILE));
}

/// An error and its causes in one line.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !words.contains(&text) {
            words.push_str(": ");
            words.push_str(&text);
        }
        source = cause.source();
    }
    words
}
