//! Public randomness: rounds of a drand network of the unchained kind with signatures in G1 ("quicknet").
//!
//! A round's message is SHA-256 of its number (8 bytes, big-endian); its signature σ = sk · H(message) is
//! unique, so nobody chooses it, and checks by e(σ, −G2) · e(H(message), key) = 1. The randomness is SHA-256
//! of σ in compressed form, as drand publishes it.

use crate::curve::{HALF_FIELD, NEGATED_G2};
use crate::error::Error;
use crate::event::BeaconPosted;
use crate::storage;
use soroban_sdk::crypto::bls12_381::{Bls12381G1Affine, Bls12381G2Affine};
use soroban_sdk::{Bytes, BytesN, Env, vec};

/// Hash-to-curve domain of drand's quicknet (RFC 9380).
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
/// First byte's flag: the point is compressed.
const COMPRESSED: u8 = 0x80;
/// First byte's flag: y is the larger of the two.
const LARGER_Y: u8 = 0x20;

/// Verifies a round and keeps its randomness. A signature that is no point of the group traps in the host.
pub fn post(env: &Env, round: u64, signature: &BytesN<96>) -> Result<(), Error> {
    if storage::beacon(env, round).is_some() {
        return Ok(());
    }
    if !verify(env, &storage::config(env).beacon_key, round, signature) {
        return Err(Error::BeaconInvalid);
    }
    let randomness = randomness(env, signature);
    storage::set_beacon(env, round, &randomness);
    BeaconPosted { round, randomness }.publish(env);
    Ok(())
}

/// True where the key is a point of the group; traps where it is no point at all.
pub fn is_key(env: &Env, key: &BytesN<192>) -> bool {
    env.crypto().bls12_381().g2_is_in_subgroup(&Bls12381G2Affine::from_bytes(key.clone()))
}

fn verify(env: &Env, key: &BytesN<192>, round: u64, signature: &BytesN<96>) -> bool {
    let bls = env.crypto().bls12_381();
    let message = env.crypto().sha256(&Bytes::from_array(env, &round.to_be_bytes())).to_bytes();
    let point = bls.hash_to_g1(message.as_bytes(), &Bytes::from_slice(env, DOMAIN));
    let signature = Bls12381G1Affine::from_bytes(signature.clone());
    let negated = Bls12381G2Affine::from_bytes(BytesN::from_array(env, &NEGATED_G2));
    let key = Bls12381G2Affine::from_bytes(key.clone());
    bls.pairing_check(vec![env, signature, point], vec![env, negated, key])
}

fn randomness(env: &Env, signature: &BytesN<96>) -> BytesN<32> {
    let mut point = signature.to_array();
    let (x, y) = point.split_at_mut(48);
    if let Some(first) = x.first_mut() {
        *first |= if *y > HALF_FIELD[..] { COMPRESSED | LARGER_Y } else { COMPRESSED };
    }
    env.crypto().sha256(&Bytes::from_slice(env, x)).to_bytes()
}
