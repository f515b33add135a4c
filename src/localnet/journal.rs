//! The append-only file a network lives in.
//!
//! ```text
//! frame  = head(8) | body sum(8) | head sum(4) | body(length)
//! head   = kind u8 | 0 u8 ×3 | length u32 LE
//! sums   = first bytes of SHA-256(body), and of SHA-256(head | body sum)
//! ```
//!
//! One frame per closed ledger, written with one call and synced before anyone is told of the ledger. A process
//! killed in the middle leaves a torn last frame, which is cut off on the next start: nobody was told of it. The
//! head has its own sum so that a damaged length cannot pass for a torn tail. A frame that does not check out
//! anywhere else is damage, and refused: nothing is ever skipped over.
//!
//! Compaction writes a second file and renames it over the first. This file knows frames only; what is in them is
//! [`crate::record`]'s business.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::JournalError;

const HEADER: usize = 20;
/// Largest frame ever written; a longer length field is damage.
const MAX_BODY: u32 = 1 << 28;

/// One frame read back.
pub(crate) struct Frame {
    pub kind: u8,
    pub body: Vec<u8>,
    /// Where it starts in the file.
    pub offset: u64,
}

/// The open journal, holding the directory's lock.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    length: u64,
    /// The file was renamed into place, but its directory entry is not known to be on disk yet.
    renamed: bool,
    _lock: File,
}

impl Journal {
    /// Locks `directory` (created when missing) and opens its journal, calling `each` for every sound frame.
    ///
    /// # Errors
    /// When another process holds the lock, the file system fails, a frame is damaged, or `each` refuses one.
    pub(crate) fn open(
        directory: &Path,
        mut each: impl FnMut(&Path, Frame) -> Result<(), JournalError>,
    ) -> Result<Self, JournalError> {
        std::fs::create_dir_all(directory).map_err(|source| io(directory, source))?;
        let lock = lock(directory)?;
        let path = directory.join("ledger.journal");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| io(&path, source))?;
        let length = replay(&path, &file, &mut each)?;
        file.set_len(length).map_err(|source| io(&path, source))?;
        file.seek(SeekFrom::Start(length)).map_err(|source| io(&path, source))?;
        sync_directory(directory)?;
        Ok(Self { path, file, length, renamed: false, _lock: lock })
    }

    /// Bytes in the file.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends one frame and waits until it is on disk.
    ///
    /// # Errors
    /// When writing or syncing fails; the caller must then stop, since the tail is unknown.
    pub(crate) fn append(&mut self, kind: u8, body: &[u8]) -> Result<(), JournalError> {
        self.settle_name()?;
        let frame = encode(kind, body).ok_or_else(|| too_long(&self.path))?;
        self.file.write_all(&frame).map_err(|source| io(&self.path, source))?;
        self.file.sync_data().map_err(|source| io(&self.path, source))?;
        self.length = self.length.saturating_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    /// Replaces the whole journal by `frames`, atomically.
    ///
    /// # Errors
    /// When writing, syncing or renaming fails. The journal stays usable: nothing is appended before a rename is
    /// durable.
    pub(crate) fn rewrite(
        &mut self,
        frames: impl Iterator<Item = (u8, Vec<u8>)>,
    ) -> Result<(), JournalError> {
        let fresh_path = self.path.with_extension("journal.new");
        let mut fresh = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&fresh_path)
            .map_err(|source| io(&fresh_path, source))?;
        let mut length = 0_u64;
        for (kind, body) in frames {
            let frame = encode(kind, &body).ok_or_else(|| too_long(&fresh_path))?;
            fresh.write_all(&frame).map_err(|source| io(&fresh_path, source))?;
            length = length.saturating_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        }
        fresh.sync_all().map_err(|source| io(&fresh_path, source))?;
        std::fs::rename(&fresh_path, &self.path).map_err(|source| io(&self.path, source))?;
        self.file = fresh;
        self.length = length;
        self.renamed = true;
        self.settle_name()
    }

    /// Makes a rename durable; frames written after it would otherwise be lost with it.
    fn settle_name(&mut self) -> Result<(), JournalError> {
        if let (true, Some(directory)) = (self.renamed, self.path.parent()) {
            sync_directory(directory)?;
            self.renamed = false;
        }
        Ok(())
    }
}

