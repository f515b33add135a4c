//! A watch on streams others opened: one that stays silent too long is cut.
//!
//! Wraps a stream; costs one timestamp per transfer. The timer is armed once and, when it fires, looks whether
//! anything moved meanwhile, instead of being armed anew for every transfer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// See the module's preface.
#[derive(Debug)]
pub(crate) struct Watch {
    limit: Duration,
    last: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl Watch {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, last: Instant::now(), alarm: Box::pin(sleep(limit)) }
    }

    /// Passes a transfer's outcome on, and turns waiting into an error once it has lasted too long.
    pub(crate) fn over<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.last = Instant::now();
            return outcome;
        }
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let due = self.last + self.limit;
            if due <= Instant::now() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alarm.as_mut().reset(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test]
    async fn silence_ends_a_wait_and_a_transfer_prolongs_it() {
        let limit = Duration::from_millis(30);
        let began = Instant::now();
        let mut watch = Watch::new(limit);
        let moved = poll_fn(|cx| watch.over(cx, Poll::Ready(Ok(7)))).await;
        assert_eq!(moved.unwrap(), 7);
        let cut = poll_fn(|cx| watch.over::<()>(cx, Poll::Pending)).await;
        assert_eq!(cut.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= limit);
    }
}
