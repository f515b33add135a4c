//! Records in memory, with a log that can be cut where a crash would cut it.

use crate::ports::{Change, HostRecords, RecordsError, Row, Scan, Table};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

type Tables = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

#[derive(Debug, Clone, Default)]
struct State {
    /// What is visible.
    now: Tables,
    /// What is on disk for certain.
    synced: Tables,
    /// Batches applied since.
    unsynced: Vec<Vec<Change>>,
    full: bool,
}

/// Records in memory.
#[derive(Debug, Default)]
pub struct MemoryRecords(Arc<Mutex<State>>);

impl MemoryRecords {
    /// What a crash leaves: everything flushed, and of the batches applied since, the first `kept`.
    #[must_use]
    pub fn crash(&self, kept: usize) -> Self {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut left = state.synced.clone();
        state.unsynced.iter().take(kept).for_each(|batch| write(&mut left, batch));
        let left = State { now: left.clone(), synced: left, unsynced: Vec::new(), full: false };
        Self(Arc::new(Mutex::new(left)))
    }

    /// Another door to the same tables.
    #[must_use]
    pub fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Batches applied and not flushed.
    #[must_use]
    pub fn unsynced(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unsynced.len()
    }

    /// Makes the disk full, or no longer.
    pub fn fill(&self, full: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).full = full;
    }
}

impl HostRecords for MemoryRecords {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(state.now.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, scan: Scan<'_>) -> Result<Vec<Row>, RecordsError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = match scan.after.is_empty() {
            true => Bound::Included((table, scan.prefix.to_vec())),
            false => Bound::Excluded((table, scan.after.to_vec())),
        };
        let rows = state.now.range((from, Bound::Unbounded));
        let rows = rows.take_while(|((at, key), _)| *at == table && key.starts_with(scan.prefix));
        Ok(rows.take(scan.limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn apply(&self, batch: Vec<Change>) -> Result<(), RecordsError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.full {
            return Err(RecordsError::DiskFull);
        }
        write(&mut state.now, &batch);
        state.unsynced.push(batch);
        Ok(())
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), RecordsError>> {
        Box::pin(async {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.synced = state.now.clone();
            state.unsynced.clear();
            Ok(())
        })
    }
}

fn write(tables: &mut Tables, batch: &[Change]) {
    for Change { table, key, value } in batch {
        match value {
            Some(value) => tables.insert((*table, key.clone()), value.clone()),
            None => tables.remove(&(*table, key.clone())),
        };
    }
}
