//! Carrying work out so that it is never paid twice.
//!
//! Write down, send, follow (`follow.rs`) until the network's verdict is final. Only what certainly was not and
//! never will be applied is built anew. One transaction per account at a time: the network would answer "try again
//! later" to a second.

use crate::client::LedgerClient;
use crate::envelope::{Draft, Payer, Pending, distinct_moment};
use crate::error::{Cause, LedgerError, MoneyEffect, Rejection, Stage};
use crate::follow::{Bidder, Fate};
use crate::http::jittered;
use crate::prepare::{Prepared, Work};
use crate::receipt::{Applied, Resolution};
use layr_types::Stroops;
use std::time::Duration;

/// Times a transaction is built anew after the network certainly refused or let lapse its predecessor.
const REBUILDS: u32 = 8;
/// First pause before building anew; doubles to the policy's ceiling.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// What carrying out one piece of work has come to so far.
struct Effort {
    /// Fees of the transactions that had to go first.
    spent: Stroops,
    /// Least bid for a place in the ledger: grows where the network refuses lower ones.
    floor: Stroops,
    last: Cause,
}

impl LedgerClient {
    /// Carries out `work`, first restoring archived entries where that is needed.
    pub(crate) async fn carry_out(&self, payer: &Payer, work: &Work) -> Result<Applied, LedgerError> {
        let lane = self.lane(&payer.account());
        let _turn = lane.lock().await;
        let mut effort = Effort { spent: Stroops::ZERO, floor: Stroops::ZERO, last: Cause::Busy };
        let mut done =
            self.insist(payer, work, &mut effort).await.map_err(|error| error.after(effort.spent))?;
        done.receipt.fee += effort.spent;
        Ok(done)
    }

    async fn insist(&self, payer: &Payer, work: &Work, effort: &mut Effort) -> Result<Applied, LedgerError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 0..REBUILDS {
            if attempt > 0 {
                // An endpoint that lags behind still tells the old sequence number.
                tokio::time::sleep(jittered(pause)).await;
                pause = (pause * 2).min(self.config().transactions.poll_ceiling);
            }
            let prepared = self.prepare_bidding(&payer.account(), work, effort.floor).await?;
            effort.within_limit(payer, &prepared)?;
            let (tried, fate) = match &prepared.restore {
                Some(archived) => {
                    let (data, fee) = archived.as_ref().clone();
                    let restore = Work::Restore(data, fee);
                    let restore = self.prepare_bidding(&payer.account(), &restore, effort.floor).await?;
                    let fate = self.attempt(payer, &restore, effort.spent).await?;
                    if let Fate::Applied(restored) = fate {
                        effort.spent += restored.receipt.fee;
                        continue;
                    }
                    (restore, fate)
                }
                None => {
                    let fate = self.attempt(payer, &prepared, effort.spent).await?;
                    (prepared, fate)
                }
            };
            match fate {
                Fate::Applied(applied) => return Ok(applied),
                Fate::Failed(error) => return Err(error),
                Fate::Underbid(asked) => self.bid_more(&tried, asked, effort)?,
                Fate::Dead(cause) if is_worth_rebuilding(&cause) => effort.last = cause,
                Fate::Dead(cause) => return Err(LedgerError::new(Stage::Send, cause)),
                Fate::Forgotten => return Err(LedgerError::new(Stage::Follow, Cause::Forgotten)),
            }
        }
        Err(LedgerError::new(Stage::Send, std::mem::replace(&mut effort.last, Cause::Busy)))
    }

    /// Resolves a transaction left over from an earlier run: looks first, under every hash it may have, sends the
    /// same bytes again while they can still be applied, and follows. Never pays twice and never signs anything.
    ///
    /// # Errors
    /// With [`MoneyEffect::Unknown`] where the network cannot be asked: try again later.
    pub async fn resume(&self, pending: &Pending) -> Result<Resolution, LedgerError> {
        let lane = self.lane(&pending.account);
        let _turn = lane.lock().await;
        match self.drive(pending.clone(), None, true).await? {
            Fate::Applied(applied) if pending.restores => Ok(Resolution::Restored(applied.receipt)),
            Fate::Applied(applied) => Ok(Resolution::Applied(applied.receipt)),
            Fate::Failed(LedgerError { effect: MoneyEffect::Fee(fee), cause, .. }) => {
                Ok(Resolution::Failed { fee, why: cause.to_string() })
            }
            Fate::Failed(error) => Err(error),
            Fate::Dead(_) | Fate::Underbid(_) => Ok(Resolution::Expired),
            Fate::Forgotten => Ok(Resolution::Forgotten),
        }
    }

    async fn attempt(&self, payer: &Payer, prepared: &Prepared, spent: Stroops) -> Result<Fate, LedgerError> {
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
            memo: prepared.memo.clone(),
            soroban: prepared.soroban.clone(),
            signed_at: time.now,
            valid_until: time.now.plus(u64::from(self.config().transactions.valid_for)),
            not_before: distinct_moment(time.now),
        };
        let pending = draft.sign(&self.network(), &payer.signer)?;
        let noted = payer.log.about_to_send(&pending);
        noted.map_err(|e| LedgerError::new(Stage::Journal, Cause::Journal(e)))?;
        let allowed = payer.max_fee.map(|most| most - spent);
        self.drive(pending, Some(Bidder { payer, allowed }), false).await
    }

    /// Raises the least bid after a refusal at the door, as far as the policy allows.
    fn bid_more(
        &self,
        tried: &Prepared,
        asked: Option<Stroops>,
        effort: &mut Effort,
    ) -> Result<(), LedgerError> {
        let bid = tried.quote.inclusion_fee;
        let resources = tried.quote.total() - tried.quote.restore - bid;
        let wanted = asked.map_or(bid, |fee| fee - resources).max(Stroops(bid.0.saturating_mul(2)));
        let allowed = self.config().transactions.max_inclusion_fee;
        if wanted > allowed {
            let cause = Cause::FeeAboveLimit { quoted: wanted, allowed };
            return Err(LedgerError::new(Stage::Send, cause));
        }
        effort.floor = wanted;
        effort.last = Cause::Rejected(Rejection::InsufficientFee);
        Ok(())
    }
}

impl Effort {
    fn within_limit(&self, payer: &Payer, prepared: &Prepared) -> Result<(), LedgerError> {
        let quoted = self.spent + prepared.quote.total();
        match payer.max_fee {
            Some(allowed) if quoted > allowed => {
                Err(LedgerError::new(Stage::Prepare, Cause::FeeAboveLimit { quoted, allowed }))
            }
            _ => Ok(()),
        }
    }
}

/// True where the transaction certainly has no effect and a new one may have: its sequence number was taken by
/// another program's, or its time was over before it got into a ledger.
const fn is_worth_rebuilding(cause: &Cause) -> bool {
    matches!(cause, Cause::Expired | Cause::Rejected(Rejection::BadSequence | Rejection::TooLate))
}
