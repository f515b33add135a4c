//! Repair: what is in danger is rebuilt from any `k` survivors and placed anew, never from the source file.
//!
//! | Step | Written down before | After a crash here |
//! |---|---|---|
//! | hosts looked at | their audits, as revisions | looked at again |
//! | agreements opened | proposals and the signed transaction | the transaction is followed; open agreements with room are used first |
//! | shards rebuilt and sent | each acknowledgement, in groups | only shards without one are rebuilt |
//! | revisions signed | each revision with the owner's signature | shown again unchanged |
//! | first audit passed | its record as a revision | shown again; a new audit is cheap |
//! | segments recorded | segments, what the catalogue lacks, and the acknowledgements dropped, in one step | the catalogue is brought to the network |
//!
//! So there is no job to keep: acknowledgements, agreements and transactions say all a later run has to know, and
//! nothing is paid twice. Segments go in the order of their danger; memory holds a few segments' shards.
//!
//! What must never happen here: a rebuilt shard is placed whose root is not the recorded one; a shard counts as
//! there before its host has signed for it and proved it once; two shards of a segment go to one host.

mod allot;
mod pass;
mod queue;
mod rebuild;
mod record;
mod report;
mod request;
mod run;

pub use report::{LostSegment, RepairReport};
pub use request::{RepairRequest, RepairTarget};

pub(crate) use run::{concerned, look, repair};

use crate::job::JobId;

/// The journal's name for rebuilt shards: the same every time, so that a crash leaves nothing that is not found
/// again.
const JOB: JobId = JobId(*b"layr repair 0001");
