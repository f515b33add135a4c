//! The owner: ports, keys and state behind one handle, and the verbs.

use crate::config::OwnerConfig;
use crate::core::Core;
use crate::delegate::{AdoptReport, DelegateRequest, DelegationView, RevokeReport};
use crate::dispute::{CloseReport, DisputeReport, SubmitReport};
use crate::error::{
    AuditError, DownloadError, Failed, RecordsFault, RecoverError, SettleError, UploadError, ViewError,
};
use crate::events::{Event, Progress, Stage};
use crate::free::{RemoveReport, RemoveRequest};
use crate::job::JobId;
use crate::outlook::{self, Outlook};
use crate::plan::Plan;
use crate::ports::{HostNet, OwnerLedger, OwnerRecords, PreparedProof};
use crate::renew::RenewReport;
use crate::repair::{RepairReport, RepairRequest};
use crate::request::{
    AuditTarget, CloseRequest, DisputeRequest, DownloadRequest, Keeping, RenewRequest, SettleOptions,
    UploadRequest,
};
use crate::views::{
    AgreementView, AsOf, AuditReport, DownloadReport, DueView, FileDetail, FileView, HostScore, JobView,
    Quote, RecoverReport, SettleReport, UploadReport, WalletView,
};
use crate::watch::{WatchPolicy, WatchReport};
use crate::{audit, delegate, dispute, download, free, recover, renew, repair, settle, show, upload, watch};
use layr_audits::{AuditRecord, Certificate};
use layr_identity::Identity;
use layr_types::{AgreementId, ByteCount};
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

    /// Deletes files: they are forgotten, and sectors that nothing needs any more are given back by their hosts, so
    /// that the next upload uses what was agreed and paid for them. Goes on with what an earlier run left.
    ///
    /// # Errors
    /// [`ViewError::NoSuchFile`] before anything is deleted; a host that cannot be reached is in the report.
    pub async fn remove(
        &self,
        request: &RemoveRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<RemoveReport, ViewError> {
        free::remove(&self.core, request, progress).await
    }

    /// Rebuilds lost shards from those that survive and places them anew, most endangered segments first. Goes on
    /// with what an interrupted run left.
    ///
    /// # Errors
    /// [`UploadError`]; whatever was rebuilt is kept. Segments of which too little is left are in the report.
    pub async fn repair(
        &self,
        request: &RepairRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<RepairReport, UploadError> {
        repair::repair(&self.core, request, progress).await
    }

    /// Lets another node repair for this owner without being able to read; returns the package for it, which is
    /// secret: with it a host could tell what another host's shards are.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn delegate(
        &self,
        request: &DelegateRequest,
    ) -> Result<(DelegationView, Vec<u8>), UploadError> {
        delegate::create(&self.core, request).await
    }

    /// Every delegation, the oldest first.
    ///
    /// # Errors
    /// [`ViewError`].
    pub fn delegations(&self) -> Result<Vec<DelegationView>, ViewError> {
        Ok(delegate::list(&self.core)?)
    }

    /// Revokes a delegation at every host; `None` for one that does not exist.
    ///
    /// # Errors
    /// [`UploadError`]; hosts that could not be told are in the report.
    pub async fn revoke(&self, number: u64) -> Result<Option<RevokeReport>, UploadError> {
        delegate::revoke(&self.core, number).await
    }

    /// Repairs for another owner what its package lists, within the package's cap; returns the result for it.
    ///
    /// # Errors
    /// [`UploadError`]; whatever was rebuilt is kept, and running it again goes on.
    pub async fn repair_for(
        &self,
        package: &[u8],
        request: &RepairRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<(RepairReport, Vec<u8>), UploadError> {
        delegate::repair_for(&self.core, package, request, progress).await
    }

    /// Takes in what a delegate rebuilt.
    ///
    /// # Errors
    /// [`UploadError`]; hosts that do not show what they are said to have are in the report.
    pub async fn adopt(
        &self,
        result: &[u8],
        progress: Arc<dyn Progress>,
    ) -> Result<AdoptReport, UploadError> {
        delegate::adopt(&self.core, result, progress).await
    }

    /// What this owner thinks of every host it has an agreement with, and what that is made of. Asks nobody.
    ///
    /// # Errors
    /// [`ViewError::Records`].
    pub fn scores(&self) -> Result<Vec<HostScore>, ViewError> {
        Ok(audit::all_scores(&self.core)?)
    }

    /// A custody certificate: what was audited, when and how it ended, for anybody to check offline. Asks nobody.
    ///
    /// # Errors
    /// [`AuditError`]; [`crate::error::AuditCause::HistoryIncomplete`] where the records here are not the whole history.
    pub fn certify(&self, target: &AuditTarget) -> Result<Certificate, AuditError> {
        audit::certify(&self.core, target).map_err(|cause| Failed::new(Stage::Audit, cause))
    }

    /// The audit records of an agreement both sides have signed, oldest first. Asks nobody.
    ///
    /// # Errors
    /// [`ViewError::Records`].
    pub fn audit_history(&self, id: &AgreementId) -> Result<Vec<AuditRecord>, ViewError> {
        Ok(audit::history(&self.core, id)?)
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

    /// Looks at everything that is open, does what is due, and says when to look again.
    ///
    /// # Errors
    /// [`SettleError`]; whatever was done is kept, and running it again goes on.
    pub async fn watch_once(
        &self,
        policy: &WatchPolicy,
        progress: Arc<dyn Progress>,
    ) -> Result<WatchReport, SettleError> {
        watch::watch_once(&self.core, policy, progress).await
    }

    /// Renews agreements with the hosts they are with: new terms, the same slot and contents, one transaction for
    /// a batch. No data moves. Goes on with what an earlier run left.
    ///
    /// # Errors
    /// [`SettleError`]; a host that does not consent is in the report, and its agreement goes on as it was.
    pub async fn renew(
        &self,
        request: &RenewRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<RenewReport, SettleError> {
        renew::renew(&self.core, request, progress).await
    }

    /// Challenges a host by hand; the newest revision goes to the ledger first.
    ///
    /// # Errors
    /// [`SettleError`], before anything is sent where the contract would refuse it.
    pub async fn dispute(
        &self,
        request: DisputeRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<DisputeReport, SettleError> {
        dispute::dispute(&self.core, request, progress).await
    }

    /// Ends one agreement before its term: by consent, or by notice where the host does not consent.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn close(
        &self,
        request: CloseRequest,
        progress: Arc<dyn Progress>,
    ) -> Result<CloseReport, SettleError> {
        dispute::close(&self.core, request, progress).await
    }

    /// Brings a proof to the ledger that a host has prepared, of this owner's agreement or anybody's.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn submit(
        &self,
        proof: PreparedProof,
        dry_run: bool,
        progress: Arc<dyn Progress>,
    ) -> Result<SubmitReport, SettleError> {
        dispute::submit(&self.core, proof, dry_run, progress).await
    }

    /// Brings the proof in a file that a host has exported: checks first that its parts belong together and to
    /// this ledger.
    ///
    /// # Errors
    /// [`SettleError`].
    pub async fn submit_prepared(
        &self,
        prepared: &layr_protocol::PreparedProof,
        dry_run: bool,
        progress: Arc<dyn Progress>,
    ) -> Result<SubmitReport, SettleError> {
        dispute::submit_prepared(&self.core, prepared, dry_run, progress).await
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

    /// Agreements as this machine's records know them, with the time they are as of: for when the ledger cannot
    /// be reached. Asks nobody.
    ///
    /// # Errors
    /// [`ViewError::Records`].
    pub fn agreements_recorded(&self) -> Result<AsOf<Vec<AgreementView>>, ViewError> {
        show::agreements_recorded(&self.core)
    }

    /// What is due under each open agreement, by when, sent by whom and what it decides about; the most urgent
    /// first.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn money_at_risk(&self) -> Result<Vec<DueView>, ViewError> {
        show::money_at_risk(&self.core).await
    }

    /// The same as this machine's records know it, with the time it is as of. Asks nobody.
    ///
    /// # Errors
    /// [`ViewError::Records`].
    pub fn money_at_risk_recorded(&self) -> Result<AsOf<Vec<DueView>>, ViewError> {
        show::money_at_risk_recorded(&self.core)
    }

    /// When each open agreement ends and what another `term` (seconds) of it costs, by the ledger's clock, or by the
    /// last time it is known to have shown where it cannot be reached.
    ///
    /// # Errors
    /// [`ViewError::Records`].
    pub async fn outlook(&self, term: u64) -> Result<Outlook, ViewError> {
        let now = self.core.now().await.unwrap_or(self.core.last_known());
        outlook::outlook(&self.core, term, now)
    }

    /// Lets agreements end with their terms, or (`expire` false) no longer. What a person renews by hand is renewed
    /// all the same.
    ///
    /// # Errors
    /// [`ViewError::Records`].
    pub fn let_expire(&self, ids: &[AgreementId], expire: bool) -> Result<(), ViewError> {
        Ok(outlook::let_expire(&self.core, ids, expire)?)
    }

    /// Account and escrow.
    ///
    /// # Errors
    /// [`ViewError`].
    pub async fn wallet(&self) -> Result<WalletView, ViewError> {
        show::wallet(&self.core).await
    }
}
