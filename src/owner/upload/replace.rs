//! Replacing: other hosts for seats whose host failed.

use super::job::Job;
use crate::core::Core;
use crate::error::{Failed, UploadCause, UploadError};
use crate::events::{Progress, Stage};
use crate::open::open;
use crate::plan::{Wish, plan};
use layr_types::{AgreementId, NodeKey, Stroops};

/// Finds hosts for `seats` and puts them there; returns as many as there are, for the first seats. The hosts of
/// the job's full agreements may be asked again, for another agreement; those agreements are never turned to again.
pub(crate) async fn replace(
    core: &Core,
    job: &mut Job,
    seats: &[usize],
    progress: &dyn Progress,
) -> Result<Vec<(AgreementId, NodeKey)>, UploadError> {
    let records = |fault| Failed::new(Stage::Records, fault);
    let _held = core.opening.lock().await;
    let mut without = job.failed.clone();
    let mut spent = job.fees;
    for id in job.places.iter().filter(|id| !job.full.contains(id)) {
        without.extend(core.agreement(id).map_err(records)?.map(|agreement| agreement.host()));
    }
    for id in &job.opened {
        let agreement = core.agreement(id).map_err(records)?;
        spent += agreement
            .map_or(Stroops::ZERO, |agreement| agreement.terms.escrow + agreement.terms.voucher_part);
    }
    let mut hosts = u8::try_from(seats.len()).unwrap_or(u8::MAX);
    let plan = loop {
        let beside = job.beside.as_ref();
        let wish = Wish { hosts: Some(hosts), without: &without, full: &job.full, beside };
        match plan(core, job.amount(), &job.keeping(), wish).await {
            Err(Failed { cause: UploadCause::Shortage(shortage), .. })
                if shortage.found > 0 && shortage.found < hosts =>
            {
                hosts = shortage.found;
            }
            planned => break planned?,
        }
    };
    let opened = open(core, job.id, plan, (job.max_cost, spent), progress).await?;
    job.fees += opened.fees;
    job.opened.extend(opened.fresh);
    let mut found = Vec::with_capacity(opened.places.len());
    for (seat, id) in seats.iter().zip(opened.places) {
        let node =
            core.agreement(&id).map_err(records)?.map(|agreement| agreement.host()).unwrap_or_default();
        if let Some(place) = job.places.get_mut(*seat) {
            *place = id;
        }
        found.push((id, node));
    }
    job.save(core).map_err(records)?;
    Ok(found)
}
