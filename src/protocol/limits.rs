//! Every bound of the protocol in one place.

/// The protocol version this program speaks; a host answers callers of the same version only.
pub const PROTOCOL_VERSION: u16 = 3;
/// Largest frame of a call, bytes: 256 KiB.
pub const MAX_FRAME_BYTES: usize = 256 * 1024;
/// Most sectors one append names: their roots fill half a frame.
pub const MAX_SECTORS_PER_APPEND: usize = 4_096;
/// Most sectors one call gives up: their places fill an eighth of a frame.
pub const MAX_SECTORS_PER_FREE: usize = 4_096;
/// Most roots of an agreement's sectors a host lists at once.
pub const MAX_CONTENTS_LISTED: usize = 4_096;
/// Most leaves one audit asks for.
pub const MAX_AUDIT_LEAVES: usize = layr_audits::MAX_LEAVES as usize;
/// Largest owner record a host keeps, bytes: 1 KiB of payload with its frame and signature.
pub const MAX_OWNER_RECORD_BYTES: usize = 1_280;
/// Most agreements a host lists for one owner.
pub const MAX_LISTED_AGREEMENTS: usize = 1_024;
/// How far a revision's time may lie from the host's ledger clock, seconds.
pub const MAX_CLOCK_SKEW_SECONDS: u64 = 60;
/// How long a host keeps data readable after an agreement's term is over, seconds: a day, in which its owner may
/// still bring it to safety. It is not paid for.
pub const GRACE_SECONDS: u64 = 86_400;
/// Largest payload of one lane frame, bytes: one sector, or one sector with its range proof.
pub const MAX_LANE_PAYLOAD_BYTES: usize = layr_types::SECTOR_BYTES + 8 * 1024;
/// Most requests one lane may have in flight.
pub const MAX_LANE_IN_FLIGHT: usize = 16;
