//! Manifest and catalogue formats: everything needed to find, check and open an owner's files again.
//!
//! *In*: encoded files and placed shards. *Out*: bytes that can be sealed, stored on hosts like any file, and
//! read by a stranger with the owner's keys and the README of this folder. The way back checks everything: a
//! decoded [`Manifest`] has a safe path and consistent lengths, a [`CatalogueUpdate`]'s segments list possible
//! shards, and what does not open under the owner's key says why.
//!
//! What must never happen here: a key is written into a manifest; a hostile name, count or length is believed;
//! another owner's object is taken for a damaged one. Pure: no files, no clock, no randomness (nonces are
//! arguments).

mod catalogue;
mod error;
mod frame;
mod manifest;
mod object;
mod path;
mod sealed;
mod segment;

pub use catalogue::{AgreementPointer, Catalogue, CatalogueUpdate, MAX_TERMS_BYTES, StoredChunks};
pub use error::{Flaw, FormatError, UnsealError};
pub use manifest::{Attributes, FileTime, MAX_LABEL_BYTES, MAX_LABELS, Manifest};
pub use object::{CatalogueHead, MAX_PARTS, ObjectLocation};
pub use path::{FilePath, MAX_COMPONENT_BYTES, MAX_PATH_BYTES, PathError};
pub use sealed::{CatalogueKey, MAX_OBJECT_BYTES, SEALED_OVERHEAD, SealNonce};
pub use segment::{MAX_PLACEMENTS, SegmentRecord, ShardRecord};
