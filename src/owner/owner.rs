//! The owner: ports, keys and state behind one handle, and the verbs.

use crate::config::OwnerConfig;
use crate::error::{
    AuditError, DownloadError, RecordsFault, RecoverError, SettleError, UploadError, ViewError,
};
use crate::events::Progress;
use crate::job::JobId;
use crate::ports::{HostNet, OwnerLedger, OwnerRecords};
use crate::request::{AuditTarget, DownloadRequest, SettleOptions, UploadRequest};
use crate::views::{
    AgreementView, AuditReport, DownloadReport, FileDetail, FileView, JobView, Quote, RecoverReport,
    SettleReport, UploadReport, WalletView,
};
use layr_identity::Identity;
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
    ports: Ports,
    config: OwnerConfig,
}

impl Owner {
    /// Opens this machine's records.
    ///
    /// # Errors
    /// [`RecordsFault::Damaged`] if they belong to another identity or do not read.
    pub fn open(ports: Ports, config: OwnerConfig) -> Result<Self, RecordsFault> {
        Ok(Self { ports, config })
    }

    /// What an upload would cost, without paying; binding while the hosts' offers last.
    ///
    /// # Errors
    /// [`UploadError`] as the upload itself would give before it pays.
    pub async fn quote(
        &self,
        request: &UploadRequest,
        progress: &dyn Progress,
    ) -> Result<Quote, UploadError> {
        todo!(
            "{:?}",
            (request, self.config.call, progress.tell(crate::Event::Warning(crate::Warning::Resumed)))
        )
    }

    /// Uploads; if an earlier upload of the same sources was interrupted, goes on with it.
    ///
    /// # Errors
    /// [`UploadError`]; whatever was acknowledged is kept for the next attempt.
    pub async fn upload(
        &self,
        request: UploadRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<UploadReport, UploadError> {
        drop((request, progress, self.ports.clone()));
        todo!()
    }

    /// Uploads `size` bytes (at most) from a reader under `name`. Cannot be resumed.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn upload_stream(
        &self,
        name: String,
        reader: Box<dyn std::io::Read + Send>,
        size: layr_types::ByteCount,
        keeping: crate::Keeping,
        progress: Arc<dyn Progress>,
    ) -> Result<UploadReport, UploadError> {
        drop((name, reader, size, keeping, progress));
        todo!()
    }

    /// Goes on with an interrupted upload.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn resume(&self, job: JobId, progress: Arc<dyn Progress>) -> Result<UploadReport, UploadError> {
        drop((job, progress));
        todo!()
    }

    /// Unfinished uploads.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn jobs(&self) -> Result<Vec<JobView>, ViewError> {
        todo!()
    }

    /// Brings a file, or a part of one, back.
    ///
    /// # Errors
    /// [`DownloadError`].
    pub async fn download(
        &self,
        request: DownloadRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<DownloadReport, DownloadError> {
        drop((request, progress));
        todo!()
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
        drop((target, progress));
        todo!()
    }

    /// Settles whatever is due.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn settle(
        &self,
        options: SettleOptions,
        progress: Arc<dyn Progress>,
    ) -> Result<SettleReport, SettleError> {
        drop((options, progress));
        todo!()
    }

    /// Rebuilds this machine's records from the network with nothing but the identity.
    ///
    /// # Errors
    /// [`RecoverError`].
    pub async fn recover(&self, progress: Arc<dyn Progress>) -> Result<RecoverReport, RecoverError> {
        drop(progress);
        todo!()
    }

    /// Files whose names begin with `prefix`.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn list(&self, prefix: &str) -> Result<Vec<FileView>, ViewError> {
        drop(prefix.len());
        todo!()
    }

    /// One file in detail.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn show(&self, name: &str) -> Result<FileDetail, ViewError> {
        drop(name.len());
        todo!()
    }

    /// Agreements, those that need attention first.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn agreements(&self) -> Result<Vec<AgreementView>, ViewError> {
        todo!()
    }

    /// Account and escrow.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn wallet(&self) -> Result<WalletView, ViewError> {
        todo!()
    }
}
