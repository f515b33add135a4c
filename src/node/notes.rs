//! Reads owners' signed notes for the host: the format is the network room's.

use layr_host::ports::{OwnerNote, OwnerNotes};
use layr_net::VerifiedOwnerRecord;
use layr_types::NetworkId;

/// Checks notes of one network.
#[derive(Debug, Clone, Copy)]
pub struct Notes(pub NetworkId);

impl OwnerNotes for Notes {
    fn check(&self, bytes: &[u8]) -> Option<OwnerNote> {
        let record = VerifiedOwnerRecord::check(bytes, &self.0).ok()?;
        Some(OwnerNote { owner: record.owner().0, sequence: record.sequence() })
    }
}
