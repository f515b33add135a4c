//! Uploads: plan, open, encode and send at once, sign, audit, record. Each step is a room of this folder; what
//! a crash between any two of them leaves behind is found by the next run of the same command.
//!
//! | Step | Written down before | After a crash here |
//! |---|---|---|
//! | job noted | – | the same command finds it by its sources |
//! | agreements opened | proposals and the signed transaction | the transaction is followed; open agreements are used |
//! | shards sent | each acknowledgement, in groups | only shards without one are sent |
//! | revisions signed | each revision with the owner's signature | shown again unchanged |
//! | first audit passed | its record as a revision | shown again; a new audit is cheap |
//! | files recorded | files, segments, chunks, and the pointer to publish, in one step | the pointer is published |

mod encode;
mod forgotten;
mod job;
mod owed;
mod replace;
mod run;
mod seats;
mod send;
mod sign;

pub(crate) use job::{Job, open_jobs};
pub(crate) use owed::save_owed;
pub(crate) use run::{plan_request, resume, upload, upload_stream};
pub(crate) use send::Sender;
pub(crate) use sign::{SignError, first_audits, sign_all};
