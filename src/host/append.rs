//! Appends: stored sectors enter the agreement, and the host countersigns what it has computed itself.

use crate::agreement::{Agreement, encode_revision};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::reads::check_changeable;
use crate::rows::{self, HoldingRow, SectorRow};
use layr_identity::verify;
use layr_market::{Revision, RevisionError, SoftwareSha256};
use layr_merkle::Peaks;
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Append, CoSigned, Refusal};
use layr_types::{AgreementId, NodeKey, SectorIndex, SectorRoot, Signature, UnixSeconds};
use std::collections::HashMap;
use std::sync::Arc;

impl Host {
    /// Adds stored sectors to an agreement of `peer` and countersigns. The same append again returns the same
    /// signature.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub async fn append(self: &Arc<Self>, peer: NodeKey, append: Append) -> Result<Signature, Refusal> {
        append.validate()?;
        check_signature(&peer, &append.revision, &append.signature)?;
        let claimed = append.revision.time;
        let now = self.clock.near(claimed, MAX_CLOCK_SKEW_SECONDS).await.map_err(HostError::from)?;
        self.write(move |host| host.append_at(&peer, &append, now)).await
    }

    fn append_at(&self, peer: &NodeKey, append: &Append, now: UnixSeconds) -> Result<Signature, Refusal> {
        let mut desk = self.desk();
        let mut agreement = self.agreement_of(peer, &append.revision.id)?;
        if let Some(signature) = already_signed(&agreement, &append.revision) {
            return Ok(signature);
        }
        check_follows(&agreement, &append.revision, now)?;
        let peaks = grown(&agreement.peaks, &append.sectors)?;
        let added = append.sectors.len() as u64;
        let expected =
            agreement.current().append(&agreement.terms, append.revision.time, peaks.root(), added);
        if expected.map_err(revision_refusal)? != append.revision {
            return Err(Refusal::RevisionMismatch);
        }
        let mut batch = Batch::new();
        let first = agreement.current().sectors;
        for (at, root) in (first..).zip(&append.sectors) {
            batch.put(Table::Contents, rows::content_key(&agreement.shelf, SectorIndex(at)), root.0.to_vec());
        }
        let gained = self.hold(&agreement.shelf, &append.sectors, &mut batch)?;
        let seat = desk.seats.get_mut(&agreement.id).ok_or(Refusal::UnknownAgreement)?;
        if seat.held + seat.in_flight + gained > seat.capacity {
            return Err(Refusal::OverCapacity);
        }
        agreement.peaks = peaks;
        let signature = self.countersign(&mut agreement, (&append.revision, append.signature), &mut batch);
        self.apply(batch)?;
        self.quotas.grant(&agreement.id);
        seat.held += gained;
        Ok(signature)
    }

    /// Marks every root as appended; returns how many the agreement did not hold before.
    fn hold(&self, shelf: &AgreementId, roots: &[SectorRoot], batch: &mut Batch) -> Result<u64, Refusal> {
        let mut times: HashMap<&SectorRoot, u32> = HashMap::new();
        roots.iter().for_each(|root| *times.entry(root).or_default() += 1);
        let mut gained = 0;
        for (root, times) in times {
            let row = self.sector_row(root)?.ok_or(Refusal::SectorMissing { root: *root })?;
            let before = self.holding(shelf, root)?;
            match before {
                Some(HoldingRow { appended: 0, since }) => {
                    batch.delete(Table::Pending, rows::pending_key(since, shelf, root));
                }
                Some(_) => {}
                None => {
                    gained += 1;
                    let row = SectorRow { holders: row.holders + 1, ..row };
                    batch.put(Table::Sectors, root.0.to_vec(), row.encode());
                }
            }
            let before = before.unwrap_or(HoldingRow { appended: 0, since: UnixSeconds(0) });
            let holding = HoldingRow { appended: before.appended.saturating_add(times), ..before };
            batch.put(Table::Holdings, rows::holding_key(shelf, root), holding.encode());
        }
        Ok(gained)
    }

    /// Signs a revision the host agrees with and makes it the newest, in `batch`.
    pub(crate) fn countersign(
        &self,
        agreement: &mut Agreement,
        (revision, owner): (&Revision, Signature),
        batch: &mut Batch,
    ) -> Signature {
        let host = self.ports.signer.sign(&revision.digest(&SoftwareSha256));
        let signed = CoSigned { revision: revision.clone(), owner, host };
        let key = rows::numbered_key(&agreement.id, revision.n);
        batch.put(Table::Revisions, key, encode_revision(&signed));
        agreement.newest = Some(signed);
        batch.agreement(agreement, None);
        host
    }
}

pub(crate) fn check_signature(
    peer: &NodeKey,
    revision: &Revision,
    signature: &Signature,
) -> Result<(), Refusal> {
    let signed = verify(peer, &revision.digest(&SoftwareSha256), signature);
    if signed { Ok(()) } else { Err(Refusal::BadSignature) }
}

/// The host's signature, if this very revision is the newest.
pub(crate) fn already_signed(agreement: &Agreement, revision: &Revision) -> Option<Signature> {
    agreement.newest.as_ref().filter(|newest| newest.revision == *revision).map(|newest| newest.host)
}

/// Whether any revision may follow now, and this one has the right number and time.
pub(crate) fn check_follows(
    agreement: &Agreement,
    revision: &Revision,
    now: UnixSeconds,
) -> Result<(), Refusal> {
    check_changeable(agreement)?;
    if revision.time > agreement.slot.ending_at {
        return Err(Refusal::Ended);
    }
    let newest = agreement.current().n;
    if revision.n.checked_sub(1) != Some(newest) {
        return Err(Refusal::Stale { newest });
    }
    if now.0.abs_diff(revision.time.0) > MAX_CLOCK_SKEW_SECONDS {
        return Err(Refusal::ClockSkew { now });
    }
    Ok(())
}

pub(crate) const fn revision_refusal(error: RevisionError) -> Refusal {
    match error {
        RevisionError::OverCapacity => Refusal::OverCapacity,
        RevisionError::Ended => Refusal::Ended,
        _ => Refusal::RevisionMismatch,
    }
}

fn grown(peaks: &Peaks, roots: &[SectorRoot]) -> Result<Peaks, Refusal> {
    let mut peaks = peaks.clone();
    roots.iter().try_for_each(|root| peaks.append(root)).map_err(|_| Refusal::OverCapacity)?;
    Ok(peaks)
}
