//! Ledger entries: the committed map, and layers of uncommitted changes above it.
//!
//! A transaction writes into a [`Layer`]; committing one yields the standard XDR change list, and the committed
//! [`State`] moves only by replaying such lists. So what a restart reads back from the journal is by construction
//! what was executed. Lifetimes are ordinary `TTL` entries, keyed by the hash of the entry they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use stellar_xdr::{
    ContractDataDurability, Error, Hash, LedgerEntry, LedgerEntryChange, LedgerEntryChanges, LedgerEntryData,
    LedgerEntryExt, LedgerKey, LedgerKeyTtl, Limits, TtlEntry, WriteXdr,
};

/// Anything entries can be read from.
pub(crate) trait Entries {
    fn entry(&self, key: &LedgerKey) -> Option<Arc<LedgerEntry>>;

    /// Last ledger the entry lives in; `None` for kinds without a lifetime and for unknown entries.
    fn live_until(&self, key: &LedgerKey) -> Option<u32> {
        match &self.entry(&ttl_key(key)?)?.data {
            LedgerEntryData::Ttl(ttl) => Some(ttl.live_until_ledger_seq),
            _ => None,
        }
    }
}

/// All committed ledger entries, archived ones included.
#[derive(Clone, Default)]
pub struct State {
    entries: BTreeMap<LedgerKey, Arc<LedgerEntry>>,
}

impl State {
    /// The entry under `key`, live or archived.
    #[must_use]
    pub fn get(&self, key: &LedgerKey) -> Option<&Arc<LedgerEntry>> {
        self.entries.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LedgerKey, &Arc<LedgerEntry>)> {
        self.entries.iter()
    }

    /// Replays a change list.
    pub(crate) fn replay(&mut self, changes: &LedgerEntryChanges) {
        for change in changes.0.iter() {
            match change {
                LedgerEntryChange::Created(entry)
                | LedgerEntryChange::Updated(entry)
                | LedgerEntryChange::Restored(entry) => self.put(entry.clone()),
                LedgerEntryChange::Removed(key) => self.remove(key),
                LedgerEntryChange::State(_) => {}
            }
        }
    }

    pub(crate) fn put(&mut self, entry: LedgerEntry) {
        self.entries.insert(entry.to_key(), Arc::new(entry));
    }

    pub(crate) fn remove(&mut self, key: &LedgerKey) {
        self.entries.remove(key);
    }
}

impl Entries for State {
    fn entry(&self, key: &LedgerKey) -> Option<Arc<LedgerEntry>> {
        self.entries.get(key).cloned()
    }
}

/// Uncommitted changes above something else.
pub(crate) struct Layer<'a> {
    below: &'a dyn Entries,
    changed: BTreeMap<LedgerKey, Option<Arc<LedgerEntry>>>,
    restored: BTreeSet<LedgerKey>,
}

impl<'a> Layer<'a> {
    pub(crate) fn above(below: &'a dyn Entries) -> Self {
        Self { below, changed: BTreeMap::new(), restored: BTreeSet::new() }
    }

    pub(crate) fn put(&mut self, data: LedgerEntryData) {
        let entry = LedgerEntry { last_modified_ledger_seq: 0, data, ext: LedgerEntryExt::V0 };
        self.changed.insert(entry.to_key(), Some(Arc::new(entry)));
    }

    pub(crate) fn remove(&mut self, key: LedgerKey) {
        self.changed.insert(key, None);
    }

    /// Sets the lifetime of the entry under `key`; a no-op for kinds without one.
    pub(crate) fn set_live_until(&mut self, key: &LedgerKey, live_until: u32) {
        if let Some(LedgerKey::Ttl(LedgerKeyTtl { key_hash })) = ttl_key(key) {
            let ttl = TtlEntry { key_hash, live_until_ledger_seq: live_until };
            self.put(LedgerEntryData::Ttl(ttl));
        }
    }

    /// Marks the entry (and its lifetime) as brought back from the archive.
    pub(crate) fn mark_restored(&mut self, key: &LedgerKey) {
        if let (false, Some(entry)) = (self.changed.contains_key(key), self.below.entry(key)) {
            self.changed.insert(key.clone(), Some(entry));
        }
        self.restored.insert(key.clone());
        self.restored.extend(ttl_key(key));
    }

    /// Closes the layer: stamps `sequence` on what changed and gives the change list with the new values.
    pub(crate) fn into_changes(self, sequence: u32) -> Result<LedgerEntryChanges, Error> {
        let mut list = Vec::with_capacity(self.changed.len().saturating_mul(2));
        for (key, after) in self.changed {
            let before = self.below.entry(&key);
            let after = after.map(|entry| {
                let mut entry = Arc::unwrap_or_clone(entry);
                entry.last_modified_ledger_seq = sequence;
                entry
            });
            match (before, after) {
                (Some(before), Some(after)) => {
                    let restored = self.restored.contains(&key);
                    if restored {
                        list.push(LedgerEntryChange::Restored(before_restored(&before, &after)));
                    }
                    let is_ttl = matches!(after.data, LedgerEntryData::Ttl(_));
                    if !restored || (!is_ttl && before.data != after.data) {
                        list.push(LedgerEntryChange::State((*before).clone()));
                        list.push(LedgerEntryChange::Updated(after));
                    }
                }
                (None, Some(after)) => list.push(LedgerEntryChange::Created(after)),
                (Some(before), None) => {
                    list.push(LedgerEntryChange::State((*before).clone()));
                    list.push(LedgerEntryChange::Removed(key));
                }
                (None, None) => {}
            }
        }
        Ok(LedgerEntryChanges(list.try_into()?))
    }

    /// Takes over a change list made by a layer above this one.
    pub(crate) fn replay(&mut self, changes: &LedgerEntryChanges) {
        for change in changes.0.iter() {
            match change {
                LedgerEntryChange::Created(entry)
                | LedgerEntryChange::Updated(entry)
                | LedgerEntryChange::Restored(entry) => {
                    self.changed.insert(entry.to_key(), Some(Arc::new(entry.clone())));
                }
                LedgerEntryChange::Removed(key) => self.remove(key.clone()),
                LedgerEntryChange::State(_) => {}
            }
        }
    }
}

/// What a restoration alone made of an entry: a lifetime is renewed, data comes back as it was.
fn before_restored(before: &LedgerEntry, after: &LedgerEntry) -> LedgerEntry {
    let data = if matches!(after.data, LedgerEntryData::Ttl(_)) { &after.data } else { &before.data };
    LedgerEntry { data: data.clone(), ..after.clone() }
}

impl Entries for Layer<'_> {
    fn entry(&self, key: &LedgerKey) -> Option<Arc<LedgerEntry>> {
        match self.changed.get(key) {
            Some(changed) => changed.clone(),
            None => self.below.entry(key),
        }
    }
}

/// Whether entries under `key` have a lifetime, and of which kind.
pub(crate) fn durability(key: &LedgerKey) -> Option<ContractDataDurability> {
    soroban_env_host::ledger_info::get_key_durability(key)
}

/// Key of the lifetime entry of `key`; `None` when that kind of entry has no lifetime.
pub(crate) fn ttl_key(key: &LedgerKey) -> Option<LedgerKey> {
    durability(key)?;
    let bytes = key.to_xdr(Limits::none()).ok()?;
    Some(LedgerKey::Ttl(LedgerKeyTtl { key_hash: Hash(Sha256::digest(bytes).into()) }))
}
