//! Moving the ledger: every attempt is written down before it is made, with the moment of the next look, so that a
//! host that crashes in between looks at the slot first and repeats nothing that happened. A failed attempt is
//! repeated ever more rarely.

use crate::agreement::Agreement;
use crate::decide::Action;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{OnLedger, Proof, Response, Table};
use layr_audits::{Challenge as Audit, Commitment, Draw};
use layr_market::{Challenge, Notice, Party, Revision, SlotState, SoftwareSha256, named_leaf};
use layr_types::{AuditSeed, LeafIndex, UnixSeconds};
use std::sync::Arc;

/// Seconds until the next look after a first failed attempt; doubles up to 64 times that.
pub(crate) const FIRST_RETRY: u64 = 15;
/// Seconds until the slot is looked at after an attempt that the ledger took.
const LOOK_AFTER: u64 = 5;
/// How much later than the terms' notice an end is asked for, seconds: the ledger may take its time.
const NOTICE_MARGIN: u64 = 600;

impl Host {
    /// Writes the attempt down, makes it, and looks again soon.
    pub(crate) async fn move_ledger(
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
        let id = agreement.id;
        self.carry_out(agreement, action, now).await?;
        self.update(&id, |agreement| agreement.due = now.plus(LOOK_AFTER))
    }

    async fn carry_out(
        self: &Arc<Self>,
        agreement: Agreement,
        action: Action,
        now: UnixSeconds,
    ) -> Result<(), HostError> {
        let at = |state: SlotState| OnLedger { terms: agreement.terms.clone(), state };
        let missing = |table| HostError::Dangling { table };
        let ledger = &self.ports.ledger;
        match action {
            Action::Close(state) => {
                let split = agreement.split.ok_or(missing(Table::Agreements))?;
                ledger.close(at(state), split).await?;
            }
            Action::Publish(state) => {
                let newest = agreement.newest.clone().ok_or(missing(Table::Revisions))?;
                ledger.publish(at(state), newest).await?;
            }
            Action::Redeem(state) => {
                let voucher = agreement.reads.voucher.ok_or(missing(Table::Agreements))?;
                ledger.redeem(at(state), voucher).await?;
            }
            Action::Vest(state, challenge) => self.vest(at(state), challenge).await?,
            Action::Leave(state) => self.leave_at(at(state), now).await?,
            Action::Respond(state, published, round) => {
                let response = self.response(&at(state), *published, (round, &agreement.leaves)).await?;
                ledger.respond(at(state), response).await?;
            }
            Action::Prove(state, published, round) => {
                let leaves = self.random_leaves(&at(state), &published, round).await?;
                ledger.prove(at(state), Proof { revision: *published, round, leaves }).await?;
            }
            Action::Default(state, published) => ledger.settle_default(at(state), *published).await?,
            Action::Expire(state, published) => {
                ledger.expire(at(state), published.map(|published| *published)).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn vest(&self, at: OnLedger, challenge: Challenge) -> Result<(), HostError> {
        let signature = self.ports.signer.sign(&challenge.digest(&SoftwareSha256));
        tracing::info!(agreement = %challenge.id, "nothing is acknowledged; what was earned is made safe");
        Ok(self.ports.ledger.challenge(at, challenge, signature).await?)
    }

    async fn leave_at(&self, at: OnLedger, now: UnixSeconds) -> Result<(), HostError> {
        let id = at.terms.id(&SoftwareSha256, &self.config.context);
        let ending_at = now.plus(u64::from(at.terms.notice)).plus(NOTICE_MARGIN);
        let notice = Notice { id, by: Party::Host, ending_at };
        let signature = self.ports.signer.sign(&notice.digest(&SoftwareSha256));
        Ok(self.ports.ledger.start_close(at, notice, signature).await?)
    }

    /// The answer to a challenge: a random one's round is posted first, if nobody has.
    pub(crate) async fn response(
        self: &Arc<Self>,
        at: &OnLedger,
        revision: Revision,
        (round, named): (Option<u64>, &[u8]),
    ) -> Result<Response, HostError> {
        let leaves = match round {
            Some(round) => self.random_leaves(at, &revision, round).await?,
            None => self.named_leaves(&revision, named).await?,
        };
        let named = if round.is_some() { Vec::new() } else { named.to_vec() };
        Ok(Response { revision, named, leaves })
    }

    /// Proofs of the leaves a round names, after making sure that the round is on the ledger.
    async fn random_leaves(
        self: &Arc<Self>,
        at: &OnLedger,
        revision: &Revision,
        round: u64,
    ) -> Result<Vec<u8>, HostError> {
        if revision.sectors == 0 {
            return Ok(Vec::new());
        }
        let ledger = &self.ports.ledger;
        let seed = match ledger.posted_beacon(round).await? {
            Some(seed) => seed,
            None => ledger.post_beacon(round).await?,
        };
        self.prove_round(revision, (round, seed), at.terms.samples).await
    }

    /// Proofs of the leaves that `seed` names.
    pub(crate) async fn prove_round(
        self: &Arc<Self>,
        revision: &Revision,
        (round, seed): (u64, [u8; 32]),
        samples: u8,
    ) -> Result<Vec<u8>, HostError> {
        let draw = Draw::Random { round, nonce: [0; 32], seed: AuditSeed(seed), count: u16::from(samples) };
        self.prove_draw(revision, draw).await
    }

    /// Proofs of those leaves of a named list that the revision has.
    pub(crate) async fn named_leaves(
        self: &Arc<Self>,
        revision: &Revision,
        named: &[u8],
    ) -> Result<Vec<u8>, HostError> {
        let listed = (0..).map_while(|i| named_leaf(named, i));
        let leaves: Vec<LeafIndex> = listed.filter(|leaf| leaf.0 < revision.leaves()).collect();
        if leaves.is_empty() {
            return Ok(Vec::new());
        }
        self.prove_draw(revision, Draw::Named { leaves }).await
    }

    async fn prove_draw(self: &Arc<Self>, revision: &Revision, draw: Draw) -> Result<Vec<u8>, HostError> {
        let held = Commitment::from(revision);
        let audit = Audit { agreement: revision.id, revision: revision.n, draw };
        let answer = self.blocking(move |host| host.prove_leaves(&audit, &held)).await;
        let answer = answer.map_err(|_| HostError::Task)?;
        if !answer.lost.is_empty() {
            return Err(HostError::LeavesLost { count: answer.lost.len() });
        }
        Ok(answer.proofs.to_vec())
    }
}
