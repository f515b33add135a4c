//! The format, byte for byte: what another implementation must reproduce.
//!
//! `vectors/v1.json` is compared with what the code makes today; a difference means that data stored yesterday
//! cannot be read or named the same tomorrow. A new format gets a new version and a new file. Compressed chunks
//! are only opened, never compared: how zstd compresses is not part of the format.
//!
//! `LAYR_UPDATE_VECTORS=1 cargo test -p layr-coding --test vectors` writes the file anew.

mod common;

use common::{encode, text};
use layr_coding::{
    ChunkKey, ChunkRecord, Chunker, Code, EncodeOptions, Mask, OwnerSecrets, Profile, ShardIndex, Span,
    open_chunk,
};
use layr_types::{ChunkId, SegmentId};
use serde_json::{Value, json};
use std::sync::Once;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
const CHUNK_SECRET: [u8; 32] = [0x11; 32];
const MASK_SECRET: [u8; 32] = [0x22; 32];

fn owner() -> OwnerSecrets {
    OwnerSecrets::new(&CHUNK_SECRET, &MASK_SECRET)
}

/// `len` bytes of BLAKE3's extendable output for the input "layr test bytes".
fn bytes(len: usize) -> Vec<u8> {
    let mut out = vec![0u8; len];
    blake3::Hasher::new().update(b"layr test bytes").finalize_xof().fill(&mut out);
    out
}

/// One small file, alone: its chunk record and its sealed bytes, which begin the only segment's first sector.
fn sealed(plain: &[u8], compress: bool) -> (ChunkRecord, Vec<u8>) {
    let options = EncodeOptions { compress, ..EncodeOptions::default() };
    let stored = encode(&owner(), Profile::new(1, 1).expect("valid"), options, &[plain.to_vec()]);
    let segment = &stored.segments[0];
    let mut sector = segment.shards()[0].bytes().to_vec();
    Mask::new(&owner().mask().segment(&segment.id()), ShardIndex(0)).apply(&mut sector);
    let chunk = stored.files[0].chunks[0].clone();
    sector.truncate(usize::try_from(chunk.sealed_len()).expect("small"));
    (chunk, sector)
}

fn chunk_vector(plain: &[u8]) -> Value {
    let owner = owner();
    let id = owner.chunk().id(plain);
    json!({
        "plaintext": hex::encode(plain),
        "id": id.to_string(),
        "key": hex::encode(owner.chunk().key(&id).as_bytes()),
        "sealed_raw": hex::encode(sealed(plain, false).1),
    })
}

fn cuts() -> Value {
    let data = bytes(12 * 1024 * 1024);
    let (mut chunker, mut reader, mut lens) = (Chunker::new(), data.as_slice(), Vec::new());
    while let Some(chunk) = chunker.next(&mut reader).expect("a slice can be read") {
        lens.push(chunk.len());
    }
    json!({ "input_bytes": data.len(), "lengths": lens })
}

fn parity(profile: Profile) -> Value {
    let k = usize::from(profile.k());
    let data: Vec<Vec<u8>> = bytes(k * 16).chunks(16).map(<[u8]>::to_vec).collect();
    let mut parity = vec![vec![0u8; 16]; usize::from(profile.spare())];
    let mut out: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
    Code::new(profile).expect("able").encode(&data, &mut out).expect("it fits");
    json!({
        "profile": profile.to_string(),
        "data": data.iter().map(hex::encode).collect::<Vec<_>>(),
        "parity": parity.iter().map(hex::encode).collect::<Vec<_>>(),
    })
}

fn mask() -> Value {
    let id = SegmentId([0x33; 32]);
    let key = owner().mask().segment(&id);
    let stream = |index, offset| {
        let mut out = [0u8; 32];
        Mask::at(&key, ShardIndex(index), offset).apply(&mut out);
        hex::encode(out)
    };
    json!({
        "segment": id.to_string(),
        "key": hex::encode(key.as_bytes()),
        "shard_0_from_0": stream(0, 0),
        "shard_7_from_0": stream(7, 0),
        "shard_7_from_1047552": stream(7, 1_047_552),
    })
}

