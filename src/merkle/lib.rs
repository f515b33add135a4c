//! The two trees over an owner's bytes on one host: roots, proofs, bounds.
//!
//! - The **sector tree** is BLAKE3's own: a sector's root is the plain BLAKE3 hash of its 1 MiB and its leaves
//!   are the hash's 1 KiB chunks. BLAKE3 binds every chunk to its position.
//! - The **agreement tree** has the shape of RFC 6962 over one record per sector (length, sector root). Its
//!   root and its sector count stand together in every revision, so a path has exactly one possible length.
//!
//! What enters: sector bytes, sector roots, and proofs from strangers. What leaves: roots, proofs, and yes or
//! no. What must never happen: a panic on a stranger's bytes, an inner node taken for a leaf, a proof with two
//! encodings.
//!
//! `no_std`. Without features there is only verification (what the escrow contract links: no allocator, a
//! hash of a few hundred instructions); `alloc` adds building; `std` (the default) adds the vectorised hash.
//! Both hashes are proved equal by tests.

#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(any(test, not(feature = "fast")))]
mod compress;
mod error;
mod hash;
mod leaf_proof;
mod path;
mod peaks;
#[cfg(feature = "alloc")]
mod range;
#[cfg(feature = "alloc")]
mod removal;
#[cfg(feature = "alloc")]
mod sector;
#[cfg(feature = "alloc")]
mod tree;

pub use error::ProofError;
pub use hash::{Digest, EMPTY_AGREEMENT_ROOT, record_hash};
pub use leaf_proof::{LeafProof, MAX_LEAF_PROOF_BYTES, SECTOR_PATH_LEN, leaf_proof_bytes, verify_leaf_proof};
pub use path::{MAX_PATH_LEN, MAX_SECTORS, path_len};
pub use peaks::{MAX_PEAKS_BYTES, Peaks};
#[cfg(feature = "alloc")]
pub use range::{GroupRange, VerifiedRange, verify_range_proof};
#[cfg(feature = "alloc")]
pub use removal::{MAX_REMOVAL_PROOF_BYTES, trim_moves, verify_removal};
#[cfg(feature = "alloc")]
pub use sector::{LeafPath, OUTBOARD_BYTES, SectorOutboard, group_hash, sector_root};
#[cfg(feature = "alloc")]
pub use tree::AgreementTree;

#[cfg(test)]
mod tests;
