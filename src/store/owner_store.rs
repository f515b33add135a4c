//! The owner's records in RocksDB: one column family a space, every batch flushed before it counts.

use crate::database::{self, Database, Kind, write_synced};
use crate::error::{StoreError, is_full};
use layr_owner::{Batch, Entry, OwnerRecords, RecordsFault, Space};
use rocksdb::{ColumnFamily, Direction, ErrorKind, IteratorMode, WriteBatch};
use std::path::Path;

/// The spaces' persistent names; values are sealed by the owner, so nothing compresses.
const TABLES: [(&str, bool); 20] = [
    ("owner.meta", false),
    ("owner.agreements", false),
    ("owner.files", false),
    ("owner.segments", false),
    ("owner.chunks", false),
    ("owner.jobs", false),
    ("owner.acks", false),
    ("owner.transactions", false),
    ("owner.hosts", false),
    ("owner.audits", false),
    ("owner.seen", false),
    ("owner.revisions", false),
    ("owner.vouchers", false),
    ("owner.renewals", false),
    ("owner.contents", false),
    ("owner.condemned", false),
    ("owner.diaries", false),
    ("owner.receipts", false),
    ("owner.rounds", false),
    ("owner.answers", false),
];

const OWNER: Kind =
    Kind { name: "a layr owner's records", tables: &TABLES, format: 1, migrate: |_, _| Ok(()) };

const fn table(space: Space) -> &'static str {
    match space {
        Space::Meta => "owner.meta",
        Space::Agreements => "owner.agreements",
        Space::Files => "owner.files",
        Space::Segments => "owner.segments",
        Space::Chunks => "owner.chunks",
        Space::Jobs => "owner.jobs",
        Space::Acks => "owner.acks",
        Space::Transactions => "owner.transactions",
        Space::Hosts => "owner.hosts",
        Space::Audits => "owner.audits",
        Space::Seen => "owner.seen",
        Space::Revisions => "owner.revisions",
        Space::Vouchers => "owner.vouchers",
        Space::Renewals => "owner.renewals",
        Space::Contents => "owner.contents",
        Space::Condemned => "owner.condemned",
        Space::Diaries => "owner.diaries",
        Space::Receipts => "owner.receipts",
        Space::Rounds => "owner.rounds",
        Space::Answers => "owner.answers",
    }
}

/// Everything an owner keeps on disk.
#[derive(Debug)]
pub struct OwnerStore {
    db: Database,
}

impl OwnerStore {
    /// Opens or creates `dir/records`, locked against other processes as long as it is open. Blocking.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { db: database::open(&dir.join("records"), &OWNER)? })
    }

    fn family(&self, space: Space) -> Result<&ColumnFamily, RecordsFault> {
        self.db.cf_handle(table(space)).ok_or(RecordsFault::Damaged { space })
    }
}

fn fault(space: Space, error: rocksdb::Error) -> RecordsFault {
    match error.kind() {
        ErrorKind::Corruption => RecordsFault::Damaged { space },
        _ if is_full(&error) => RecordsFault::DiskFull,
        _ => RecordsFault::Store(Box::new(error)),
    }
}

impl OwnerRecords for OwnerStore {
    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Vec<u8>>, RecordsFault> {
        self.db.get_cf(self.family(space)?, key).map_err(|error| fault(space, error))
    }

    fn scan(&self, space: Space, prefix: &[u8]) -> Result<Vec<Entry>, RecordsFault> {
        let mode = IteratorMode::From(prefix, Direction::Forward);
        let mut found = Vec::new();
        for entry in self.db.iterator_cf(self.family(space)?, mode) {
            let (key, value) = entry.map_err(|error| fault(space, error))?;
            if !key.starts_with(prefix) {
                break;
            }
            found.push((key.into_vec(), value.into_vec()));
        }
        Ok(found)
    }

    fn commit(&self, batch: Batch) -> Result<(), RecordsFault> {
        let first = batch.changes.first().map_or(Space::Meta, |(space, _, _)| *space);
        let mut writes = WriteBatch::default();
        for (space, key, value) in batch.changes {
            let family = self.family(space)?;
            match value {
                Some(value) => writes.put_cf(family, key, value),
                None => writes.delete_cf(family, key),
            }
        }
        write_synced(&self.db, writes).map_err(|error| fault(first, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_reopening_and_scans_keep_to_their_prefix() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = OwnerStore::open(dir.path()).expect("new");
        let put = |key: &[u8], value: &[u8]| (Space::Acks, key.to_vec(), Some(value.to_vec()));
        let batch = Batch { changes: vec![put(b"a1", b"x"), put(b"a2", b"y"), put(b"b1", b"z")] };
        store.commit(batch).expect("fits");
        store.commit(Batch { changes: vec![(Space::Acks, b"a2".to_vec(), None)] }).expect("fits");
        drop(store);
        let store = OwnerStore::open(dir.path()).expect("closed before");
        assert_eq!(store.scan(Space::Acks, b"a").expect("readable"), [(b"a1".to_vec(), b"x".to_vec())]);
        assert_eq!(store.get(Space::Acks, b"b1").expect("readable").as_deref(), Some(&b"z"[..]));
        assert_eq!(store.get(Space::Files, b"b1").expect("readable"), None);
    }

    #[test]
    fn a_second_opener_is_told_that_the_directory_is_in_use() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let _first = OwnerStore::open(dir.path()).expect("new");
        assert!(matches!(OwnerStore::open(dir.path()), Err(StoreError::InUse { .. })));
    }

    #[test]
    fn many_openers_at_once_find_it_open_or_in_use_and_never_damaged() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        drop(OwnerStore::open(dir.path()).expect("new"));
        let opened = std::thread::scope(|scope| {
            let openers = (0..4).map(|_| {
                scope.spawn(|| {
                    let each = (0..40).map(|_| match OwnerStore::open(dir.path()) {
                        Ok(_) => 1,
                        Err(StoreError::InUse { .. }) => 0,
                        Err(error) => panic!("{error}"),
                    });
                    each.sum::<u32>()
                })
            });
            openers.collect::<Vec<_>>().into_iter().map(|opener| opener.join().expect("opened")).sum::<u32>()
        });
        assert!(opened > 0);
    }
}
