//! The mask: every shard XORed with a keystream of its own.
//!
//! Without it a host could rebuild another host's shard from `k` others to answer an audit for data it does
//! not keep, and equal sectors would be visible as equal. The keystream is ChaCha20 under the segment's mask
//! key with the shard index as nonce; a key belongs to one segment (its id is a digest of its content) and an
//! index occurs once in it, so no stretch of keystream ever covers two plaintexts. Unmasking is the same
//! operation. The mask hides; it does not authenticate: roots and chunk seals do that.

use crate::{SegmentMaskKey, ShardIndex};
use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};

/// The keystream of one shard, from some position on.
pub struct Mask(ChaCha20);

impl Mask {
    /// The keystream of shard `index` from its first byte.
    #[must_use]
    pub fn new(key: &SegmentMaskKey, index: ShardIndex) -> Self {
        let mut nonce = [0u8; 12];
        nonce[0] = index.0;
        Self(ChaCha20::new(key.as_bytes().into(), &nonce.into()))
    }

    /// The same from byte `offset` of the sector.
    #[must_use]
    pub fn at(key: &SegmentMaskKey, index: ShardIndex, offset: u32) -> Self {
        let mut mask = Self::new(key, index);
        mask.0.seek(offset);
        mask
    }

    /// Masks, or unmasks, the next bytes in place.
    pub fn apply(&mut self, bytes: &mut [u8]) {
        self.0.apply_keystream(bytes);
    }

    /// Masks, or unmasks, the next bytes from `input` into `output`.
    ///
    /// # Panics
    /// If the two differ in length.
    pub fn apply_to(&mut self, input: &[u8], output: &mut [u8]) {
        self.0.apply_keystream_b2b(input, output);
    }
}

impl core::fmt::Debug for Mask {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Mask(…)")
    }
}
