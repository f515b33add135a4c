//! The small verifier against the blake3 crate, and the bytes of the empty tree.

use crate::compress;
use crate::hash::{self, Digest};
use layr_types::{LEAF_BYTES, SectorRoot};
use proptest::prelude::*;

proptest! {
    #[test]
    fn the_small_verifier_hashes_chunks_as_blake3_does(leaf in prop::collection::vec(any::<u8>(), LEAF_BYTES), at in 0..1024usize) {
        let leaf: [u8; LEAF_BYTES] = leaf.try_into().unwrap();
        prop_assert_eq!(compress::chunk_cv(&leaf, u32::try_from(at).unwrap()), hash::leaf_cv(&leaf, at));
    }

    #[test]
    fn the_small_verifier_hashes_parents_as_blake3_does(left: Digest, right: Digest) {
        prop_assert_eq!(compress::parent(&left, &right, false), hash::parent_cv(&left, &right));
        prop_assert_eq!(compress::parent(&left, &right, true), hash::top(&left, &right).0);
    }

    #[test]
    fn the_small_verifier_keys_as_blake3_does(key: [u8; 32], left: Digest, right: Digest, root: Digest, head: [u8; 8]) {
        let both = [left, right].concat();
        prop_assert_eq!(compress::keyed_pair(&key, &left, &right), *blake3::keyed_hash(&key, &both).as_bytes());
        let mut record = [0u8; 40];
        record[..8].copy_from_slice(&head);
        record[8..].copy_from_slice(&root);
        prop_assert_eq!(compress::keyed_record(&key, &record), *blake3::keyed_hash(&key, &record).as_bytes());
    }
}

#[test]
fn a_record_a_node_and_a_sector_never_hash_alike() {
    let half = [7u8; 32];
    let record = hash::record_hash(&SectorRoot(half));
    assert_ne!(record, hash::node_hash(&half, &half));
    assert_ne!(hash::node_hash(&half, &half), hash::parent_cv(&half, &half));
    assert_ne!(hash::parent_cv(&half, &half), hash::top(&half, &half).0);
}
