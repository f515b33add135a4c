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
//! On a file system without `fallocate` the files are extended sparsely, and rule 1 becomes a hope.

use crate::flush::{FlushError, GroupFlush};
use futures::future::BoxFuture;
use layr_host::ports::{SectorError, SectorStore, Slot};
use layr_types::{GROUP_BYTES, GROUPS_PER_SECTOR, SECTOR_BYTES};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// Slots in a full volume: 256 MiB.
pub const SLOTS_PER_VOLUME: u32 = 256;
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

/// One open file.
#[derive(Debug, Clone)]
struct Volume {
    file: Arc<File>,
    slots: u32,
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
                let file = OpenOptions::new().read(true).write(true).open(entry.path())?;
                let slots = file.metadata()?.len() / SECTOR_BYTES as u64;
                let slots = u32::try_from(slots).unwrap_or(u32::MAX).min(SLOTS_PER_VOLUME);
                volumes.insert(number, Volume { file: Arc::new(file), slots });
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
        let file = match self.inner.volume_of(slot) {
            Some(file) => file,
            None => {
                self.inner.grow(number, slot.0 % SLOTS_PER_VOLUME + 1)?;
                self.inner.volume_of(slot).ok_or(SectorError::NoSuchSlot(slot))?
            }
        };
        self.inner.dirty.lock().unwrap_or_else(PoisonError::into_inner).insert(number);
        file.write_all_at(sector, offset).map_err(full_or_io)
    }

    fn read(&self, slot: Slot, first: usize, out: &mut [[u8; GROUP_BYTES]]) -> Result<(), SectorError> {
        let file = self.inner.volume_of(slot).ok_or(SectorError::NoSuchSlot(slot))?;
        let (_, offset) = place(slot);
        if first.saturating_add(out.len()) > GROUPS_PER_SECTOR {
            return Err(SectorError::NoSuchSlot(slot));
        }
        let offset = offset + (first * GROUP_BYTES) as u64;
        file.read_exact_at(out.as_flattened_mut(), offset).map_err(|source| match source.raw_os_error() {
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
    fn volume_of(&self, slot: Slot) -> Option<Arc<File>> {
        let (number, within) = (slot.0 / SLOTS_PER_VOLUME, slot.0 % SLOTS_PER_VOLUME);
        let volumes = self.volumes.read().unwrap_or_else(PoisonError::into_inner);
        volumes.get(&number).filter(|volume| within < volume.slots).map(|volume| Arc::clone(&volume.file))
    }

    /// Gives volume `number` at least `slots` slots.
    fn grow(&self, number: u32, slots: u32) -> Result<(), SectorError> {
        let mut volumes = self.volumes.write().unwrap_or_else(PoisonError::into_inner);
        let volume = volumes.get(&number).cloned();
        let before = volume.as_ref().map_or(0, |volume| volume.slots);
        if before >= slots {
            return Ok(());
        }
        let file = match volume {
            Some(volume) => volume.file,
            None => Arc::new(self.create(number)?),
        };
        if let Err(error) = allocate(&file, before, slots) {
            file.set_len(bytes(before))?;
            return Err(error);
        }
        file.sync_all()?;
        volumes.insert(number, Volume { file, slots });
        Ok(())
    }

    fn create(&self, number: u32) -> Result<File, SectorError> {
        let path = self.dir.join(format!("{number:08x}.slots"));
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(full_or_io)?;
        File::open(&self.dir)?.sync_all()?;
        Ok(file)
    }

    fn flush(&self) -> io::Result<()> {
        let dirty = std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner));
        for number in dirty {
            let volumes = self.volumes.read().unwrap_or_else(PoisonError::into_inner);
            let file = volumes.get(&number).map(|volume| Arc::clone(&volume.file));
            drop(volumes);
            if let Some(file) = file {
                file.sync_data()?;
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
