//! The way in: files become committed segments and chunk records.
//!
//! An [`Encoder`] takes one file after another and hands out, in order, every segment as it is committed and
//! every file once all its segments are. The calling thread reads and cuts; a few worker threads seal chunks
//! and commit segments, and the caller joins in while it waits. Memory is bounded whatever the file: one
//! window, the chunks and segments in flight, and about a hundred bytes per chunk of the session. Output is
//! a pure function of secrets, profile, index and the files in their order; the number of threads changes
//! nothing but the time.

use crate::buffers::SectorPool;
use crate::chunker::Chunker;
use crate::code::{Code, CodeError};
use crate::commit::commit;
use crate::pack::{PackedSegment, Packer};
use crate::seal::MAX_CHUNK_BYTES;
use crate::sealer::{Prepared, Sealer};
use crate::session::Session;
use crate::workers::{Lost, Ticket, Workers};
use crate::{ChunkRecord, CommittedSegment, EncodedFile, OwnerSecrets, Profile};
use layr_types::{ByteCount, ChunkId};
use std::collections::VecDeque;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Plaintext bytes handed out and not yet packed, for each thread.
const CHUNK_BYTES_IN_FLIGHT: usize = MAX_CHUNK_BYTES;
/// The same in chunks, for files too small to count in bytes.
const CHUNKS_IN_FLIGHT: usize = 256;

/// Segments in work beyond one for each worker: while the caller commits one, the workers have another.
const SEGMENTS_AHEAD: usize = 2;

/// What an owner already has stored: chunks found here are neither sealed nor sent again.
pub trait ChunkIndex: Send + Sync {
    /// The record of a stored chunk of this name, if there is one.
    fn find(&self, id: &ChunkId) -> Option<ChunkRecord>;
}

/// An index that knows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoIndex;

impl ChunkIndex for NoIndex {
    fn find(&self, _: &ChunkId) -> Option<ChunkRecord> {
        None
    }
}

/// How an encoder works. The default suits an owner's machine.
#[derive(Clone)]
pub struct EncodeOptions {
    /// Threads beside the caller's.
    pub workers: usize,
    /// Whether to compress chunks where it pays.
    pub compress: bool,
    /// What is stored already.
    pub index: Arc<dyn ChunkIndex>,
}

impl Default for EncodeOptions {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { workers: cores.saturating_sub(1).min(15), compress: true, index: Arc::new(NoIndex) }
    }
}

impl core::fmt::Debug for EncodeOptions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("EncodeOptions")
            .field("workers", &self.workers)
            .field("compress", &self.compress)
            .finish_non_exhaustive()
    }
}

/// What comes out of an encoder, in order.
#[derive(Debug)]
pub enum Encoded {
    /// A segment, ready to be placed. Every segment comes before the files that need it.
    Segment(CommittedSegment),
    /// A file all of whose segments have come out.
    File(EncodedFile),
}