fn lock(directory: &Path) -> Result<File, JournalError> {
    let path = directory.join("lock");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(|source| io(&path, source))?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        match error {
            rustix::io::Errno::WOULDBLOCK => JournalError::Locked { path: directory.to_owned() },
            other => io(&path, other.into()),
        }
    })?;
    Ok(file)
}

/// Feeds every sound frame to `each` and gives the length of the sound part.
fn replay(
    path: &Path,
    file: &File,
    each: &mut impl FnMut(&Path, Frame) -> Result<(), JournalError>,
) -> Result<u64, JournalError> {
    let total = file.metadata().map_err(|source| io(path, source))?.len();
    let mut reader = BufReader::new(file);
    let mut offset = 0_u64;
    loop {
        match read_frame(&mut reader, offset, total).map_err(|source| io(path, source))? {
            Read1::Sound(frame, next) => {
                each(path, frame)?;
                offset = next;
            }
            Read1::End => return Ok(offset),
            Read1::Damaged => return Err(JournalError::Damaged { path: path.to_owned(), offset }),
        }
    }
}

enum Read1 {
    Sound(Frame, u64),
    /// The end of the file, or a torn frame that reaches it.
    End,
    Damaged,
}

fn read_frame(reader: &mut impl Read, offset: u64, total: u64) -> std::io::Result<Read1> {
    let mut header = [0_u8; HEADER];
    if !fill(reader, &mut header)? {
        return Ok(Read1::End);
    }
    if header_sum(&header) != header[16..] {
        return Ok(if header == [0; HEADER] && rest_is_zero(reader)? { Read1::End } else { Read1::Damaged });
    }
    let [kind, _, _, _, a, b, c, d, ..] = header;
    let length = u32::from_le_bytes([a, b, c, d]);
    let end = offset.saturating_add(HEADER as u64).saturating_add(u64::from(length));
    if length > MAX_BODY {
        return Ok(Read1::Damaged);
    }
    if end > total {
        return Ok(Read1::End);
    }
    let mut body = vec![0; usize::try_from(length).unwrap_or(0)];
    if !fill(reader, &mut body)? {
        return Ok(Read1::End);
    }
    if Sha256::digest(&body)[..8] != header[8..16] {
        return Ok(if end == total { Read1::End } else { Read1::Damaged });
    }
    Ok(Read1::Sound(Frame { kind, body, offset }, end))
}

/// Fills `buffer`; false when the file ends before.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A power cut can leave a file longer than what was written into it.
fn rest_is_zero(reader: &mut impl Read) -> std::io::Result<bool> {
    let mut buffer = [0_u8; 4096];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(true);
        }
        if buffer[..read].iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
}

fn encode(kind: u8, body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len()).ok().filter(|length| *length <= MAX_BODY)?;
    let mut frame = Vec::with_capacity(HEADER.saturating_add(body.len()));
    frame.extend_from_slice(&[kind, 0, 0, 0]);
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&Sha256::digest(body)[..8]);
    let sum = header_sum(&frame);
    frame.extend_from_slice(&sum);
    frame.extend_from_slice(body);
    Some(frame)
}

/// Sum over the first 16 bytes of a header.
fn header_sum(header: &[u8]) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::digest(&header[..16]).into();
    [digest[0], digest[1], digest[2], digest[3]]
}

fn io(path: &Path, source: std::io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), source }
}

fn too_long(path: &Path) -> JournalError {
    io(path, std::io::Error::from(ErrorKind::FileTooLarge))
}

fn sync_directory(directory: &Path) -> Result<(), JournalError> {
    File::open(directory).and_then(|handle| handle.sync_all()).map_err(|source| io(directory, source))
}
