//! Sectors a host took and nobody signed for: it may forget them after a while, and says so when it is asked to sign.
//!
//! Such a host has not failed. What it acknowledged and has forgotten is sent to it again; what it signed for stays
//! where it is. It is believed once: one that forgets again what it has just been sent is replaced.

use crate::acks;
use crate::core::Core;
use crate::error::{HostFailure, HostFault, RecordsFault};
use crate::job::JobId;
use crate::ports::Space;
use layr_protocol::Refusal;
use layr_types::AgreementId;
use std::collections::HashSet;

/// Voids what hosts acknowledged and have forgotten; returns the hosts that failed in any other way, or again.
pub(super) fn forgive(
    core: &Core,
    job: JobId,
    failed: Vec<(AgreementId, HostFailure)>,
    forgiven: &mut HashSet<AgreementId>,
) -> Result<Vec<(AgreementId, HostFailure)>, RecordsFault> {
    let mut draft = core.book.draft();
    let mut left = Vec::new();
    for (id, failure) in failed {
        let forgot = matches!(failure.fault, HostFault::Refused(Refusal::SectorMissing { .. }));
        if !forgot || !forgiven.insert(id) {
            left.push((id, failure));
            continue;
        }
        tracing::info!(host = %failure.node, "a host has forgotten what nobody signed for; it is sent again");
        for (key, _) in acks::load(&core.book, job, Some(id))?.iter().filter(|(_, ack)| !ack.signed) {
            draft.delete(Space::Acks, &key.encode());
        }
    }
    draft.commit()?;
    Ok(left)
}
