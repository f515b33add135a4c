//! Sending a transaction so that it is never paid twice.
//!
//! Write down, send, follow until the network's verdict is final. Three things are final: it was applied (well
//! or badly), its time is over and a ledger later than that does not contain it, or its sequence number was used
//! by another. Everything else is *unknown*, and an unknown transaction is never replaced, only sent again as it
//! is. One transaction per account at a time: the network would answer "try again later" to a second.

use crate::client::LedgerClient;
use crate::envelope::{Draft, Payer, Pending, distinct_moment};
use crate::error::{Cause, LedgerError, MoneyEffect, Rejection, Stage};
use crate::prepare::{Prepared, Work};
use crate::receipt::{self, Applied, Resolution};
use crate::rpc_types::{Found, FoundStatus, SendStatus};
use layr_types::AccountKey;
use std::time::{Duration, Instant};

/// Times a transaction is built anew after the network certainly refused or let lapse its predecessor.
const REBUILDS: u32 = 8;
/// Ledgers after which an unseen transaction is sent again.
const RESEND_AFTER_LEDGERS: u32 = 3;
/// First pause between two questions about a transaction's fate; grows to the policy's ceiling.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// What came of one signed transaction.
enum Fate {
    Applied(Applied),
    Failed(LedgerError),
    /// Certainly never sent or never to be applied.
    Dead(Cause),
    /// The network has forgotten.
    Forgotten,
}

impl LedgerClient {
    /// Carries out `work`, first restoring archived entries where that is needed.
    pub(crate) async fn carry_out(&self, payer: &Payer, work: &Work) -> Result<Applied, LedgerError> {
        let lane = self.lane(&payer.account());
        let _turn = lane.lock().await;
        let mut last = Cause::Busy;
        let mut pause = FIRST_PAUSE;
        for attempt in 0..REBUILDS {
            if attempt > 0 {
                // An endpoint that lags behind still tells the old sequence number.
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(self.config().transactions.poll_ceiling);
            }
            let prepared = self.prepare(&payer.account(), work).await?;
            within_limit(payer, &prepared)?;
            let fate = match &prepared.restore {
                Some(archived) => {
                    let (data, fee) = archived.as_ref().clone();
                    let restore = self.prepare(&payer.account(), &Work::Restore(data, fee)).await?;
                    match self.attempt(payer, &restore).await? {
                        Fate::Applied(_) => continue,
                        other => other,
                    }
                }
                None => self.attempt(payer, &prepared).await?,
            };
            match fate {
                Fate::Applied(applied) => return Ok(applied),
                Fate::Failed(error) => return Err(error),
                Fate::Dead(cause @ (Cause::Expired | Cause::Rejected(Rejection::BadSequence))) => {
                    last = cause
                }
                Fate::Dead(cause) => return Err(LedgerError::new(Stage::Send, cause)),
                Fate::Forgotten => return Err(LedgerError::new(Stage::Follow, Cause::Forgotten)),
            }
        }
        Err(LedgerError::new(Stage::Send, last))
    }

    /// Resolves a transaction left over from an earlier run: looks first, sends the same bytes again while they
    /// can still be applied, and follows. Never pays twice and never signs anything.
    ///
    /// # Errors
    /// With [`MoneyEffect::Unknown`] where the network cannot be asked: try again later.
    pub async fn resume(&self, pending: &Pending) -> Result<Resolution, LedgerError> {
        let lane = self.lane(&pending.account);
        let _turn = lane.lock().await;
        match self.drive(pending, true).await? {
            Fate::Applied(applied) => Ok(Resolution::Applied(applied.receipt)),
            Fate::Failed(LedgerError { effect: MoneyEffect::Fee(fee), cause, .. }) => {
                Ok(Resolution::Failed { fee, why: cause.to_string() })
            }
            Fate::Failed(error) => Err(error),
            Fate::Dead(_) => Ok(Resolution::Expired),
            Fate::Forgotten => Ok(Resolution::Forgotten),
        }
    }

    async fn attempt(&self, payer: &Payer, prepared: &Prepared) -> Result<Fate, LedgerError> {
        let account = payer.account();
        let Some(state) = self.account(&account).await? else {
            return Err(LedgerError::new(Stage::Prepare, Cause::NoAccount(account)));
        };
        let time = self.now().await?;
        let draft = Draft {
            account,
            sequence: state.sequence.saturating_add(1),
            fee: prepared.fee()?,
            operation: prepared.operation.clone(),
            soroban: prepared.soroban.clone(),
            signed_at: time.now,
            valid_until: time.now.plus(u64::from(self.config().transactions.valid_for)),
            not_before: distinct_moment(time.now),
        };
        let pending = draft.sign(&self.network(), &payer.signer)?;
        let noted = payer.log.about_to_send(&pending);
        noted.map_err(|e| LedgerError::new(Stage::Journal, Cause::Journal(e)))?;
        self.drive(&pending, false).await
    }

    /// Sends and follows. `maybe_sent` says that an earlier run may have sent it already.
    async fn drive(&self, pending: &Pending, maybe_sent: bool) -> Result<Fate, LedgerError> {
        let mut journey = Journey::new(maybe_sent);
        loop {
            if journey.send_due
                && let Some(dead) = self.send_once(pending, &mut journey).await?
            {
                return Ok(dead);
            }
            if let Some(fate) = self.look(pending, &mut journey).await? {
                return Ok(fate);
            }
            tokio::time::sleep(journey.next_pause(self.config().transactions.poll_ceiling)).await;
        }
    }

