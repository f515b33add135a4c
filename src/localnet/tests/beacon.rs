//! The beacon over HTTP, checked by an independent verification of its signatures.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use common::*;
use serde_json::json;
use sha2::{Digest, Sha256};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rounds_follow_the_ledgers_clock_and_verify_under_the_published_key() {
    let net = Net::start().await;
    let (_, info) = net.get("/beacon/info").await;
    assert_eq!(info["schemeID"], "bls-unchained-g1-rfc9380");
    assert_eq!(info["period"], 3);
    let key = hex::decode(info["public_key"].as_str().unwrap()).unwrap();
    let genesis = info["genesis_time"].as_u64().unwrap();
    let newest = (START - genesis) / 3 + 1;

    let (status, latest) = net.get("/beacon/public/latest").await;
    assert_eq!((status, latest["round"].as_u64()), (200, Some(newest)));
    let (_, same) = net.get(&format!("/beacon/public/{newest}")).await;
    assert_eq!(same, latest);
    let signature = hex::decode(latest["signature"].as_str().unwrap()).unwrap();
    assert_eq!(latest["randomness"], hex::encode(Sha256::digest(&signature)));
    assert!(verifies(&key, newest, &signature));
    assert!(!verifies(&key, newest + 1, &signature));

    let ahead = newest + 10;
    assert_eq!(net.get(&format!("/beacon/public/{ahead}")).await.0, 425);
    assert_eq!(net.get("/beacon/public/0").await.0, 404);
    assert_eq!(net.get("/beacon/public/soon").await.0, 400);
    net.advance(json!({ "seconds": 30 })).await;
    let (status, round) = net.get(&format!("/beacon/public/{ahead}")).await;
    assert_eq!(status, 200);
    assert!(verifies(&key, ahead, &hex::decode(round["signature"].as_str().unwrap()).unwrap()));
}

/// Verification written out with the curve library, apart from the code under test.
fn verifies(key: &[u8], round: u64, signature: &[u8]) -> bool {
    use blst::min_sig::{PublicKey, Signature};
    let key = PublicKey::uncompress(key).unwrap();
    let signature = Signature::uncompress(signature).unwrap();
    let message = Sha256::digest(round.to_be_bytes());
    let domain = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
    signature.verify(true, &message, domain, &[], &key, true) == blst::BLST_ERROR::BLST_SUCCESS
}