fn session() -> Value {
    let options = EncodeOptions { compress: false, ..EncodeOptions::default() };
    let files = [bytes(100), bytes(5_000_000), Vec::new()];
    let stored = encode(&owner(), Profile::SMALL, options, &files);
    let segments = stored.segments.iter().map(|segment| {
        json!({
            "id": segment.id().to_string(),
            "profile": segment.profile().to_string(),
            "used": segment.used().0,
            "roots": segment.shards().iter().map(|shard| shard.root().to_string()).collect::<Vec<_>>(),
        })
    });
    let span = |span: &Span| json!([span.segment.to_string(), span.offset, span.len]);
    let chunk = |chunk: &ChunkRecord| {
        let spans: Vec<Value> = chunk.spans.iter().map(span).collect();
        json!({ "id": chunk.id.to_string(), "plain_len": chunk.plain_len, "spans": spans })
    };
    let files = stored.files.iter().map(|file| {
        let chunks: Vec<Value> = file.chunks.iter().map(chunk).collect();
        json!({ "size": file.size.0, "hash": file.hash.to_string(), "chunks": chunks })
    });
    json!({
        "profile": "4/12",
        "segments": segments.collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>(),
    })
}

/// Everything that must be reproduced exactly.
fn pinned() -> Value {
    json!({
        "bytes": "test bytes are BLAKE3 extendable output of \"layr test bytes\", as long as wanted, from 0",
        "chunk_secret": hex::encode(CHUNK_SECRET),
        "mask_secret": hex::encode(MASK_SECRET),
        "chunks": [chunk_vector(b"a"), chunk_vector(&bytes(100))],
        "cuts": cuts(),
        "parity": [parity(Profile::SMALL), parity(Profile::new(3, 5).expect("valid"))],
        "mask": mask(),
        "session": session(),
    })
}

/// The committed file; made anew before, once, where `LAYR_UPDATE_VECTORS` is set.
fn committed() -> Value {
    static UPDATE: Once = Once::new();
    UPDATE.call_once(|| {
        if std::env::var_os("LAYR_UPDATE_VECTORS").is_some() {
            write_the_vectors();
        }
    });
    let text = std::fs::read_to_string(PATH).expect("the vectors are committed");
    serde_json::from_str(&text).expect("the vectors are JSON")
}

#[test]
fn the_format_is_what_it_was() {
    let mut committed = committed();
    committed.as_object_mut().expect("an object").remove("sealed_compressed");
    assert_eq!(committed, pinned());
}

#[test]
fn a_compressed_chunk_of_old_opens() {
    let vector = &committed()["sealed_compressed"];
    let field = |name: &str| hex::decode(vector[name].as_str().expect("a string")).expect("hex");
    let key: [u8; 32] = field("key").try_into().expect("32 bytes");
    let plain = text(2000);
    let id: [u8; 32] = field("id").try_into().expect("32 bytes");
    let span = Span { segment: SegmentId([0; 32]), offset: 0, len: 1 };
    let record = ChunkRecord { id: ChunkId(id), plain_len: 2000, spans: vec![span] };
    assert_eq!(owner().chunk().id(&plain), record.id);
    assert!(field("sealed").len() < 2000);
    assert_eq!(
        open_chunk(&ChunkKey::from_bytes(key), &record, field("sealed")).as_deref(),
        Ok(plain.as_slice())
    );
}

fn write_the_vectors() {
    let plain = text(2000);
    let (chunk, sealed) = sealed(&plain, true);
    let mut all = pinned();
    all["sealed_compressed"] = json!({
        "id": chunk.id.to_string(),
        "key": hex::encode(owner().chunk().key(&chunk.id).as_bytes()),
        "sealed": hex::encode(sealed),
    });
    let text = serde_json::to_string_pretty(&all).expect("plain values");
    std::fs::write(PATH, text + "\n").expect("the folder is writable");
}
