//! Laws of both trees: roots agree with their definitions, proofs hold exactly where they should.

mod common;

use common::{Agreement, group, root_of, roots, sector};
use layr_merkle::{
    AgreementTree, GroupRange, LeafPath, Peaks, ProofError, SectorOutboard, leaf_proof_bytes, path_len,
    record_hash, sector_root, trim_moves, verify_leaf_proof, verify_range_proof, verify_removal,
};
use layr_types::{
    AgreementRoot, GROUP_BYTES, LEAF_BYTES, LEAVES_PER_GROUP, LEAVES_PER_SECTOR, LeafIndex, SECTOR_BYTES,
    SectorIndex, SectorRoot,
};
use proptest::prelude::*;
use std::sync::LazyLock;

/// RFC 6962 §2.1 to the letter, over record hashes.
fn reference_root(records: &[[u8; 32]]) -> [u8; 32] {
    match records {
        [] => [0; 32],
        [one] => *one,
        many => {
            let split = (many.len().next_power_of_two() / 2).max(1);
            let (left, right) = many.split_at(split);
            let both = [reference_root(left), reference_root(right)].concat();
            *blake3::keyed_hash(b"layr agreement tree node v1.....", &both).as_bytes()
        }
    }
}

static SMALL: LazyLock<Agreement> = LazyLock::new(|| Agreement::new(11, 6));

#[test]
fn a_sector_root_is_plain_blake3() {
    for seed in 0..3 {
        let sector = sector(seed);
        assert_eq!(sector_root(&sector).0, *blake3::hash(&*sector).as_bytes());
    }
}

#[test]
fn every_agreement_root_is_the_rfc_6962_root_whichever_way_it_is_built() {
    let mut peaks = Peaks::new();
    let mut tree = AgreementTree::new();
    for count in 0..70 {
        let records: Vec<_> = roots(count).iter().map(record_hash).collect();
        let expected = AgreementRoot(reference_root(&records));
        assert_eq!((peaks.root(), tree.root()), (expected, expected), "count {count}");
        assert_eq!(tree.peaks(), peaks);
        peaks.append(&root_of(count)).unwrap();
        assert_eq!(tree.append(&root_of(count)), Ok(SectorIndex(count)));
    }
}

#[test]
fn every_path_has_the_length_its_position_admits() {
    for count in 1..70 {
        let tree = AgreementTree::from_roots(&roots(count)).unwrap();
        for at in 0..count {
            assert_eq!(
                tree.path(SectorIndex(at)).unwrap().len(),
                path_len(at, count).unwrap(),
                "{at} of {count}"
            );
        }
        assert_eq!(tree.path(SectorIndex(count)), Err(ProofError::OutOfRange { index: count, count }));
    }
}

#[test]
fn every_leaf_proof_verifies_and_says_where_the_next_one_stands() {
    for count in [1, 2, 3, 7, 8, 11] {
        for at in 0..count {
            let agreement = Agreement::new(count, at);
            let mut bytes = agreement.proof(1023);
            assert_eq!(bytes.len(), leaf_proof_bytes(agreement.index(1023), count).unwrap());
            bytes.extend_from_slice(b"next");
            let rest = verify_leaf_proof(&bytes, agreement.index(1023), agreement.tree.root(), count);
            assert_eq!(rest, Ok(b"next".as_slice()));
        }
    }
}

#[test]
fn all_leaves_of_a_sector_can_be_proved() {
    for within in 0..LEAVES_PER_SECTOR {
        let bytes = SMALL.proof(within);
        assert_eq!(verify_leaf_proof(&bytes, SMALL.index(within), SMALL.tree.root(), 11), Ok([].as_slice()));
    }
}

#[test]
fn a_group_the_disk_has_changed_is_found_before_anything_is_sent() {
    let mut bytes = *group(&SMALL.sector, 700);
    bytes[3] ^= 4;
    assert_eq!(LeafPath::new(700, &bytes, &SMALL.outboard), Err(ProofError::Mismatch));
    assert!(matches!(LeafPath::new(1024, &bytes, &SMALL.outboard), Err(ProofError::OutOfRange { .. })));
}

#[test]
fn an_inner_node_is_not_taken_for_a_leaf() {
    // Four sectors shown as two: the upper nodes in the place of records, the path one step shorter.
    let mut tree = AgreementTree::from_roots(&roots(4)).unwrap();
    let known = (tree.root(), 4);
    let (left, right) = (tree.path(SectorIndex(2)).unwrap()[1], tree.path(SectorIndex(0)).unwrap()[1]);
    let forged = [right, left].concat();
    let refusal = verify_removal(&forged, SectorIndex(3), &SectorRoot(right), known);
    assert_eq!(refusal, Err(ProofError::PathLength { expected: 3, got: 2 }));
    // A sector whose "root" is an inner node does not hash to that node either.
    assert_ne!(record_hash(&SectorRoot(left)), left);
    assert!(tree.swap_remove(SectorIndex(3)).is_ok());
    // A leaf proof one step short or long.
    let agreement = Agreement::new(4, 1);
    let bytes = agreement.proof(0);
    let mut short = bytes[..bytes.len() - 32].to_vec();
    short[320 + LEAF_BYTES] -= 1;
    let refusal = verify_leaf_proof(&short, agreement.index(0), agreement.tree.root(), 4);
    assert_eq!(refusal, Err(ProofError::PathLength { expected: 2, got: 1 }));
}

