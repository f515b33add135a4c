//! One chunk's way from plaintext to sealed bytes, and the buffers it travels in.
//!
//! Called from several threads at once: everything mutable is taken from a shelf and put back.

use crate::compress::Press;
use crate::encode::ChunkIndex;
use crate::seal::{BODY_AT, MAX_CHUNK_BYTES, seal};
use crate::{ChunkRecord, ChunkSecret};
use layr_types::ChunkId;
use std::sync::{Arc, Mutex, PoisonError};

/// Free buffers kept: a few of up to 4 MiB each. Small files allocate, which costs them nothing.
const SHELF: usize = 6;

/// A chunk that went through.
pub(crate) enum Prepared {
    /// It was stored before.
    Stored(ChunkRecord),
    /// It is new, to the catalogue at least.
    Sealed(SealedChunk),
}

/// A sealed chunk that has no place yet.
pub(crate) struct SealedChunk {
    pub(crate) id: ChunkId,
    pub(crate) plain_len: u32,
    pub(crate) bytes: Vec<u8>,
}

impl SealedChunk {
    /// What determines every sealed byte: the chunk's id and its authentication tag.
    pub(crate) fn name(&self) -> [u8; 48] {
        let mut name = [0u8; 48];
        name[..32].copy_from_slice(self.id.as_bytes());
        name[32..].copy_from_slice(&self.bytes[self.bytes.len() - 16..]);
        name
    }
}

/// Names, compresses and seals chunks.
pub(crate) struct Sealer {
    secret: ChunkSecret,
    compress: bool,
    index: Arc<dyn ChunkIndex>,
    buffers: Mutex<Vec<Vec<u8>>>,
    presses: Mutex<Vec<Press>>,
}

impl core::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sealer(…)")
    }
}

impl Sealer {
    pub(crate) fn new(secret: &ChunkSecret, compress: bool, index: Arc<dyn ChunkIndex>) -> Self {
        let (buffers, presses) = (Mutex::default(), Mutex::default());
        Self { secret: secret.clone(), compress, index, buffers, presses }
    }

    /// Copies a chunk out of the window, with room in front for the seal's header.
    pub(crate) fn take_in(&self, chunk: &[u8]) -> Vec<u8> {
        let mut buffer = pop(&self.buffers).unwrap_or_default();
        buffer.clear();
        buffer.reserve(chunk.len() + crate::SEAL_OVERHEAD);
        buffer.extend_from_slice(&[0; BODY_AT]);
        buffer.extend_from_slice(chunk);
        buffer
    }

    /// Names the chunk, looks it up, and seals it if it is new.
    pub(crate) fn prepare(&self, mut buffer: Vec<u8>) -> Prepared {
        let plaintext = &buffer[BODY_AT..];
        debug_assert!(plaintext.len() <= MAX_CHUNK_BYTES, "the chunker cuts no longer");
        let plain_len = crate::pack::small(plaintext.len());
        let id = self.secret.id(plaintext);
        if let Some(record) = self.index.find(&id) {
            self.give_back(buffer);
            return Prepared::Stored(record);
        }
        let mut press = self.compress.then(|| pop(&self.presses).map_or_else(Press::new, Ok).ok()).flatten();
        seal(&self.secret.key(&id), &mut buffer, press.as_mut());
        if let Some(press) = press {
            push(&self.presses, press);
        }
        Prepared::Sealed(SealedChunk { id, plain_len, bytes: buffer })
    }

    /// Returns a buffer for the next chunk.
    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        push(&self.buffers, buffer);
    }
}

fn pop<T>(shelf: &Mutex<Vec<T>>) -> Option<T> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn push<T>(shelf: &Mutex<Vec<T>>, item: T) {
    let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
    if shelf.len() < SHELF {
        shelf.push(item);
    }
}
