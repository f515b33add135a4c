//! The owner's role of a node: somebody who looks after agreements while their owner sleeps.
//!
//! One actor, started and stopped by whoever composes the node; it has no inbox, and publishes [`WatchState`]
//! after every round. It looks at the ledger's clock every so often; where a round is due it opens the owner's
//! records, does what is due, writes its state down and closes the records again, so that commands on the same
//! directory work in between. What a round does is `Owner::watch_once`'s page: it follows transactions of an earlier
//! run whose fate is not known (those of an interrupted upload too), publishes in time, audits, challenges, settles,
//! renews, within the policy's limits. It never uploads.
//!
//! Stopped in the middle of a round nothing is lost: every outside effect is in the owner's journal before it
//! happens.

use crate::owner_node::{OwnerNode, OwnerNodeConfig, OwnerNodeError};
use crate::watch_state::WatchState;
use layr_audits::Verdict;
use layr_ledger::LedgerClient;
use layr_owner::{RepairReport, Silent, WatchAct, WatchPolicy, WatchReport, WatchedView};
use layr_types::NodeKey;
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
    /// What it does of itself, and how much that may cost.
    pub policy: WatchPolicy,
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
        if !state.is_due(now, self.looked) {
            return;
        }
        self.looked = true;
        match self.round(&mut state).await {
            Ok(trouble) => {
                for line in trouble.iter().filter(|line| !state.trouble.contains(line)) {
                    (self.tell)(line);
                }
                state.trouble = trouble;
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
    async fn round(&self, state: &mut WatchState) -> Result<Vec<String>, OwnerNodeError> {
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
        self.watch(&node, state, &mut trouble).await;
        node.stop().await;
        end_round(&self.config.owner.dir);
        Ok(trouble)
    }

    /// Does whatever is due under every agreement, and notes how they stand then.
    async fn watch(&self, node: &OwnerNode, state: &mut WatchState, trouble: &mut Vec<String>) {
        match node.owner.watch_once(&self.config.policy, Arc::new(Silent)).await {
            Ok(report) => {
                for line in lines(&report) {
                    (self.tell)(&line);
                }
                trouble.extend(report.acts.iter().filter_map(refused));
                state.take_in(&report);
            }
            Err(error) => trouble.push(format!("watching stopped: {}", chain(&error))),
        }
        match node.owner.jobs() {
            Ok(jobs) => state.unfinished(&jobs),
            Err(error) => trouble.push(chain(&error)),
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

/// What a round did, for the operator.
fn lines(report: &WatchReport) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.audits.is_empty() {
        let passed = report.audits.iter().filter(|audit| audit.verdict == Verdict::Passed).count();
        lines.push(format!("audit: {passed} of {} hosts passed", report.audits.len()));
    }
    let failed = report.audits.iter().filter(|audit| audit.verdict != Verdict::Passed);
    lines.extend(failed.map(|audit| format!("audit: host {} {}", audit.node, audit.verdict)));
    for act in &report.acts {
        let what = match act.act {
            WatchAct::Published => "the newest revision was published".to_owned(),
            WatchAct::Challenged(_) => format!("its host was challenged, {} XLM bonded", act.bond),
            WatchAct::NotWorth(_) => "a challenge would cost more than is at stake".to_owned(),
            WatchAct::Unexplained => "the ledger holds it in a state that is not known here".to_owned(),
            _ => "something was done".to_owned(),
        };
        lines.push(format!("agreement {}: {what}", act.agreement));
    }
    lines.extend(report.repaired.iter().flat_map(repaired));
    lines.extend(report.repair_trouble.iter().map(|why| format!("repair: not all of it is done: {why}")));
    if let Some(done) = report.renewed.as_ref().filter(|done| !done.renewed.is_empty()) {
        lines.push(format!("renewed {} agreement(s), {} XLM locked anew", done.renewed.len(), done.net));
    }
    if let Some(done) = &report.settled {
        let ended = WatchState::ended(done);
        if ended > 0 {
            let (back, fees) = (done.refunded, done.fees);
            lines.push(format!("settled {ended} agreement(s): {back} XLM back, {fees} XLM fees"));
        }
    }
    lines
}

/// What a repair did, and what it could not bring back.
fn repaired(done: &RepairReport) -> Vec<String> {
    let mut lines = Vec::new();
    if done.rebuilt > 0 {
        lines.push(format!(
            "repair: {} of {} shards rebuilt on {} host(s), {} XLM locked, {} XLM fees",
            done.rebuilt,
            done.wanted,
            done.hosts.len(),
            done.escrow,
            done.fees
        ));
    }
    for lost in &done.lost {
        lines.push(format!(
            "repair: lost, {} of the {} shards needed are left of {}",
            lost.left,
            lost.needed,
            lost.files.join(", ")
        ));
    }
    lines
}

/// What the ledger refused.
fn refused(act: &WatchedView) -> Option<String> {
    act.detail.as_ref().map(|detail| format!("agreement {}: {detail}", act.agreement))
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
