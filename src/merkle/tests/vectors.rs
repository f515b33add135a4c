//! The bytes, pinned: what `vectors/` says is what the code makes and accepts. The contract's tests read the
//! same files.

mod common;

use common::{Agreement, root_of, roots, sector};
use layr_merkle::{AgreementTree, Peaks, sector_root, verify_leaf_proof, verify_removal};
use layr_types::{AgreementRoot, LeafIndex, SectorIndex};
use serde_json::{Value, json};

fn pinned(text: &str) -> Value {
    serde_json::from_str(text).expect("vectors are JSON")
}

fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a string")).expect("hexadecimal")
}

fn root(value: &Value) -> AgreementRoot {
    AgreementRoot(bytes(value).try_into().expect("32 bytes"))
}

#[test]
fn agreement_roots_and_peaks_are_pinned() {
    let made: Vec<Value> = (0..10)
        .map(|count| {
            let tree = AgreementTree::from_roots(&roots(count)).expect("small");
            json!({
                "sectors": count,
                "root": tree.root().to_string(),
                "peaks": hex::encode(tree.peaks().encode()),
            })
        })
        .collect();
    let vectors = pinned(include_str!("../vectors/agreements.json"));
    assert_eq!(Value::from(made.clone()), vectors["agreements"], "{:#}", Value::from(made));
    for case in vectors["agreements"].as_array().expect("a list") {
        let peaks = Peaks::decode(&bytes(&case["peaks"])).expect("an encoding");
        assert_eq!(
            (peaks.root(), peaks.count()),
            (root(&case["root"]), case["sectors"].as_u64().expect("a number"))
        );
    }
}

#[test]
fn a_removal_is_pinned() {
    let mut tree = AgreementTree::from_roots(&roots(7)).expect("small");
    let before = tree.root();
    let proof = tree.swap_remove(SectorIndex(2)).expect("it is there");
    let made = json!({
        "sectors": 7,
        "at": 2,
        "removed": root_of(2).to_string(),
        "root": before.to_string(),
        "proof": hex::encode(&proof),
        "root_after": tree.root().to_string(),
    });
    let vectors = pinned(include_str!("../vectors/agreements.json"));
    assert_eq!(made, vectors["removal"], "{made:#}");
    let case = &vectors["removal"];
    let after = verify_removal(&bytes(&case["proof"]), SectorIndex(2), &root_of(2), (root(&case["root"]), 7));
    assert_eq!(after, Ok(root(&case["root_after"])));
}

#[test]
fn leaf_proofs_are_pinned() {
    let made: Vec<Value> = [(1, 0, 0), (11, 6, 700), (11, 10, 1023)]
        .map(|(count, at, within)| {
            let agreement = Agreement::new(count, at);
            json!({
                "sectors": count,
                "leaf": agreement.index(within).0,
                "root": agreement.tree.root().to_string(),
                "sector_root": sector_root(&sector(at)).to_string(),
                "proof": hex::encode(agreement.proof(within)),
            })
        })
        .to_vec();
    let vectors = pinned(include_str!("../vectors/leaf_proofs.json"));
    assert_eq!(Value::from(made.clone()), vectors["leaf_proofs"], "{:#}", Value::from(made));
    for case in vectors["leaf_proofs"].as_array().expect("a list") {
        let (leaf, sectors) =
            (case["leaf"].as_u64().expect("a number"), case["sectors"].as_u64().expect("a number"));
        let rest = verify_leaf_proof(&bytes(&case["proof"]), LeafIndex(leaf), root(&case["root"]), sectors)
            .map(<[u8]>::len);
        assert_eq!(rest, Ok(0));
    }
}
