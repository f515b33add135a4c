//! The formats, byte for byte: what another implementation must reproduce.
//!
//! `vectors/v1.json` is compared with what the code makes today; a difference means that a catalogue written
//! yesterday cannot be read tomorrow. A new format gets a new version and a new file.
//!
//! `LAYR_UPDATE_VECTORS=1 cargo test -p layr-manifests --test vectors` writes the file anew.

mod common;

use common::{head, manifest, segment, update};
use layr_coding::Profile;
use layr_manifests::{CatalogueHead, CatalogueKey, CatalogueUpdate, Manifest, ObjectLocation, SegmentRecord};
use serde_json::{Value, json};
use std::sync::Once;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
const SECRET: [u8; 32] = [0x44; 32];
const NONCE: [u8; 12] = [0x55; 12];

fn key() -> CatalogueKey {
    CatalogueKey::new(&SECRET)
}

fn pinned() -> Value {
    let (manifest, head) = (manifest("docs/a.txt", 2), head());
    json!({
        "ids": "32-byte ids are BLAKE3 derive_key(kind, number as 8 bytes big endian), see tests/common",
        "catalogue_secret": hex::encode(SECRET),
        "nonce": hex::encode(NONCE),
        "manifest": hex::encode(manifest.encode()),
        "manifest_file_id": manifest.file().to_string(),
        "manifest_sealed": hex::encode(manifest.seal(&key(), NONCE)),
        "segment": hex::encode(segment(1, Profile::SMALL).encode()),
        "update": hex::encode(update().encode()),
        "location": hex::encode(head.parts[0].encode()),
        "head": hex::encode(head.encode()),
        "head_sealed": hex::encode(head.seal(&key(), NONCE)),
    })
}

/// The committed file; made anew before, once, where `LAYR_UPDATE_VECTORS` is set.
fn committed() -> Value {
    static UPDATE: Once = Once::new();
    UPDATE.call_once(|| {
        if std::env::var_os("LAYR_UPDATE_VECTORS").is_some() {
            let text = serde_json::to_string_pretty(&pinned()).expect("plain values");
            std::fs::write(PATH, text + "\n").expect("the folder is writable");
        }
    });
    let text = std::fs::read_to_string(PATH).expect("the vectors are committed");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

#[test]
fn the_formats_are_what_they_were() {
    assert_eq!(committed(), pinned());
}

#[test]
fn objects_of_old_decode() {
    let vectors = committed();
    let field = |name: &str| hex::decode(vectors[name].as_str().expect("a string")).expect("hex");
    assert_eq!(Manifest::decode(&field("manifest")), Ok(manifest("docs/a.txt", 2)));
    assert_eq!(Manifest::unseal(&key(), &field("manifest_sealed")), Ok(manifest("docs/a.txt", 2)));
    assert_eq!(SegmentRecord::decode(&field("segment")), Ok(segment(1, Profile::SMALL)));
    assert_eq!(CatalogueUpdate::decode(&field("update")), Ok(update()));
    assert_eq!(ObjectLocation::decode(&field("location")).as_ref(), Ok(&head().parts[0]));
    assert_eq!(CatalogueHead::decode(&field("head")), Ok(head()));
    assert_eq!(CatalogueHead::unseal(&key(), &field("head_sealed")), Ok(head()));
}
