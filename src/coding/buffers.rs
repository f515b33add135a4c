//! Sector buffers that come back.
//!
//! A segment of thirty shards is thirty mebibytes; asking the system for fresh pages each time costs a tenth
//! of the whole pipeline. So every sector's buffer returns to its pool when the last [`Bytes`] that shares it
//! is dropped. The pool keeps a bounded number and lets the rest go.

use bytes::Bytes;
use layr_types::SECTOR_BYTES;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Shared by the packer and the workers of one encoder.
#[derive(Debug, Clone)]
pub(crate) struct SectorPool(Arc<Shelf>);

#[derive(Debug)]
struct Shelf {
    free: Mutex<Vec<Box<[u8]>>>,
    keep: usize,
}

impl SectorPool {
    /// A pool that keeps at most `keep` free sectors.
    pub(crate) fn new(keep: usize) -> Self {
        Self(Arc::new(Shelf { free: Mutex::new(Vec::new()), keep }))
    }

    /// A sector with whatever bytes its last user left (all of them masked or sealed); zeros if new.
    pub(crate) fn take(&self) -> SectorBuffer {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = free.unwrap_or_else(|| vec![0; SECTOR_BYTES].into_boxed_slice());
        SectorBuffer { bytes, home: Arc::downgrade(&self.0) }
    }
}

/// One sector's bytes, owned by one place at a time.
#[derive(Debug)]
pub(crate) struct SectorBuffer {
    bytes: Box<[u8]>,
    home: Weak<Shelf>,
}

impl SectorBuffer {
    pub(crate) fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Shares the bytes; the buffer goes home when the last share is dropped.
    pub(crate) fn freeze(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for SectorBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for SectorBuffer {
    fn drop(&mut self) {
        let Some(home) = self.home.upgrade() else { return };
        let mut free = home.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < home.keep {
            free.push(core::mem::take(&mut self.bytes));
        }
    }
}
