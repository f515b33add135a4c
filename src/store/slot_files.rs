//! Sector bytes: volumes of preallocated 1 MiB slots.
//!
//! ```text
//! sectors/00000000.slots   slots   0 … 255   (256 MiB, allocated as far as the host has promised space)
//! sectors/00000001.slots   slots 256 … 511
//! ```
//!
//! A slot is one aligned megabyte; nothing else is in the files: no header, no length, no name. What a slot holds,
//! and whether it holds anything, is said by the records alone.
//!
//! Crash rules:
//! 1. Space is set aside (`fallocate`) before it is promised, so a promise is never broken by a full disk.
//! 2. Bytes are written, then flushed, then recorded, then the record is flushed, then the caller is told.
//! 3. A crash before the record leaves bytes in a slot no record names: the slot is free and will be overwritten.
//!    Nothing needs to be cleaned up, and nothing is looked for.
//! 4. A slot is only written while no record names it; so a torn write never damages a sector anybody was
//!    promised.
//! 5. One `fdatasync` a volume covers every sector written to it before; callers share it (`flush.rs`). If it
//!    fails, nothing more is accepted until a restart.
//!
//! Sectors are written, and read where much of them is read, past the page cache (`O_DIRECT`) if file system and
//! alignment allow it: a host writes each sector once and seldom reads it twice, and the copy through new cache pages
//! costs more processor time than everything else a put does (`benches/lane.rs`).
//!
//! Volumes are never given back: they are the quota, set aside.
//!
//! On a file system without `fallocate` the files are extended sparsely, and rule 1 becomes a hope.

use crate::flush::{FlushError, GroupFlush};
use futures::future::BoxFuture;
use layr_host::ports::{SectorError, SectorStore, Slot};
use layr_types::{GROUP_BYTES, GROUPS_PER_SECTOR, SECTOR_BYTES};
use rustix::fs::{FallocateFlags, OFlags, fallocate};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Slots in a full volume: 256 MiB.
pub const SLOTS_PER_VOLUME: u32 = 256;
/// Reads from this size on go past the page cache: a sector is seldom read twice, a leaf's neighbourhood may be.
const DIRECT_READ: usize = SECTOR_BYTES / 4;
/// The disk's own error for a sector it cannot read back.
const UNREADABLE: i32 = 5;

/// The slot files of one host.
#[derive(Debug)]
pub struct SlotFiles {
    inner: Arc<Inner>,
    group: GroupFlush,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    volumes: RwLock<BTreeMap<u32, Volume>>,
    /// Volumes written since the last flush.
    dirty: Mutex<BTreeSet<u32>>,
}

/// One volume.
#[derive(Debug, Clone)]
struct Volume {
    files: Arc<Files>,
    slots: u32,
}

/// One file, opened twice.
#[derive(Debug)]
struct Files {
    /// Through the page cache.
    cached: File,
    /// Past it; `None` where the file system has no such thing.
    direct: Option<File>,
}

impl Files {
    fn open(path: &Path) -> io::Result<Self> {
        let cached = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let past_cache = i32::try_from(OFlags::DIRECT.bits()).unwrap_or_default();
        let direct = OpenOptions::new().read(true).write(true).custom_flags(past_cache).open(path).ok();
        Ok(Self { cached, direct })
    }

    /// Writes past the cache, or through it where the disk does not take these bytes directly.
    fn write(&self, sector: &[u8; SECTOR_BYTES], offset: u64) -> io::Result<()> {
        self.past_cache(true, |file| file.write_all_at(sector, offset))
    }

    /// Reads much past the cache, little through it.
    fn read(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        self.past_cache(out.len() >= DIRECT_READ, |file| file.read_exact_at(out, offset))
    }

    fn past_cache(&self, wanted: bool, mut work: impl FnMut(&File) -> io::Result<()>) -> io::Result<()> {
        match self.direct.as_ref().filter(|_| wanted).map(&mut work) {
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => work(&self.cached),
            Some(done) => done,
            None => work(&self.cached),
        }
    }
}

impl SlotFiles {
    /// Opens the volumes in `dir`, which is created if need be.
    ///
    /// # Errors
    /// [`SectorError::Io`].
    pub fn open(dir: &Path) -> Result<Self, SectorError> {
        std::fs::create_dir_all(dir)?;
        let mut volumes = BTreeMap::new();
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            if let Some(number) = volume_number(&entry.file_name().to_string_lossy()) {
                let files = Files::open(&entry.path())?;
                let slots = files.cached.metadata()?.len() / SECTOR_BYTES as u64;
                let slots = u32::try_from(slots).unwrap_or(u32::MAX).min(SLOTS_PER_VOLUME);
                volumes.insert(number, Volume { files: Arc::new(files), slots });
            }
        }
        let inner = Inner { dir: dir.to_path_buf(), volumes: RwLock::new(volumes), dirty: Mutex::default() };
        Ok(Self { inner: Arc::new(inner), group: GroupFlush::default() })
    }

    /// Slots that have disk space set aside.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        let volumes = self.inner.volumes.read().unwrap_or_else(PoisonError::into_inner);
        volumes.values().map(|volume| u64::from(volume.slots)).sum()
    }
}

