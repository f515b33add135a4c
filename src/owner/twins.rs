//! In-memory twins of the ports, for tests here and downstream.

use crate::error::RecordsFault;
use crate::ports::{Batch, Entry, OwnerRecords, Space};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

type Rows = BTreeMap<(Space, Vec<u8>), Vec<u8>>;
type Refuse = Box<dyn Fn(usize, &Batch) -> bool + Send>;

/// Records in memory. Counts its writes and can be told to fail at one of them, as a full disk or a crash would.
#[derive(Default)]
pub struct MemoryRecords {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    rows: Rows,
    writes: usize,
    refuse: Option<Refuse>,
}

impl MemoryRecords {
    /// No records.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Batches committed so far.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    /// Fails every commit for which `refuse` says so; it is given the number of commits before.
    pub fn refuse_when(&self, refuse: impl Fn(usize, &Batch) -> bool + Send + 'static) {
        self.lock().refuse = Some(Box::new(refuse));
    }

    /// Fails no more commits.
    pub fn heal(&self) {
        self.lock().refuse = None;
    }

    /// A copy of what is there, as a restart after a crash would find it.
    #[must_use]
    pub fn restarted(&self) -> Self {
        let rows = self.lock().rows.clone();
        Self { state: Mutex::new(State { rows, ..State::default() }) }
    }

    /// Damages one value of a kind, if there is any; true if there was.
    pub fn damage(&self, space: Space) -> bool {
        let mut state = self.lock();
        let found = state.rows.iter_mut().find(|((kind, _), _)| *kind == space);
        let Some((_, value)) = found else { return false };
        match value.last_mut() {
            Some(byte) => *byte ^= 1,
            None => return false,
        }
        true
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OwnerRecords for MemoryRecords {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsFault> {
        Ok(self.lock().rows.get(&(space, key.to_vec())).cloned())
    }

    fn scan(&self, space: Space, prefix: &[u8]) -> Result<Vec<Entry>, RecordsFault> {
        let state = self.lock();
        let from = state.rows.range((space, prefix.to_vec())..);
        let within = from.take_while(|((kind, key), _)| *kind == space && key.starts_with(prefix));
        Ok(within.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), RecordsFault> {
        let mut state = self.lock();
        let writes = state.writes;
        if state.refuse.as_ref().is_some_and(|refuse| refuse(writes, &batch)) {
            return Err(RecordsFault::DiskFull);
        }
        state.writes += 1;
        for (space, key, value) in batch.changes {
            match value {
                Some(value) => state.rows.insert((space, key), value),
                None => state.rows.remove(&(space, key)),
            };
        }
        Ok(())
    }
}
