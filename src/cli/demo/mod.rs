//! `layr demo`: the whole story on this machine, in separate processes, with nothing mocked.
//!
//! The processes are this same executable run as anybody would run it (`layr localnet`, `layr node run`,
//! `layr upload` …); the disks are damaged from outside, the machines stopped by signals, the balances read from
//! the ledger. A step that does not happen as told ends the story with an error.

mod balances;
mod damage;
mod process;
mod report;
mod story;
mod vanished;
mod verify;
mod world;

pub use process::not_as_told;
pub use world::{Plan, World};

use crate::args::{Demo, Global};
use crate::commands::or_interrupted;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use std::path::{Path, PathBuf};

/// Tells the story.
pub async fn run(global: &Global, args: Demo) -> Result<Report, Failure> {
    let file = match args.file {
        Some(file) => file,
        None => {
            std::env::current_exe().map_err(|error| Failure::internal("find the layr executable", &error))?
        }
    };
    let size = std::fs::metadata(&file).map_err(|error| unreadable(&file, &error))?.len();
    let dir = tempfile::Builder::new()
        .prefix("layr-demo-")
        .tempdir()
        .map_err(|error| Failure::internal("make a temporary directory", &error))?;
    let root = if args.keep { dir.keep() } else { dir.path().to_owned() };
    let talk = story::Talk { quiet: global.json || global.quiet };
    let told = or_interrupted(story::tell(&talk, &root, &file, size)).await;
    if args.keep {
        eprintln!("everything was left in {}", root.display());
    }
    let told = told?;
    Report::new(&told, told.words())
}

/// Where a file cannot be read.
fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        exit::USAGE,
        "demo/file",
        format!("cannot read {}", file.display()),
        "Name another file with --file.",
    )
    .because(error)
}

/// SHA-256 of a file, in hexadecimal.
pub fn sha256(path: &Path) -> Result<String, Failure> {
    use sha2::Digest as _;
    let mut file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut hash = sha2::Sha256::new();
    std::io::copy(&mut file, &mut hash).map_err(|error| unreadable(path, &error))?;
    Ok(hex::encode(hash.finalize()))
}

/// A path as an argument.
pub fn shown(path: &Path) -> String {
    PathBuf::from(path).display().to_string()
}
