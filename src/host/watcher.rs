//! The watcher: looks at every agreement when it is due, asks [`decide`] what to do, and does it.
//!
//! Spawned by the composition ([`run_watcher`]); wakes at an interval or when told to stop; owns nothing but the
//! host's `Arc`. Each round first listens to the contract's events, so that what others did is dealt with at once.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::decide::{Action, Moment, Seen, decide};
use crate::error::{Chain, HostError};
use crate::host::Host;
use crate::moves::FIRST_RETRY;
use crate::ports::{Scan, Table};
use crate::rows;
use layr_market::Settlement;
use layr_types::{AgreementId, Stroops, UnixSeconds};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Agreements read from the agenda at once.
const PAGE: usize = 64;
/// What one round of the watcher did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// Agreements looked at.
    pub looked_at: u64,
    /// Of these, how many could not be dealt with; the log says why.
    pub failed: u64,
    /// Sectors whose space became free or was returned to its agreement.
    pub let_go: u64,
}

/// Runs the watcher until `stop`; the round under way is finished first.
pub async fn run_watcher(host: Arc<Host>, every: Duration, stop: CancellationToken) {
    let mut rounds = tokio::time::interval(every);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = rounds.tick() => {}
        }
        if let Err(error) = host.tick().await {
            tracing::warn!(error = %Chain(&error), "the watcher could not finish its round");
        }
    }
}

impl Host {
    /// One round: everything due by the ledger's clock is dealt with.
    ///
    /// # Errors
    /// [`HostError`] where the ledger's clock or the records cannot be read; a fault of one agreement is logged
    /// and does not keep the others waiting.
    pub async fn tick(self: &Arc<Self>) -> Result<Tick, HostError> {
        let now = self.clock.fresh().await?;
        let mut tick = Tick::default();
        let heard = self.listen(now).await;
        if let Err(error) = &heard {
            tracing::warn!(error = %Chain(error), "the ledger's events could not be read");
        }
        let mut after = Vec::new();
        loop {
            let page = self.records().scan(Table::Due, Scan { prefix: &[], after: &after, limit: PAGE })?;
            for (key, _) in &page {
                let (at, id) = rows::read_due_key(key)?;
                if at > now {
                    break;
                }
                tick.looked_at += 1;
                if let Err(error) = self.attend(&id, now).await {
                    tick.failed += 1;
                    tracing::warn!(agreement = %id, error = %Chain(&error), "an agreement needs another look");
                    self.look_again(&id, now)?;
                }
            }
            match page.last() {
                Some((last, _)) if rows::read_due_key(last)?.0 <= now => after.clone_from(last),
                _ => break,
            }
        }
        if heard.is_ok() && tick.failed == 0 {
            self.heard_out()?;
        }
        tick.let_go = self.clean(now).await?;
        self.durable().await?;
        Ok(tick)
    }

    /// Decides about one agreement and does it.
    async fn attend(self: &Arc<Self>, id: &AgreementId, now: UnixSeconds) -> Result<(), HostError> {
        let Some(agreement) = self.agreement(id)? else {
            return Err(HostError::Dangling { table: Table::Agreements });
        };
        let seen = match agreement.state.is_escrowed() || agreement.state == AgreementState::Proposed {
            true => self.look_at_slot(&agreement).await?,
            false => Seen::Empty,
        };
        let Some(agreement) = self.agreement(id)? else { return Ok(()) };
        let schedule = self.ports.ledger.beacon_schedule().await?;
        let moment = Moment { now, schedule: &schedule, policy: &self.config.offer };
        let action = decide(&agreement, &seen, moment);
        tracing::debug!(agreement = %id, ?action, "decided");
        self.perform(agreement, action, now).await
    }

    async fn perform(
        self: &Arc<Self>,
        agreement: Agreement,
        action: Action,
        now: UnixSeconds,
    ) -> Result<(), HostError> {
        let id = agreement.id;
        match action {
            Action::Wait(until) => self.look_at(agreement, until.max(now.plus(1))),
            Action::Alarm(until) => {
                tracing::error!(agreement = %id, "the ledger holds this agreement in a state this host cannot read");
                self.look_at(agreement, until)
            }
            Action::Open => self.opened(&id).map_err(|_| HostError::Task),
            Action::HandOver(heir) => self.hand_over(&id, &heir),
            Action::Lapse => self.lapsed(&id),
            Action::Settle(settlement) => self.settled(agreement, settlement, now),
            Action::Sweep => {
                let host = Arc::clone(self);
                let swept = tokio::task::spawn_blocking(move || host.sweep(&agreement, now)).await;
                swept.map_err(|_| HostError::Task)?
            }
            moves => self.move_ledger(agreement, moves, now).await,
        }
    }

    /// Puts an agreement on the agenda for `until`.
    pub(crate) fn look_at(&self, agreement: Agreement, until: UnixSeconds) -> Result<(), HostError> {
        let (attempts, proved) = (agreement.attempts, agreement.proved);
        self.update(&agreement.id, |agreement| {
            agreement.due = until;
            agreement.attempts = attempts;
            agreement.proved = proved;
        })
    }

    /// After a fault: soon, and not in this round.
    fn look_again(&self, id: &AgreementId, now: UnixSeconds) -> Result<(), HostError> {
        self.update(id, |agreement| agreement.due = agreement.due.max(now.plus(FIRST_RETRY)))
    }

    /// Changes an agreement's record under the desk's lock, so that no revision signed meanwhile is lost.
    pub(crate) fn update(
        &self,
        id: &AgreementId,
        change: impl FnOnce(&mut Agreement),
    ) -> Result<(), HostError> {
        let _desk = self.desk();
        let Some(mut agreement) = self.agreement(id)? else { return Ok(()) };
        let was_due = agreement.due;
        change(&mut agreement);
        let mut batch = Batch::new();
        batch.agreement(&agreement, Some(was_due));
        self.apply(batch)
    }

    /// Remembers that the ledger has paid out.
    fn settled(
        &self,
        agreement: Agreement,
        settlement: Settlement,
        now: UnixSeconds,
    ) -> Result<(), HostError> {
        let mut desk = self.desk();
        let Some(mut agreement) = self.agreement(&agreement.id)? else { return Ok(()) };
        let was_due = agreement.due;
        agreement.step(AgreementState::Settled)?;
        agreement.settlement = Some(settlement);
        // What was given up before its time is not wanted any more; what merely ended may be.
        let grace = agreement.slot.ending_at.plus(self.config.grace);
        agreement.due = if now < agreement.slot.ending_at { now } else { grace.max(now) };
        let mut batch = Batch::new();
        batch.agreement(&agreement, Some(was_due));
        self.apply(batch)?;
        if let Some(seat) = desk.seats.get_mut(&agreement.id) {
            seat.state = AgreementState::Settled;
        }
        let lost = agreement.terms.collateral - settlement.host.min(agreement.terms.collateral);
        if lost > Stroops::ZERO {
            tracing::error!(agreement = %agreement.id, %lost, "an agreement ended with a loss of collateral");
        } else {
            tracing::info!(agreement = %agreement.id, host = %settlement.host, "an agreement was settled");
        }
        Ok(())
    }
}
