//! What a running node tells other commands of the same user, over a Unix socket; its state is written down too, for
//! when it does not run.
//!
//! One connection is one question and one answer, each one line of JSON. The socket lies in the data directory, which
//! only this user can enter.

use layr_host::HostStatus;
use layr_node::{HostNode, OwnerWatch, WatchState};
use layr_protocol::PreparedProof;
use layr_types::AgreementId;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the data directory.
const SOCKET: &str = "node.sock";
/// The file's name in the data directory.
const FILE: &str = "node-status.json";
/// Longest wait for a running node's answer, and for a client to take it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest question, bytes.
const MAX_QUESTION: u64 = 4_096;
/// Largest answer read: 64 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// What a node does at one moment.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// As a host; `None` where it is none.
    pub host: Option<HostStatus>,
    /// For an owner; `None` where it works for none.
    pub owner: Option<WatchState>,
}

/// A question to a running node.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// How does it stand?
    Status,
    /// The proof the ledger waits for under this agreement.
    ExportProof(AgreementId),
    /// Leave: give notice for every agreement and take no new ones; `true` to stay after all.
    Exit(bool),
}

/// Its answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// How it stands.
    Status(Box<Snapshot>),
    /// The proof.
    Proof(Box<PreparedProof>),
    /// Leaving: for how many agreements notice is given now.
    Leaving(u64),
    /// Why there is no answer.
    Refused(String),
}

/// The roles of a running node.
#[derive(Default)]
pub struct Roles {
    /// As a host.
    pub host: Option<HostNode>,
    /// For an owner.
    pub watch: Option<OwnerWatch>,
}

impl Roles {
    /// How it stands now.
    pub async fn snapshot(&self) -> Snapshot {
        let host = match &self.host {
            Some(host) => host.status().await.map_err(|error| tracing::debug!(%error, "no host status")).ok(),
            None => None,
        };
        Snapshot { host, owner: self.watch.as_ref().map(OwnerWatch::state) }
    }

    async fn answer(&self, ask: Ask) -> Answer {
        match (ask, &self.host) {
            (Ask::Status, _) => Answer::Status(Box::new(self.snapshot().await)),
            (Ask::Exit(stay), Some(host)) => match host.exit(stay).await {
                Ok(count) => Answer::Leaving(count),
                Err(error) => Answer::Refused(error.to_string()),
            },
            (Ask::ExportProof(_) | Ask::Exit(_), None) => Answer::Refused("this node is no host".to_owned()),
            (Ask::ExportProof(id), Some(host)) => match host.export_proof(id).await {
                Ok(proof) => Answer::Proof(Box::new(proof)),
                Err(error) => Answer::Refused(error.to_string()),
            },
        }
    }

    /// Stops all of them.
    pub async fn stop(self) {
        if let Some(watch) = self.watch {
            watch.stop().await;
        }
        if let Some(host) = self.host {
            host.stop().await;
        }
    }
}

/// Answers everybody who asks, until dropped. Without a socket (a path too long, say) it only
/// waits: the file is there then.
pub async fn serve(dir: &Path, roles: &Roles) {
    let path = dir.join(SOCKET);
    let _absent = std::fs::remove_file(&path);
    let listener = match UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::info!(%error, "no socket for 'layr node status'; the file it reads is written instead");
            return std::future::pending().await;
        }
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => converse(stream, roles).await,
            Err(error) => {
                tracing::debug!(%error, "a caller went away");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One question, one answer; a caller that does not come to the point is left alone.
async fn converse(stream: UnixStream, roles: &Roles) {
    let (from, mut to) = stream.into_split();
    let asked = async {
        let mut line = String::new();
        BufReader::new(from.take(MAX_QUESTION)).read_line(&mut line).await?;
        serde_json::from_str::<Ask>(&line).map_err(io::Error::other)
    };
    let Ok(Ok(ask)) = tokio::time::timeout(PATIENCE, asked).await else { return };
    let Ok(mut bytes) = serde_json::to_vec(&roles.answer(ask).await) else { return };
    bytes.push(b'\n');
    let told = async {
        to.write_all(&bytes).await?;
        to.shutdown().await
    };
    if !matches!(tokio::time::timeout(PATIENCE, told).await, Ok(Ok(()))) {
        tracing::debug!("a caller did not listen to the end");
    }
}

/// Asks the node that runs on this directory; `None` where none answers within `patience`.
pub async fn ask(dir: &Path, question: Ask, patience: Duration) -> Option<Answer> {
    let asked = async {
        let mut stream = UnixStream::connect(dir.join(SOCKET)).await?;
        let mut line = serde_json::to_vec(&question).map_err(io::Error::other)?;
        line.push(b'\n');
        stream.write_all(&line).await?;
        let mut bytes = Vec::new();
        stream.take(MAX_BYTES).read_to_end(&mut bytes).await?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    };
    tokio::time::timeout(patience, asked).await.ok()?.ok()
}

/// How the node that runs on this directory stands; `None` where none answers.
pub async fn status(dir: &Path) -> Option<Snapshot> {
    match ask(dir, Ask::Status, PATIENCE).await? {
        Answer::Status(snapshot) => Some(*snapshot),
        _ => None,
    }
}

/// Writes the state down beside, then renames. A failure here never stops a node.
pub fn write(dir: &Path, snapshot: &Snapshot) {
    let beside = dir.join("node-status.new");
    let written = serde_json::to_vec(snapshot)
        .map_err(io::Error::other)
        .and_then(|bytes| std::fs::write(&beside, bytes))
        .and_then(|()| std::fs::rename(&beside, dir.join(FILE)));
    if let Err(error) = written {
        tracing::debug!(%error, "the state could not be written down");
    }
}

/// The state a node wrote down last, and how long ago that was.
pub fn read(dir: &Path) -> io::Result<(Snapshot, Duration)> {
    let path: PathBuf = dir.join(FILE);
    let age = std::fs::metadata(&path)?.modified()?.elapsed().unwrap_or_default();
    let snapshot = serde_json::from_slice(&std::fs::read(&path)?).map_err(io::Error::other)?;
    Ok((snapshot, age))
}

/// Nobody can ask any more.
pub fn unlink(dir: &Path) {
    let _absent = std::fs::remove_file(dir.join(SOCKET));
}
