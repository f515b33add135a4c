//! A small disk that can be filled: a memory file system of a fixed size, mounted for one test.

use super::guard;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted disk; unmounted when dropped, and by the guard if the test dies.
#[derive(Debug)]
pub struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// Mounts `mib` MiB over a directory. `None`, with the reason printed, where mounting is not allowed: only
    /// root may.
    pub fn mount(at: &Path, mib: u64) -> Option<Self> {
        fs::create_dir_all(at).expect("a directory");
        guard::mounted(at);
        let size = format!("size={mib}m,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        match mounted {
            Ok(done) if done.status.success() => Some(Self { at: at.to_owned() }),
            Ok(done) => {
                eprintln!("skipped: no disk can be mounted here: {}", String::from_utf8_lossy(&done.stderr));
                None
            }
            Err(error) => {
                eprintln!("skipped: no disk can be mounted here: {error}");
                None
            }
        }
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).expect("a new file");
        let mut piece = vec![0; 1 << 16];
        while !piece.is_empty() {
            match file.write(&piece) {
                Ok(0) => piece.clear(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => piece.truncate(piece.len() / 2),
                Err(error) => panic!("{}: {error}", self.at.display()),
            }
        }
    }

    /// Makes room again.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _left_to_the_guard = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}
