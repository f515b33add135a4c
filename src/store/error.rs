//! Why a store cannot be opened, and what to do about it.

use layr_host::ports::{RecordsError, SectorError};
use std::path::PathBuf;
use thiserror::Error;

/// Why a store cannot be opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process has the directory open.
    #[error("another layr process uses {}; stop it, or give this one another directory", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The database's files are damaged or incomplete; `detail` is its own report.
    #[error(
        "the database in {} is damaged: {detail}. Keep the directory, restore the database from a copy, and start again",
        dir.display()
    )]
    Corrupt {
        /// The directory.
        dir: PathBuf,
        /// The database's words.
        detail: String,
    },
    /// A newer program has written the directory.
    #[error(
        "{} was written in format {found}, and this program knows formats up to {known}; use the newer program",
        dir.display()
    )]
    NewerFormat {
        /// The directory.
        dir: PathBuf,
        /// The format found.
        found: u32,
        /// The newest format this program knows.
        known: u32,
    },
    /// The directory belongs to something else.
    #[error("{} holds {found}, not {wanted}", dir.display())]
    OtherKind {
        /// The directory.
        dir: PathBuf,
        /// What it holds.
        found: String,
        /// What was looked for.
        wanted: &'static str,
    },
    /// The disk is full.
    #[error("the disk that holds {} is full", dir.display())]
    DiskFull {
        /// The directory.
        dir: PathBuf,
    },
    /// The disk or the database fails in another way.
    #[error("{} cannot be opened", dir.display())]
    Io {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The slot files.
    #[error("the slot files in {} cannot be opened", dir.display())]
    Sectors {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: SectorError,
    },
}

/// What a running database's error means to its user.
pub(crate) fn records_error(error: rocksdb::Error) -> RecordsError {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => RecordsError::Corrupt { detail: error.into_string() },
        _ if is_full(&error) => RecordsError::DiskFull,
        _ => RecordsError::Io(Box::new(error)),
    }
}

/// RocksDB reports a full disk in words only.
pub(crate) fn is_full(error: &rocksdb::Error) -> bool {
    let words = error.to_string();
    words.contains("No space left") || words.contains("Disk quota exceeded")
}
