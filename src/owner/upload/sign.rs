//! After sending: both sides sign what lies where, and every host proves it once.

use super::job::Job;
use crate::acks;
use crate::audit;
use crate::core::Core;
use crate::error::{HostFailure, HostFault, LedgerFault, RecordsFault, UploadCause};
use crate::events::{Event, HostEvent, Progress};
use crate::revise::{self, ReviseError};
use futures::future::join_all;
use layr_audits::{AuditKind, Verdict};
use layr_protocol::Refusal;
use layr_types::{AgreementId, NodeKey};
use std::collections::BTreeSet;
use std::time::Duration;
use thiserror::Error;
use tokio::time::timeout;

/// Why signing stopped altogether (a host that fails is a [`HostFailure`] instead).
#[derive(Debug, Error)]
pub(crate) enum SignError {
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

impl From<SignError> for UploadCause {
    fn from(error: SignError) -> Self {
        match error {
            SignError::Ledger(fault) => Self::Ledger(fault),
            SignError::Records(fault) => Self::Records(fault),
        }
    }
}

/// Every agreement under which shards of this job lie.
fn touched(core: &Core, job: &Job) -> Result<BTreeSet<AgreementId>, RecordsFault> {
    Ok(acks::load(&core.book, job.id, None)?.into_iter().map(|(key, _)| key.agreement).collect())
}

/// How long a host that failed while it was sent shards may take to sign for those it acknowledged before.
const SECOND_CHANCE: Duration = Duration::from_millis(1_500);

/// Gets every acknowledged shard signed for, at all hosts at once; returns those that did not sign.
pub(crate) async fn sign_all(
    core: &Core,
    job: &Job,
    progress: &dyn Progress,
) -> Result<Vec<(AgreementId, HostFailure)>, SignError> {
    let touched = touched(core, job)?;
    let each = touched.into_iter().map(|id| async move { (id, sign_one(core, job, id).await) });
    let mut failed = Vec::new();
    for (id, outcome) in join_all(each).await {
        let node = host_of(core, id)?;
        match outcome {
            Ok(_) => {
                let n = core.agreement(&id)?.map_or(0, |agreement| agreement.current().n);
                progress.tell(Event::Agreement { id, revision: n });
            }
            Err(ReviseError::Host(HostFault::Records(fault)) | ReviseError::Records(fault)) => {
                return Err(fault.into());
            }
            Err(ReviseError::Ledger(fault)) => return Err(fault.into()),
            Err(ReviseError::Host(fault)) => failed.push((id, HostFailure { node, fault })),
        }
    }
    Ok(failed)
}

async fn sign_one(core: &Core, job: &Job, id: AgreementId) -> Result<u64, ReviseError> {
    let signing = revise::append(core, id, job.id);
    if !job.failed.contains(&host_of(core, id)?) {
        return signing.await;
    }
    let late = |_| ReviseError::Host(HostFault::Late { after: SECOND_CHANCE });
    timeout(SECOND_CHANCE, signing).await.map_err(late)?
}

/// Audits every agreement this job touched for the first time; returns those that did not pass.
pub(crate) async fn first_audits(
    core: &Core,
    job: &Job,
    progress: &dyn Progress,
) -> Result<Vec<(AgreementId, HostFailure)>, SignError> {
    let touched: Vec<AgreementId> = touched(core, job)?.into_iter().collect();
    let (_, audited) = audit::run(core, &touched, AuditKind::First).await?;
    let mut failed = Vec::new();
    for one in audited {
        let node = one.view.node;
        let passed = one.view.verdict == Verdict::Passed && one.view.recorded;
        if passed {
            progress.tell(Event::Host { node, what: HostEvent::Passed });
            continue;
        }
        let fault = one.fault.unwrap_or(HostFault::Refused(Refusal::SectorDamaged {
            root: layr_types::SectorRoot::default(),
        }));
        failed.push((one.view.agreement, HostFailure { node, fault }));
    }
    Ok(failed)
}

fn host_of(core: &Core, id: AgreementId) -> Result<NodeKey, RecordsFault> {
    Ok(core.agreement(&id)?.map(|agreement| agreement.host()).unwrap_or_default())
}
