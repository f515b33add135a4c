//! Replacing: other hosts for seats whose host failed.

use super::job::Job;
use crate::core::Core;
use crate::error::{Failed, UploadCause, UploadError};
use crate::events::{Progress, Stage};
use crate::open::open;
use crate::plan::{Wish, plan};
use layr_types::{AgreementId, NodeKey, Stroops};

/// Who serves a seat from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Replacement {
    pub(crate) seat: usize,
    pub(crate) agreement: AgreementId,
    pub(crate) node: NodeKey,
}

/// Finds hosts for `seats` and puts them there; returns those that were found. The hosts of
/// the job's full agreements may be asked again, for another agreement; those agreements are never turned to again.
///
/// A host never serves two seats, one after the other either: what it took for the first stays with it, and two shards
/// of one segment must not lie with one host. It may come back to its own seat.
pub(crate) async fn replace(
    core: &Core,
    job: &mut Job,
    seats: &[usize],
    progress: &dyn Progress,
) -> Result<Vec<Replacement>, UploadError> {
    let records = |fault| Failed::new(Stage::Records, fault);
    let _held = core.opening.lock().await;
    let mut without = job.failed.clone();
    let mut spent = job.fees;
    for (seat, id) in job.places.iter().enumerate() {
        let host = core.agreement(id).map_err(records)?.map(|agreement| agreement.host());
        job.served.extend(host.map(|host| (seat, host)));
    }
    let others = job.served.iter().filter(|(seat, _)| !seats.contains(seat));
    without.extend(others.map(|(_, host)| *host));
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
    let mut hosts = Vec::with_capacity(opened.places.len());
    for id in opened.places {
        hosts.extend(core.agreement(&id).map_err(records)?.map(|agreement| (id, agreement.host())));
    }
    let found = seated(seats, &job.served, hosts);
    for Replacement { seat, agreement, .. } in &found {
        if let Some(place) = job.places.get_mut(*seat) {
            *place = *agreement;
        }
    }
    job.save(core).map_err(records)?;
    Ok(found)
}

/// Gives every host a seat: its own one again where it served one, the others in turn.
fn seated(
    seats: &[usize],
    served: &[(usize, NodeKey)],
    hosts: Vec<(AgreementId, NodeKey)>,
) -> Vec<Replacement> {
    let mut open = seats.to_vec();
    let own = |node: &NodeKey| served.iter().find(|(_, host)| host == node).map(|(seat, _)| *seat);
    let (returning, new): (Vec<_>, Vec<_>) = hosts.into_iter().partition(|(_, node)| own(node).is_some());
    let mut found = Vec::with_capacity(returning.len() + new.len());
    for (agreement, node) in returning.into_iter().chain(new) {
        let at = own(&node).map_or(Some(0), |own| open.iter().position(|seat| *seat == own));
        if let Some(seat) = at.filter(|at| *at < open.len()).map(|at| open.remove(at)) {
            found.push(Replacement { seat, agreement, node });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_comes_back_to_its_own_seat_and_to_no_other() {
        let host = |number: u8| (AgreementId([number; 32]), NodeKey([number; 32]));
        let served = [(0, host(1).1), (2, host(3).1), (1, host(2).1)];
        let seats = |found: Vec<Replacement>| -> Vec<(usize, u8)> {
            found.iter().map(|one| (one.seat, one.node.0[0])).collect()
        };
        assert_eq!(seats(seated(&[0, 2], &served, vec![host(9), host(3)])), [(2, 3), (0, 9)]);
        assert_eq!(seats(seated(&[2, 0], &served, vec![host(1)])), [(0, 1)]);
        assert_eq!(
            seats(seated(&[0], &served, vec![host(2)])),
            [],
            "its seat is taken by nobody else's shards"
        );
        assert_eq!(seats(seated(&[0, 2], &served, vec![host(8), host(9)])), [(0, 8), (2, 9)]);
    }
}
