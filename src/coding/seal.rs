//! Sealing: a chunk's plaintext, perhaps compressed, under a key of its own.
//!
//! Sealed chunk, version 1: `version (1) ‖ nonce (12) ‖ ciphertext of (form (1) ‖ body) ‖ tag (16)`, ChaCha20-
//! Poly1305, associated data `version ‖ plaintext length (4, little endian)`. Form 0: the body is the plaintext;
//! form 1: it is one zstd frame.
//!
//! *Why the nonce may be fixed.* The key is derived from the chunk id, and the id is a keyed hash of the
//! plaintext, so one key belongs to one plaintext. A raw chunk therefore always seals the same bytes under the
//! same key, and a nonce of zero never meets a second message. A compressed body is not a function of the
//! plaintext alone: another version of zstd may compress it otherwise, and two bodies under one key and nonce
//! would give both away. So a compressed chunk takes as nonce the first 12 bytes of a keyed hash of its body.
//!
//! A wrong version, a flipped bit, another length or another chunk's bytes: the seal does not open. A sealed
//! chunk never says whose it is.

use crate::compress::{Press, expand};
use crate::{ChunkKey, ChunkRecord};
use bytes::Bytes;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

/// Longest plaintext of a chunk: 4 MiB.
pub const MAX_CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Bytes that sealing adds to a chunk that is not compressed.
pub const SEAL_OVERHEAD: usize = HEADER + FORM + TAG;
/// Longest sealed chunk.
pub const MAX_SEALED_BYTES: usize = MAX_CHUNK_BYTES + SEAL_OVERHEAD;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const HEADER: usize = 1 + NONCE;
const FORM: usize = 1;
const TAG: usize = 16;
const RAW: u8 = 0;
const ZSTD: u8 = 1;
/// Where the plaintext of a raw chunk begins.
pub(crate) const BODY_AT: usize = HEADER + FORM;

/// Why a sealed chunk does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Longer or shorter than any sealed chunk can be.
    #[error("{0} bytes are not a sealed chunk")]
    Length(usize),
    /// The record claims a plaintext length no chunk has.
    #[error("no chunk holds {0} bytes")]
    Claim(u32),
    /// The first byte is a version this program does not know.
    #[error("sealed chunk of unknown version {0}")]
    Version(u8),
    /// The bytes were changed, belong to another chunk, or the key is another owner's.
    #[error("the seal of a chunk does not open: its bytes, its length or its key are wrong")]
    Seal,
    /// The seal opens, but the content is not of a known form or not of the declared length.
    #[error("a chunk opened, but its content is malformed")]
    Content,
}

/// Seals in place. `buffer` holds [`BODY_AT`] bytes of room, then the plaintext; afterwards the sealed chunk.
pub(crate) fn seal(key: &ChunkKey, buffer: &mut Vec<u8>, press: Option<&mut Press>) {
    let plain_len = buffer.len() - BODY_AT;
    let squeezed = press.and_then(|press| press.squeeze(&buffer[BODY_AT..]));
    let mut nonce = [0u8; NONCE];
    let form = match squeezed {
        Some(body) => {
            nonce.copy_from_slice(&blake3::keyed_hash(key.as_bytes(), body).as_bytes()[..NONCE]);
            buffer[BODY_AT..BODY_AT + body.len()].copy_from_slice(body);
            buffer.truncate(BODY_AT + body.len());
            ZSTD
        }
        None => RAW,
    };
    close(key, nonce, form, buffer, plain_len);
}

/// Writes the header into the room in front, encrypts what follows it, and appends the tag.
fn close(key: &ChunkKey, nonce: [u8; NONCE], form: u8, buffer: &mut Vec<u8>, plain_len: usize) {
    buffer[0] = VERSION;
    buffer[1..HEADER].copy_from_slice(&nonce);
    buffer[HEADER] = form;
    let tag = cipher(key)
        .seal_in_place_separate_tag(nonce_of(nonce), associated(plain_len), &mut buffer[HEADER..])
        .expect("a chunk is far below the cipher's message limit");
    buffer.extend_from_slice(tag.as_ref());
}

/// Opens the sealed bytes of `record`, gathered from its spans, in place.
///
/// # Errors
/// [`OpenError`]; nothing of a chunk that does not open is ever returned.
pub fn open_chunk(key: &ChunkKey, record: &ChunkRecord, mut sealed: Vec<u8>) -> Result<Bytes, OpenError> {
    let plain_len = usize::try_from(record.plain_len).map_err(|_| OpenError::Claim(record.plain_len))?;
    if plain_len == 0 || plain_len > MAX_CHUNK_BYTES {
        return Err(OpenError::Claim(record.plain_len));
    }
    if sealed.len() < SEAL_OVERHEAD || sealed.len() > MAX_SEALED_BYTES {
        return Err(OpenError::Length(sealed.len()));
    }
    if sealed[0] != VERSION {
        return Err(OpenError::Version(sealed[0]));
    }
    let mut nonce = [0u8; NONCE];
    nonce.copy_from_slice(&sealed[1..HEADER]);
    let opened = cipher(key)
        .open_in_place(nonce_of(nonce), associated(plain_len), &mut sealed[HEADER..])
        .map_err(|_| OpenError::Seal)?
        .len();
    let body = BODY_AT..HEADER + opened;
    match sealed[HEADER] {
        RAW if body.len() == plain_len => Ok(Bytes::from(sealed).slice(body)),
        ZSTD => expand(&sealed[body], plain_len).map(Bytes::from).ok_or(OpenError::Content),
        _ => Err(OpenError::Content),
    }
}

