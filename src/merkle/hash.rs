//! Every hash this crate computes, by name; which engine computes it is chosen here and nowhere else.

use layr_types::{LEAF_BYTES, SECTOR_BYTES, SectorRoot};

/// A BLAKE3 output or chaining value: 32 bytes.
pub type Digest = [u8; 32];

/// Keys the hash of a sector record, so that nothing else of an agreement can be taken for one.
const RECORD_KEY: &[u8; 32] = b"layr agreement tree leaf v1.....";
/// Keys the hash of two nodes.
const NODE_KEY: &[u8; 32] = b"layr agreement tree node v1.....";

/// Root of an agreement without sectors: all zeros, to which nothing is known to hash.
pub const EMPTY_AGREEMENT_ROOT: layr_types::AgreementRoot = layr_types::AgreementRoot([0; 32]);

/// Hash of the record of one full sector: its length in bytes (eight bytes, big-endian), then its root.
#[must_use]
pub fn record_hash(root: &SectorRoot) -> Digest {
    let mut record = [0u8; 40];
    let (length, place) = record.split_at_mut(8);
    length.copy_from_slice(&(SECTOR_BYTES as u64).to_be_bytes());
    place.copy_from_slice(root.as_bytes());
    engine::keyed_record(RECORD_KEY, &record)
}

/// Hash of an agreement tree's inner node.
pub(crate) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    engine::keyed_pair(NODE_KEY, left, right)
}

/// Chaining value of a sector's leaf at position `within` (0 to 1023).
pub(crate) fn leaf_cv(leaf: &[u8; LEAF_BYTES], within: usize) -> Digest {
    engine::leaf_cv(leaf, within)
}

/// Chaining value of a sector's inner node.
pub(crate) fn parent_cv(left: &Digest, right: &Digest) -> Digest {
    engine::parent(left, right, false)
}

/// A sector's root from its two halves.
pub(crate) fn top(left: &Digest, right: &Digest) -> SectorRoot {
    SectorRoot(engine::parent(left, right, true))
}

#[cfg(feature = "fast")]
mod engine {
    use super::Digest;
    use blake3::Hasher;
    use blake3::hazmat::{HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
    use layr_types::LEAF_BYTES;

    pub fn leaf_cv(leaf: &[u8; LEAF_BYTES], within: usize) -> Digest {
        let offset = (within as u64) * (LEAF_BYTES as u64);
        Hasher::new().set_input_offset(offset).update(leaf).finalize_non_root()
    }

    pub fn parent(left: &Digest, right: &Digest, root: bool) -> Digest {
        if root {
            return *merge_subtrees_root(left, right, Mode::Hash).as_bytes();
        }
        merge_subtrees_non_root(left, right, Mode::Hash)
    }

    pub fn keyed_pair(key: &[u8; 32], left: &Digest, right: &Digest) -> Digest {
        let mut both = [0u8; 64];
        let (l, r) = both.split_at_mut(32);
        l.copy_from_slice(left);
        r.copy_from_slice(right);
        *blake3::keyed_hash(key, &both).as_bytes()
    }

    pub fn keyed_record(key: &[u8; 32], record: &[u8; 40]) -> Digest {
        *blake3::keyed_hash(key, record).as_bytes()
    }
}

#[cfg(not(feature = "fast"))]
mod engine {
    pub use crate::compress::{keyed_pair, keyed_record, parent};
    use layr_types::LEAF_BYTES;

    #[allow(clippy::cast_possible_truncation, reason = "a position within a sector is below 1024")]
    pub fn leaf_cv(leaf: &[u8; LEAF_BYTES], within: usize) -> super::Digest {
        crate::compress::chunk_cv(leaf, within as u32)
    }
}
