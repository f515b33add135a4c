//! The bookkeeping of one encoding session: which chunk belongs to which file, and when a file is complete.
//!
//! Segments have no name until they are closed, so chunks are first located by segment number; a file comes
//! out once every segment it touches has come out, with the names filled in. No bytes of content here.

use crate::pack::OpenSpan;
use crate::sealer::SealedChunk;
use crate::{ChunkRecord, EncodedFile, FileHash, Span};
use layr_types::{ByteCount, ChunkId, SegmentId};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Where a chunk of this session lies, or a record from before it.
#[derive(Debug, Clone)]
enum Located {
    Stored(ChunkRecord),
    Packed { id: ChunkId, plain_len: u32, spans: Arc<[OpenSpan]> },
}

#[derive(Debug)]
struct OpenFile {
    ordinal: u64,
    size: u64,
    hash: blake3::Hasher,
    /// Chunks cut so far.
    cut: usize,
    chunks: Vec<Located>,
    ended: bool,
    /// Segments that must have come out before this file may.
    needs: u64,
}

/// Files between their first byte read and their record handed out.
#[derive(Debug, Default)]
pub(crate) struct Session {
    files: VecDeque<OpenFile>,
    begun: u64,
    bytes_read: u64,
    seen: HashMap<ChunkId, Located>,
    names: Vec<SegmentId>,
    out: u64,
}

impl Session {
    pub(crate) const fn bytes_read(&self) -> ByteCount {
        ByteCount(self.bytes_read)
    }

    pub(crate) fn begin_file(&mut self) -> u64 {
        let ordinal = self.begun;
        self.begun += 1;
        let hash = blake3::Hasher::new();
        let (chunks, cut, needs, size) = (Vec::new(), 0, 0, 0);
        self.files.push_back(OpenFile { ordinal, size, hash, cut, chunks, ended: false, needs });
        ordinal
    }

    /// A chunk of the newest file was cut.
    pub(crate) fn read(&mut self, chunk: &[u8]) {
        self.bytes_read += chunk.len() as u64;
        if let Some(file) = self.files.back_mut() {
            file.hash.update(chunk);
            file.size += chunk.len() as u64;
            file.cut += 1;
        }
    }

    pub(crate) fn end_file(&mut self) {
        if let Some(file) = self.files.back_mut() {
            file.ended = true;
        }
    }

    /// The next chunk in order was stored before this session.
    pub(crate) fn add_stored(&mut self, record: ChunkRecord) {
        self.add(Located::Stored(record));
    }

    /// True, and noted, if the next chunk in order already occurred in this session.
    pub(crate) fn add_repeated(&mut self, chunk: &SealedChunk) -> bool {
        let known = self.seen.get(&chunk.id).cloned();
        known.map(|located| self.add(located)).is_some()
    }

    /// The next chunk in order was packed.
    pub(crate) fn add_packed(&mut self, chunk: &SealedChunk, spans: Vec<OpenSpan>) {
        let (id, plain_len, spans) = (chunk.id, chunk.plain_len, spans.into());
        let located = Located::Packed { id, plain_len, spans };
        self.seen.insert(id, located.clone());
        self.add(located);
    }

    fn add(&mut self, located: Located) {
        let Some(file) = self.files.iter_mut().find(|file| file.chunks.len() < file.cut) else { return };
        if let Located::Packed { spans, .. } = &located {
            let needs = spans.last().map_or(0, |span| span.ordinal + 1);
            file.needs = file.needs.max(needs);
        }
        file.chunks.push(located);
    }

    /// Segment number `ordinal` was closed and got its name; numbers come in order.
    pub(crate) fn name_segment(&mut self, ordinal: u64, id: SegmentId) {
        debug_assert_eq!(ordinal, self.names.len() as u64, "segments close in order");
        self.names.push(id);
    }

    /// One more segment was handed out.
    pub(crate) const fn segment_out(&mut self) {
        self.out += 1;
    }

    /// The oldest file, if nothing of it is missing any more.
    pub(crate) fn next_file(&mut self) -> Option<EncodedFile> {
        let complete =
            |file: &OpenFile| file.ended && file.chunks.len() == file.cut && file.needs <= self.out;
        let file = self.files.front().is_some_and(complete).then(|| self.files.pop_front()).flatten()?;
        Some(EncodedFile {
            ordinal: file.ordinal,
            size: ByteCount(file.size),
            hash: FileHash(*file.hash.finalize().as_bytes()),
            chunks: file.chunks.into_iter().map(|chunk| self.resolve(chunk)).collect(),
        })
    }

    fn resolve(&self, chunk: Located) -> ChunkRecord {
        match chunk {
            Located::Stored(record) => record,
            Located::Packed { id, plain_len, spans } => {
                let spans = spans.iter().map(|span| self.name(span)).collect();
                ChunkRecord { id, plain_len, spans }
            }
        }
    }

    fn name(&self, span: &OpenSpan) -> Span {
        let named = usize::try_from(span.ordinal).ok().and_then(|at| self.names.get(at));
        let segment = *named.expect("a file comes out after its segments were named");
        Span { segment, offset: span.offset, len: span.len }
    }
}
