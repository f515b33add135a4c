//! What a host's operator decides: how much space, at which price, under which conditions. The defaults here
//! are the truth; documentation quotes them.

use layr_market::Context;
use layr_types::{ByteCount, ContractId, DAY_SECONDS, Stroops};
use serde::{Deserialize, Serialize};

/// Prices and conditions of new agreements. Existing agreements keep theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfferPolicy {
    /// Whether new agreements are taken at all.
    pub accepting: bool,
    /// Stroops per GiB-day.
    pub rate: u64,
    /// Earned by opening; covers two of the host's own proofs and its share of a close.
    pub base_fee: Stroops,
    /// Collateral as a percentage of the storage revenue at full capacity.
    pub collateral_percent: u16,
    /// Shortest term accepted, seconds.
    pub min_term: u32,
    /// Longest term accepted, seconds.
    pub max_term: u32,
    /// Seconds after the end in which a newer revision may be published.
    pub publish_window: u32,
    /// Seconds after that for the proof.
    pub proof_window: u32,
    /// Seconds of notice before an early end.
    pub notice: u32,
    /// Seconds between challenges.
    pub challenge_gap: u32,
    /// Challenges allowed in a term.
    pub max_challenges: u16,
    /// Least bond of a named challenge.
    pub disclosure_price: Stroops,
    /// Paid by this host for ending early.
    pub exit_fee: Stroops,
    /// Leaves proved on the ledger. Four keep a dispute at the end below a hundredth of a lumen,
    /// whatever the capacity.
    pub samples: u8,
    /// Stroops per GiB read beyond the free allowance.
    pub egress_rate: u64,
    /// What an owner may read without paying over a term, in percent of the capacity: 100 is one full download.
    pub free_reads_percent: u32,
    /// A self-challenge is worth its fees once this much is earned, not acknowledged and not vested.
    pub vest_above: Stroops,
    /// And once that is what so many seconds earn: an owner that acknowledges in time is never challenged.
    pub vest_after: u32,
    /// A voucher is worth the fee of redeeming it from this amount on.
    pub redeem_above: Stroops,
    /// Seconds an offer binds the host.
    pub offer_life: u32,
    /// Agreements one owner may have proposed and not opened yet.
    pub max_unopened_per_owner: u32,
}

impl Default for OfferPolicy {
    fn default() -> Self {
        Self {
            accepting: true,
            rate: 20_000,
            base_fee: Stroops(200_000),
            collateral_percent: 200,
            min_term: 86_400,
            max_term: 180 * 86_400,
            publish_window: 86_400,
            proof_window: 86_400,
            notice: 86_400,
            challenge_gap: 86_400,
            max_challenges: 10,
            disclosure_price: Stroops(100_000),
            exit_fee: Stroops::ZERO,
            samples: 4,
            egress_rate: 0,
            free_reads_percent: 100,
            vest_above: Stroops(1_000_000),
            vest_after: 3 * 86_400,
            redeem_above: Stroops(20_000),
            offer_life: 600,
            max_unopened_per_owner: 4,
        }
    }
}

/// Everything a host is told when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// The network and contract it settles on.
    pub context: Context,
    /// The asset it is paid in.
    pub token: ContractId,
    /// Bytes lent to the network, records included. Rounded down to whole sectors.
    pub quota: ByteCount,
    /// Prices and conditions.
    pub offer: OfferPolicy,
    /// Memory for sectors in flight, over all lanes.
    pub lane_memory: ByteCount,
    /// Sectors whose agreement trees may stay in memory (64 bytes each); at least one tree always may.
    pub cached_tree_sectors: u64,
    /// Leaves proved for nothing under one agreement in a day; each append adds a first audit's worth, and each four
    /// sectors one. Beyond, audits are paid like reads, or refused where reading is free.
    pub free_audit_leaves: u32,
    /// Seconds after which a stored sector nobody appended is let go.
    pub pending_life: u64,
    /// Seconds a sector nobody holds waits in the trash, so that reads under way can finish.
    pub trash_life: u64,
    /// Seconds after the end of a term in which what was stored under it can still be read.
    pub grace: u64,
}

impl HostConfig {
    /// The defaults for a contract, its asset and a quota.
    #[must_use]
    pub fn new(context: Context, token: ContractId, quota: ByteCount) -> Self {
        Self {
            context,
            token,
            quota,
            offer: OfferPolicy::default(),
            lane_memory: ByteCount(64 << 20),
            cached_tree_sectors: 256 * 1024,
            free_audit_leaves: 4_096,
            pending_life: DAY_SECONDS / 4,
            trash_life: 600,
            grace: layr_protocol::limits::GRACE_SECONDS,
        }
    }
}
