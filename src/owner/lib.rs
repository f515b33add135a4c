//! Upload, download, audit, settle, recover: what an owner does.
//!
//! In: an identity, and three ports ([`HostNet`], [`OwnerLedger`], [`OwnerRecords`]). Out: one [`Owner`] with a
//! verb for each thing a person wants, plain data to show ([`views`]), and failures that say where, which host,
//! what became of the money and what to do next ([`error`]).
//!
//! What must never happen here: money is paid twice or for a shard nobody signed for; an outside effect happens
//! before it is written down; "done" is said before every shard is acknowledged, co-signed and audited once;
//! a byte from a host is believed before its hash is checked; memory grows with the file; one host that hangs
//! makes a person wait.
//!
//! Deciding functions are pure and tested alone; the verbs are short loops around them.

#![allow(
    clippy::result_large_err,
    reason = "a verb fails at most once; a boxed cause could not be matched on where it is shown"
)]

mod acks;
mod agreement;
mod audit;
mod book;
mod catalogue;
mod config;
mod contents;
mod core;
mod delegate;
mod dispute;
mod download;
mod due;
pub mod error;
mod events;
mod fetch;
mod foreign;
mod free;
mod health;
mod heirs;
mod hosts;
mod job;
mod lane;
mod lookup;
mod moves;
mod open;
mod outlook;
mod owner;
mod patient;
mod plan;
mod pointer;
mod ports;
mod recover;
mod renew;
mod repair;
mod request;
mod revise;
mod seen;
mod settle;
mod show;
mod size;
mod sources;
mod stored;
mod survey;
mod transactions;
pub mod twins;
mod upload;
pub mod views;
mod vouchers;
mod watch;

pub use config::{MAX_CLOSE_BATCH, MAX_OPEN_BATCH, MAX_RENEW_BATCH, OwnerConfig};
pub use delegate::{
    AdoptReport, DelegateRequest, DelegationView, MAX_PACKAGE_BYTES, PackageError, RevokeReport,
};
pub use dispute::{CloseReport, CloseStep, DisputeReport, SubmitReport};
pub use error::{
    AuditError, DownloadError, Failed, HostFault, LedgerFault, MoneyEffect, NetFault, NextStep, RecordsFault,
    RecoverError, SettleError, UploadError, ViewError,
};
pub use events::{Event, HostEvent, Progress, Silent, Stage, Warning};
pub use free::{FreedView, RemoveReport, RemoveRequest, RemovedFile};
pub use job::{JobId, NotAJobId};
pub use outlook::{EndView, Outlook, Rung};
pub use owner::{Owner, Ports};
pub use ports::{
    AppliedTx, Batch, BeaconRound, CallCost, ChallengeItem, CloseItem, Entry, EscrowCall, HostNet, Lane,
    LaneStream, LedgerInfo, OpenItem, OwnerLedger, OwnerRecords, PendingTx, PreparedProof, RenewItem,
    SlotEvent, Space, TxJournal, TxOutcome,
};
pub use renew::{RenewReport, RenewedView};
pub use repair::{LostSegment, RepairReport, RepairRequest, RepairTarget};
pub use request::{
    Ask, AuditTarget, CloseRequest, DisputeRequest, DownloadRequest, Keeping, RenewRequest, SettleOptions,
    Source, Target, UploadRequest,
};
pub use sources::expand;
pub use views::{
    AgreementView, AsOf, AuditReport, DownloadReport, DueBy, DueStep, DueView, FileDetail, FileView, JobView,
    Quote, RecoverReport, SettleReport, UploadReport, WalletView,
};
pub use watch::{RenewPolicy, RepairWatch, Suspicion, WatchAct, WatchPolicy, WatchReport, WatchedView};
