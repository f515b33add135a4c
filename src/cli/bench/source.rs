//! Bytes that do not compress and cost almost nothing to make: BLAKE3's output stream under a fixed seed.

use std::io::{self, Read};

/// A reader of `left` reproducible bytes.
#[derive(Debug)]
pub struct Noise {
    block: Vec<u8>,
    at: usize,
    round: u64,
    left: u64,
}

impl Noise {
    /// A stream of `bytes` bytes.
    pub fn new(bytes: u64) -> Self {
        let mut block = vec![0u8; 1 << 20];
        blake3::Hasher::new_derive_key("layr bench 2026 noise").finalize_xof().fill(&mut block);
        let at = block.len();
        Self { block, at, round: 0, left: bytes }
    }

    /// The same pseudo-random block, changed in every 64-byte line: cheap, yet no two rounds share a chunk.
    fn next_block(&mut self) {
        self.round += 1;
        let salt = self.round.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_le_bytes();
        for line in self.block.chunks_exact_mut(64) {
            line.iter_mut().zip(salt).for_each(|(byte, salt)| *byte ^= salt);
        }
        self.at = 0;
    }
}

impl Read for Noise {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            self.next_block();
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let count = out.len().min(self.block.len() - self.at).min(left);
        out[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        self.left -= count as u64;
        Ok(count)
    }
}
