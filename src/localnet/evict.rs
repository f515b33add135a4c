//! Forgetting temporary entries whose lifetime is over.
//!
//! They are dead the moment they expire; removing them only keeps the state small. Persistent entries are never
//! removed: archived, they wait to be restored.

use stellar_xdr::{ContractDataDurability, LedgerKey};

use crate::state::{Entries, State, durability, ttl_key};

/// Ledgers between two looks.
const PERIOD: u32 = 64;
/// Most entries removed in one ledger.
const MOST: usize = 1_000;

/// Keys to forget when the ledger moves from `from` to `to`: expired temporary entries and their lifetimes.
pub(crate) fn due(state: &State, from: u32, to: u32) -> Vec<LedgerKey> {
    if from / PERIOD == to / PERIOD {
        return Vec::new();
    }
    state
        .iter()
        .map(|(key, _)| key)
        .filter(|key| durability(key) == Some(ContractDataDurability::Temporary))
        .filter(|key| state.live_until(key).is_some_and(|until| until < from))
        .take(MOST)
        .flat_map(|key| ttl_key(key).into_iter().chain([key.clone()]))
        .collect()
}
