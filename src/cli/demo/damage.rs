//! What happens to disks: a host's slot files changed behind its back.

use super::process::not_as_told;
use crate::failure::Failure;
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// One bit is flipped in every stretch of this many bytes (16 KiB: the unit a host reads to prove a leaf).
const STRIDE: u64 = layr_types::GROUP_BYTES as u64;

/// Throws the sectors away: every slot file is cut to nothing.
pub fn drop_sectors(host: &Path) -> Result<u64, Failure> {
    let mut lost = 0;
    for file in slot_files(host)? {
        let opened = OpenOptions::new().write(true).open(&file).map_err(|error| fault(&error))?;
        lost += opened.metadata().map_err(|error| fault(&error))?.len();
        opened.set_len(0).map_err(|error| fault(&error))?;
    }
    Ok(lost)
}

/// Flips one bit in every 16 KiB.
pub fn flip_bits(host: &Path) -> Result<u64, Failure> {
    let mut flipped = 0;
    for file in slot_files(host)? {
        let opened = OpenOptions::new().read(true).write(true).open(&file).map_err(|error| fault(&error))?;
        let size = opened.metadata().map_err(|error| fault(&error))?.len();
        let mut at = STRIDE / 2;
        while at < size {
            let mut byte = [0u8];
            opened.read_exact_at(&mut byte, at).map_err(|error| fault(&error))?;
            opened.write_all_at(&[byte[0] ^ 0x10], at).map_err(|error| fault(&error))?;
            flipped += 1;
            at += STRIDE;
        }
    }
    Ok(flipped)
}

/// The files under a host's directory that hold sector bytes.
fn slot_files(host: &Path) -> Result<Vec<PathBuf>, Failure> {
    let folder = host.join("host").join("sectors");
    let entries = std::fs::read_dir(&folder).map_err(|error| fault(&error))?;
    let files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    if files.is_empty() {
        return Err(not_as_told("a host has no slot files to damage", &folder.display().to_string()));
    }
    Ok(files)
}

fn fault(error: &std::io::Error) -> Failure {
    Failure::internal("damage a host's disk", error)
}
