//! Memory for sectors in flight: one budget for all lanes, so that a thousand slow peers cost no more than ten.

use layr_types::SECTOR_BYTES;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Buffers kept for reuse; the others are given back to the system.
const KEPT: usize = 8;

/// Where a sector begins in its memory: on a page, so that a disk can take it without a copy.
const ALIGNMENT: usize = 4096;

/// Memory with one aligned sector in it.
#[derive(Debug)]
struct Sector {
    memory: Vec<u8>,
    at: usize,
}

impl Sector {
    fn zeroed() -> Self {
        let memory = vec![0u8; SECTOR_BYTES + ALIGNMENT];
        let at = memory.as_ptr().align_offset(ALIGNMENT).min(ALIGNMENT);
        Self { memory, at }
    }
}

/// The budget.
#[derive(Debug, Clone)]
pub(crate) struct SectorBuffers {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Sector>>>,
}

/// One sector's memory; returns to the budget when dropped.
#[derive(Debug)]
pub(crate) struct SectorBuffer {
    sector: Option<Sector>,
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
        let sector = Some(idle.unwrap_or_else(Sector::zeroed));
        SectorBuffer { sector, idle: Arc::clone(&self.idle), _permit: permit }
    }
}

impl Deref for SectorBuffer {
    type Target = [u8; SECTOR_BYTES];
    fn deref(&self) -> &Self::Target {
        let sector = self.sector.as_ref().expect("taken only by drop");
        sector.memory.get(sector.at..).and_then(<[u8]>::first_chunk).expect("the memory holds a sector")
    }
}

impl DerefMut for SectorBuffer {
    fn deref_mut(&mut self) -> &mut Self::Target {
        let sector = self.sector.as_mut().expect("taken only by drop");
        let bytes = sector.memory.get_mut(sector.at..).and_then(<[u8]>::first_chunk_mut);
        bytes.expect("the memory holds a sector")
    }
}

impl Drop for SectorBuffer {
    fn drop(&mut self) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sector) = self.sector.take()
            && idle.len() < KEPT
        {
            idle.push(sector);
        }
    }
}