impl SectorStore for SlotFiles {
    fn reserve(&self, slots: u32) -> Result<(), SectorError> {
        let full = slots / SLOTS_PER_VOLUME;
        for number in 0..full {
            self.inner.grow(number, SLOTS_PER_VOLUME)?;
        }
        match slots % SLOTS_PER_VOLUME {
            0 => Ok(()),
            rest => self.inner.grow(full, rest),
        }
    }

    fn write(&self, slot: Slot, sector: &[u8; SECTOR_BYTES]) -> Result<(), SectorError> {
        if self.group.is_poisoned() {
            return Err(SectorError::Poisoned);
        }
        let (number, offset) = place(slot);
        let files = match self.inner.volume_of(slot) {
            Some(files) => files,
            None => {
                self.inner.grow(number, slot.0 % SLOTS_PER_VOLUME + 1)?;
                self.inner.volume_of(slot).ok_or(SectorError::NoSuchSlot(slot))?
            }
        };
        self.inner.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        files.write(sector, offset).map_err(full_or_io)
    }

    fn read(&self, slot: Slot, first: usize, out: &mut [[u8; GROUP_BYTES]]) -> Result<(), SectorError> {
        let files = self.inner.volume_of(slot).ok_or(SectorError::NoSuchSlot(slot))?;
        let (_, offset) = place(slot);
        if first.saturating_add(out.len()) > GROUPS_PER_SECTOR {
            return Err(SectorError::NoSuchSlot(slot));
        }
        let offset = offset + (first * GROUP_BYTES) as u64;
        files.read(out.as_flattened_mut(), offset).map_err(|source| match source.raw_os_error() {
            Some(UNREADABLE) => SectorError::Unreadable { slot, source },
            _ if source.kind() == io::ErrorKind::UnexpectedEof => SectorError::NoSuchSlot(slot),
            _ => SectorError::Io(source),
        })
    }

    fn sync(&self) -> BoxFuture<'_, Result<(), SectorError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            self.group.flush(move || inner.flush()).await.map_err(|error| match error {
                FlushError::Failed(error) => SectorError::Io(error),
                FlushError::Poisoned => SectorError::Poisoned,
            })
        })
    }
}

impl Inner {
    fn volume_of(&self, slot: Slot) -> Option<Arc<Files>> {
        let (number, within) = (slot.0 / SLOTS_PER_VOLUME, slot.0 % SLOTS_PER_VOLUME);
        let volumes = self.volumes.read().unwrap_or_else(PoisonError::into_inner);
        volumes.get(&number).filter(|volume| within < volume.slots).map(|volume| Arc::clone(&volume.files))
    }

    /// Gives volume `number` at least `slots` slots.
    fn grow(&self, number: u32, slots: u32) -> Result<(), SectorError> {
        let mut volumes = self.volumes.write().unwrap_or_else(PoisonError::into_inner);
        let volume = volumes.get(&number).cloned();
        let before = volume.as_ref().map_or(0, |volume| volume.slots);
        if before >= slots {
            return Ok(());
        }
        let files = match volume {
            Some(volume) => volume.files,
            None => Arc::new(self.create(number)?),
        };
        if let Err(error) = allocate(&files.cached, before, slots) {
            files.cached.set_len(bytes(before))?;
            return Err(error);
        }
        files.cached.sync_all()?;
        volumes.insert(number, Volume { files, slots });
        Ok(())
    }

    fn create(&self, number: u32) -> Result<Files, SectorError> {
        let files = Files::open(&self.dir.join(format!("{number:08x}.slots"))).map_err(full_or_io)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(files)
    }

    fn flush(&self) -> io::Result<()> {
        let dirty = std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner));
        for number in dirty {
            let volumes = self.volumes.read().unwrap_or_else(PoisonError::into_inner);
            let files = volumes.get(&number).map(|volume| Arc::clone(&volume.files));
            drop(volumes);
            if let Some(files) = files {
                files.cached.sync_data()?;
            }
        }
        Ok(())
    }
}

const fn place(slot: Slot) -> (u32, u64) {
    (slot.0 / SLOTS_PER_VOLUME, bytes(slot.0 % SLOTS_PER_VOLUME))
}

const fn bytes(slots: u32) -> u64 {
    slots as u64 * SECTOR_BYTES as u64
}

fn allocate(file: &File, from: u32, to: u32) -> Result<(), SectorError> {
    match fallocate(file, FallocateFlags::empty(), bytes(from), bytes(to - from)) {
        Err(Errno::OPNOTSUPP) => file.set_len(bytes(to)).map_err(full_or_io),
        Err(errno) => Err(full_or_io(errno.into())),
        Ok(()) => Ok(()),
    }
}

fn full_or_io(error: io::Error) -> SectorError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => SectorError::DiskFull,
        _ => SectorError::Io(error),
    }
}

/// The number in a volume's file name; other files in the directory are left alone.
fn volume_number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".slots").filter(|digits| digits.len() == 8)?;
    u32::from_str_radix(digits, 16).ok()
}
