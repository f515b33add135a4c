//! The delegate's side: repair what a package lists, and say where it lies now.

use super::package::{Held, Outcome, Package, PackageError};
use crate::agreement::Phase;
use crate::core::Core;
use crate::error::{Failed, NextStep, RecordsFault, UploadCause, UploadError};
use crate::events::{Progress, Stage};
use crate::foreign::{self, Foreign};
use crate::health::keep_card;
use crate::lookup::put_segment;
use crate::repair::{RepairReport, RepairRequest, RepairTarget, repair};
use crate::stored;
use layr_manifests::SegmentRecord;
use layr_protocol::{ReadPass, SignedPass};
use layr_types::{DAY_SECONDS, Stroops, UnixSeconds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How long after the last agreement's end an owner may still read what its delegate keeps, seconds.
const GRACE: u64 = 7 * DAY_SECONDS;

fn records(fault: RecordsFault) -> UploadError {
    Failed::new(Stage::Records, fault)
}

fn unfit(error: PackageError) -> UploadError {
    Failed::new(Stage::Records, UploadCause::Package(error)).next(NextStep::Change)
}

/// Repairs what the package lists, within its cap; returns what was done and the result for its owner. Run again it
/// goes on.
pub(crate) async fn repair_for(
    core: &Core,
    package: &[u8],
    request: &RepairRequest,
    progress: Arc<dyn Progress>,
) -> Result<(RepairReport, Vec<u8>), UploadError> {
    let package = Package::decode(package, (&core.info.context, core.key())).map_err(unfit)?;
    let now = core.now().await.map_err(|fault| Failed::new(Stage::Find, fault))?;
    if now >= package.pass.pass.ends {
        return Err(unfit(PackageError::Ended));
    }
    take_in(core, &package)?;
    let left = (package.cap - locked(core).map_err(records)?).max(Stroops::ZERO);
    let limit = request.max_cost.map_or(left, |limit| limit.min(left));
    let target = RepairTarget::Segments(package.names().map_err(unfit)?);
    let request = RepairRequest { target, look: true, max_cost: Some(limit), ..request.clone() };
    let report = repair(core, &request, progress).await?;
    Ok((report, outcome(core, &package, now)?))
}

/// Puts the package's contents into this delegate's records. What it has rebuilt before stays.
fn take_in(core: &Core, package: &Package) -> Result<(), UploadError> {
    let mut draft = core.book.draft();
    for (segment, key) in package.segments().map_err(unfit)? {
        let before = stored::segment(&core.book, &segment.id).map_err(records)?;
        put_segment(&mut draft, &merged(core, segment.clone(), before).map_err(records)?);
        core.keep_mask_key(&mut draft, &segment.id, &key);
    }
    for held in &package.agreements {
        let Held { id, host, ends } = *held;
        foreign::keep(&mut draft, &Foreign { id, host, ends, pass: package.pass, there: true });
    }
    package.cards.iter().for_each(|card| keep_card(&mut draft, card));
    draft.commit().map_err(records)
}

/// The owner's record with what this delegate keeps of the segment itself.
fn merged(
    core: &Core,
    mut segment: SegmentRecord,
    before: Option<SegmentRecord>,
) -> Result<SegmentRecord, RecordsFault> {
    for shard in before.into_iter().flat_map(|segment| segment.shards) {
        let own = core.agreement(&shard.agreement)?.is_some();
        let there =
            |other: &&layr_manifests::ShardRecord| other.index == shard.index && other.host == shard.host;
        if own && !segment.shards.iter().any(|other| there(&other)) {
            segment.shards.push(shard);
        }
    }
    segment.shards.sort_unstable();
    Ok(segment)
}

/// What this delegate has locked already.
fn locked(core: &Core) -> Result<Stroops, RecordsFault> {
    let open = core.agreements()?.into_iter().filter(|agreement| agreement.phase.is_escrowed());
    Ok(open.map(|agreement| agreement.terms.escrow + agreement.terms.voucher_part).sum())
}

/// Where everything this delegate keeps of the package's segments lies, and a pass for the owner to read it by.
fn outcome(core: &Core, package: &Package, now: UnixSeconds) -> Result<Vec<u8>, UploadError> {
    let (mut segments, mut held) = (Vec::new(), BTreeMap::new());
    for id in package.names().map_err(unfit)? {
        let Some(mut segment) = stored::segment(&core.book, &id).map_err(records)? else { continue };
        let mut own = Vec::new();
        for shard in segment.shards {
            let agreement = core.agreement(&shard.agreement).map_err(records)?;
            if let Some(agreement) = agreement.filter(|agreement| agreement.phase == Phase::Open) {
                let (id, host, ends) = (agreement.id, agreement.host(), agreement.terms.end);
                held.insert(id, Held { id, host, ends });
                own.push(shard);
            }
        }
        segment.shards = own;
        if !segment.shards.is_empty() {
            segments.push(segment);
        }
    }
    let ends = held.values().map(|held| held.ends).max().unwrap_or(now).plus(GRACE);
    let pass = ReadPass { owner: core.key(), reader: package.pass.pass.owner, ends, number: 1 };
    let signature = core.sign(&pass.digest(&core.info.context));
    let mut outcome = Outcome::new(core.info.context, SignedPass { pass, signature });
    segments.iter().for_each(|segment| outcome.add(segment));
    outcome.agreements = held.into_values().collect();
    Ok(outcome.encode())
}
