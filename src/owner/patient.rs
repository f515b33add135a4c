//! A ledger that is not waited for beyond reason: an endpoint that hangs is an endpoint that cannot be reached.
//!
//! Reads that do not answer in time fail as unreachable. A transaction that hangs before it was written down was
//! never sent; one that hangs afterwards has an unknown fate, is followed later, and is never sent twice.

use crate::config::OwnerConfig;
use crate::error::LedgerFault;
use crate::ports::{
    AppliedTx, BeaconRound, CallCost, EscrowCall, LedgerInfo, OwnerLedger, PendingTx, SlotEvent, TxJournal,
    TxOutcome,
};
use futures::future::{BoxFuture, FutureExt as _};
use layr_market::Terms;
use layr_types::{Stroops, TxHash, UnixSeconds};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// The ledger with limits.
pub(crate) struct Patient {
    inner: Arc<dyn OwnerLedger>,
    read: Duration,
    send: Duration,
}

impl Patient {
    pub(crate) fn new(inner: Arc<dyn OwnerLedger>, config: &OwnerConfig) -> Self {
        Self { inner, read: config.ledger_read, send: config.ledger_send }
    }

    fn within<'a, T: Send + 'a>(
        &self,
        asked: BoxFuture<'a, Result<T, LedgerFault>>,
    ) -> BoxFuture<'a, Result<T, LedgerFault>> {
        let limit = self.read;
        async move { timeout(limit, asked).await.unwrap_or_else(|_| Err(silent(limit))) }.boxed()
    }
}

fn silent(limit: Duration) -> LedgerFault {
    LedgerFault::Unreachable(format!("no answer within {} ms", limit.as_millis()).into())
}

impl OwnerLedger for Patient {
    fn info(&self) -> LedgerInfo {
        self.inner.info()
    }

    fn now(&self) -> BoxFuture<'_, Result<UnixSeconds, LedgerFault>> {
        self.within(self.inner.now())
    }

    fn balance(&self) -> BoxFuture<'_, Result<Stroops, LedgerFault>> {
        self.within(self.inner.balance())
    }

    fn beacon(&self) -> BoxFuture<'_, Result<BeaconRound, LedgerFault>> {
        self.within(self.inner.beacon())
    }

    fn slots(&self, folder: u32) -> BoxFuture<'_, Result<Vec<[u8; 32]>, LedgerFault>> {
        self.within(self.inner.slots(folder))
    }

    fn history<'a>(&'a self, terms: &'a Terms) -> BoxFuture<'a, Result<Vec<SlotEvent>, LedgerFault>> {
        self.within(self.inner.history(terms))
    }

    fn posted(&self, round: u64) -> BoxFuture<'_, Result<bool, LedgerFault>> {
        self.within(self.inner.posted(round))
    }

    fn open_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>> {
        self.within(self.inner.open_cost_bound(agreements))
    }

    fn close_cost_bound(&self, agreements: usize) -> BoxFuture<'_, Result<CallCost, LedgerFault>> {
        self.within(self.inner.close_cost_bound(agreements))
    }

    fn quote<'a>(&'a self, call: &'a EscrowCall) -> BoxFuture<'a, Result<CallCost, LedgerFault>> {
        self.within(self.inner.quote(call))
    }

    fn send(&self, call: EscrowCall, journal: TxJournal) -> BoxFuture<'_, Result<AppliedTx, LedgerFault>> {
        async move {
            let written: Arc<Mutex<Option<TxHash>>> = Arc::default();
            let note = Arc::clone(&written);
            let noting: TxJournal = Arc::new(move |tx: &PendingTx| {
                journal(tx)?;
                *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(tx.hash);
                Ok(())
            });
            if let Ok(done) = timeout(self.send, self.inner.send(call, noting)).await {
                return done;
            }
            let hash = *written.lock().unwrap_or_else(PoisonError::into_inner);
            Err(match hash {
                Some(hash) => LedgerFault::Unknown { hash, source: None },
                None => silent(self.send),
            })
        }
        .boxed()
    }

    fn follow<'a>(&'a self, tx: &'a PendingTx) -> BoxFuture<'a, Result<TxOutcome, LedgerFault>> {
        async move { timeout(self.read, self.inner.follow(tx)).await.unwrap_or(Ok(TxOutcome::Pending)) }
            .boxed()
    }
}
