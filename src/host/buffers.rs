//! Memory for sectors in flight: one budget for all lanes, so that a thousand slow peers cost no more than ten.

use layr_types::SECTOR_BYTES;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Buffers kept for reuse; the others are given back to the system.
const KEPT: usize = 8;

type Sector = Box<[u8; SECTOR_BYTES]>;

/// The budget.
#[derive(Debug, Clone)]
pub(crate) struct SectorBuffers {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Sector>>>,
}

/// One sector's memory; returns to the budget when dropped.
#[derive(Debug)]
pub(crate) struct SectorBuffer {
    bytes: Option<Sector>,
    idle: Arc<Mutex<Vec<Sector>>>,
    _permit: OwnedSemaphorePermit,
}

impl SectorBuffers {
    /// A budget of that many sectors.
    pub fn new(sectors: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(sectors.max(1))), idle: Arc::default() }
    }

    /// Waits for room and takes it. The bytes are whatever they were.
    pub async fn take(&self) -> SectorBuffer {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.expect("the budget is never closed");
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = idle.unwrap_or_else(zeroed);
        SectorBuffer { bytes: Some(bytes), idle: Arc::clone(&self.idle), _permit: permit }
    }
}

fn zeroed() -> Sector {
    vec![0u8; SECTOR_BYTES].into_boxed_slice().try_into().expect("a sector's length is a constant")
}

impl Deref for SectorBuffer {
    type Target = [u8; SECTOR_BYTES];
    fn deref(&self) -> &Self::Target {
        self.bytes.as_ref().expect("taken only by drop")
    }
}

impl DerefMut for SectorBuffer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.bytes.as_mut().expect("taken only by drop")
    }
}

impl Drop for SectorBuffer {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = self.bytes.take()
            && idle.len() < KEPT
        {
            idle.push(bytes);
        }
    }
}
