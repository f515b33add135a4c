//! RocksDB records and slot files behind the ports.
//!
//! In: a directory. Out: what the host and the owner asked for in their own `ports.rs`. Every record lives in
//! RocksDB (write-ahead log, flushed before anybody is told "done"); sector bytes live beside it in preallocated
//! slot files, because a blob in RocksDB is written one and a half to three times, read whole to serve one leaf,
//! and given back only by compaction (measured in `benches/sectors.rs`, figures in `docs/dependencies.md`).
//!
//! What must never happen: two processes in one directory; damage taken for emptiness; "done" before the flush.
//! No policy here: what a row means is the host's and the owner's business.

mod database;
mod error;
mod flush;
mod host_records;
mod host_store;
mod owner_store;
mod slot_files;

pub use error::StoreError;
pub use host_records::RocksRecords;
pub use host_store::HostStore;
pub use owner_store::OwnerStore;
pub use slot_files::{SLOTS_PER_VOLUME, SlotFiles};