    /// One send. `Some` where the network refused and certainly never saw it before.
    async fn send_once(&self, pending: &Pending, journey: &mut Journey) -> Result<Option<Fate>, LedgerError> {
        journey.send_due = false;
        let answer = match self.rpc().send(&pending.envelope_xdr).await {
            Ok(answer) => answer,
            Err(unanswered) if journey.maybe_sent || unanswered.maybe_delivered => {
                journey.maybe_sent = true;
                tracing::warn!(hash = %pending.hash, "no answer to a sent transaction; following it");
                return Ok(None);
            }
            Err(unanswered) => return Err(LedgerError::new(Stage::Send, unanswered.cause)),
        };
        let certain = !journey.maybe_sent && !answer.maybe_delivered_before;
        match answer.sent.status {
            SendStatus::Pending | SendStatus::Duplicate => journey.maybe_sent = true,
            SendStatus::TryAgainLater => journey.busy = true,
            SendStatus::Error => {
                let why = receipt::refusal(answer.sent.error_result_xdr.as_deref());
                tracing::debug!(hash = %pending.hash, endpoint = %answer.endpoint, %why, "transaction refused");
                if certain {
                    return Ok(Some(Fate::Dead(Cause::Rejected(why))));
                }
                if why == Rejection::BadSequence {
                    let used = self.sequence_used(&pending.account, pending.sequence).await;
                    journey.superseded_at =
                        used.map_err(|error| error.with_effect(MoneyEffect::Unknown(pending.hash)))?;
                }
            }
        }
        Ok(None)
    }

    /// One question about the transaction's fate. `Some` where the answer is final.
    async fn look(&self, pending: &Pending, journey: &mut Journey) -> Result<Option<Fate>, LedgerError> {
        let unknown = |error: LedgerError| error.with_effect(MoneyEffect::Unknown(pending.hash));
        let (found, endpoint) = match self.rpc().transaction(&pending.hash).await {
            Ok(answer) => answer,
            Err(error)
                if error.is_transient() && !journey.out_of_patience(self.config().transactions.patience) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(unknown(error)),
        };
        journey.unanswered_since = None;
        match found.status {
            FoundStatus::Success => receipt::applied(pending.hash, &found, &endpoint)
                .map(|a| Some(Fate::Applied(a)))
                .map_err(unknown),
            FoundStatus::Failed => {
                receipt::failed(&found, &endpoint).map(|error| Some(Fate::Failed(error))).map_err(unknown)
            }
            FoundStatus::NotFound => self.absent(pending, &found, journey).await.map_err(unknown),
        }
    }

    /// What it means that the newest ledgers do not contain the transaction.
    async fn absent(
        &self,
        pending: &Pending,
        found: &Found,
        journey: &mut Journey,
    ) -> Result<Option<Fate>, LedgerError> {
        if journey.superseded_at.is_some_and(|ledger| found.latest_ledger >= ledger) {
            return Ok(Some(Fate::Dead(Cause::Rejected(Rejection::BadSequence))));
        }
        if found.latest_ledger_close_time > pending.valid_until.0 {
            let remembered =
                found.oldest_ledger_close_time.is_none_or(|oldest| oldest <= pending.signed_at.0);
            let used = self.sequence_used(&pending.account, pending.sequence).await?;
            return Ok(Some(if remembered || used.is_none() {
                Fate::Dead(if journey.busy { Cause::Busy } else { Cause::Expired })
            } else {
                Fate::Forgotten
            }));
        }
        journey.consider_resending(found.latest_ledger);
        Ok(None)
    }

    /// The ledger at which the account is known to have used `sequence`; `None` while it has not.
    async fn sequence_used(&self, account: &AccountKey, sequence: i64) -> Result<Option<u32>, LedgerError> {
        let (state, ledger) = self.account_at(account).await?;
        Ok(state.filter(|state| state.sequence >= sequence).map(|_| ledger))
    }
}

/// What is known so far about one transaction on its way.
struct Journey {
    /// An endpoint may hold it.
    maybe_sent: bool,
    /// It comes from an earlier run and has not been sent in this one.
    resumed: bool,
    /// It should be sent (again) now.
    send_due: bool,
    /// The network asked to try again later.
    busy: bool,
    /// The ledger by which its sequence number was certainly used.
    superseded_at: Option<u32>,
    /// The newest ledger when it was last sent.
    sent_at: Option<u32>,
    /// Since when no endpoint has answered.
    unanswered_since: Option<Instant>,
    pause: Duration,
}

impl Journey {
    const fn new(maybe_sent: bool) -> Self {
        Self {
            maybe_sent,
            resumed: maybe_sent,
            send_due: !maybe_sent,
            busy: false,
            superseded_at: None,
            sent_at: None,
            unanswered_since: None,
            pause: FIRST_PAUSE,
        }
    }

    fn consider_resending(&mut self, latest: u32) {
        let since = *self.sent_at.get_or_insert(latest);
        let unseen_for_long = latest.saturating_sub(since) >= RESEND_AFTER_LEDGERS;
        if self.busy || self.resumed || unseen_for_long {
            self.send_due = true;
            self.busy = false;
            self.resumed = false;
            self.sent_at = Some(latest);
        }
    }

    fn out_of_patience(&mut self, patience: Duration) -> bool {
        self.unanswered_since.get_or_insert_with(Instant::now).elapsed() >= patience
    }

    fn next_pause(&mut self, ceiling: Duration) -> Duration {
        let now = self.pause.min(ceiling);
        self.pause = (self.pause * 3 / 2).min(ceiling);
        now
    }
}

fn within_limit(payer: &Payer, prepared: &Prepared) -> Result<(), LedgerError> {
    let quoted = prepared.quote.total();
    match payer.max_fee {
        Some(allowed) if quoted > allowed => {
            Err(LedgerError::new(Stage::Prepare, Cause::FeeAboveLimit { quoted, allowed }))
        }
        _ => Ok(()),
    }
}
