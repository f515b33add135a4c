//! Files go in, shards come out, any k of them bring the files back.

mod common;

use common::{encode, noise, read_back, secrets, text};
use layr_coding::{EncodeOptions, Profile};
use proptest::prelude::*;

const MIB: usize = 1024 * 1024;

/// Encodes `files`, loses all but `k` random shards of each segment, and reads everything back.
fn survives(profile: Profile, files: &[Vec<u8>], seed: u64) {
    let owner = secrets(1);
    let stored = encode(&owner, profile, EncodeOptions::default(), files);
    assert_eq!(stored.files.len(), files.len());
    for (file, original) in stored.files.iter().zip(files) {
        assert_eq!(file.size.0, original.len() as u64);
        assert_eq!(file.hash.0, *blake3::hash(original).as_bytes());
        assert!(read_back(&owner, &stored, file, seed) == *original, "file {} differs", file.ordinal);
    }
}

#[test]
fn an_empty_file_has_no_chunks_and_costs_no_sector() {
    let owner = secrets(1);
    let stored = encode(&owner, Profile::SMALL, EncodeOptions::default(), &[Vec::new()]);
    assert!(stored.segments.is_empty());
    assert!(stored.files[0].chunks.is_empty());
    survives(Profile::SMALL, &[Vec::new()], 0);
}

#[test]
fn one_byte_comes_back_and_costs_one_data_sector() {
    let owner = secrets(1);
    let stored = encode(&owner, Profile::SMALL, EncodeOptions::default(), &[vec![7]]);
    assert_eq!(stored.segments.len(), 1);
    assert_eq!(stored.segments[0].profile(), Profile::new(1, 9).expect("valid"));
    survives(Profile::SMALL, &[vec![7]], 1);
}

#[test]
fn files_around_one_segment_come_back() {
    let options = || EncodeOptions { compress: false, ..EncodeOptions::default() };
    let owner = secrets(1);
    // The plaintext that makes exactly one full segment depends on the number of chunks: find it.
    let probe = noise(3 * MIB, 5);
    let overhead = |len: usize| {
        let stored = encode(&owner, Profile::new(2, 3).expect("valid"), options(), &[probe[..len].to_vec()]);
        stored.files[0].chunks.iter().map(|chunk| chunk.sealed_len()).sum::<u64>() - len as u64
    };
    let exact = 2 * MIB - usize::try_from(overhead(2 * MIB - 100)).expect("small");
    for (len, segments) in [(exact - 1, 1), (exact, 1), (exact + 1, 2)] {
        let file = probe[..len].to_vec();
        let stored =
            encode(&owner, Profile::new(2, 3).expect("valid"), options(), std::slice::from_ref(&file));
        assert_eq!(stored.segments.len(), segments, "{len} bytes");
        for file in &stored.files {
            assert_eq!(read_back(&owner, &stored, file, 3), probe[..len]);
        }
    }
}

#[test]
fn a_thousand_small_files_cost_a_handful_of_sectors_and_come_back() {
    let files: Vec<Vec<u8>> = (0..1000).map(|seed| noise(10 * 1024, seed)).collect();
    let owner = secrets(1);
    let stored = encode(&owner, Profile::SMALL, EncodeOptions::default(), &files);
    let sectors: usize = stored.segments.iter().map(|segment| segment.shards().len()).sum();
    assert!(sectors <= 36, "{sectors} sectors");
    for (file, original) in stored.files.iter().zip(&files) {
        assert_eq!(read_back(&owner, &stored, file, 9), *original);
    }
}

#[test]
fn a_large_file_crosses_many_segments_and_comes_back() {
    survives(Profile::SMALL, &[noise(13 * MIB + 17, 1), text(5 * MIB), noise(MIB, 2)], 4);
    survives(Profile::WIDE, &[noise(12 * MIB, 3)], 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_files_under_any_profile_come_back(
        k in 1u8..4,
        spare in 0u8..5,
        sizes in prop::collection::vec(0usize..1_500_000, 1..5),
        seed in any::<u64>(),
    ) {
        let profile = Profile::new(k, k + spare).expect("valid");
        let files: Vec<Vec<u8>> =
            sizes.iter().enumerate().map(|(at, &len)| noise(len, seed ^ at as u64)).collect();
        survives(profile, &files, seed);
    }
}
