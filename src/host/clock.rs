//! The ledger's clock, asked rarely: between two answers the machine's steady clock fills in, but never decides
//! anything that costs money.

use crate::ports::{HostLedger, LedgerError};
use layr_types::UnixSeconds;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long one answer is good enough for admission and for lanes.
const GOOD_FOR: Duration = Duration::from_secs(2);

pub(crate) struct Clock {
    ledger: Arc<dyn HostLedger>,
    last: Mutex<Option<(UnixSeconds, Instant)>>,
}

impl Clock {
    pub fn new(ledger: Arc<dyn HostLedger>) -> Self {
        Self { ledger, last: Mutex::new(None) }
    }

    /// The ledger's time, asked now.
    pub async fn fresh(&self) -> Result<UnixSeconds, LedgerError> {
        let now = self.ledger.now().await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
        Ok(now)
    }

    /// The ledger's time, at most a few seconds old.
    pub async fn recent(&self) -> Result<UnixSeconds, LedgerError> {
        match self.known() {
            Some((now, age)) if age < GOOD_FOR => Ok(now),
            _ => self.fresh().await,
        }
    }

    /// The ledger's time, asked anew unless the last answer already lies within `skew` seconds of `claimed`.
    pub async fn near(&self, claimed: UnixSeconds, skew: u64) -> Result<UnixSeconds, LedgerError> {
        let now = self.recent().await?;
        if now.0.abs_diff(claimed.0) <= skew { Ok(now) } else { self.fresh().await }
    }

    /// The last answer plus the time since, and that time.
    fn known(&self) -> Option<(UnixSeconds, Duration)> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.map(|(now, asked)| (now.plus(asked.elapsed().as_secs()), asked.elapsed()))
    }
}
