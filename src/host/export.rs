//! Exporting a prepared proof: what this host would send, for somebody else to send while it is away.

use crate::decide::Seen;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::OnLedger;
use layr_market::{ChallengeKind, Phase, Revision};
use layr_protocol::{Hex, PREPARED_VERSION, PreparedCall, PreparedProof};
use layr_types::{AgreementId, UnixSeconds};
use std::sync::Arc;
use thiserror::Error;

/// Why there is no proof to export.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// This host has no such agreement, or it is over.
    #[error("this host has no such agreement that is still open")]
    Unknown,
    /// The ledger has no revision that could be proved; publish the newest one first.
    #[error("no revision of this agreement is on the ledger: there is nothing to prove")]
    NotPublished,
    /// The leaves are not known: the event that named them is forgotten.
    #[error("a challenge is open, but the ledger no longer tells which leaves it names")]
    LeavesUnknown,
    /// The round that decides does not exist yet.
    #[error("the round that decides which leaves are proved is published at {from}")]
    TooEarly {
        /// When it exists, by the ledger's clock.
        from: UnixSeconds,
    },
    /// The last moment for it has passed.
    #[error("the last moment for the proof was {until}")]
    TooLate {
        /// When it was.
        until: UnixSeconds,
    },
    /// The ledger, the disk, or the data itself.
    #[error(transparent)]
    Host(#[from] HostError),
}

/// Which call, with which round, and when.
struct Due {
    call: PreparedCall,
    round: Option<u64>,
    from: UnixSeconds,
    until: UnixSeconds,
}

impl Host {
    /// The proof the ledger waits for, with everything its entry point wants.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export_proof(self: &Arc<Self>, id: AgreementId) -> Result<PreparedProof, ExportError> {
        let now = self.clock.fresh().await.map_err(HostError::from)?;
        self.listen(now).await?;
        let known = self.agreement(&id)?.filter(|agreement| agreement.state.is_escrowed());
        let seen = self.look_at_slot(&known.ok_or(ExportError::Unknown)?).await?;
        let (state, revision) = match seen {
            Seen::Published(state, revision) => (state, *revision),
            Seen::Opening(_) => return Err(ExportError::NotPublished),
            _ => return Err(ExportError::Unknown),
        };
        let agreement = self.agreement(&id)?.ok_or(ExportError::Unknown)?;
        let at = OnLedger { terms: agreement.terms, state };
        let due = self.due(&at, now).await?;
        let proofs = self.proofs(&at, &revision, (due.round, &agreement.leaves)).await?;
        let leaves = if due.round.is_some() { Vec::new() } else { agreement.leaves };
        Ok(PreparedProof {
            version: PREPARED_VERSION,
            call: due.call,
            context: self.config.context,
            agreement: id,
            from: due.from,
            until: due.until,
            round: due.round,
            terms: Hex(at.terms.encode().to_vec()),
            state: Hex(state.encode().to_vec()),
            revision: Hex(revision.encode().to_vec()),
            leaves: Hex(leaves),
            proofs: Hex(proofs),
        })
    }

    async fn due(&self, at: &OnLedger, now: UnixSeconds) -> Result<Due, ExportError> {
        let schedule = self.ports.ledger.beacon_schedule().await.map_err(HostError::from)?;
        let (call, frozen, until) = window(at);
        let round = frozen.map(|frozen| schedule.deciding_round(frozen));
        let from = round.map_or(now, |round| schedule.time_of(round));
        if now > until {
            return Err(ExportError::TooLate { until });
        }
        if now < from { Err(ExportError::TooEarly { from }) } else { Ok(Due { call, round, from, until }) }
    }

    async fn proofs(
        self: &Arc<Self>,
        at: &OnLedger,
        revision: &Revision,
        (round, named): (Option<u64>, &[u8]),
    ) -> Result<Vec<u8>, ExportError> {
        let Some(round) = round else {
            let known = !named.is_empty();
            let proofs = self.named_leaves(revision, named).await?;
            return if known { Ok(proofs) } else { Err(ExportError::LeavesUnknown) };
        };
        if revision.sectors == 0 {
            return Ok(Vec::new());
        }
        let seed = self.ports.ledger.beacon(round).await.map_err(HostError::from)?;
        Ok(self.prove_round(revision, (round, seed), at.terms.samples).await?)
    }
}

/// Which call comes next, when its root freezes (`None` where no round decides), and until when it is taken.
fn window(at: &OnLedger) -> (PreparedCall, Option<UnixSeconds>, UnixSeconds) {
    let OnLedger { terms, state } = at;
    match (state.phase, state.challenge.kind) {
        (Phase::Challenged, kind) => {
            let random = kind == ChallengeKind::Random;
            let frozen = random.then(|| state.challenge.freezes_at(terms));
            (PreparedCall::Respond, frozen, state.challenge.deadline(terms))
        }
        (Phase::Active, _) => {
            let end = state.ending_at;
            (PreparedCall::Prove, Some(terms.freezes_at(end)), terms.proof_deadline(end))
        }
    }
}
