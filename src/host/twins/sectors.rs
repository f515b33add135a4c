//! Slots in memory: they fill up, rot and forget what was not flushed.

use crate::ports::{SectorError, SectorStore, Slot};
use futures::future::BoxFuture;
use layr_types::{GROUP_BYTES, GROUPS_PER_SECTOR, SECTOR_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Clone, Default)]
struct State {
    slots: BTreeMap<Slot, Vec<u8>>,
    unsynced: BTreeSet<Slot>,
    unreadable: BTreeSet<Slot>,
    reserved: u32,
    disk: u32,
    /// Groups read since the start.
    read: u64,
}

/// Slots in memory.
#[derive(Debug)]
pub struct MemorySectors(Arc<Mutex<State>>);

impl MemorySectors {
    /// A disk of that many slots.
    #[must_use]
    pub fn new(disk: u32) -> Self {
        Self(Arc::new(Mutex::new(State { disk, ..State::default() })))
    }

    /// What a crash leaves: what was flushed, and rubbish where something was being written.
    #[must_use]
    pub fn crash(&self) -> Self {
        let mut left = self.state().clone();
        for slot in std::mem::take(&mut left.unsynced) {
            left.slots.insert(slot, vec![0xA5; SECTOR_BYTES]);
        }
        Self(Arc::new(Mutex::new(left)))
    }

    /// Another door to the same slots.
    #[must_use]
    pub fn share(&self) -> Self {
        Self(Arc::clone(&self.0))
    }

    /// Flips one bit of a slot.
    pub fn rot(&self, slot: Slot, byte: usize) {
        if let Some(byte) = self.state().slots.get_mut(&slot).and_then(|slot| slot.get_mut(byte)) {
            *byte ^= 1;
        }
    }

    /// Makes a slot unreadable, as a bad block does.
    pub fn break_slot(&self, slot: Slot) {
        self.state().unreadable.insert(slot);
    }

    /// Groups of 16 KiB read since the start.
    #[must_use]
    pub fn groups_read(&self) -> u64 {
        self.state().read
    }

    /// Makes the disk this large, in slots.
    pub fn resize_disk(&self, slots: u32) {
        self.state().disk = slots;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SectorStore for MemorySectors {
    fn reserve(&self, slots: u32) -> Result<(), SectorError> {
        let mut state = self.state();
        if slots > state.disk {
            return Err(SectorError::DiskFull);
        }
        state.reserved = state.reserved.max(slots);
        Ok(())
    }

    fn write(&self, slot: Slot, sector: &[u8; SECTOR_BYTES]) -> Result<(), SectorError> {
        let mut state = self.state();
        if slot.0 >= state.disk {
            return Err(SectorError::DiskFull);
        }
        state.reserved = state.reserved.max(slot.0 + 1);
        state.unreadable.remove(&slot);
        state.slots.insert(slot, sector.to_vec());
        state.unsynced.insert(slot);
        Ok(())
    }

    fn read(&self, slot: Slot, first: usize, out: &mut [[u8; GROUP_BYTES]]) -> Result<(), SectorError> {
        let mut state = self.state();
        state.read += out.len() as u64;
        if slot.0 >= state.reserved || first.saturating_add(out.len()) > GROUPS_PER_SECTOR {
            return Err(SectorError::NoSuchSlot(slot));
        }
        if state.unreadable.contains(&slot) {
            return Err(SectorError::Unreadable { slot, source: io::Error::from_raw_os_error(5) });
        }
        match state.slots.get(&slot) {
            Some(bytes) => {
                let out = out.as_flattened_mut();
                let at = first * GROUP_BYTES;
                out.copy_from_slice(&bytes[at..at + out.len()]);
            }
            None => out.as_flattened_mut().fill(0),
        }
        Ok(())
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), SectorError>> {
        Box::pin(async {
            self.state().unsynced.clear();
            Ok(())
        })
    }
}
