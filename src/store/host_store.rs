//! A host's directory: records and slot files, opened together and locked together.

use crate::error::StoreError;
use crate::host_records::RocksRecords;
use crate::slot_files::SlotFiles;
use layr_host::ports::{HostRecords, SectorStore};
use std::path::Path;
use std::sync::Arc;

/// Everything a host keeps on disk.
#[derive(Debug, Clone)]
pub struct HostStore {
    records: Arc<RocksRecords>,
    sectors: Arc<SlotFiles>,
}

impl HostStore {
    /// Opens or creates `dir/records` (locked against other processes as long as it is open) and `dir/sectors`.
    /// Blocking.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let records = Arc::new(RocksRecords::open(&dir.join("records"))?);
        let sectors = dir.join("sectors");
        let opened = SlotFiles::open(&sectors);
        let opened = opened.map_err(|source| StoreError::Sectors { dir: sectors, source })?;
        Ok(Self { records, sectors: Arc::new(opened) })
    }

    /// The records, as the host's port.
    #[must_use]
    pub fn records(&self) -> Arc<dyn HostRecords> {
        Arc::clone(&self.records) as Arc<dyn HostRecords>
    }

    /// The sector bytes, as the host's port.
    #[must_use]
    pub fn sectors(&self) -> Arc<dyn SectorStore> {
        Arc::clone(&self.sectors) as Arc<dyn SectorStore>
    }
}
