//! Moving an agreement on: the owner signs first, writes it down, and only then shows it to the host.
//!
//! After a crash at any point the pending revision is shown again, unchanged. The host either signed it (and
//! returns the same signature), signs it now, or refuses it; a refused one is dropped, and the next carries the
//! same number. Whoever calls holds the agreement's lock.

use crate::acks;
use crate::agreement::{Agreement, Pending, PendingWhat};
use crate::audit::diary;
use crate::contents;
use crate::core::Core;
use crate::error::{HostFault, LedgerFault, Misbehaviour, RecordsFault};
use crate::free;
use crate::job::JobId;
use crate::open::activate_one;
use crate::ports::Space;
use futures::future::BoxFuture;
use layr_audits::{AuditRecord, Verdict, fold};
use layr_identity::verify;
use layr_market::{Revision, RevisionError, SoftwareSha256};
use layr_merkle::Peaks;
use layr_protocol::limits::{MAX_SECTORS_PER_APPEND, MAX_SECTORS_PER_FREE};
use layr_protocol::{Acknowledge, Append, CoSigned, Free, HostApiClient, Refusal};
use layr_types::{AgreementId, AuditSeed, SectorIndex, SectorRoot, Signature, UnixSeconds};
use std::collections::HashSet;
use std::sync::PoisonError;

/// How often one revision is drafted anew when clocks or numbers disagree.
const ATTEMPTS: u32 = 4;

