//! Adopting: what a delegate rebuilt becomes part of this owner's catalogue, after every host has shown one shard.

use super::grant;
use super::package::{Held, Outcome, PackageError};
use crate::catalogue;
use crate::core::Core;
use crate::error::{Failed, HostFault, NextStep, RecordsFault, UploadCause, UploadError};
use crate::events::{Progress, Stage};
use crate::fetch;
use crate::foreign::{self, Foreign};
use crate::health::{Patience, Standing};
use crate::lookup::put_segment;
use crate::repair::look;
use crate::stored;
use crate::upload::save_owed;
use crate::views::NotChosen;
use layr_manifests::{CatalogueUpdate, SegmentRecord, ShardRecord};
use layr_types::{AgreementId, NodeKey};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct AdoptReport {
    /// Segments with new shards.
    pub segments: u64,
    /// New shards.
    pub shards: u64,
    /// Shards left out: not of this owner's segments, or not what is recorded of them.
    pub left_out: u64,
    /// Hosts that have them.
    pub hosts: Vec<NodeKey>,
    /// Hosts that did not show what they are said to have, and why.
    pub refused: Vec<NotChosen>,
}

fn records(fault: RecordsFault) -> UploadError {
    Failed::new(Stage::Records, fault)
}

fn unfit(error: PackageError) -> UploadError {
    Failed::new(Stage::Records, UploadCause::Package(error)).next(NextStep::Change)
}

/// Takes a delegate's result in.
pub(crate) async fn adopt(
    core: &Core,
    result: &[u8],
    progress: Arc<dyn Progress>,
) -> Result<AdoptReport, UploadError> {
    let outcome = Outcome::decode(result, (&core.info.context, core.key())).map_err(unfit)?;
    let delegate = outcome.pass.pass.owner;
    if !grant::list(core).map_err(records)?.iter().any(|known| known.delegate == delegate) {
        return Err(unfit(PackageError::OtherNode));
    }
    let mut report = AdoptReport::default();
    let offered = fitting(core, &outcome, &mut report)?;
    let mut sound: BTreeMap<AgreementId, Held> = BTreeMap::new();
    for held in &outcome.agreements {
        let shard = offered.values().flatten().find(|shard| shard.agreement == held.id);
        let Some(shard) = shard.filter(|shard| shard.host == held.host) else { continue };
        match shows(core, &outcome, shard).await {
            Ok(()) => {
                sound.insert(held.id, *held);
            }
            Err(fault) => report.refused.push(NotChosen { node: held.host, why: fault.to_string() }),
        }
    }
    look(core, &offered.keys().copied().collect(), &*progress).await?;
    enter(core, (&outcome, offered, sound), &mut report).map_err(records)?;
    save_owed(core, &progress).await;
    Ok(report)
}

/// The offered shards that are of this owner's segments and have the recorded roots, by segment.
fn fitting(
    core: &Core,
    outcome: &Outcome,
    report: &mut AdoptReport,
) -> Result<BTreeMap<layr_types::SegmentId, Vec<ShardRecord>>, UploadError> {
    let mut fitting: BTreeMap<_, Vec<ShardRecord>> = BTreeMap::new();
    for offered in outcome.segments().map_err(unfit)? {
        let known = stored::segment(&core.book, &offered.id).map_err(records)?;
        for shard in offered.shards {
            let fits = known.as_ref().is_some_and(|known| is_wanted(known, &shard));
            if fits {
                fitting.entry(offered.id).or_default().push(shard);
            } else {
                report.left_out += 1;
            }
        }
    }
    Ok(fitting)
}

/// Whether a shard has its recorded root and is not on that host already.
fn is_wanted(known: &SegmentRecord, shard: &ShardRecord) -> bool {
    let mut placed = known.placements(shard.index).peekable();
    placed.peek().is_some() && placed.all(|other| other.root == shard.root && other.host != shard.host)
}

/// Whether the host hands one shard out that it is said to have; its bytes are checked against the root.
async fn shows(core: &Core, outcome: &Outcome, shard: &ShardRecord) -> Result<(), HostFault> {
    foreign::show(core, shard.host, outcome.pass).await?;
    let lane = core.hosts.lane(shard.host, core.config.shard_floor * 2).await?;
    fetch::sector((core, &lane), (shard.host, shard.agreement), &shard.root).await.map(|_| ())
}

type Offered = BTreeMap<layr_types::SegmentId, Vec<ShardRecord>>;

/// Enters what is sound, in one step with what the network's catalogue lacks then.
fn enter(
    core: &Core,
    (outcome, offered, sound): (&Outcome, Offered, BTreeMap<AgreementId, Held>),
    report: &mut AdoptReport,
) -> Result<(), RecordsFault> {
    let standing = Standing::load(core, Patience::None)?;
    let (mut draft, mut update) = (core.book.draft(), CatalogueUpdate::default());
    let mut hosts = BTreeSet::new();
    for (id, shards) in offered {
        let Some(mut segment) = stored::segment(&core.book, &id)? else { continue };
        let new: Vec<ShardRecord> =
            shards.into_iter().filter(|shard| sound.contains_key(&shard.agreement)).collect();
        if new.is_empty() {
            continue;
        }
        segment.shards.retain(|shard| {
            standing.is_alive(&shard.agreement) || !new.iter().any(|other| other.index == shard.index)
        });
        report.segments += 1;
        report.shards += new.len() as u64;
        hosts.extend(new.iter().map(|shard| shard.host));
        segment.shards.extend(new);
        segment.shards.sort_unstable();
        put_segment(&mut draft, &segment);
        update.put_segments.push(segment);
    }
    for Held { id, host, ends } in sound.into_values() {
        foreign::keep(&mut draft, &Foreign { id, host, ends, pass: outcome.pass, there: true });
    }
    report.hosts = hosts.into_iter().collect();
    if !update.put_segments.is_empty() {
        catalogue::owe(core, update, &mut draft)?;
    }
    draft.commit()
}
