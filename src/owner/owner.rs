//! The owner: ports, keys and state behind one handle, and the verbs.

use crate::config::OwnerConfig;
use crate::core::Core;
use crate::error::{
    AuditError, DownloadError, RecordsFault, RecoverError, SettleError, UploadError, ViewError,
};
use crate::events::{Event, Progress, Stage};
use crate::job::JobId;
use crate::plan::Plan;
use crate::ports::{HostNet, OwnerLedger, OwnerRecords};
use crate::request::{AuditTarget, DownloadRequest, Keeping, SettleOptions, UploadRequest};
use crate::views::{
    AgreementView, AuditReport, DownloadReport, FileDetail, FileView, JobView, Quote, RecoverReport,
    SettleReport, UploadReport, WalletView,
};
use crate::{audit, download, recover, settle, show, upload};
use layr_identity::Identity;
use layr_types::ByteCount;
use std::io::Read;
use std::sync::Arc;

/// What an owner works with.
#[derive(Clone)]
pub struct Ports {
    /// Keys.
    pub identity: Arc<Identity>,
    /// Hosts.
    pub net: Arc<dyn HostNet>,
    /// The ledger.
    pub ledger: Arc<dyn OwnerLedger>,
    /// This machine's records.
    pub records: Arc<dyn OwnerRecords>,
}

/// One owner. Cheap to clone; every verb may be called from many tasks at once.
#[derive(Clone)]
pub struct Owner {
    core: Core,
}

impl Owner {
    /// Opens this machine's records.
    ///
    /// # Errors
    /// [`RecordsFault::Damaged`] if they belong to another identity or ledger, or do not read.
    pub fn open(ports: Ports, config: OwnerConfig) -> Result<Self, RecordsFault> {
        Ok(Self { core: Core::open(ports, config)? })
    }

    /// What an upload would cost, without paying or writing anything down; binding while the offers last.
    ///
    /// # Errors
    /// [`UploadError`] as the upload itself would give before it pays.
    pub async fn quote(
        &self,
        request: &UploadRequest,
        progress: &dyn Progress,
    ) -> Result<Quote, UploadError> {
        progress.tell(Event::Stage { stage: Stage::Find, bytes: ByteCount::ZERO });
        let plan: Plan = upload::plan_request(&self.core, request).await?;
        Ok(plan.quote().clone())
    }

    /// Uploads; if an earlier upload of the same files was interrupted, goes on with it. Returns when every shard
    /// is acknowledged, co-signed and audited once, and the catalogue is on the network.
    ///
    /// # Errors
    /// [`UploadError`]; whatever was acknowledged is kept for the next attempt.
    pub async fn upload(
        &self,
        request: UploadRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<UploadReport, UploadError> {
        upload::upload(&self.core, request, progress).await
    }

    /// Uploads at most `size` bytes from a reader under `name`. Cannot be resumed, nor survive a host that fails
    /// after it took its shards: the bytes are gone by then.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn upload_stream(
        &self,
        (name, size): (String, ByteCount),
        reader: Box<dyn Read + Send>,
        keeping: Keeping,
        progress: Arc<dyn Progress>,
    ) -> Result<UploadReport, UploadError> {
        upload::upload_stream(&self.core, (name, size), reader, keeping, progress).await
    }

    /// Goes on with an interrupted upload.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn resume(&self, job: JobId, progress: Arc<dyn Progress>) -> Result<UploadReport, UploadError> {
        upload::resume(&self.core, job, progress).await
    }

    /// Unfinished uploads.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn jobs(&self) -> Result<Vec<JobView>, ViewError> {
        Ok(upload::open_jobs(&self.core)?)
    }

    /// Brings a file, or a part of one, back.
    ///
    /// # Errors
    /// [`DownloadError`]; what was fetched of a whole file is kept beside the target for the next attempt.
    pub async fn download(
        &self,
        request: DownloadRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<DownloadReport, DownloadError> {
        download::download(&self.core, request, progress).await
    }

    /// Challenges hosts to prove what they hold.
    ///
    /// # Errors
    /// [`AuditError`]; a host that fails is a verdict, not an error.
    pub async fn audit(
        &self,
        target: AuditTarget,
        progress: Arc<dyn Progress>,
    ) -> Result<AuditReport, AuditError> {
        audit::audit(&self.core, target, progress).await
    }

    /// Settles whatever is due.
    ///
    /// # Errors
    /// [`SettleError`]; whatever was done is kept, and running it again goes on.
    pub async fn settle(
        &self,
        options: SettleOptions,
        progress: Arc<dyn Progress>,
    ) -> Result<SettleReport, SettleError> {
        settle::settle(&self.core, options, progress).await
    }

    /// Rebuilds this machine's records from the network with nothing but the identity.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub async fn recover(&self, progress: Arc<dyn Progress>) -> Result<RecoverReport, RecoverError> {
        recover::recover(&self.core, progress).await
    }

    /// Files whose names begin with `prefix`.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn list(&self, prefix: &str) -> Result<Vec<FileView>, ViewError> {
        show::list(&self.core, prefix)
    }

    /// One file in detail.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn show(&self, name: &str) -> Result<FileDetail, ViewError> {
        show::show(&self.core, name)
    }

    /// Agreements, those that need attention first.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn agreements(&self) -> Result<Vec<AgreementView>, ViewError> {
        show::agreements(&self.core).await
    }

    /// Account and escrow.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn wallet(&self) -> Result<WalletView, ViewError> {
        show::wallet(&self.core).await
    }
}
