//! The host's records in RocksDB: one column family a table, batches in the log first, one flush for many callers.

use crate::database::{self, Database, Kind};
use crate::error::{StoreError, records_error};
use crate::flush::{FlushError, GroupFlush};
use futures::future::BoxFuture;
use layr_host::ports::{Change, HostRecords, RecordsError, Row, Scan, Table};
use rocksdb::{ColumnFamily, Direction, IteratorMode, WriteBatch};
use std::path::Path;
use std::sync::Arc;

/// The tables and whether their values compress: hashes do not.
const TABLES: [(&str, bool); 14] = [
    (Table::Meta.name(), true),
    (Table::Agreements.name(), true),
    (Table::Due.name(), true),
    (Table::Contents.name(), false),
    (Table::Holdings.name(), false),
    (Table::Pending.name(), false),
    (Table::Sectors.name(), false),
    (Table::Outboards.name(), false),
    (Table::Trash.name(), false),
    (Table::Revisions.name(), true),
    (Table::History.name(), true),
    (Table::OwnerRecords.name(), true),
    (Table::OwnerRecordsByPeer.name(), false),
    (Table::Closed.name(), true),
];

const HOST: Kind = Kind { name: "a layr host's records", tables: &TABLES, format: 1, migrate: |_, _| Ok(()) };

/// A host's records.
#[derive(Debug)]
pub struct RocksRecords {
    db: Arc<Database>,
    group: GroupFlush,
}

impl RocksRecords {
    /// Opens or creates the database in `dir`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: Arc::new(database::open(dir, &HOST)?), group: GroupFlush::default() })
    }

    fn family(&self, table: Table) -> Result<&ColumnFamily, RecordsError> {
        let missing = || RecordsError::Corrupt { detail: format!("table {} is missing", table.name()) };
        self.db.cf_handle(table.name()).ok_or_else(missing)
    }
}

impl HostRecords for RocksRecords {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsError> {
        self.db.get_cf(self.family(table)?, key).map_err(records_error)
    }

    fn scan(&self, table: Table, scan: Scan<'_>) -> Result<Vec<Row>, RecordsError> {
        let from = if scan.after.is_empty() { scan.prefix } else { scan.after };
        let mode = IteratorMode::From(from, Direction::Forward);
        let mut rows = Vec::new();
        for row in self.db.iterator_cf(self.family(table)?, mode) {
            let (key, value) = row.map_err(records_error)?;
            if rows.len() >= scan.limit || !key.starts_with(scan.prefix) {
                break;
            }
            if scan.after.is_empty() || &*key > scan.after {
                rows.push((key.into_vec(), value.into_vec()));
            }
        }
        Ok(rows)
    }

    fn apply(&self, batch: Vec<Change>) -> Result<(), RecordsError> {
        if self.group.is_poisoned() {
            return Err(RecordsError::Poisoned);
        }
        let mut writes = WriteBatch::default();
        for Change { table, key, value } in batch {
            let family = self.family(table)?;
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
        self.db.write(writes).map_err(records_error)
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), RecordsError>> {
        let db = Arc::clone(&self.db);
        Box::pin(async move {
            self.group.flush(move || db.flush_wal(true)).await.map_err(|error| match error {
                FlushError::Failed(error) => records_error(error),
                FlushError::Poisoned => RecordsError::Poisoned,
            })
        })
    }
}
