//! The beacon: real rounds pass, anything else does not, and the randomness is drand's own.

use super::deal::Deal;
use super::refusal;
use super::std::{string::String, vec::Vec};
use super::world::{World, beacon_secret, deploy, network, sign_round};
use crate::{Config, Error, curve};
use blst::min_sig::{PublicKey, SecretKey, Signature};
use layr_market::{Sha256 as _, SoftwareSha256};
use soroban_sdk::{BytesN, testutils::Address as _, vec};

/// drand's public quicknet (chain 52db9ba7…), from its published chain information, and its round 1000.
const QUICKNET_KEY: &str = "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451\
    0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
const QUICKNET_SIGNATURE: &str =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
const QUICKNET_RANDOMNESS: &str = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";

fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn post(world: &World, round: u64, signature: &[u8; 96]) -> Result<(), u32> {
    match world.escrow.try_post_beacon(&round, &BytesN::from_array(&world.env, signature)) {
        Ok(_) => Ok(()),
        refused => Err(refusal(refused)),
    }
}

#[test]
fn a_round_of_the_public_drand_network_is_accepted() {
    let env = network();
    let key = PublicKey::uncompress(&unhex(QUICKNET_KEY)).unwrap().serialize();
    let signature = Signature::uncompress(&unhex(QUICKNET_SIGNATURE)).unwrap().serialize();
    let escrow = deploy(
        &env,
        Config {
            beacon_genesis: 1_692_803_367,
            beacon_key: BytesN::from_array(&env, &key),
            beacon_period: 3,
            min_bond: 0,
            tokens: vec![&env, soroban_sdk::Address::generate(&env)],
        },
    );
    escrow.post_beacon(&1_000, &BytesN::from_array(&env, &signature));
    assert_eq!(escrow.beacon(&1_000).unwrap().to_array().as_slice(), unhex(QUICKNET_RANDOMNESS));
    let other = escrow.try_post_beacon(&1_001, &BytesN::from_array(&env, &signature));
    assert_eq!(refusal(other), Error::BeaconInvalid as u32);
}

#[test]
fn randomness_is_the_hash_of_the_compressed_signature_for_either_sign_of_y() {
    let world = World::new();
    let mut signs = [0, 0];
    for round in 1..=12 {
        let signature = sign_round(&beacon_secret(), round);
        post(&world, round, &signature.serialize()).unwrap();
        let compressed = signature.compress();
        signs[usize::from(compressed[0] >> 5 & 1)] += 1;
        let expected = SoftwareSha256.sha256(&[&compressed]);
        assert_eq!(world.escrow.beacon(&round).unwrap().to_array(), expected);
    }
    assert!(signs[0] > 0 && signs[1] > 0, "both signs occurred");
}

#[test]
fn a_round_signed_by_another_key_is_refused() {
    let world = World::new();
    let stranger = SecretKey::key_gen(&[8; 32], &[]).unwrap();
    let forged = sign_round(&stranger, 5).serialize();
    assert_eq!(post(&world, 5, &forged), Err(Error::BeaconInvalid as u32));
    assert_eq!(world.escrow.beacon(&5), None);
}

#[test]
fn a_signature_of_another_round_is_refused() {
    let world = World::new();
    let signature = sign_round(&beacon_secret(), 5).serialize();
    assert_eq!(post(&world, 6, &signature), Err(Error::BeaconInvalid as u32));
}

#[test]
fn bytes_that_are_no_point_of_the_group_are_refused() {
    let world = World::new();
    let mut off_curve = sign_round(&beacon_secret(), 5).serialize();
    off_curve[95] ^= 1;
    assert_eq!(post(&world, 5, &off_curve), Err(0));
    assert_eq!(post(&world, 5, &[0xff; 96]), Err(0));
    let mut infinity = [0; 96];
    infinity[0] = 0x40;
    assert_eq!(post(&world, 5, &infinity), Err(Error::BeaconInvalid as u32));
    // On the curve, outside the group: (0, 2), since y² = x³ + 4.
    let mut small = [0; 96];
    small[95] = 2;
    assert!(post(&world, 5, &small).is_err());
}

#[test]
fn posting_a_round_again_changes_nothing() {
    let world = World::new();
    let signature = sign_round(&beacon_secret(), 5).serialize();
    post(&world, 5, &signature).unwrap();
    let randomness = world.escrow.beacon(&5);
    post(&world, 5, &[0; 96]).unwrap();
    assert_eq!(world.escrow.beacon(&5), randomness);
}

#[test]
fn a_lapsed_round_can_be_posted_again() {
    let world = World::new();
    let deal = Deal::new(&world, 0);
    world.post_round_of(&deal);
    world.pass(3 * 86_400);
    assert_eq!(world.escrow.beacon(&deal.round()), None);
    world.post_round_of(&deal);
    assert!(world.escrow.beacon(&deal.round()).is_some());
}

#[test]
fn the_curve_constants_are_what_they_are_called() {
    // sk = 1 gives the generator as public key; compressed form tells which y is meant, so flip it.
    let mut one = [0; 32];
    one[31] = 1;
    let mut generator = SecretKey::from_bytes(&one).unwrap().sk_to_pk().compress();
    generator[0] ^= 0x20;
    assert_eq!(PublicKey::uncompress(&generator).unwrap().serialize(), curve::NEGATED_G2);
    // 2 × half + 1 = p, and blst calls exactly the y above half the larger one: checked by the signs above.
    let p = unhex(
        "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab",
    );
    let mut doubled = [0u8; 48];
    let mut carry = 1u16;
    for at in (0..48).rev() {
        let sum = u16::from(curve::HALF_FIELD[at]) * 2 + carry;
        let [high, low] = sum.to_be_bytes();
        (carry, doubled[at]) = (u16::from(high), low);
    }
    assert_eq!(doubled.as_slice(), p);
}
