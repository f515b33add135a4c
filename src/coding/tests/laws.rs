//! The code's laws: any k of n rebuild, fewer never do, and the parity is the library's own.

mod common;

use common::noise;
use layr_coding::{Code, CodeError, Profile, ProfileError, ShardIndex};
use proptest::prelude::*;
use rand::{SeedableRng, seq::SliceRandom};

/// All `n` columns of a random segment column of `len` bytes.
fn columns(profile: Profile, len: usize, seed: u64) -> Vec<Vec<u8>> {
    let k = usize::from(profile.k());
    let mut all: Vec<Vec<u8>> = (0..k).map(|shard| noise(len, seed ^ shard as u64)).collect();
    let mut parity: Vec<Vec<u8>> = (0..profile.spare()).map(|_| vec![0xAA; len]).collect();
    let mut out: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    Code::new(profile).expect("this processor can").encode(&all, &mut out).expect("it fits");
    all.extend(parity);
    all
}

fn profiles() -> impl Strategy<Value = Profile> {
    (1u8..40, 0u8..40).prop_map(|(k, spare)| Profile::new(k, k + spare).expect("valid"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_k_of_n_rebuild_every_other_shard(profile in profiles(), len in 1usize..40_000, seed in any::<u64>()) {
        let all = columns(profile, len, seed);
        let mut present: Vec<ShardIndex> = profile.shards().collect();
        present.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
        let lost = present.split_off(usize::from(profile.k()));
        let plan = Code::new(profile).expect("able").rebuild(&present, &lost).expect("k shards");
        let sources: Vec<&[u8]> = plan.sources().iter().map(|index| all[index.position()].as_slice()).collect();
        let mut rebuilt = vec![vec![0u8; len]; lost.len()];
        let mut out: Vec<&mut [u8]> = rebuilt.iter_mut().map(Vec::as_mut_slice).collect();
        plan.columns(&sources, &mut out).expect("it fits");
        for (index, bytes) in lost.iter().zip(&rebuilt) {
            prop_assert!(*bytes == all[index.position()], "shard {index} of {profile}");
        }
    }

    #[test]
    fn fewer_than_k_shards_are_an_error(profile in profiles(), seed in any::<u64>()) {
        let mut present: Vec<ShardIndex> = profile.shards().collect();
        present.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
        present.truncate(usize::from(profile.k()) - 1);
        let (have, need) = (present.len(), usize::from(profile.k()));
        let planned = Code::new(profile).expect("able").rebuild(&present, &[ShardIndex(0)]);
        prop_assert_eq!(planned.map(|_| ()), Err(CodeError::TooFewShards { have, need }));
    }
}

#[test]
fn the_parity_is_what_the_library_computes() {
    for (k, n) in [(4, 12), (10, 30), (1, 5), (60, 128)] {
        let profile = Profile::new(k, n).expect("valid");
        let ours = columns(profile, 1000, 7);
        let mut theirs = ours.clone();
        theirs[usize::from(k)..].iter_mut().for_each(|shard| shard.fill(0));
        let library =
            reed_solomon_erasure::galois_8::ReedSolomon::new(k.into(), (n - k).into()).expect("valid");
        library.encode(&mut theirs).expect("it fits");
        assert_eq!(ours, theirs, "{profile}");
    }
}

#[test]
fn more_spare_shards_leave_the_others_as_they_were() {
    let few = columns(Profile::new(5, 8).expect("valid"), 500, 2);
    let many = columns(Profile::new(5, 20).expect("valid"), 500, 2);
    assert_eq!(few, many[..8]);
}

#[test]
fn one_data_shard_makes_copies() {
    let all = columns(Profile::new(1, 4).expect("valid"), 100, 1);
    assert!(all.iter().all(|shard| *shard == all[0]));
}

#[test]
fn every_pair_of_four_choose_two_of_the_smallest_code_rebuilds() {
    let profile = Profile::new(2, 4).expect("valid");
    let all = columns(profile, 10, 3);
    for a in 0..4u8 {
        for b in 0..4u8 {
            let present = [ShardIndex(a), ShardIndex(b)];
            let planned =
                Code::new(profile).expect("able").rebuild(&present, &[ShardIndex(0), ShardIndex(1)]);
            if a == b {
                assert_eq!(planned.map(|_| ()), Err(CodeError::Duplicate { index: ShardIndex(a) }));
                continue;
            }
            let plan = planned.expect("two shards");
            let sources: Vec<&[u8]> = plan.sources().iter().map(|i| all[i.position()].as_slice()).collect();
            let (mut zero, mut one) = ([0u8; 10], [0u8; 10]);
            plan.columns(&sources, &mut [&mut zero, &mut one]).expect("it fits");
            assert_eq!((zero.as_slice(), one.as_slice()), (all[0].as_slice(), all[1].as_slice()));
        }
    }
}

#[test]
fn impossible_requests_are_typed_errors() {
    let profile = Profile::SMALL;
    let code = Code::new(profile).expect("able");
    let all: Vec<ShardIndex> = profile.shards().collect();
    let index = ShardIndex(12);
    let no_such = CodeError::NoSuchShard { index, profile };
    assert_eq!(code.rebuild(&all, &[index]).map(|_| ()), Err(no_such));
    assert_eq!(code.rebuild(&[ShardIndex(0), ShardIndex(12)], &[]).map(|_| ()), Err(no_such));
    let (short, long) = (vec![0u8; 9], vec![0u8; 10]);
    let data = [&long, &long, &short, &long].map(Vec::as_slice);
    let mut parity = vec![vec![0u8; 10]; 8];
    let mut out: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    assert_eq!(code.encode(&data, &mut out), Err(CodeError::Uneven { expected: 10, found: 9 }));
    assert_eq!(code.encode(&data[..3], &mut out), Err(CodeError::TooFewShards { have: 3, need: 4 }));
    let data = [&long, &long, &long, &long].map(Vec::as_slice);
    assert!(code.encode(&data, &mut out[..7]).is_err());
}

#[test]
fn profiles_keep_their_bounds_however_they_are_made() {
    let bad = [(0, 0), (0, 5), (6, 5), (1, 129), (129, 129)];
    for (k, n) in bad {
        assert_eq!(Profile::new(k, n), Err(ProfileError::OutOfRange { k, n }));
        assert!(format!("{k}/{n}").parse::<Profile>().is_err());
        assert!(serde_json::from_str::<Profile>(&format!("[{k},{n}]")).is_err());
    }
    assert_eq!("10/30".parse(), Ok(Profile::WIDE));
    assert_eq!(Profile::SMALL.to_string(), "4/12");
    assert_eq!("4-12".parse::<Profile>(), Err(ProfileError::Syntax));
    assert_eq!(serde_json::from_str::<Profile>("[4,12]").ok(), Some(Profile::SMALL));
}

#[test]
fn a_small_last_segment_keeps_every_spare_shard() {
    const MIB: usize = 1024 * 1024;
    for (used, k, n) in [(1, 1, 21), (MIB, 1, 21), (MIB + 1, 2, 22), (10 * MIB, 10, 30)] {
        assert_eq!(Profile::WIDE.shrunk_to(used), Profile::new(k, n).expect("valid"), "{used} bytes");
    }
}
