//! Ctrl-C and SIGTERM: a long command is dropped where it is. Everything acknowledged is in the journal, so
//! the same command goes on from there; it is said literally, to be copied.

use crate::exit;
use crate::failure::{Failure, MoneyEffect};
use std::future::Future;
use tokio::signal::unix::{SignalKind, signal};

/// Runs `work` until it ends or the process is asked to stop.
pub async fn or_interrupted<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        asked = asked_to_stop() => Err(asked.err().unwrap_or_else(interrupted)),
    }
}

/// Waits for SIGINT or SIGTERM.
pub async fn asked_to_stop() -> Result<(), Failure> {
    let mut terminate =
        signal(SignalKind::terminate()).map_err(|error| Failure::internal("listen for signals", &error))?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed.map_err(|error| Failure::internal("listen for signals", &error)),
        _ = terminate.recv() => Ok(()),
    }
}

fn interrupted() -> Failure {
    Failure::new(
        exit::INTERRUPTED,
        "interrupted",
        "stopped; nothing that was acknowledged is lost",
        format!("To go on, run: {}", crate::shell::this_command()),
    )
    .money(MoneyEffect::Unknown)
}
