//! A node's state for others: told live over a Unix socket while it runs, and written down for when it does not.
//!
//! One connection is one answer: whoever connects gets the state as one JSON object, then the end. Nothing is read
//! from the other side. The socket lies in the data directory, which only this user can enter.

use layr_host::HostStatus;
use layr_node::{HostNode, OwnerWatch, WatchState};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// The socket's name in the data directory.
const SOCKET: &str = "node.sock";
/// The file's name in the data directory.
const FILE: &str = "node-status.json";
/// Longest wait for a running node's answer, and for a client to take it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest state read: 64 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// What a node does at one moment.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Snapshot {
    /// As a host; `None` where it is none.
    pub host: Option<HostStatus>,
    /// For an owner; `None` where it works for none.
    pub owner: Option<WatchState>,
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

/// Tells everybody who asks how the node stands, until dropped. Without a socket (a path too long, say) it only
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
            Ok((stream, _)) => answer(stream, roles.snapshot()).await,
            Err(error) => {
                tracing::debug!(%error, "a caller went away");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(mut stream: UnixStream, snapshot: impl Future<Output = Snapshot>) {
    let Ok(bytes) = serde_json::to_vec(&snapshot.await) else { return };
    let told = async {
        stream.write_all(&bytes).await?;
        stream.shutdown().await
    };
    if !matches!(tokio::time::timeout(PATIENCE, told).await, Ok(Ok(()))) {
        tracing::debug!("a caller did not listen to the end");
    }
}

/// Asks the node that runs on this directory; `None` where none answers.
pub async fn ask(dir: &Path) -> Option<Snapshot> {
    let asked = async {
        let stream = UnixStream::connect(dir.join(SOCKET)).await?;
        let mut bytes = Vec::new();
        stream.take(MAX_BYTES).read_to_end(&mut bytes).await?;
        serde_json::from_slice(&bytes).map_err(io::Error::other)
    };
    tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()
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
