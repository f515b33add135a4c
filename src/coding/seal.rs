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