/// Why encoding stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The file could not be read.
    #[error("the file could not be read")]
    Read(#[source] std::io::Error),
    /// The erasure coder cannot run here.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// The system refused a worker thread or its memory.
    #[error("the encoder could not start a worker")]
    Start(#[source] std::io::Error),
    /// The receiver of the output asked to stop.
    #[error("encoding was stopped by its receiver")]
    Stopped,
    /// A worker died; the cause stands in the log.
    #[error("a worker of the encoder died")]
    WorkerLost,
    /// An earlier error left the encoder without an open session.
    #[error("the encoder failed before and cannot go on")]
    Failed,
}

impl From<Lost> for EncodeError {
    fn from(Lost: Lost) -> Self {
        Self::WorkerLost
    }
}

/// Turns files into committed segments. See the module's preface.
#[derive(Debug)]
pub struct Encoder {
    workers: Workers,
    chunker: Chunker,
    sealer: Arc<Sealer>,
    code: Arc<Code>,
    pool: SectorPool,
    packer: Packer,
    session: Session,
    chunks: VecDeque<Ticket<Prepared>>,
    chunk_bytes: VecDeque<usize>,
    segments: VecDeque<Ticket<Result<CommittedSegment, CodeError>>>,
    failed: bool,
}

/// Where output goes; [`ControlFlow::Break`] stops the encoder. It may block: that is the back-pressure.
pub type Sink<'a> = dyn FnMut(Encoded) -> ControlFlow<()> + 'a;

impl Encoder {
    /// An encoder for one session: everything added until [`Self::finish`] may share segments.
    ///
    /// # Errors
    /// [`EncodeError::Code`] if this processor cannot run the coder, [`EncodeError::Start`] if a thread cannot
    /// be started.
    pub fn new(
        secrets: &OwnerSecrets,
        profile: Profile,
        options: EncodeOptions,
    ) -> Result<Self, EncodeError> {
        let code = Arc::new(Code::new(profile)?);
        let workers = Workers::start(options.workers).map_err(EncodeError::Start)?;
        let pool = SectorPool::new(usize::from(profile.n()) * (options.workers + 1));
        Ok(Self {
            workers,
            chunker: Chunker::new(),
            packer: Packer::new(secrets.mask(), profile, pool.clone()),
            sealer: Arc::new(Sealer::new(secrets.chunk(), options.compress, options.index)),
            code,
            pool,
            session: Session::default(),
            chunks: VecDeque::new(),
            chunk_bytes: VecDeque::new(),
            segments: VecDeque::new(),
            failed: false,
        })
    }

    /// Reads one file to its end and encodes it; returns its ordinal. Output that is ready goes to `sink`
    /// before this returns, the rest during later calls.
    ///
    /// # Errors
    /// [`EncodeError`]; after any of them the session is over and nothing more can be added.
    pub fn add_file<R: Read>(&mut self, reader: R, sink: &mut Sink<'_>) -> Result<u64, EncodeError> {
        self.guarded(|encoder| encoder.read_file(reader, sink))
    }

    /// Closes the last segment and hands out everything that is left.
    ///
    /// # Errors
    /// [`EncodeError`] as for [`Self::add_file`].
    pub fn finish(mut self, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        self.flush(sink)
    }

    /// Closes the open segment and hands out everything added so far; the session goes on in a new segment.
    ///
    /// # Errors
    /// [`EncodeError`] as for [`Self::add_file`].
    pub fn flush(&mut self, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        self.guarded(|encoder| {
            encoder.pack_until(0, sink)?;
            if let Some(segment) = encoder.packer.close() {
                encoder.submit_segment(segment, sink)?;
            }
            encoder.emit_until(0, sink)
        })
    }

    /// Plaintext bytes read so far, over all files.
    #[must_use]
    pub const fn bytes_read(&self) -> ByteCount {
        self.session.bytes_read()
    }

    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, EncodeError>,
    ) -> Result<T, EncodeError> {
        if self.failed {
            return Err(EncodeError::Failed);
        }
        let result = work(self);
        self.failed = result.is_err();
        result
    }

    fn read_file<R: Read>(&mut self, mut reader: R, sink: &mut Sink<'_>) -> Result<u64, EncodeError> {
        let ordinal = self.session.begin_file();
        self.chunker.restart();
        while let Some(chunk) = self.chunker.next(&mut reader).map_err(EncodeError::Read)? {
            self.session.read(chunk);
            let (len, raw) = (chunk.len(), self.sealer.take_in(chunk));
            let sealer = Arc::clone(&self.sealer);
            self.chunks.push_back(self.workers.submit(move || sealer.prepare(raw)));
            self.chunk_bytes.push_back(len);
            self.pack_until(CHUNK_BYTES_IN_FLIGHT * (self.workers.len() + 1), sink)?;
        }
        self.session.end_file();
        self.emit_files(sink)?;
        Ok(ordinal)
    }

    /// Packs prepared chunks in order until at most `limit` bytes are in flight; those that are ready anyway
    /// are packed too.
    fn pack_until(&mut self, limit: usize, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        while let Some(ticket) = self.chunks.pop_front() {
            let in_flight: usize = self.chunk_bytes.iter().sum();
            if in_flight <= limit && self.chunks.len() < CHUNKS_IN_FLIGHT && limit > 0 && !ticket.ready() {
                self.chunks.push_front(ticket);
                return Ok(());
            }
            let prepared = self.workers.wait(ticket)?;
            self.chunk_bytes.pop_front();
            self.pack(prepared, sink)?;
        }
        Ok(())
    }

    fn pack(&mut self, prepared: Prepared, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        let sealed = match prepared {
            Prepared::Stored(record) => {
                self.session.add_stored(record);
                return Ok(());
            }
            Prepared::Sealed(sealed) => sealed,
        };
        if !self.session.add_repeated(&sealed) {
            let mut closed = Vec::new();
            let spans = self.packer.push(&sealed.name(), &sealed.bytes, &mut |segment| closed.push(segment));
            self.session.add_packed(&sealed, spans);
            for segment in closed {
                self.submit_segment(segment, sink)?;
            }
        }
        self.sealer.give_back(sealed.bytes);
        Ok(())
    }

    fn submit_segment(&mut self, segment: PackedSegment, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        self.session.name_segment(segment.ordinal, segment.id);
        let code = if segment.profile == self.code.profile() {
            Arc::clone(&self.code)
        } else {
            Arc::new(Code::new(segment.profile)?)
        };
        let pool = self.pool.clone();
        self.segments.push_back(self.workers.submit(move || commit(&code, segment, &pool)));
        self.emit_until(self.workers.len() + SEGMENTS_AHEAD, sink)
    }

    /// Hands out committed segments in order until at most `limit` are in flight.
    fn emit_until(&mut self, limit: usize, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        while let Some(ticket) = self.segments.pop_front() {
            if self.segments.len() < limit && !ticket.ready() {
                self.segments.push_front(ticket);
                break;
            }
            let segment = self.workers.wait(ticket)??;
            give(sink, Encoded::Segment(segment))?;
            self.session.segment_out();
        }
        self.emit_files(sink)
    }

    fn emit_files(&mut self, sink: &mut Sink<'_>) -> Result<(), EncodeError> {
        while let Some(file) = self.session.next_file() {
            give(sink, Encoded::File(file))?;
        }
        Ok(())
    }
}

fn give(sink: &mut Sink<'_>, item: Encoded) -> Result<(), EncodeError> {
    match sink(item) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(EncodeError::Stopped),
    }
}
