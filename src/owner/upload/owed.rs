//! The catalogue alone: brought to the network when the records changed without an upload.
//!
//! It goes to hosts that serve this owner already; no agreement is opened and no money moves for it. If it does
//! not get through, it stays owed, and the next upload, renewal or look of a watching owner brings it.

use super::forgotten::forgive;
use super::job::Job;
use super::send::Sender;
use super::sign::sign_all;
use crate::agreement::Agreement;
use crate::catalogue;
use crate::core::Core;
use crate::error::{Failed, RecordsFault, UploadCause, UploadError};
use crate::events::{Progress, Stage};
use crate::job::JobId;
use crate::request::Keeping;
use layr_audits::Verdict;
use layr_coding::Profile;
use layr_manifests::CatalogueUpdate;
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
use std::collections::HashSet;
use std::sync::Arc;

/// The catalogue's own job: the same every time, so that a crash leaves nothing that is not found again.
const JOB: JobId = JobId(*b"layr catalogue 1");
/// Hosts it is brought to at most.
const HOSTS: usize = 12;
/// Sectors it may take under one agreement.
const ROOM: u64 = 2;

/// Brings the catalogue to the network if it lacks anything there; says in the log why it could not.
pub(crate) async fn save_owed(core: &Core, progress: &Arc<dyn Progress>) {
    let mut without = HashSet::new();
    for _ in 0..2 {
        match save(core, progress, &mut without).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "the catalogue on the network is behind this machine's records");
                return;
            }
        }
    }
}

/// True once nothing is owed; false where hosts failed that are now in `without`.
async fn save(
    core: &Core,
    progress: &Arc<dyn Progress>,
    without: &mut HashSet<NodeKey>,
) -> Result<bool, UploadError> {
    let records = |fault| Failed::new(Stage::Catalogue, fault);
    if !catalogue::is_owed(core).map_err(records)? {
        return Ok(true);
    }
    let now = core.now().await.map_err(|fault| Failed::new(Stage::Catalogue, fault))?;
    let places = places(core, now, without).map_err(records)?;
    let count = u8::try_from(places.len()).unwrap_or(u8::MAX);
    let profile = Profile::new(count.div_ceil(3).max(1), count.max(1));
    let profile = profile.map_err(|error| Failed::new(Stage::Catalogue, UploadCause::Profile(error)))?;
    let keeping = Keeping { profile, max_cost: Some(Stroops::ZERO), ..Keeping::default() };
    let mut job = Job::new(JOB, now, Vec::new(), &keeping);
    job.places = places;
    let only = Arc::clone(&core.cataloguing).lock_owned().await;
    let mut sender = Sender::start(core, job, progress)?;
    let sent = catalogue::send(core, CatalogueUpdate::default(), (profile, now), &mut sender).await;
    let pass = sender.finish().await.map_err(|cause| Failed::new(Stage::Catalogue, cause))?;
    without.extend(pass.failures.iter().map(|failure| failure.node));
    let Some(saved) = sent.map_err(|cause| Failed::new(Stage::Catalogue, cause))? else { return Ok(false) };
    let unsigned = sign_all(core, &pass.job, &**progress).await;
    let unsigned = unsigned.map_err(|error| Failed::new(Stage::Catalogue, UploadCause::from(error)))?;
    if !unsigned.is_empty() {
        let unsigned = forgive(core, JOB, unsigned, &mut HashSet::new()).map_err(records)?;
        without.extend(unsigned.iter().map(|(_, failure)| failure.node));
        return Ok(false);
    }
    let mut draft = core.book.draft();
    saved.put(core, &mut draft);
    pass.job.forget(core, &mut draft).map_err(records)?;
    draft.commit().map_err(records)?;
    drop(only);
    catalogue::publish(core, &**progress).await?;
    Ok(true)
}

/// Agreements with room, one a host, the longest first.
fn places(
    core: &Core,
    now: UnixSeconds,
    without: &HashSet<NodeKey>,
) -> Result<Vec<AgreementId>, RecordsFault> {
    let mut fit: Vec<Agreement> = Vec::new();
    for agreement in core.agreements()? {
        let sound = agreement.audited.is_none_or(|(verdict, _)| verdict == Verdict::Passed);
        let runs = core.seen(&agreement)?.runs(&agreement, now);
        if runs
            && sound
            && agreement.grows()
            && agreement.room() >= ROOM
            && !without.contains(&agreement.host())
        {
            fit.push(agreement);
        }
    }
    fit.sort_by_key(|agreement| std::cmp::Reverse(agreement.terms.end));
    let mut hosts = HashSet::new();
    fit.retain(|agreement| hosts.insert(agreement.host()));
    Ok(fit.iter().take(HOSTS).map(|agreement| agreement.id).collect())
}
