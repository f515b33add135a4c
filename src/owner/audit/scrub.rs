//! The scrub: one leaf of every sector in turn, with challenges of named leaves, as many as are due.
//!
//! The place moves on only with an answer that passed. What passed enters the history as one record; a fault is a
//! record of its own, and ends the walk.

use super::attempt::{RunError, Tried, ask, ready};
use super::diary;
use super::enter::{enter, record_at};
use super::{Audited, Order};
use crate::core::Core;
use crate::error::RecordsFault;
use layr_audits::{AuditKind, AuditRecord, Challenge, MAX_LEAVES, Verdict, scrub_leaves};
use layr_types::{AuditSeed, UnixSeconds};
use std::time::Duration;

/// Walks over the sectors an order wants scrubbed; what it found, if not only sound ones.
pub(super) async fn walk(core: &Core, order: &Order, now: UnixSeconds) -> Result<Option<Audited>, RunError> {
    let (mut left, mut passed, mut took) = (order.scrub, 0u64, Duration::ZERO);
    let mut bad = None;
    while left > 0 {
        let Some((agreement, held)) = ready(core, order).await? else { break };
        let mut scrub = diary::load(core, &order.id)?.state.scrub;
        let sectors = scrub.take(left.min(MAX_LEAVES.into()), held.sectors, now);
        if sectors.is_empty() {
            break;
        }
        let challenge = Challenge::named(&held, scrub_leaves(&sectors, &core.book.random()));
        let tried = ask(core, agreement, held, challenge).await?;
        let judged = tried.judge(false);
        match judged.verdict {
            Verdict::Passed => {
                diary::change(core, &order.id, |diary| diary.state.scrub = scrub).await?;
                passed += sectors.len() as u64;
                took += judged.took;
                left = left.saturating_sub(sectors.len() as u64);
            }
            Verdict::Missing | Verdict::Corrupt => {
                bad = Some(tried);
                break;
            }
            // Silence after a sound answer a moment ago: the rest is asked for with the next audit.
            _ => break,
        }
    }
    sum_up(core, order, (passed, took)).await?;
    Ok(match bad {
        Some(tried) => Some(found(core, tried, now).await?),
        None => None,
    })
}

async fn found(core: &Core, tried: Tried, now: UnixSeconds) -> Result<Audited, RecordsFault> {
    enter(core, tried, (AuditKind::Named, now), false).await
}

/// One record for all that passed.
async fn sum_up(core: &Core, order: &Order, (passed, took): (u64, Duration)) -> Result<(), RecordsFault> {
    let Some(agreement) = core.agreement(&order.id)?.filter(|_| passed > 0) else { return Ok(()) };
    let leaves = u16::try_from(passed).unwrap_or(u16::MAX);
    let record = AuditRecord {
        kind: AuditKind::Named,
        verdict: Verdict::Passed,
        asked: leaves,
        good: leaves,
        latency_ms: u32::try_from(took.as_millis()).unwrap_or(u32::MAX),
        revision: agreement.current().n,
        round: 0,
        nonce: [0; 32],
    };
    if let Some(fault) = record_at(core, &agreement, record, AuditSeed::default()).await? {
        tracing::debug!(agreement = %order.id, %fault, "the scrub was not signed for");
    }
    Ok(())
}