/// Why no new revision was agreed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReviseError {
    #[error(transparent)]
    Host(#[from] HostFault),
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

impl From<RevisionError> for ReviseError {
    fn from(error: RevisionError) -> Self {
        Self::Host(error.into())
    }
}

/// Gets every acknowledged shard of `job` under this agreement signed for. Returns how many there were.
pub(crate) async fn append(core: &Core, id: AgreementId, job: JobId) -> Result<u64, ReviseError> {
    let lock = core.lock_of(id);
    let _held = lock.lock().await;
    let mut signed = 0;
    let mut attempts = 0;
    loop {
        let mut agreement = load(core, id)?;
        if agreement.pending.is_some() {
            show(core, &mut agreement).await?;
        }
        let roots: Vec<SectorRoot> = acks::load(&core.book, job, Some(id))?
            .into_iter()
            .filter(|(_, ack)| !ack.signed)
            .map(|(_, ack)| ack.root)
            .take(MAX_SECTORS_PER_APPEND)
            .collect();
        if roots.is_empty() {
            return Ok(signed);
        }
        let count = roots.len() as u64;
        let now = core.now().await?;
        let revision = appended(&agreement, now, &roots)?;
        let what = PendingWhat::Append { job: job.0, sectors: roots };
        write_down(core, &mut agreement, revision, what)?;
        match show(core, &mut agreement).await {
            Ok(()) => signed += count,
            Err(ReviseError::Host(fault)) if attempts < ATTEMPTS && worth_another(&fault) => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Enters an audit's outcome into the history both sign.
pub(crate) async fn enter_audit(
    core: &Core,
    id: AgreementId,
    record: AuditRecord,
    seed: AuditSeed,
) -> Result<(), ReviseError> {
    let lock = core.lock_of(id);
    let _held = lock.lock().await;
    for attempt in 0.. {
        let mut agreement = load(core, id)?;
        if agreement.pending.is_some() {
            show(core, &mut agreement).await?;
        }
        let now = core.now().await?;
        let revision = audited(&agreement, now, &record)?;
        write_down(core, &mut agreement, revision, PendingWhat::Audit { record, seed })?;
        match show(core, &mut agreement).await {
            Err(ReviseError::Host(fault)) if attempt < ATTEMPTS && worth_another(&fault) => {}
            done => return done,
        }
    }
    Ok(())
}

/// Gives sectors up, [`MAX_SECTORS_PER_FREE`] at a time, until the agreement names none of `condemned` any
/// more. Returns how many there were.
pub(crate) async fn free(
    core: &Core,
    id: AgreementId,
    condemned: &HashSet<SectorRoot>,
) -> Result<u64, ReviseError> {
    let lock = core.lock_of(id);
    let _held = lock.lock().await;
    let (mut freed, mut attempts) = (0, 0);
    loop {
        let mut agreement = load(core, id)?;
        if agreement.pending.is_some() {
            show(core, &mut agreement).await?;
        }
        let roots = free::contents_of(core, &mut agreement).await?;
        let mut places: Vec<SectorIndex> = (0..)
            .zip(&roots)
            .filter(|(_, root)| condemned.contains(root))
            .map(|(at, _)| SectorIndex(at))
            .collect();
        // The last ones first: nothing that stays behind is then moved into a place that goes next.
        places.reverse();
        places.truncate(MAX_SECTORS_PER_FREE);
        if places.is_empty() {
            return Ok(freed);
        }
        let current = agreement.current();
        let now = core.now().await?.max(current.time);
        let (left, _) = contents::trimmed(&roots, &places).ok_or(RevisionError::TooFew)?;
        let root = free::tree(&left)?.root();
        let revision = current.trim(&agreement.terms, now, root, places.len() as u64)?;
        let count = places.len() as u64;
        write_down(core, &mut agreement, revision, PendingWhat::Free { places })?;
        match show(core, &mut agreement).await {
            Ok(()) => freed += count,
            Err(ReviseError::Host(fault)) if attempts < ATTEMPTS && worth_another(&fault) => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Shows a pending revision of an earlier run again, if there is one.
pub(crate) async fn settle_pending(core: &Core, id: AgreementId) -> Result<(), ReviseError> {
    let lock = core.lock_of(id);
    let _held = lock.lock().await;
    let mut agreement = load(core, id)?;
    if agreement.pending.is_some() { show(core, &mut agreement).await } else { Ok(()) }
}

fn load(core: &Core, id: AgreementId) -> Result<Agreement, RecordsFault> {
    core.agreement(&id)?.ok_or(RecordsFault::Damaged { space: Space::Agreements })
}

/// Refusals after which a revision drafted anew may be accepted.
const fn worth_another(fault: &HostFault) -> bool {
    matches!(fault, HostFault::Refused(Refusal::ClockSkew { .. } | Refusal::Stale { .. } | Refusal::NotOpen))
}

fn appended(agreement: &Agreement, now: UnixSeconds, roots: &[SectorRoot]) -> Result<Revision, ReviseError> {
    let peaks = grown(agreement, roots)?;
    let current = agreement.current();
    Ok(current.append(&agreement.terms, now.max(current.time), peaks.root(), roots.len() as u64)?)
}

fn grown(agreement: &Agreement, roots: &[SectorRoot]) -> Result<Peaks, HostFault> {
    let mut peaks =
        Peaks::decode(&agreement.peaks).map_err(|_| RecordsFault::Damaged { space: Space::Agreements })?;
    roots.iter().try_for_each(|root| peaks.append(root)).map_err(|_| RevisionError::OverCapacity)?;
    Ok(peaks)
}

fn audited(agreement: &Agreement, now: UnixSeconds, record: &AuditRecord) -> Result<Revision, ReviseError> {
    let current = agreement.current();
    let now = now.max(current.time);
    let audits = fold(&current.audits, record).map_err(|_| RevisionError::Overflow)?;
    Ok(match record.verdict {
        Verdict::Passed => current.acknowledge(&agreement.terms, now, audits)?,
        _ => current.record_failure(&agreement.terms, now, audits)?,
    })
}

fn write_down(
    core: &Core,
    agreement: &mut Agreement,
    revision: Revision,
    what: PendingWhat,
) -> Result<(), RecordsFault> {
    let signature = core.sign(&revision.digest(&SoftwareSha256));
    agreement.pending = Some(Pending { revision, signature, what });
    let mut draft = core.book.draft();
    draft.agreement(agreement);
    draft.commit()
}

/// Shows the pending revision to the host. Afterwards it is adopted, or dropped, or (if nobody answered) still
/// pending.
async fn show(core: &Core, agreement: &mut Agreement) -> Result<(), ReviseError> {
    let Some(pending) = agreement.pending.clone() else { return Ok(()) };
    match ask(core, agreement, &pending).await {
        Ok(host) => adopt(core, agreement, &pending, (pending.revision.clone(), pending.signature, host)),
        Err(HostFault::Refused(refusal)) => refused(core, agreement, &pending, refusal).await,
        Err(fault) => Err(fault.into()),
    }
}

async fn ask(core: &Core, agreement: &Agreement, pending: &Pending) -> Result<Signature, HostFault> {
    let node = agreement.host();
    let (revision, signature) = (pending.revision.clone(), pending.signature);
    match &pending.what {
        PendingWhat::Append { sectors, .. } => {
            let append = Append { revision, signature, sectors: sectors.clone() };
            core.hosts
                .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
                    let append = append.clone();
                    Box::pin(async move { client.append(context, append).await })
                })
                .await
        }
        PendingWhat::Free { places } => {
            let free = Free { revision, signature, places: places.clone() };
            core.hosts
                .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
                    let free = free.clone();
                    Box::pin(async move { client.free(context, free).await })
                })
                .await
        }
        PendingWhat::Audit { record, seed } => {
            let acknowledge = Acknowledge { revision, signature, record: *record, seed: *seed };
            core.hosts
                .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
                    let acknowledge = acknowledge.clone();
                    Box::pin(async move { client.acknowledge(context, acknowledge).await })
                })
                .await
        }
    }
}

/// A refusal: perhaps the host has signed this revision before and lost only its answer.
async fn refused(
    core: &Core,
    agreement: &mut Agreement,
    pending: &Pending,
    refusal: Refusal,
) -> Result<(), ReviseError> {
    if matches!(refusal, Refusal::NotOpen)
        && activate_one(core, agreement.id).await
        && let Ok(host) = ask(core, agreement, pending).await
    {
        return adopt(core, agreement, pending, (pending.revision.clone(), pending.signature, host));
    }
    if let Refusal::Stale { newest } = &refusal
        && *newest >= pending.revision.n
        && let Some(latest) = latest(core, agreement).await?
        && follows(agreement, pending, &latest)
    {
        let CoSigned { revision, owner, host } = latest;
        return adopt(core, agreement, pending, (revision, owner, host));
    }
    agreement.pending = None;
    let mut draft = core.book.draft();
    draft.agreement(agreement);
    draft.commit()?;
    Err(HostFault::Refused(refusal).into())
}

/// The newest revision the host has, with both signatures checked.
pub(crate) async fn latest(core: &Core, agreement: &Agreement) -> Result<Option<CoSigned>, HostFault> {
    let id = agreement.id;
    let found = core
        .hosts
        .call(agreement.host(), move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.latest(context, id).await })
        })
        .await?;
    let Some(latest) = found else { return Ok(None) };
    if signed_by_both(agreement, &latest) {
        return Ok(Some(latest));
    }
    Err(HostFault::Misbehaved(Misbehaviour::Signature))
}

