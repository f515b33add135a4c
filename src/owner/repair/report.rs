//! What a repair found and did.

use crate::views::{NotChosen, Quote, SegmentCounts};
use layr_types::{AgreementId, ByteCount, NodeKey, SegmentId, Stroops};
use serde::Serialize;

/// A segment from which nothing can be rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LostSegment {
    /// Which.
    pub segment: SegmentId,
    /// The files that lie in it.
    pub files: Vec<String>,
    /// Shards that are left.
    pub left: u8,
    /// Shards it takes.
    pub needed: u8,
    /// Hosts that had its other shards.
    pub gone: Vec<NodeKey>,
}

/// What a repair did, or would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct RepairReport {
    /// Segments before, by condition.
    pub before: SegmentCounts,
    /// Segments after, by condition; as before in a dry run.
    pub after: SegmentCounts,
    /// Shards that had to be rebuilt.
    pub wanted: u64,
    /// Shards that were rebuilt, signed for and proved.
    pub rebuilt: u64,
    /// Their bytes.
    pub bytes: ByteCount,
    /// Bytes of files' content in the segments that were repaired.
    pub content: ByteCount,
    /// Bytes read from survivors.
    pub received: ByteCount,
    /// Promised to hosts for reading, out of what the agreements set aside for it.
    pub paid: Stroops,
    /// Shards that found no host this time.
    pub unplaced: u64,
    /// Why, where that can be told.
    pub shortage: Option<String>,
    /// Segments whose survivors could not be read this time, though they count as there.
    pub unread: u64,
    /// Segments of which too little is left, and the files in them.
    pub lost: Vec<LostSegment>,
    /// Hosts that count as gone.
    pub gone: Vec<NodeKey>,
    /// Hosts that took rebuilt shards.
    pub hosts: Vec<NodeKey>,
    /// Hosts that failed during the repair, and why.
    pub failed: Vec<NotChosen>,
    /// Agreements opened.
    pub opened: Vec<AgreementId>,
    /// Locked in them.
    pub escrow: Stroops,
    /// Ledger fees spent.
    pub fees: Stroops,
    /// What new agreements would cost; only in a dry run, and only where any are needed.
    pub quote: Option<Quote>,
    /// Whether the network's catalogue says where everything lies now; if not, the next command brings it.
    pub catalogue_saved: bool,
    /// Wall time of reading, rebuilding and sending, seconds.
    pub rebuild_seconds: f64,
    /// Wall time of everything, seconds.
    pub seconds: f64,
}

impl RepairReport {
    /// True where every segment looked at is whole.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        let after = &self.after;
        after.degraded == 0 && after.at_risk == 0 && after.lost == 0
    }

    /// Rebuilt bytes a second; 0 where nothing was rebuilt.
    #[must_use]
    pub fn speed(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a speed is shown with three digits")]
        let bytes = self.bytes.0 as f64;
        if self.seconds > 0.0 { bytes / self.seconds } else { 0.0 }
    }
}