fn cipher(key: &ChunkKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes()).expect("a chunk key has 32 bytes"))
}

fn nonce_of(bytes: [u8; NONCE]) -> Nonce {
    Nonce::assume_unique_for_key(bytes)
}

fn associated(plain_len: usize) -> Aad<[u8; 5]> {
    let len = u32::try_from(plain_len).unwrap_or(u32::MAX).to_le_bytes();
    Aad::from([VERSION, len[0], len[1], len[2], len[3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_types::{ChunkId, SegmentId};

    const KEY: ChunkKey = ChunkKey::from_bytes([7; 32]);

    fn record(plain_len: usize) -> ChunkRecord {
        let plain_len = u32::try_from(plain_len).expect("small");
        let span = crate::Span { segment: SegmentId([0; 32]), offset: 0, len: 1 };
        ChunkRecord { id: ChunkId([1; 32]), plain_len, spans: vec![span] }
    }

    fn sealed(plain: &[u8], compress: bool) -> Vec<u8> {
        let mut buffer = [&[0; BODY_AT], plain].concat();
        let mut press = Press::new().expect("zstd knows its level");
        seal(&KEY, &mut buffer, compress.then_some(&mut press));
        buffer
    }

    /// A chunk that claims to be a zstd body and is validly sealed, as only a broken owner could make it.
    fn forged(form: u8, body: &[u8], plain_len: usize) -> Vec<u8> {
        let mut buffer = [&[0; BODY_AT], body].concat();
        close(&KEY, [9; NONCE], form, &mut buffer, plain_len);
        buffer
    }

    #[test]
    fn a_chunk_opens_to_its_plaintext_compressed_or_not() {
        for plain in [vec![1], vec![5; 600], vec![0; MAX_CHUNK_BYTES]] {
            let raw = sealed(&plain, false);
            assert_eq!(raw.len(), plain.len() + SEAL_OVERHEAD);
            assert_eq!(open_chunk(&KEY, &record(plain.len()), raw).as_deref(), Ok(plain.as_slice()));
            let packed = sealed(&plain, true);
            assert!(packed.len() < plain.len() || plain.len() == 1);
            assert_eq!(open_chunk(&KEY, &record(plain.len()), packed).as_deref(), Ok(plain.as_slice()));
        }
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_sealed_chunk_is_detected() {
        for compress in [false, true] {
            let good = sealed(&[3; 700], compress);
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                let opened = open_chunk(&KEY, &record(700), bad);
                assert!(matches!(opened, Err(OpenError::Seal | OpenError::Version(_))), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_chunk_cut_short_anywhere_does_not_open() {
        let good = sealed(&[3; 100], false);
        for len in 0..good.len() {
            assert!(open_chunk(&KEY, &record(100), good[..len].to_vec()).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn another_key_or_another_claimed_length_does_not_open() {
        let good = sealed(&[3; 100], false);
        let other = ChunkKey::from_bytes([8; 32]);
        assert_eq!(open_chunk(&other, &record(100), good.clone()), Err(OpenError::Seal));
        assert_eq!(open_chunk(&KEY, &record(99), good.clone()), Err(OpenError::Seal));
        assert_eq!(open_chunk(&KEY, &record(0), good.clone()), Err(OpenError::Claim(0)));
        assert_eq!(open_chunk(&KEY, &record(MAX_CHUNK_BYTES + 1), good), Err(OpenError::Claim(4_194_305)));
    }

    #[test]
    fn a_decompression_bomb_is_refused_without_its_memory() {
        let bomb = zstd::bulk::compress(&vec![0u8; 64 * 1024 * 1024], 1).expect("zeros compress");
        let opened = open_chunk(&KEY, &record(MAX_CHUNK_BYTES), forged(ZSTD, &bomb, MAX_CHUNK_BYTES));
        assert_eq!(opened, Err(OpenError::Content));
        assert_eq!(open_chunk(&KEY, &record(10), forged(ZSTD, &bomb, 10)), Err(OpenError::Content));
    }

    #[test]
    fn a_sealed_chunk_of_unknown_form_or_wrong_inner_length_is_refused() {
        assert_eq!(open_chunk(&KEY, &record(5), forged(2, b"hello", 5)), Err(OpenError::Content));
        assert_eq!(open_chunk(&KEY, &record(5), forged(RAW, b"hell", 5)), Err(OpenError::Content));
        assert_eq!(open_chunk(&KEY, &record(5), forged(ZSTD, b"hello", 5)), Err(OpenError::Content));
        assert_eq!(open_chunk(&KEY, &record(5), Vec::new()), Err(OpenError::Length(0)));
        let long = vec![1; MAX_SEALED_BYTES + 1];
        assert_eq!(open_chunk(&KEY, &record(5), long), Err(OpenError::Length(MAX_SEALED_BYTES + 1)));
    }

    #[test]
    fn two_compressions_of_one_plaintext_never_share_a_nonce() {
        let raw = sealed(&[3; 700], false);
        let packed = sealed(&[3; 700], true);
        assert_eq!(raw[1..HEADER], [0; NONCE]);
        assert_ne!(packed[1..HEADER], [0; NONCE]);
    }
}
