//! Clocks of single machines that can be set wrong: a shim of forty lines of C, preloaded into a host.

use crate::support::scratch;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The shim.
#[derive(Debug)]
pub struct Clocks {
    shim: PathBuf,
}

impl Clocks {
    /// Compiles it; `None`, with the reason printed, where there is no C compiler.
    pub fn build() -> Option<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/chaos/clock.c");
        let shim = scratch("clock").join("clock.so");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).output();
        match built {
            Ok(done) if done.status.success() => Some(Self { shim }),
            Ok(done) => panic!("the clock does not compile: {}", String::from_utf8_lossy(&done.stderr)),
            Err(error) => {
                eprintln!("wrong clocks are left out: no C compiler: {error}");
                None
            }
        }
    }

    /// The variables of a machine whose clock stands in `file`.
    pub fn env(&self, file: &Path) -> Vec<(&'static str, OsString)> {
        set(file, 0);
        vec![("LD_PRELOAD", self.shim.clone().into()), ("CHAOS_CLOCK", file.into())]
    }
}

/// Sets a machine's clock wrong by so many seconds.
pub fn set(file: &Path, wrong: i64) {
    use std::os::unix::fs::FileExt as _;
    let options = std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(file);
    options.expect("writable").write_all_at(&wrong.to_ne_bytes(), 0).expect("written");
}
