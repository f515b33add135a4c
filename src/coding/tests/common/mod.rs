//! What the tests share: repeatable bytes, an owner, an encoder run to its end, and a reader.
#![allow(dead_code, reason = "each test file uses its own part")]

use layr_coding::{
    CommittedSegment, EncodeOptions, Encoded, EncodedFile, Encoder, OwnerSecrets, Profile, VerifiedShard,
    decode_segment, gather_chunk, open_chunk,
};
use layr_types::SegmentId;
use rand::{RngCore, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;
use std::ops::ControlFlow;

/// Incompressible bytes.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0u8; len];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

/// Compressible bytes that do not repeat.
pub fn text(len: usize) -> Vec<u8> {
    let mut out = String::with_capacity(len + 64);
    let mut line = 0u64;
    while out.len() < len {
        out.push_str(&format!(
            "line {line}: the quick brown fox counts {}\n",
            line.wrapping_mul(0x9E37_79B9_7F4A_7C15)
        ));
        line += 1;
    }
    out.truncate(len);
    out.into_bytes()
}

/// An owner.
pub fn secrets(owner: u8) -> OwnerSecrets {
    OwnerSecrets::new(&[owner; 32], &[owner ^ 0x80; 32])
}

/// Everything an encoder handed out.
pub struct Stored {
    pub segments: Vec<CommittedSegment>,
    pub files: Vec<EncodedFile>,
}

/// Runs an encoder over `files`.
pub fn encode(owner: &OwnerSecrets, profile: Profile, options: EncodeOptions, files: &[Vec<u8>]) -> Stored {
    let mut stored = Stored { segments: Vec::new(), files: Vec::new() };
    let mut sink = |item| {
        match item {
            Encoded::Segment(segment) => stored.segments.push(segment),
            Encoded::File(file) => stored.files.push(file),
        }
        ControlFlow::Continue(())
    };
    let mut encoder = Encoder::new(owner, profile, options).expect("this processor can");
    for file in files {
        encoder.add_file(file.as_slice(), &mut sink).expect("a slice can be read");
    }
    encoder.finish(&mut sink).expect("nothing stops it");
    stored
}

/// `k` random shards of a segment, checked against their roots.
pub fn survivors(segment: &CommittedSegment, count: usize, seed: u64) -> Vec<VerifiedShard> {
    let mut shards: Vec<_> = segment.shards().to_vec();
    shards.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    shards.truncate(count);
    shards
        .into_iter()
        .map(|shard| {
            VerifiedShard::check(shard.index(), &shard.root(), shard.bytes().clone()).expect("its root")
        })
        .collect()
}

/// Reads a file from `k` random shards of each of its segments.
pub fn read_back(owner: &OwnerSecrets, stored: &Stored, file: &EncodedFile, seed: u64) -> Vec<u8> {
    let mut segments: HashMap<SegmentId, Vec<u8>> = HashMap::new();
    for span in file.chunks.iter().flat_map(|chunk| &chunk.spans) {
        segments.entry(span.segment).or_insert_with(|| {
            let segment =
                stored.segments.iter().find(|segment| segment.id() == span.segment).expect("came out");
            let shards = survivors(segment, usize::from(segment.profile().k()), seed);
            let key = owner.mask().segment(&segment.id());
            decode_segment(&key, segment.profile(), segment.used(), &shards).expect("k shards")
        });
    }
    let mut out = Vec::new();
    for chunk in &file.chunks {
        let sealed = gather_chunk(chunk, |span| {
            let start = usize::try_from(span.offset).expect("fits");
            segments[&span.segment].get(start..start + usize::try_from(span.len).expect("fits"))
        })
        .expect("in the segments");
        out.extend_from_slice(
            &open_chunk(&owner.chunk().key(&chunk.id), chunk, sealed).expect("sealed by us"),
        );
    }
    out
}
