//! Cutting a stream into content-defined chunks (FastCDC, version of 2020, gear tables of the `fastcdc` crate).
//!
//! Where a chunk ends depends only on the bytes near its end, so an insertion into a file changes one or two
//! chunks and the others deduplicate. Boundaries use no secret: they are never visible outside, because chunks
//! are sealed and then packed back to back. The stream passes through one window of fixed size; nothing here
//! grows with the file.

use fastcdc::v2020::{MASKS, cut};
use std::io::{self, Read};

/// Smallest chunk, except a file's last: 256 KiB.
pub const MIN_CHUNK_BYTES: usize = 256 * 1024;
/// Average the cutter aims at: 1 MiB.
pub const AVG_CHUNK_BYTES: usize = 1024 * 1024;
use crate::seal::MAX_CHUNK_BYTES;

/// Bytes read ahead: two longest chunks, so that the rest carried over is small beside what was cut.
const WINDOW: usize = 2 * MAX_CHUNK_BYTES;
/// Normalisation level 1: one bit stricter before the average, one bit laxer after it.
const MASK_STRICT: u64 = MASKS[AVG_CHUNK_BYTES.ilog2() as usize + 1];
const MASK_LAX: u64 = MASKS[AVG_CHUNK_BYTES.ilog2() as usize - 1];

/// Where the first chunk of `bytes` ends. `bytes.len()` means: no boundary found in what there is.
fn boundary(bytes: &[u8]) -> usize {
    let (strict, lax) = (MASK_STRICT, MASK_LAX);
    cut(bytes, MIN_CHUNK_BYTES, AVG_CHUNK_BYTES, MAX_CHUNK_BYTES, strict, lax, strict << 1, lax << 1).1
}

/// A reusable window over one stream after another.
#[derive(Debug)]
pub struct Chunker {
    window: Vec<u8>,
    start: usize,
    end: usize,
    ended: bool,
}

impl Default for Chunker {
    fn default() -> Self {
        Self::new()
    }
}

impl Chunker {
    /// Allocates the window (8 MiB, paged in as it is used).
    #[must_use]
    pub fn new() -> Self {
        Self { window: vec![0; WINDOW], start: 0, end: 0, ended: false }
    }

    /// Forgets the last stream.
    pub fn restart(&mut self) {
        (self.start, self.end, self.ended) = (0, 0, false);
    }

    /// The next chunk of the stream, or `None` at its end. A stream must be read to its end, or
    /// [`Self::restart`]ed, before the next.
    ///
    /// # Errors
    /// Whatever the reader fails with; interrupted reads are repeated.
    pub fn next<R: Read + ?Sized>(&mut self, reader: &mut R) -> io::Result<Option<&[u8]>> {
        let len = loop {
            let pending = &self.window[self.start..self.end];
            let len = boundary(pending);
            // Short of the pending bytes the boundary is the content's own; at their end it only counts if
            // nothing can follow or the chunk is as long as chunks may be.
            if len < pending.len() || self.ended || len >= MAX_CHUNK_BYTES {
                break len;
            }
            self.fill(reader)?;
        };
        if len == 0 {
            return Ok(None);
        }
        let chunk = self.start..self.start + len;
        self.start = chunk.end;
        Ok(Some(&self.window[chunk]))
    }

    /// Moves what is pending to the front and reads until the window is full or the stream ends.
    fn fill<R: Read + ?Sized>(&mut self, reader: &mut R) -> io::Result<()> {
        self.window.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        while self.end < WINDOW {
            match reader.read(&mut self.window[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(());
                }
                Ok(n) => self.end += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
