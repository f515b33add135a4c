//! How long a host may take: measured from this very host, never from the network at large.

use core::time::Duration;

/// The least any answer is given.
const FLOOR: Duration = Duration::from_secs(2);
/// How many times slower than its own 99th percentile a leaf may be.
const SLACK: u32 = 8;

/// The deadline of an answer: the larger of 2 s and 8 × the host's measured 99th percentile per leaf × leaves /
/// leaves it reads at once; plus the transfer of `answer_bytes` at the speed measured to it.
///
/// `parallel` and `bytes_per_second` of 0 are taken for 1.
#[must_use]
pub fn answer_deadline(
    leaf_p99: Duration,
    (leaves, parallel): (u16, u16),
    (answer_bytes, bytes_per_second): (u64, u64),
) -> Duration {
    let rounds = u32::from(leaves.div_ceil(parallel.max(1)));
    let reading = leaf_p99.saturating_mul(SLACK).saturating_mul(rounds);
    let millis = answer_bytes.saturating_mul(1000) / bytes_per_second.max(1);
    reading.max(FLOOR).saturating_add(Duration::from_millis(millis))
}
