//! Compression, when it pays.
//!
//! A few samples decide whether a chunk is worth compressing at all; most of what people store is compressed
//! already and should not be paid for twice. Decompression writes into a buffer of exactly the declared
//! length, so a bomb is an error and never an allocation.

use zstd::bulk::{Compressor, Decompressor};

/// zstd's level: measured against 3, which saves 2–4 % more at twice the time.
const LEVEL: i32 = 1;
/// Chunks below this are not worth a header.
const SMALLEST: usize = 512;
/// Bytes of one sample, and samples per chunk.
const SAMPLE: usize = 8 * 1024;
const SAMPLES: usize = 4;

/// A reusable compressor with its working memory.
pub(crate) struct Press {
    compressor: Compressor<'static>,
    out: Vec<u8>,
    sample: Vec<u8>,
}

impl Press {
    /// Allocates the working memory; `None` only where zstd refuses its own level.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { compressor: Compressor::new(LEVEL)?, out: Vec::new(), sample: Vec::new() })
    }

    /// The compressed chunk, if that is at least one twentieth smaller.
    pub(crate) fn squeeze(&mut self, plaintext: &[u8]) -> Option<&[u8]> {
        if plaintext.len() < SMALLEST || !self.promising(plaintext) {
            return None;
        }
        self.compress(plaintext, worthwhile(plaintext.len()))
    }

    /// Compresses a few samples to see whether the whole is worth it. A chunk not much longer than its
    /// samples is simply tried.
    fn promising(&mut self, plaintext: &[u8]) -> bool {
        if plaintext.len() <= 2 * SAMPLE * SAMPLES {
            return true;
        }
        let mut sample = core::mem::take(&mut self.sample);
        sample.clear();
        let stride = (plaintext.len() - SAMPLE) / (SAMPLES - 1);
        for at in (0..SAMPLES).map(|index| index * stride) {
            sample.extend_from_slice(&plaintext[at..at + SAMPLE]);
        }
        let promising = self.compress(&sample, worthwhile(sample.len())).is_some();
        self.sample = sample;
        promising
    }

    /// Compresses into at most `limit` bytes; `None` if it does not fit.
    fn compress(&mut self, plaintext: &[u8], limit: usize) -> Option<&[u8]> {
        self.out.clear();
        self.out.reserve(limit);
        // zstd may use the vector's whole capacity, which can be more than was reserved: hence the check.
        let written = self.compressor.compress_to_buffer(plaintext, &mut self.out).ok()?;
        (written <= limit).then_some(self.out.as_slice())
    }
}

/// The most bytes a compressed chunk may have to be kept.
const fn worthwhile(len: usize) -> usize {
    len - len / 20
}

/// Decompresses into exactly `len` bytes; `None` if the result is longer or shorter, or no zstd at all.
pub(crate) fn expand(body: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = vec![0u8; len];
    let written = Decompressor::new().ok()?.decompress_to_buffer(body, out.as_mut_slice()).ok()?;
    (written == len).then_some(out)
}