/// Whether both parties of this agreement signed this revision of it.
pub(crate) fn signed_by_both(agreement: &Agreement, signed: &CoSigned) -> bool {
    let digest = signed.revision.digest(&SoftwareSha256);
    signed.revision.id == agreement.id
        && signed.revision.fits(&agreement.terms)
        && verify(&agreement.terms.owner_key, &digest, &signed.owner)
        && verify(&agreement.terms.host_key, &digest, &signed.host)
}

/// Whether `latest` is what the pending revision says, perhaps at another moment.
fn follows(agreement: &Agreement, pending: &Pending, latest: &CoSigned) -> bool {
    let (ours, theirs) = (&pending.revision, &latest.revision);
    let same_state = (ours.n, ours.root, ours.sectors, ours.audits)
        == (theirs.n, theirs.root, theirs.sectors, theirs.audits);
    same_state && signed_by_both(agreement, latest)
}

/// Where a revision both signed is kept: the host may show the ledger any of them.
pub(crate) fn revision_key(id: AgreementId, n: u64) -> Vec<u8> {
    [id.0.as_slice(), &n.to_be_bytes()].concat()
}

/// Makes a co-signed revision the newest, in one step with what it settles.
fn adopt(
    core: &Core,
    agreement: &mut Agreement,
    pending: &Pending,
    (revision, owner, host): (Revision, Signature, Signature),
) -> Result<(), ReviseError> {
    if !verify(&agreement.host(), &revision.digest(&SoftwareSha256), &host) {
        return Err(HostFault::Misbehaved(Misbehaviour::Signature).into());
    }
    let _tally = core.tally.lock().unwrap_or_else(PoisonError::into_inner);
    let mut draft = core.book.draft();
    match &pending.what {
        PendingWhat::Append { job, sectors } => {
            agreement.peaks = grown(agreement, sectors)?.encode();
            contents::put(&mut draft, (&agreement.id, agreement.current().sectors), sectors);
            let settled: HashSet<&SectorRoot> = sectors.iter().collect();
            for (key, ack) in acks::load(&core.book, JobId(*job), Some(agreement.id))? {
                if settled.contains(&ack.root) {
                    draft.put(Space::Acks, &key.encode(), &acks::Ack { signed: true, ..ack });
                }
            }
        }
        PendingWhat::Free { places } => {
            diary::trimmed(core, (&agreement.id, agreement.current().sectors), places, &mut draft)?;
            free::adopt(core, agreement, places, &mut draft)?;
        }
        PendingWhat::Audit { record, .. } => {
            let mut key = agreement.id.0.to_vec();
            key.extend_from_slice(&revision.n.to_be_bytes());
            draft.put(Space::Audits, &key, record);
            diary::recorded(core, &agreement.id, record, &mut draft)?;
            agreement.audited = Some((record.verdict, revision.time));
        }
    }
    let signed = CoSigned { revision, owner, host };
    draft.put(Space::Revisions, &revision_key(agreement.id, signed.revision.n), &signed);
    agreement.newest = Some(signed);
    agreement.pending = None;
    draft.agreement(agreement);
    Ok(draft.commit()?)
}
