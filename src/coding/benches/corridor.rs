//! The corridor's stages one by one, then the whole of it, per byte of input.
//!
//! `cargo bench -p layr-coding` on an idle machine; the medians stand in docs/performance.md.

#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use layr_coding::{
    Chunker, Code, CommittedSegment, EncodeOptions, Encoded, Encoder, Mask, OwnerSecrets, Profile,
    ShardIndex, VerifiedShard, decode_segment,
};
use rand::{RngCore, SeedableRng};
use std::hint::black_box;
use std::ops::ControlFlow;

const MIB: usize = 1024 * 1024;

fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0u8; len];
    rand_chacha::ChaCha8Rng::seed_from_u64(1).fill_bytes(&mut bytes);
    bytes
}

/// Log-like bytes, which compress about fourfold.
fn text(len: usize) -> Vec<u8> {
    let mut out = String::with_capacity(len + 128);
    let mut line = 0u64;
    while out.len() < len {
        let stamp = line.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        out.push_str(&format!(
            "2026-01-01T00:00:{:02} host{} GET /files/{stamp:x} 200 {line}\n",
            line % 60,
            stamp % 7
        ));
        line += 1;
    }
    out.truncate(len);
    out.into_bytes()
}

fn secrets() -> OwnerSecrets {
    OwnerSecrets::new(&[1; 32], &[2; 32])
}

fn encode(data: &[u8], profile: Profile, workers: usize, compress: bool) -> Vec<CommittedSegment> {
    encode_all(std::iter::once(data), profile, workers, compress)
}

/// Encodes files and keeps only the last segment, as if all others had been sent.
fn encode_all<'a>(
    files: impl Iterator<Item = &'a [u8]>,
    profile: Profile,
    workers: usize,
    compress: bool,
) -> Vec<CommittedSegment> {
    let options = EncodeOptions { workers, compress, ..EncodeOptions::default() };
    let mut encoder = Encoder::new(&secrets(), profile, options).expect("this processor can");
    let mut kept = Vec::new();
    let mut sink = |item| {
        if let Encoded::Segment(segment) = item {
            kept.clear();
            kept.push(segment);
        }
        ControlFlow::Continue(())
    };
    for file in files {
        encoder.add_file(file, &mut sink).expect("a slice can be read");
    }
    encoder.finish(&mut sink).expect("nothing stops it");
    kept
}

fn stages(c: &mut Criterion) {
    let data = noise(64 * MIB);
    let mut group = c.benchmark_group("stage");
    group.throughput(Throughput::Bytes(data.len() as u64)).sample_size(10);
    group.bench_function("chunk", |b| {
        let mut chunker = Chunker::new();
        b.iter(|| {
            chunker.restart();
            let mut reader = data.as_slice();
            while let Some(chunk) = chunker.next(&mut reader).expect("a slice can be read") {
                black_box(chunk.len());
            }
        });
    });
    group.bench_function("id", |b| {
        let owner = secrets();
        b.iter(|| {
            data.chunks(MIB).for_each(|chunk| {
                black_box(owner.chunk().id(chunk));
            })
        });
    });
    group.bench_function("file hash", |b| b.iter(|| black_box(blake3::hash(&data))));
    group.finish();
}

