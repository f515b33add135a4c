//! In-memory twins of every port: the host's tests run on them, and they sit the same exam as the real doors
//! ([`crate::conformance`]). They can crash, fill up and rot, which real disks do when nobody watches.

mod ledger;
mod ledger_port;
mod records;
mod sectors;

pub use ledger::{MemoryLedger, Paid};
pub use records::MemoryRecords;
pub use sectors::MemorySectors;

use crate::ports::{OwnerNote, OwnerNotes};

/// Reads notes of the plainest format: owner's key, sequence number (8 bytes, big-endian), anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainNotes;

impl OwnerNotes for PlainNotes {
    fn check(&self, bytes: &[u8]) -> Option<OwnerNote> {
        let (owner, rest) = bytes.split_first_chunk()?;
        let (sequence, _) = rest.split_first_chunk()?;
        Some(OwnerNote { owner: *owner, sequence: u64::from_be_bytes(*sequence) })
    }
}
