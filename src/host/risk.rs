//! Money at risk: for every agreement the next deadline, what this host will send by then, what it loses if it
//! does not, and what is lost already. Reads records only; the ledger's clock is the one moment it asks for.

use crate::agreement::{Agreement, AgreementState};
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::rows;
use layr_market::{Outcome, Phase, Revision, Settled, Stage, settle};
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a host will send next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Planned {
    /// Nothing: it waits for the owner or for the clock.
    Nothing,
    /// The split both have signed.
    Close,
    /// The newest revision.
    Publish,
    /// The answer to the open challenge.
    Respond,
    /// The proof at the end.
    Prove,
    /// What is left after a missed deadline.
    Collect,
}

/// One agreement's line in the timeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AtRisk {
    /// Which agreement.
    pub id: AgreementId,
    /// With whom.
    pub owner: NodeKey,
    /// Where it stands.
    pub state: AgreementState,
    /// What will be sent.
    pub planned: Planned,
    /// When it will be sent at the earliest, by the ledger's clock.
    pub from: UnixSeconds,
    /// The last moment for it.
    pub deadline: UnixSeconds,
    /// What is lost if the deadline passes, stroops: earnings and collateral.
    pub at_stake: Stroops,
    /// What is lost already, because an earlier deadline passed.
    pub lost: Stroops,
    /// Attempts in a row that did not change the slot.
    pub attempts: u32,
}

impl Host {
    /// Every agreement the ledger holds, the next deadline first.
    ///
    /// # Errors
    /// [`HostError`].
    pub async fn at_risk(self: &Arc<Self>) -> Result<Vec<AtRisk>, HostError> {
        let now = self.clock.recent().await?;
        let host = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || host.at_risk_at(now)).await;
        read.map_err(|_| HostError::Task)?
    }

    pub(crate) fn at_risk_at(&self, now: UnixSeconds) -> Result<Vec<AtRisk>, HostError> {
        let mut lines = Vec::new();
        each_row(self.records(), Table::Agreements, &[], |(key, value)| {
            let id = AgreementId(rows::read_32(Table::Agreements, &key)?);
            let agreement = Agreement::decode(id, &value)?;
            if agreement.state.is_escrowed() {
                let named = rows::numbered_key(&id, agreement.slot.n);
                let on_ledger = self.records().get(Table::Revisions, &named)?;
                let on_ledger = on_ledger.and_then(|bytes| crate::agreement::decode_revision(&bytes).ok());
                lines.push(line(&agreement, on_ledger.map(|signed| signed.revision).as_ref(), now));
            }
            Ok(())
        })?;
        lines.sort_by_key(|line| (line.deadline, line.id));
        Ok(lines)
    }
}

/// What the host gets if the agreement ends so.
fn worth(agreement: &Agreement, outcome: Outcome<'_>) -> Stroops {
    let state = &agreement.slot;
    let settled = Settled { floor: state.floor, voucher: state.voucher.max(agreement.vouched()) };
    let shares = settle(&agreement.terms, settled, state.ending_at, outcome);
    shares.map_or(Stroops::ZERO, |shares| shares.host)
}

/// One agreement's line; `on_ledger` is the revision its slot names.
pub(crate) fn line(agreement: &Agreement, on_ledger: Option<&Revision>, now: UnixSeconds) -> AtRisk {
    let (terms, state) = (&agreement.terms, &agreement.slot);
    let newest = agreement.current();
    let best = if newest.n == 0 { Outcome::Unused } else { Outcome::Proved(&newest) };
    let best = worth(agreement, best);
    let unpublished = on_ledger.map_or(Outcome::Unused, Outcome::Proved);
    let (unpublished, missed) = match on_ledger {
        Some(revision) => (worth(agreement, unpublished), worth(agreement, Outcome::Missed(revision))),
        None => (worth(agreement, unpublished), worth(agreement, Outcome::Unused)),
    };
    let end = state.ending_at;
    let round_after = |frozen: UnixSeconds| UnixSeconds(frozen.0.div_ceil(3_600).saturating_mul(3_600));
    let (planned, from, deadline, reachable, otherwise) = match (state.phase, state.stage(terms, now)) {
        (Phase::Challenged, _) if state.in_default(terms, now) => {
            (Planned::Collect, now, state.challenge.deadline(terms), missed, missed)
        }
        (Phase::Challenged, _) => {
            let from = if agreement.leaves.is_empty() {
                round_after(state.challenge.freezes_at(terms))
            } else {
                now
            };
            (Planned::Respond, from, state.challenge.deadline(terms), best, missed)
        }
        (Phase::Active, _) if agreement.state == AgreementState::Parting => (
            Planned::Close,
            terms.offer_expiry.plus(1).max(agreement.due),
            terms.freezes_at(end),
            best,
            unpublished,
        ),
        (Phase::Active, Stage::Running | Stage::Publishing) if newest.n > state.n => {
            let from = end.plus(u64::from(terms.publish_window) / 4);
            (Planned::Publish, from, terms.freezes_at(end), best, unpublished)
        }
        (Phase::Active, Stage::Running | Stage::Publishing | Stage::Proving) if state.n > 0 => {
            let from = round_after(terms.freezes_at(end));
            (Planned::Prove, from, terms.proof_deadline(end), unpublished, missed)
        }
        (Phase::Active, Stage::Over) => (Planned::Collect, now, terms.proof_deadline(end), missed, missed),
        (Phase::Active, _) => {
            let over = terms.proof_deadline(end).plus(1);
            (Planned::Nothing, over, over, unpublished, unpublished)
        }
    };
    let positive = |amount: Stroops| amount.max(Stroops::ZERO);
    AtRisk {
        id: agreement.id,
        owner: agreement.owner(),
        state: agreement.state,
        planned,
        from,
        deadline,
        at_stake: positive(reachable - otherwise),
        lost: positive(best - reachable),
        attempts: agreement.attempts.count,
    }
}
