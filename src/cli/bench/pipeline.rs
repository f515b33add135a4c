//! `layr bench pipeline`: the owner's pipeline without network or disk.

use super::source::Noise;
use crate::envelope::Report;
use crate::failure::Failure;
use layr_coding::{
    CommittedSegment, EncodeOptions, Encoded, Encoder, OwnerSecrets, VerifiedShard, decode_segment,
};
use layr_types::ByteCount;
use serde::Serialize;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// One segment in this many is decoded again, both from data shards and from parity alone.
const DECODE_EVERY: u64 = 8;

#[derive(Debug, Serialize)]
struct Measured {
    profile: String,
    bytes: u64,
    encode_seconds: f64,
    encode_mib_s: f64,
    decode_data_mib_s: f64,
    decode_parity_mib_s: f64,
    segments: u64,
    threads: usize,
    peak_rss_mib: u64,
}

#[derive(Debug, Default)]
struct Decoded {
    bytes: u64,
    from_data: Duration,
    from_parity: Duration,
}

/// Pushes `size` bytes through the encoder and decodes a sample.
pub fn run(size: ByteCount, profile: &str) -> Result<Report, Failure> {
    let profile = crate::compose::parse_profile(profile)?;
    let secrets = OwnerSecrets::new(&[1; 32], &[2; 32]);
    let failed = |error| Failure::internal("run the encoder", &error);
    let mut encoder = Encoder::new(&secrets, profile, EncodeOptions::default()).map_err(failed)?;
    let (mut segments, mut decoded, mut aside) = (0u64, Decoded::default(), Duration::ZERO);
    let started = Instant::now();
    let mut sink = |output: Encoded| {
        if let Encoded::Segment(segment) = output {
            segments += 1;
            if segments % DECODE_EVERY == 1 {
                let began = Instant::now();
                decode_both_ways(&secrets, segment, &mut decoded);
                aside += began.elapsed();
            }
        }
        ControlFlow::Continue(())
    };
    encoder.add_file(Noise::new(size.0), &mut sink).map_err(failed)?;
    encoder.finish(&mut sink).map_err(failed)?;
    let seconds = started.elapsed().saturating_sub(aside).as_secs_f64();
    let measured = Measured {
        profile: format!("{}/{}", profile.k(), profile.n()),
        bytes: size.0,
        encode_seconds: seconds,
        encode_mib_s: mib(size.0) / seconds,
        decode_data_mib_s: mib(decoded.bytes) / decoded.from_data.as_secs_f64(),
        decode_parity_mib_s: mib(decoded.bytes) / decoded.from_parity.as_secs_f64(),
        segments,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        peak_rss_mib: peak_rss_mib(),
    };
    let words = format!(
        "{} at {}: encode {:.0} MiB/s; decode one segment at a time {:.0} MiB/s from data shards, {:.0} from parity alone; peak memory {} MiB, {} threads",
        size,
        measured.profile,
        measured.encode_mib_s,
        measured.decode_data_mib_s,
        measured.decode_parity_mib_s,
        measured.peak_rss_mib,
        measured.threads,
    );
    Report::new(&measured, words)
}

fn decode_both_ways(secrets: &OwnerSecrets, segment: CommittedSegment, decoded: &mut Decoded) {
    let (id, profile, used) = (segment.id(), segment.profile(), segment.used());
    let key = secrets.mask().segment(&id);
    let shards: Vec<VerifiedShard> = segment
        .into_shards()
        .into_iter()
        .filter_map(|shard| VerifiedShard::check(shard.index(), &shard.root(), shard.bytes().clone()).ok())
        .collect();
    let k = usize::from(profile.k());
    let (data, parity) = (&shards[..k], &shards[shards.len().saturating_sub(k)..]);
    let time = |shards: &[VerifiedShard]| {
        let began = Instant::now();
        let bytes = decode_segment(&key, profile, used, shards).map_or(0, |bytes| bytes.len());
        (began.elapsed(), bytes as u64)
    };
    let (from_data, bytes) = time(data);
    let (from_parity, again) = time(parity);
    if bytes == used.0 && again == used.0 {
        decoded.bytes += bytes;
        decoded.from_data += from_data;
        decoded.from_parity += from_parity;
    }
}

/// Bytes as MiB, for showing.
#[allow(clippy::cast_precision_loss, reason = "a figure for people; 2^52 bytes are exact")]
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1u32 << 20)
}

/// This process's largest resident size, MiB; 0 where the system does not tell.
pub fn peak_rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().map_or(0, |kib| kib / 1024)
}
