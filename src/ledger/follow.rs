//! Following one signed transaction until its fate is final, raising its bid where it is not taken in time.
//!
//! Three things are final: it was applied (well or badly), its time is over and a ledger later than that does not
//! contain it, or its sequence number was used by another. Everything else is *unknown*, and an unknown
//! transaction is never replaced: only sent again as it is, or wrapped in a fee bump, which cannot pay twice.

use crate::bump;
use crate::client::LedgerClient;
use crate::envelope::{Payer, Pending};
use crate::error::{Cause, LedgerError, MoneyEffect, Rejection, Stage};
use crate::http::jittered;
use crate::receipt::{self, Applied};
use crate::rpc_types::{Found, FoundStatus, SendStatus};
use layr_types::{AccountKey, Stroops};
use std::time::{Duration, Instant};

/// Ledgers after which an unseen transaction is sent again where its bid cannot be raised.
const RESEND_AFTER_LEDGERS: u32 = 3;
/// First pause between two questions about a transaction's fate; grows to the policy's ceiling.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// What came of one signed transaction.
pub(crate) enum Fate {
    Applied(Applied),
    Failed(LedgerError),
    /// Certainly never sent or never to be applied.
    Dead(Cause),
    /// Refused at the door for its fee, and certainly never applied; the whole fee asked for, where that was said.
    Underbid(Option<Stroops>),
    /// The network has forgotten.
    Forgotten,
}

/// Who may sign fee bumps, and up to which whole fee.
#[derive(Clone, Copy)]
pub(crate) struct Bidder<'a> {
    pub(crate) payer: &'a Payer,
    /// `None` for no limit but the policy's.
    pub(crate) allowed: Option<Stroops>,
}

impl LedgerClient {
    /// Sends and follows. `maybe_sent` says that an earlier run may have sent it already.
    pub(crate) async fn drive(
        &self,
        mut pending: Pending,
        bidder: Option<Bidder<'_>>,
        maybe_sent: bool,
    ) -> Result<Fate, LedgerError> {
        let mut journey = Journey::new(maybe_sent);
        loop {
            if journey.send_due
                && let Some(dead) = self.send_once(&pending, &mut journey).await?
            {
                return Ok(dead);
            }
            if let Some(fate) = self.look(&pending, &mut journey).await? {
                return Ok(fate);
            }
            if journey.bump_due
                && let Some(bidder) = bidder
            {
                pending = self.raise(pending, bidder, &mut journey).await;
            }
            tokio::time::sleep(journey.next_pause(self.config().transactions.poll_ceiling)).await;
        }
    }

    /// Signs the next fee bump, writes it down, and makes it due for sending. Where that cannot be, everything
    /// stays as it is: the transaction is on its way already.
    async fn raise(&self, pending: Pending, bidder: Bidder<'_>, journey: &mut Journey) -> Pending {
        journey.bump_due = false;
        let policy = &self.config().transactions;
        let going = self.going_price(bump::is_classic(&pending)).await.unwrap_or_default();
        let Some(fee) = bump::next_fee(&pending, policy, going, bidder.allowed) else { return pending };
        let Ok(bumped) = bump::bump(&pending, fee, &self.network(), &bidder.payer.signer) else {
            return pending;
        };
        match bidder.payer.log.about_to_send(&bumped) {
            Ok(()) => {
                tracing::info!(hash = %bumped.hash, %fee, "not taken in time; raising the fee");
                journey.send_due = true;
                bumped
            }
            Err(error) => {
                tracing::warn!(%error, "the journal failed; the fee is not raised");
                pending
            }
        }
    }

    /// One send. `Some` where the network refused and certainly never saw it before.
    async fn send_once(&self, pending: &Pending, journey: &mut Journey) -> Result<Option<Fate>, LedgerError> {
        journey.send_due = false;
        journey.sent_at = None;
        let answer = match self.rpc().send(pending.best_envelope()).await {
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
                let result = answer.sent.error_result_xdr.as_deref();
                let why = receipt::refusal(result);
                tracing::debug!(hash = %pending.hash, endpoint = %answer.endpoint, %why, "transaction refused");
                if certain && why == Rejection::InsufficientFee {
                    return Ok(Some(Fate::Underbid(receipt::fee_wanted(result))));
                }
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

    /// One question about the transaction's fate, under every hash it may be known by. `Some` where the answer is
    /// final.
    async fn look(&self, pending: &Pending, journey: &mut Journey) -> Result<Option<Fate>, LedgerError> {
        let unknown = |error: LedgerError| error.with_effect(MoneyEffect::Unknown(pending.hash));
        let mut oldest: Option<Found> = None;
        for hash in pending.hashes() {
            let (found, endpoint) = match self.rpc().transaction(&hash).await {
                Ok(answer) => answer,
                Err(error)
                    if error.is_transient()
                        && !journey.out_of_patience(self.config().transactions.patience) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(unknown(error)),
            };
            journey.unanswered_since = None;
            match found.status {
                FoundStatus::Success => {
                    let applied = receipt::applied(pending, hash, &found, &endpoint).map_err(unknown)?;
                    return Ok(Some(Fate::Applied(applied)));
                }
                FoundStatus::Failed => {
                    return receipt::failed(&found, &endpoint)
                        .map(|e| Some(Fate::Failed(e)))
                        .map_err(unknown);
                }
                // What none of the answers contains is absent as of the oldest of them.
                FoundStatus::NotFound => {
                    oldest =
                        oldest.filter(|known| known.latest_ledger <= found.latest_ledger).or(Some(found));
                }
            }
        }
        match oldest {
            Some(found) => self.absent(pending, &found, journey).await.map_err(unknown),
            None => Ok(None),
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
        journey.consider_sending(found.latest_ledger, self.config().transactions.bump_after_ledgers);
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
    /// Its bid should be raised now.
    bump_due: bool,
    /// The network asked to try again later.
    busy: bool,
    /// The ledger by which its sequence number was certainly used.
    superseded_at: Option<u32>,
    /// The newest ledger known after it was last sent.
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
            bump_due: false,
            busy: false,
            superseded_at: None,
            sent_at: None,
            unanswered_since: None,
            pause: FIRST_PAUSE,
        }
    }

    /// What to do about a transaction that ledger `latest` does not contain.
    fn consider_sending(&mut self, latest: u32, bump_after: u32) {
        let since = *self.sent_at.get_or_insert(latest);
        let waited = latest.saturating_sub(since);
        self.bump_due = self.maybe_sent && !self.busy && waited >= bump_after.max(1);
        if self.busy || self.resumed || self.bump_due || waited >= RESEND_AFTER_LEDGERS {
            self.send_due = true;
            self.busy = false;
            self.resumed = false;
        }
    }

    fn out_of_patience(&mut self, patience: Duration) -> bool {
        self.unanswered_since.get_or_insert_with(Instant::now).elapsed() >= patience
    }

    fn next_pause(&mut self, ceiling: Duration) -> Duration {
        let now = jittered(self.pause.min(ceiling));
        self.pause = (self.pause * 3 / 2).min(ceiling);
        now.min(ceiling)
    }
}
