//! Opening RocksDB the same way for every kind of store: small in memory, strict about damage, clear about why
//! not.
//!
//! An idle host must fit 100 MiB, so all column families share one 8 MiB block cache and 16 MiB of write buffers.
//! The values are small (the largest is a sector's 2 KiB of hashes), so neither blob files nor a large cache would
//! help. Checksums are computed without SSE4.2 unless the whole program is built for it; at 2 KiB of records for
//! each 1 MiB sector that is not worth a build flag.
//!
//! After a crash the log is replayed up to the first incomplete record: what was flushed is complete, what was
//! not flushed was promised to nobody.

use crate::error::{StoreError, is_full};
use rocksdb::{BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, ErrorKind, Options};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::ops::Deref;
use std::path::Path;

/// Shared by all column families, bytes.
const BLOCK_CACHE: usize = 8 << 20;
/// All write buffers together, bytes.
const WRITE_BUFFERS: usize = 16 << 20;
/// One column family's write buffer, bytes.
const WRITE_BUFFER: usize = 4 << 20;
/// Logs together, bytes, before the oldest column family is written out.
const LOGS: u64 = 32 << 20;
const OPEN_FILES: i32 = 128;
/// Of the database's own diary.
const DIARY_BYTES: usize = 1 << 20;

/// Locked by the process that has the directory open; never removed.
const IN_USE_FILE: &str = "in-use";

const FORMAT_KEY: &[u8] = b"layr.format";
const KIND_KEY: &[u8] = b"layr.kind";

/// What a directory is for: its name, its tables and its format.
pub(crate) struct Kind {
    /// Written into the directory, so that a host is never opened as an owner.
    pub name: &'static str,
    /// Column families, each with whether its values compress.
    pub tables: &'static [(&'static str, bool)],
    /// The newest format this program writes; old ones are brought up to it by [`Kind::migrate`].
    pub format: u32,
    /// Brings a database from one format to the next.
    pub migrate: fn(&DB, u32) -> Result<(), rocksdb::Error>,
}

/// An open database, and the right to have it open.
#[derive(Debug)]
pub(crate) struct Database {
    db: DB,
    /// Given up after the database is closed.
    _alone: File,
}

impl Deref for Database {
    type Target = DB;

    fn deref(&self) -> &DB {
        &self.db
    }
}

/// Takes the right to have `dir` open. RocksDB has a lock of its own, but before it looks at that it moves and deletes
/// diary files, which fails beside a process that does the same.
fn alone(dir: &Path) -> Result<File, StoreError> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(dir.join(IN_USE_FILE));
    let io = |source: std::io::Error| StoreError::Io { dir: dir.to_path_buf(), source: Box::new(source) };
    let file = file.map_err(io)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(Errno::WOULDBLOCK) => Err(StoreError::InUse { dir: dir.to_path_buf() }),
        Err(error) => Err(io(error.into())),
    }
}

/// Opens or creates the database in `dir`.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn open(dir: &Path, kind: &Kind) -> Result<Database, StoreError> {
    let io = |source: std::io::Error| StoreError::Io { dir: dir.to_path_buf(), source: Box::new(source) };
    std::fs::create_dir_all(dir).map_err(io)?;
    let alone = alone(dir)?;
    refuse_headless(dir).map_err(io)?.map_or(Ok(()), Err)?;
    let cache = Cache::new_lru_cache(BLOCK_CACHE);
    let families = kind
        .tables
        .iter()
        .map(|(name, compress)| ColumnFamilyDescriptor::new(*name, table_options(&cache, *compress)));
    let db = DB::open_cf_descriptors(&options(), dir, families).map_err(|error| opening(dir, error))?;
    check_format(dir, &db, kind)?;
    Ok(Database { db, _alone: alone })
}

/// A directory with tables but without the file that lists them would be taken for an empty database.
fn refuse_headless(dir: &Path) -> std::io::Result<Option<StoreError>> {
    if dir.join("CURRENT").exists() {
        return Ok(None);
    }
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".sst") || name.starts_with("MANIFEST-") {
            let detail = format!("the file CURRENT is missing beside {name}");
            return Ok(Some(StoreError::Corrupt { dir: dir.to_path_buf(), detail }));
        }
    }
    Ok(None)
}

fn options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_db_write_buffer_size(WRITE_BUFFERS);
    options.set_max_total_wal_size(LOGS);
    options.set_max_open_files(OPEN_FILES);
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(2);
    options.set_max_log_file_size(DIARY_BYTES);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options
}

fn table_options(cache: &Cache, compress: bool) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_bloom_filter(10.0, false);
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_write_buffer_size(WRITE_BUFFER);
    options.set_max_write_buffer_number(2);
    let compression = if compress { DBCompressionType::Lz4 } else { DBCompressionType::None };
    options.set_compression_type(compression);
    options
}

fn opening(dir: &Path, error: rocksdb::Error) -> StoreError {
    let dir = dir.to_path_buf();
    let words = error.to_string().to_lowercase();
    match error.kind() {
        ErrorKind::Corruption | ErrorKind::InvalidArgument | ErrorKind::NotFound => {
            StoreError::Corrupt { dir, detail: error.into_string() }
        }
        _ if words.contains("lock") => StoreError::InUse { dir },
        _ if is_full(&error) => StoreError::DiskFull { dir },
        _ if words.contains("no such file") || words.contains("while opening a file for sequentially") => {
            StoreError::Corrupt { dir, detail: error.into_string() }
        }
        _ => StoreError::Io { dir, source: Box::new(error) },
    }
}

/// Marks a new database, checks an old one, migrates one of an older format.
fn check_format(dir: &Path, db: &DB, kind: &Kind) -> Result<(), StoreError> {
    let fail = |error| opening(dir, error);
    let found = db.get(KIND_KEY).map_err(fail)?;
    let Some(found) = found else {
        let mut batch = rocksdb::WriteBatch::default();
        batch.put(KIND_KEY, kind.name);
        batch.put(FORMAT_KEY, kind.format.to_be_bytes());
        return write_synced(db, batch).map_err(fail);
    };
    if found != kind.name.as_bytes() {
        let found = String::from_utf8_lossy(&found).into_owned();
        return Err(StoreError::OtherKind { dir: dir.to_path_buf(), found, wanted: kind.name });
    }
    let bytes = db.get(FORMAT_KEY).map_err(fail)?.unwrap_or_default();
    let format = bytes.try_into().map(u32::from_be_bytes).map_err(|_| StoreError::Corrupt {
        dir: dir.to_path_buf(),
        detail: "its format number is not four bytes".into(),
    })?;
    if format > kind.format {
        return Err(StoreError::NewerFormat { dir: dir.to_path_buf(), found: format, known: kind.format });
    }
    for from in format..kind.format {
        (kind.migrate)(db, from).map_err(fail)?;
        let mut batch = rocksdb::WriteBatch::default();
        batch.put(FORMAT_KEY, (from + 1).to_be_bytes());
        write_synced(db, batch).map_err(fail)?;
    }
    Ok(())
}

/// Writes and flushes.
pub(crate) fn write_synced(db: &DB, batch: rocksdb::WriteBatch) -> Result<(), rocksdb::Error> {
    let mut synced = rocksdb::WriteOptions::default();
    synced.set_sync(true);
    db.write_opt(batch, &synced)
}
