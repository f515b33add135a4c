//! Group commit: many callers, one flush.
//!
//! A caller takes a number after it has written, and waits for its turn. Whoever's turn it is flushes for
//! everybody who has taken a number so far; those find, when their turn comes, that it has been done. So the
//! number of flushes follows the disk's speed, not the number of callers.
//!
//! A flush that fails poisons the group for good: the kernel reports a write-back error once and then forgets
//! which pages it lost, so a second flush that succeeds would prove nothing. Only a restart, which reads back
//! what is really there, makes the store usable again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Mutex as Turn;

/// Why a caller's writes are not known to be durable.
#[derive(Debug)]
pub(crate) enum FlushError<E> {
    /// This flush failed.
    Failed(E),
    /// An earlier one did.
    Poisoned,
}

/// The callers of one file system's or database's flush.
#[derive(Debug, Default)]
pub(crate) struct GroupFlush {
    taken: AtomicU64,
    done: AtomicU64,
    turn: Turn<()>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    poisoned: AtomicBool,
    /// One flush at a time, even where a caller has stopped waiting for the one before.
    flushing: Mutex<()>,
}

impl GroupFlush {
    /// Returns once `flush` has run after this call began, by this caller or another.
    pub async fn flush<E: Send + 'static>(
        &self,
        flush: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) -> Result<(), FlushError<E>> {
        let number = self.taken.fetch_add(1, Ordering::SeqCst) + 1;
        let _turn = self.turn.lock().await;
        if self.is_poisoned() {
            return Err(FlushError::Poisoned);
        }
        if self.done.load(Ordering::SeqCst) >= number {
            return Ok(());
        }
        let upto = self.taken.load(Ordering::SeqCst);
        let state = Arc::clone(&self.state);
        let flushed = tokio::task::spawn_blocking(move || {
            let _one = state.flushing.lock().unwrap_or_else(PoisonError::into_inner);
            if state.poisoned.load(Ordering::SeqCst) {
                return Err(FlushError::Poisoned);
            }
            flush().map_err(|error| {
                state.poisoned.store(true, Ordering::SeqCst);
                FlushError::Failed(error)
            })
        });
        flushed.await.unwrap_or(Err(FlushError::Poisoned))?;
        self.done.store(upto, Ordering::SeqCst);
        Ok(())
    }

    /// Whether a flush has failed.
    pub fn is_poisoned(&self) -> bool {
        self.state.poisoned.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_hundred_callers_share_a_few_flushes_and_each_is_covered() {
        let group = Arc::new(GroupFlush::default());
        let (written, covered, flushes) =
            (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let callers = (0..100).map(|_| {
            let (group, written, covered, flushes) =
                (Arc::clone(&group), Arc::clone(&written), Arc::clone(&covered), Arc::clone(&flushes));
            tokio::spawn(async move {
                let mine = written.fetch_add(1, Ordering::SeqCst) + 1;
                let (seen, on_disk) = (Arc::clone(&written), Arc::clone(&covered));
                let flush = move || {
                    flushes.fetch_add(1, Ordering::SeqCst);
                    let upto = seen.load(Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(2));
                    on_disk.fetch_max(upto, Ordering::SeqCst);
                    Ok::<(), ()>(())
                };
                group.flush(flush).await.unwrap();
                assert!(covered.load(Ordering::SeqCst) >= mine, "told durable before it was flushed");
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        assert!(flushes.load(Ordering::SeqCst) < 50, "{flushes:?}");
    }

    #[tokio::test]
    async fn after_a_failed_flush_nothing_is_called_durable_again() {
        let group = GroupFlush::default();
        assert!(matches!(group.flush(|| Err("disk")).await, Err(FlushError::Failed("disk"))));
        assert!(matches!(group.flush(|| Ok::<(), ()>(())).await, Err(FlushError::Poisoned)));
        assert!(group.is_poisoned());
    }
}
