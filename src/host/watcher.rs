//! The watcher: looks at every agreement when it is due, asks [`decide`] what to do, and does it.
//!
//! Spawned by the composition ([`run_watcher`]); wakes at an interval or when told to stop; owns nothing but the
//! host's `Arc`. Every attempt to move the ledger is written down before it is made, with the moment of the next
//! look, so that a host that crashes in between looks at the slot first and repeats nothing that happened.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::decide::{Action, Seen, decide};
use crate::error::{Chain, HostError};
use crate::host::Host;
use crate::ports::{OnLedger, Proof, Scan, Table};
use crate::rows;
use layr_audits::{Challenge, Commitment, Draw};
use layr_market::{Settlement, SlotState};
use layr_protocol::CoSigned;
use layr_types::{AgreementId, AuditSeed, UnixSeconds};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Agreements read from the agenda at once.
const PAGE: usize = 64;
/// Seconds until the next look after a first failed attempt; doubles up to 64 times that.
const FIRST_RETRY: u64 = 15;
/// Seconds until the slot is looked at after an attempt that the ledger took.
const LOOK_AFTER: u64 = 5;

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
        let action = decide(&agreement, &seen, now, &self.ports.ledger.beacon_schedule().await?);
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
                tracing::error!(agreement = %id, "the ledger holds this agreement in a state this host did not sign");
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

    /// Writes the attempt down, makes it, and looks again soon.
    async fn move_ledger(
        self: &Arc<Self>,
        mut agreement: Agreement,
        action: Action,
        now: UnixSeconds,
    ) -> Result<(), HostError> {
        agreement.attempts.at = now;
        agreement.attempts.count = agreement.attempts.count.saturating_add(1);
        agreement.proved = matches!(action, Action::Prove(..));
        let retry = FIRST_RETRY << (agreement.attempts.count - 1).min(6);
        self.look_at(agreement.clone(), now.plus(retry))?;
        self.durable().await?;
        let at = |state: SlotState| OnLedger { terms: agreement.terms.clone(), state };
        let ledger = &self.ports.ledger;
        match action {
            Action::Close(state) => match agreement.split {
                Some(split) => ledger.close(at(state), split).await?,
                None => return Err(HostError::Dangling { table: Table::Agreements }),
            },
            Action::Publish(state) => match agreement.newest.clone() {
                Some(newest) => ledger.publish(at(state), newest).await?,
                None => return Err(HostError::Dangling { table: Table::Revisions }),
            },
            Action::Prove(state, published, round) => {
                self.prove_on_ledger(at(state), &published, round).await?;
            }
            Action::Expire(state, published) => {
                let revision = published.map(|published| published.revision);
                ledger.expire(at(state), revision).await?;
            }
            _ => {}
        }
        self.update(&agreement.id, |agreement| agreement.due = now.plus(LOOK_AFTER))
    }

    async fn prove_on_ledger(
        self: &Arc<Self>,
        at: OnLedger,
        published: &CoSigned,
        round: u64,
    ) -> Result<(), HostError> {
        let ledger = &self.ports.ledger;
        let seed = match ledger.posted_beacon(round).await? {
            Some(seed) => seed,
            None => ledger.post_beacon(round).await?,
        };
        let revision = published.revision.clone();
        if revision.sectors == 0 {
            let proof = Proof { revision, round, leaves: Vec::new() };
            return Ok(ledger.prove(at, proof).await?);
        }
        let (held, count) = (Commitment::from(&revision), u16::from(at.terms.samples));
        let draw = Draw::Random { round, nonce: [0; 32], seed: AuditSeed(seed), count };
        let challenge = Challenge { agreement: revision.id, revision: revision.n, draw };
        let answer = self.blocking(move |host| host.prove_leaves(&challenge, &held)).await;
        let answer = answer.map_err(|_| HostError::Task)?;
        if !answer.lost.is_empty() {
            return Err(HostError::LeavesLost { count: answer.lost.len() });
        }
        let proof = Proof { revision, round, leaves: answer.proofs.to_vec() };
        Ok(ledger.prove(at, proof).await?)
    }

    /// Looks at the slot and remembers what it holds.
    pub(crate) async fn look_at_slot(&self, agreement: &Agreement) -> Result<Seen, HostError> {
        let held = self.ports.ledger.slot(agreement.place()).await?;
        let seen = self.identify(agreement, held)?;
        if let Seen::Opening(state) | Seen::Published(state, _) = &seen
            && agreement.slot != *state
        {
            self.update(&agreement.id, |agreement| agreement.adopt(*state))?;
            if let Some(now) = self.agreement(&agreement.id)? {
                self.desk().seat(&now);
            }
        }
        Ok(seen)
    }

    /// Puts an agreement on the agenda for `until`.
    fn look_at(&self, agreement: Agreement, until: UnixSeconds) -> Result<(), HostError> {
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
        agreement.due = now;
        let mut batch = Batch::new();
        batch.agreement(&agreement, Some(was_due));
        self.apply(batch)?;
        if let Some(seat) = desk.seats.get_mut(&agreement.id) {
            seat.state = AgreementState::Settled;
        }
        tracing::info!(agreement = %agreement.id, host = %settlement.host, "an agreement was settled");
        Ok(())
    }
}
