//! Compression, when it pays.
//!
//! A few samples decide whether a chunk is worth compressing at all; most of what people store is compressed
//! already and should not be paid for twice. Decompression writes into a buffer of exactly the declared
//! length, so a bomb is an error and never an allocation.

use zstd::bulk::{Compressor, Decompressor};

/// zstd's level. Measured against 3: logs come out no smaller, and the whole pipeline takes a sixth more time.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that do not compress, from the hash in extendable mode.
    fn noise(len: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; len];
        blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn what_does_not_compress_is_left_alone() {
        let mut press = Press::new().expect("zstd knows its level");
        for len in [1, SMALLEST - 1, SMALLEST, 100_000, 3_000_001] {
            assert_eq!(press.squeeze(&noise(len)), None, "{len} bytes");
        }
    }

    #[test]
    fn what_compresses_comes_back_and_is_a_twentieth_smaller() {
        let mut press = Press::new().expect("zstd knows its level");
        for len in [SMALLEST, 10_000, 4 * 1024 * 1024] {
            let plain = b"all work and no play ".iter().copied().cycle().take(len).collect::<Vec<u8>>();
            let body = press.squeeze(&plain).expect("repetitive").to_vec();
            assert!(body.len() <= worthwhile(len));
            assert_eq!(expand(&body, len).as_deref(), Some(plain.as_slice()));
        }
    }

    #[test]
    fn noise_with_a_compressible_head_is_not_taken_for_compressible() {
        let mut press = Press::new().expect("zstd knows its level");
        let mut plain = noise(1_000_000);
        plain[..20_000].fill(0);
        assert_eq!(press.squeeze(&plain), None);
    }

    #[test]
    fn a_body_of_another_length_is_refused() {
        let mut press = Press::new().expect("zstd knows its level");
        let bomb = press.squeeze(&vec![0u8; 4_000_000]).expect("zeros").to_vec();
        assert_eq!(expand(&bomb, 3_999_999), None);
        assert_eq!(expand(&bomb, 4_000_001), None);
        assert_eq!(expand(&bomb, 1), None);
        assert_eq!(expand(b"not zstd", 8), None);
        assert_eq!(expand(&[], 1), None);
    }
}