#[test]
fn too_many_sectors_are_refused_everywhere() {
    let beyond = (1 << 40) + 1;
    let refusal = Err(ProofError::TooManySectors(beyond));
    assert_eq!(path_len(0, beyond), refusal);
    assert_eq!(
        verify_leaf_proof(&[], LeafIndex(0), AgreementRoot::default(), beyond),
        Err(ProofError::TooManySectors(beyond))
    );
    let mut encoded = beyond.to_be_bytes().to_vec();
    encoded.extend_from_slice(&[1; 64]);
    assert_eq!(Peaks::decode(&encoded), Err(ProofError::TooManySectors(beyond)));
    let mut full = Peaks::decode(&[(1u64 << 40).to_be_bytes().as_slice(), &[1; 32]].concat()).unwrap();
    assert_eq!(full.append(&root_of(1)), Err(ProofError::TooManySectors(beyond)));
    assert_eq!(path_len((1 << 40) - 1, 1 << 40), Ok(40));
}

#[test]
fn a_range_proof_is_exact_for_every_range() {
    let root = SMALL.outboard.root();
    for first in 0..64 {
        for count in 1..=64 - first {
            let range = GroupRange::new(first, count).unwrap();
            let proof = SMALL.outboard.range_proof(range);
            assert_eq!(proof.len(), range.proof_len() * 32);
            assert!((7..=64).contains(&range.proof_len()));
            assert!(verify_range_proof(&proof, range, &root).is_ok(), "{first}+{count}");
            assert!(verify_range_proof(&proof[32..], range, &root).is_err());
        }
    }
}

