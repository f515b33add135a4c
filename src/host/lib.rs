//! Admit, store, prove, earn: what a host does.
//!
//! In: an owner's calls ([`HostService`]), lanes of sector bytes ([`serve_lane`]), and the passing of the
//! ledger's time ([`run_watcher`]). Out: signatures, proofs, bytes, and transactions through [`HostLedger`].
//!
//! ```text
//! offer → propose → activate → put + append → audit + acknowledge → finish ──► close
//!           │                                       └► renew   └► publish → beacon → prove
//!           └ lapses with its offer                                                  │
//!                                                    trash → free ◄── settled ◄──────┘
//! ```
//!
//! What must never happen: a signature over something the host did not compute itself; an answer "stored" before
//! the sector and its record are on disk; a slot counted twice or not at all; the same money moved twice; a
//! stranger's message that allocates without bound.
//!
//! The world is behind four ports ([`ports`]); tokio is used, but no socket, file or database.

mod admit;
mod agreement;
mod agreement_row;
mod append;
mod audit;
mod batch;
mod buffers;
mod clock;
mod config;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod decide;
mod desk;
mod error;
mod export;
mod finish;
mod free;
mod host;
mod lane;
mod leave;
mod moves;
mod news;
mod notes;
mod offer;
mod passes;
pub mod ports;
mod quota;
mod reads;
mod recall;
mod renew;
mod risk;
mod rotate;
mod rows;
mod scrub;
mod sectors;
mod service;
mod sight;
mod slots;
mod space;
mod status;
mod sweep;
mod trees;
#[cfg(any(test, feature = "testing"))]
pub mod twins;
mod watcher;

pub use agreement::{Agreement, AgreementState, Attempts, Heir, NextKey, Reads};
pub use config::{HostConfig, OfferPolicy};
pub use error::HostError;
pub use export::ExportError;
pub use host::{Host, HostPorts};
pub use lane::{LaneError, serve_lane};
pub use ports::{HostLedger, HostRecords, LedgerError, OwnerNotes, RecordsError, SectorError, SectorStore};
pub use risk::{AtRisk, Planned};
pub use scrub::{Scrub, ScrubStatus, run_scrub, scrub_pause};
pub use service::HostService;
pub use space::{Account, Overdrawn, SPACE_BYTES, Space};
pub use status::{AgreementStatus, HostStatus};
pub use watcher::{Tick, run_watcher};

#[cfg(test)]
mod tests;
