//! What can be tuned, with the defaults that are the truth.

use layr_audits::Schedule;
use layr_types::ByteCount;
use std::time::Duration;

/// Most agreements one `open` transaction takes.
pub const MAX_OPEN_BATCH: usize = 40;
/// Most agreements one `close` transaction takes.
pub const MAX_CLOSE_BATCH: usize = 20;
/// Most agreements one `renew` transaction takes.
pub const MAX_RENEW_BATCH: usize = 10;

/// How an owner works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnerConfig {
    /// Memory for shards that are encoded and not yet acknowledged.
    pub send_memory: ByteCount,
    /// Memory for segments that are fetched and not yet written.
    pub fetch_memory: ByteCount,
    /// How long a host may take to connect.
    pub connect: Duration,
    /// How long a host may take to answer a small call.
    pub call: Duration,
    /// Least time a shard may take before its host is given up.
    pub shard_floor: Duration,
    /// Most time a shard may take before its host is given up.
    pub shard_ceiling: Duration,
    /// When audits are due.
    pub schedule: Schedule,
    /// Leaves asked for in an audit.
    pub audit_leaves: u16,
    /// Hosts asked for their prices per host needed.
    pub survey: usize,
    /// Extra capacity agreed beyond what is needed, in percent, so that later uploads share the agreement.
    pub headroom_percent: u64,
    /// Least sectors of an agreement.
    pub least_sectors: u64,
    /// How long the ledger may take to answer a question.
    pub ledger_read: Duration,
    /// How long a transaction is waited for before its fate counts as unknown.
    pub ledger_send: Duration,
}

impl Default for OwnerConfig {
    fn default() -> Self {
        Self {
            send_memory: ByteCount(64 << 20),
            fetch_memory: ByteCount(48 << 20),
            connect: Duration::from_secs(5),
            call: Duration::from_secs(10),
            shard_floor: Duration::from_secs(2),
            shard_ceiling: Duration::from_secs(30),
            schedule: Schedule::default(),
            audit_leaves: layr_audits::DAILY_LEAVES,
            survey: 3,
            headroom_percent: 10,
            least_sectors: 16,
            ledger_read: Duration::from_secs(30),
            ledger_send: Duration::from_secs(180),
        }
    }
}
