//! The running network: an engine, the loop that closes its ledgers, and the HTTP door.
//!
//! Three parts share one [`Shared`]: request handlers submit and ask, the closer closes a ledger soon after a
//! transaction was accepted and every idle tick otherwise, and [`RunningLocalnet`] stops both. The engine is only
//! ever locked on blocking threads.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use crate::config::LocalnetConfig;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::{beacon_http, dev, friendbot, rpc};

/// Largest request body: the largest transaction, base64, with room to spare.
const MAX_BODY_BYTES: usize = 1 << 20;

/// The network could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The ledger could not be opened or made.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The task opening the ledger was lost.
    #[error("the ledger could not be opened: its task ended early")]
    Lost,
}

/// Starts local networks.
pub struct Localnet;

impl Localnet {
    /// Opens (or makes) the network and serves it until [`RunningLocalnet::shutdown`] or the handle is dropped.
    ///
    /// # Errors
    /// When the state cannot be used or the address cannot be listened on.
    pub async fn start(config: LocalnetConfig) -> Result<RunningLocalnet, StartError> {
        let opening = config.clone();
        let engine = tokio::task::spawn_blocking(move || match &opening.directory {
            Some(directory) => Engine::open(opening.engine(), directory),
            None => Engine::in_memory(opening.engine()),
        });
        let engine = engine.await.map_err(|_| StartError::Lost)??;
        let refused = |source| StartError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = watch::channel(false);
        let (closed, _) = watch::channel(engine.sequence());
        let shared = Arc::new(Shared {
            engine: Mutex::new(engine),
            wake: Notify::new(),
            closed,
            address,
            faucet: tokio::sync::Mutex::new(()),
        });
        let tasks = vec![
            tokio::spawn(close_ledgers(Arc::clone(&shared), config, stopped.clone())),
            tokio::spawn(serve(listener, Arc::clone(&shared), stopped)),
        ];
        tracing::info!(%address, "local network is up");
        Ok(RunningLocalnet { shared, stop, tasks })
    }
}

/// A network that is being served.
pub struct RunningLocalnet {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl RunningLocalnet {
    /// Address actually bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Where JSON-RPC is served.
    #[must_use]
    pub fn rpc_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// Where test lumens are given out: append `?addr=G…`.
    #[must_use]
    pub fn friendbot_url(&self) -> String {
        self.shared.friendbot_url()
    }

    /// Below which `/info` and `/public/{round}` of the beacon are served.
    #[must_use]
    pub fn beacon_url(&self) -> String {
        format!("http://{}/beacon", self.shared.address)
    }

    /// Name of the network.
    #[must_use]
    pub fn passphrase(&self) -> String {
        self.shared.lock().passphrase().to_owned()
    }

    /// Stops taking requests, finishes the ones under way, and releases the directory.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::warn!(%error, "a task of the local network ended badly");
            }
        }
    }
}

impl Drop for RunningLocalnet {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// What handlers and the closer share.
pub(crate) struct Shared {
    engine: Mutex<Engine>,
    wake: Notify,
    closed: watch::Sender<u32>,
    pub(crate) address: SocketAddr,
    /// Held while the faucet's account has a transaction under way: one per account and ledger.
    pub(crate) faucet: tokio::sync::Mutex<()>,
}

/// A request's thread was lost; the answer is an internal error.
#[derive(Debug)]
pub(crate) struct Lost;

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` with the engine on a blocking thread.
    pub(crate) async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Engine) -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let shared = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&mut shared.lock())).await.map_err(|_| Lost)
    }

    /// Asks for a ledger soon.
    pub(crate) fn wake_closer(&self) {
        self.wake.notify_one();
    }

    /// Tells waiting requests that a ledger closed.
    pub(crate) fn announce(&self, sequence: u32) {
        self.closed.send_replace(sequence);
    }

    /// Follows closed ledgers.
    pub(crate) fn follow(&self) -> watch::Receiver<u32> {
        self.closed.subscribe()
    }

    pub(crate) fn friendbot_url(&self) -> String {
        format!("http://{}/friendbot", self.address)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let router = Router::new()
        .route("/", post(rpc::handle))
        .route("/friendbot", get(friendbot::by_query).post(friendbot::by_query))
        .route("/dev/advance", post(dev::advance))
        .route("/dev/congestion", post(dev::congestion))
        .route("/beacon/info", get(beacon_http::info))
        .route("/beacon/public/{round}", get(beacon_http::round))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(shared);
    let until_stopped = async move {
        // A closed channel means the handle is gone, which also ends the service.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until_stopped).await {
        tracing::error!(%error, "the local network's server ended");
    }
}

/// Closes a ledger soon after a transaction came in, and every idle tick.
async fn close_ledgers(shared: Arc<Shared>, config: LocalnetConfig, mut stop: watch::Receiver<bool>) {
    loop {
        let woken = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = shared.wake.notified() => true,
            () = tokio::time::sleep(config.idle_tick) => false,
        };
        if woken {
            tokio::time::sleep(config.batch_window).await;
        }
        let closed = shared
            .with(|engine| (engine.close().map(|header| header.header.ledger_seq), engine.has_pending()));
        match closed.await {
            Ok((Ok(sequence), more)) => {
                shared.announce(sequence);
                if more {
                    shared.wake_closer();
                }
            }
            Ok((Err(error), _)) => tracing::error!(%error, "a ledger could not be closed"),
            Err(Lost) => tracing::error!("a ledger could not be closed: its thread was lost"),
        }
        if shared.with(|engine| engine.has_stopped()).await.unwrap_or(true) {
            tracing::error!("the local network has stopped");
            return;
        }
    }
}