fn shards(c: &mut Criterion) {
    let mut group = c.benchmark_group("sector");
    let sector = noise(MIB);
    let key = secrets().mask().segment(&layr_types::SegmentId([3; 32]));
    group.throughput(Throughput::Bytes(MIB as u64));
    group.bench_function("mask", |b| {
        b.iter_batched_ref(
            || sector.clone(),
            |s| Mask::new(&key, ShardIndex(1)).apply(s),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("root", |b| b.iter(|| black_box(blake3::hash(&sector))));
    group.finish();
    let mut group = c.benchmark_group("code");
    for profile in [Profile::SMALL, Profile::WIDE] {
        let k = usize::from(profile.k());
        let data: Vec<Vec<u8>> = (0..k).map(|_| sector.clone()).collect();
        let code = Code::new(profile).expect("this processor can");
        let mut parity: Vec<Vec<u8>> = (0..profile.spare()).map(|_| vec![0u8; MIB]).collect();
        group.throughput(Throughput::Bytes((k * MIB) as u64));
        group.bench_function(profile.to_string(), |b| {
            b.iter(|| {
                let mut out: Vec<&mut [u8]> = parity.iter_mut().map(Vec::as_mut_slice).collect();
                code.encode(&data, &mut out).expect("it fits");
            });
        });
    }
    group.finish();
}

/// Everything up to the seal, and one mask and root: what compression costs shows in the differences.
fn sealing(c: &mut Criterion) {
    let mut group = c.benchmark_group("seal");
    group.sample_size(10);
    let alone = Profile::new(1, 1).expect("valid");
    for (name, data) in [("noise", noise(64 * MIB)), ("text", text(64 * MIB))] {
        group.throughput(Throughput::Bytes(data.len() as u64));
        for compress in [false, true] {
            let label =
                format!("{name}, {}", if compress { "compressed where it pays" } else { "never compressed" });
            group.bench_function(label, |b| b.iter(|| black_box(encode(&data, alone, 0, compress))));
        }
    }
    group.finish();
}

fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("pipeline");
    group.sample_size(10);
    for (name, data) in [("noise", noise(128 * MIB)), ("text", text(128 * MIB))] {
        group.throughput(Throughput::Bytes(data.len() as u64));
        for profile in [Profile::SMALL, Profile::WIDE] {
            for threads in [1, 2] {
                group.bench_function(format!("{profile} {name}, {threads} threads"), |b| {
                    b.iter(|| black_box(encode(&data, profile, threads - 1, true)));
                });
            }
        }
    }
    let files: Vec<Vec<u8>> = noise(1000 * 10 * 1024).chunks(10 * 1024).map(<[u8]>::to_vec).collect();
    group.bench_function("4/12 a thousand files of 10 KiB, 2 threads", |b| {
        b.iter(|| black_box(encode_all(files.iter().map(Vec::as_slice), Profile::SMALL, 1, true)));
    });
    group.bench_function("4/12 one file of 1 MiB, 2 threads", |b| {
        let data = noise(MIB);
        b.iter(|| black_box(encode(&data, Profile::SMALL, 1, true)));
    });
    group.finish();
}

fn back(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for profile in [Profile::SMALL, Profile::WIDE] {
        let k = usize::from(profile.k());
        let data = noise((k + 2) * MIB);
        let stored = first_segment(&data, profile);
        let key = secrets().mask().segment(&stored.id());
        let all: Vec<VerifiedShard> = stored.shards().iter().cloned().map(VerifiedShard::from).collect();
        group.throughput(Throughput::Bytes((k * MIB) as u64));
        for (name, lost) in [("nothing lost", 0), ("half lost", k / 2), ("parity only", k)] {
            group.bench_function(format!("{profile} {name}"), |b| {
                b.iter(|| black_box(decode_segment(&key, profile, stored.used(), &all[lost..lost + k])));
            });
        }
    }
    group.finish();
}

fn first_segment(data: &[u8], profile: Profile) -> CommittedSegment {
    let mut encoder =
        Encoder::new(&secrets(), profile, EncodeOptions::default()).expect("this processor can");
    let mut first = None;
    let mut sink = |item| {
        if let Encoded::Segment(segment) = item {
            first.get_or_insert(segment);
        }
        ControlFlow::Continue(())
    };
    encoder.add_file(data, &mut sink).expect("a slice can be read");
    encoder.finish(&mut sink).expect("nothing stops it");
    first.expect("more than a segment of data")
}

criterion_group!(benches, stages, shards, sealing, whole, back);
criterion_main!(benches);
