//! The words and quantities every room uses: ids, roots, byte counts, money and time.
//!
//! Nothing here does anything: each type is one word of the glossary with its unit, so that an amount can
//! never be mistaken for a size nor an index for an id. `no_std` and free of dependencies, because the
//! escrow contract links this crate too.

#![no_std]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod bytes;
mod codec;
#[cfg(feature = "serde")]
pub mod hex_bytes;
mod id;
mod money;
#[cfg(feature = "serde")]
mod serde_id;
mod size;
mod time;

pub use bytes::{HexError, hex32, parse_hex32};
pub use codec::{DecodeError, Reader, Writer};
pub use id::{
    AccountKey, AgreementId, AgreementRoot, AuditSeed, ChunkId, ContractId, FileId, NetworkId, NodeKey,
    SectorRoot, SegmentId, Signature, TxHash,
};
pub use money::Stroops;
pub use size::{
    ByteCount, GIB, GROUP_BYTES, GROUPS_PER_SECTOR, LEAF_BYTES, LEAVES_PER_GROUP, LEAVES_PER_SECTOR,
    LeafIndex, SECTOR_BYTES, SectorIndex,
};
pub use time::{DAY_SECONDS, UnixSeconds};

#[cfg(test)]
mod tests;