#[test]
fn byte_ranges_are_covered_by_their_groups() {
    assert_eq!(GroupRange::covering(0, 1), GroupRange::new(0, 1));
    assert_eq!(GroupRange::covering(GROUP_BYTES - 1, 2), GroupRange::new(0, 2));
    assert_eq!(GroupRange::covering(0, SECTOR_BYTES), Ok(GroupRange::ALL));
    for (offset, len) in [(0, 0), (SECTOR_BYTES, 1), (1, SECTOR_BYTES), (usize::MAX, 1), (1, usize::MAX)] {
        assert!(GroupRange::covering(offset, len).is_err(), "{offset}+{len}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_flipped_bit_in_a_leaf_proof_is_detected(within in 0..LEAVES_PER_SECTOR, bit: prop::sample::Index) {
        let mut bytes = SMALL.proof(within);
        let bit = bit.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify_leaf_proof(&bytes, SMALL.index(within), SMALL.tree.root(), 11).is_err());
    }

    #[test]
    fn a_leaf_proof_holds_at_its_own_position_and_count_only(within in 0..LEAVES_PER_SECTOR, other in 0..11 * 1024u64, count in 1..40u64) {
        let bytes = SMALL.proof(within);
        let index = SMALL.index(within);
        if other != index.0 {
            prop_assert!(verify_leaf_proof(&bytes, LeafIndex(other), SMALL.tree.root(), 11).is_err());
        }
        // The root does not bind the count by itself (the revision does): what must hold is that the path
        // never verifies under a count that gives the position another shape.
        if path_len(6, count) != path_len(6, 11) {
            prop_assert!(verify_leaf_proof(&bytes, index, SMALL.tree.root(), count).is_err());
        }
    }

    #[test]
    fn bytes_from_a_stranger_never_verify_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..3000), index: u64, sectors: u64) {
        prop_assert!(verify_leaf_proof(&bytes, LeafIndex(index), SMALL.tree.root(), sectors).is_err());
        prop_assert!(verify_removal(&bytes, SectorIndex(index), &root_of(index), (SMALL.tree.root(), sectors)).is_err());
        let _ = Peaks::decode(&bytes);
        let _ = SectorOutboard::decode(&bytes);
        prop_assert!(verify_range_proof(&bytes, GroupRange::ALL, &SMALL.outboard.root()).is_err());
    }

    #[test]
    fn a_leaf_that_is_not_there_is_never_proved(within in 0..LEAVES_PER_SECTOR, leaf in prop::collection::vec(any::<u8>(), LEAF_BYTES)) {
        let mut bytes = SMALL.proof(within);
        bytes[320..320 + LEAF_BYTES].copy_from_slice(&leaf);
        prop_assert_eq!(verify_leaf_proof(&bytes, SMALL.index(within), SMALL.tree.root(), 11), Err(ProofError::Mismatch));
    }

    #[test]
    fn swap_and_trim_is_proved_to_a_peer_that_knows_root_and_count(count in 1..300u64, at: prop::sample::Index) {
        let at = at.index(usize::try_from(count).unwrap());
        let mut all = roots(count);
        let mut tree = AgreementTree::from_roots(&all).unwrap();
        let before = (tree.root(), count);
        let proof = tree.swap_remove(SectorIndex(at as u64)).unwrap();
        let removed = all.swap_remove(at);
        let after = AgreementTree::from_roots(&all).unwrap();
        prop_assert_eq!(&tree, &after);
        prop_assert_eq!(verify_removal(&proof, SectorIndex(at as u64), &removed, before), Ok(after.root()));
        let wrong = root_of(count + 1);
        prop_assert!(verify_removal(&proof, SectorIndex(at as u64), &wrong, before).is_err());
        let elsewhere = SectorIndex((at as u64 + 1) % count);
        if count > 1 {
            prop_assert!(verify_removal(&proof, elsewhere, &removed, before).is_err());
        }
    }

    #[test]
    fn many_removals_are_one_after_the_other_and_every_record_is_where_the_moves_say(count in 1..300u64, picks in prop::collection::btree_set(0..300u64, 1..40)) {
        let places: Vec<SectorIndex> = picks.into_iter().rev().filter(|at| *at < count).map(SectorIndex).collect();
        let (before, mut all) = (roots(count), roots(count));
        let mut tree = AgreementTree::from_roots(&all).unwrap();
        for at in &places {
            all.swap_remove(usize::try_from(at.0).unwrap());
        }
        tree.trim(&places).unwrap();
        prop_assert_eq!(&tree, &AgreementTree::from_roots(&all).unwrap());
        let mut moved = before.clone();
        for (to, from) in trim_moves(&places, count).unwrap() {
            prop_assert!(to.0 < all.len() as u64 && from.0 >= all.len() as u64, "only the last ones move");
            moved[usize::try_from(to.0).unwrap()] = before[usize::try_from(from.0).unwrap()];
        }
        moved.truncate(all.len());
        prop_assert_eq!(moved, all);
    }

    #[test]
    fn a_removed_sectors_proof_holds_no_more(count in 1..40u64, at: prop::sample::Index) {
        let at = SectorIndex(at.index(usize::try_from(count).unwrap()) as u64);
        let mut tree = AgreementTree::from_roots(&roots(count)).unwrap();
        tree.trim(&[at]).unwrap();
        for place in 0..tree.count() {
            prop_assert!(!tree.holds(SectorIndex(place), &root_of(at.0)));
        }
        let beyond = ProofError::OutOfRange { index: at.0, count: at.0 };
        prop_assert_eq!(trim_moves(&[at, at], count), Err(beyond));
        prop_assert_eq!(trim_moves(&[SectorIndex(count)], count), Err(ProofError::OutOfRange { index: count, count }));
    }

    #[test]
    fn any_flipped_bit_in_a_removal_proof_is_detected(count in 1..100u64, at: prop::sample::Index, bit: prop::sample::Index) {
        let at = SectorIndex(at.index(usize::try_from(count).unwrap()) as u64);
        let mut tree = AgreementTree::from_roots(&roots(count)).unwrap();
        let before = (tree.root(), count);
        let mut proof = tree.swap_remove(at).unwrap();
        let bit = bit.index(proof.len() * 8);
        proof[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify_removal(&proof, at, &root_of(at.0), before).is_err());
    }

    #[test]
    fn peaks_survive_the_wire(count in 0..2000u64) {
        let tree = AgreementTree::from_roots(&roots(count)).unwrap();
        let peaks = tree.peaks();
        let bytes = peaks.encode();
        prop_assert_eq!(bytes.len(), peaks.encoded_len());
        prop_assert_eq!(Peaks::decode(&bytes), Ok(peaks));
        prop_assert!(Peaks::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        prop_assert!(Peaks::decode(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn a_read_group_is_checked_on_arrival(first in 0..64usize, count in 1..64usize, bit in 0..GROUP_BYTES * 8) {
        let range = GroupRange::new(first, count.min(64 - first)).unwrap();
        let proof = SMALL.outboard.range_proof(range);
        let verified = verify_range_proof(&proof, range, &SMALL.outboard.root()).unwrap();
        for at in range.groups() {
            let mut bytes = *group(&SMALL.sector, at * LEAVES_PER_GROUP);
            prop_assert_eq!(verified.check(at, &bytes), Ok(()));
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(verified.check(at, &bytes), Err(ProofError::Mismatch));
        }
        prop_assert!(verified.check(range.groups().end, &[0; GROUP_BYTES]).is_err());
        let mut forged = proof.clone();
        let bit = bit % (proof.len() * 8);
        forged[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(verify_range_proof(&forged, range, &SMALL.outboard.root()).is_err());
    }
}
