//! Reads as proofs: a surprise audit is a read nobody wanted the bytes of, and every leaf that a download has
//! checked counts as proved.

use super::attempt::{Asked, RunError, Tried, deadline};
use super::diary;
use crate::agreement::Agreement;
use crate::contents;
use crate::core::Core;
use crate::error::{HostFault, RecordsFault};
use crate::fetch;
use crate::vouchers::Purse;
use layr_audits::Commitment;
use layr_merkle::GroupRange;
use layr_protocol::Refusal;
use layr_types::{AgreementId, LEAVES_PER_GROUP, NodeKey, SectorRoot, Stroops, UnixSeconds};
use std::collections::HashMap;
use std::sync::PoisonError;
use std::time::Instant;

/// Sectors read of in one surprise audit.
const SECTORS: usize = 2;
/// Groups read of each, at most: 16 × 16 KiB, as a range of a download would be.
const MOST_GROUPS: usize = 16;
/// Groups of a sector.
const GROUPS: usize = 64;

/// Reads a few ranges as a download does, every byte checked; `None` where what lies there is not known on this
/// machine, or the host wants to be paid for reads: a challenge finds out as much then.
pub(super) async fn surprise(
    core: &Core,
    agreement: &Agreement,
    held: Commitment,
) -> Result<Option<Tried>, RunError> {
    let roots = contents::drawn(core, &agreement.id, SECTORS)?;
    if roots.is_empty() {
        return Ok(None);
    }
    let ranges: Vec<(SectorRoot, GroupRange)> =
        roots.into_iter().filter_map(|root| Some((root, range(core.book.random())?))).collect();
    let leaves =
        |range: &GroupRange| u16::try_from(range.groups().len() * LEAVES_PER_GROUP).unwrap_or(u16::MAX);
    let asked = ranges.iter().map(|(_, range)| leaves(range)).sum();
    let allowed = deadline(&core.experience(&agreement.host())?, asked);
    let started = Instant::now();
    let mut good = 0;
    let mut outcome = Ok(());
    match core.hosts.lane(agreement.host(), allowed).await {
        Err(fault) => outcome = Err(fault),
        Ok(lane) => {
            for (root, range) in &ranges {
                let purse = Purse::new(Some(Stroops::ZERO));
                match fetch::range((core, &lane), (agreement.host(), agreement.id), (*root, *range), &purse)
                    .await
                {
                    Ok(()) => good += leaves(range),
                    Err(HostFault::Refused(Refusal::PaymentRequired { .. })) => return Ok(None),
                    Err(fault) => {
                        outcome = Err(fault);
                        break;
                    }
                }
            }
        }
    }
    let asked = Asked::Read { asked, good, outcome };
    Ok(Some(Tried { agreement: agreement.clone(), held, asked, took: started.elapsed(), allowed }))
}

/// Some groups of a sector, by chance.
fn range(chance: [u8; 2]) -> Option<GroupRange> {
    let count = usize::from(chance[0]) % MOST_GROUPS + 1;
    let first = usize::from(chance[1]) % (GROUPS - count + 1);
    GroupRange::new(first, count).ok()
}

/// Adds leaves that were checked to the tally, in one write.
fn tally(core: &Core, proved: &HashMap<AgreementId, u64>) -> Result<(), RecordsFault> {
    let _tally = core.tally.lock().unwrap_or_else(PoisonError::into_inner);
    let mut draft = core.book.draft();
    for (id, leaves) in proved {
        diary::add_reads(core, (id, *leaves), &mut draft)?;
    }
    draft.commit()
}

/// Notes leaves that a download has checked, by agreement, and hosts whose bytes were wrong: those are audited at
/// once.
pub(crate) async fn note(
    core: &Core,
    proved: HashMap<AgreementId, u64>,
    wrong: &[NodeKey],
    now: Option<UnixSeconds>,
) -> Result<(), RecordsFault> {
    tally(core, &proved)?;
    let Some(now) = now.filter(|_| !wrong.is_empty()) else { return Ok(()) };
    for agreement in core.agreements()?.into_iter().filter(|agreement| wrong.contains(&agreement.host())) {
        diary::change(core, &agreement.id, |diary| diary.state.fault = Some(now)).await?;
    }
    Ok(())
}
