//! Where the passphrase comes from: a file, the environment, or a prompt. Never an argument.

use crate::args::Global;
use crate::failure::Failure;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;
use zeroize::Zeroizing;

const VARIABLE: &str = "LAYR_PASSPHRASE";
/// Longest secret read from a file: 4 KiB.
const MAX_BYTES: u64 = 4_096;

/// The passphrase that opens an existing key file.
pub fn existing(global: &Global) -> Result<Zeroizing<String>, Failure> {
    match given(global)? {
        Some(text) => Ok(text),
        None => prompt("Passphrase: "),
    }
}

/// A new passphrase; a prompt asks twice.
pub fn new(global: &Global) -> Result<Zeroizing<String>, Failure> {
    if let Some(text) = given(global)? {
        return Ok(text);
    }
    let first = prompt("New passphrase (protects the keys on this machine): ")?;
    let second = prompt("Again: ")?;
    if *first != *second {
        return Err(Failure::usage("the two passphrases differ", "Run the command again."));
    }
    Ok(first)
}

/// Reads a small secret file, or standard input for `-`; the last line break is dropped.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_string(&mut text))
    };
    read.map_err(|error| {
        Failure::usage(format!("cannot read {}", path.display()), "Check the path and its permissions.")
            .because(&error)
    })?;
    let trimmed = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(trimmed);
    Ok(text)
}

fn given(global: &Global) -> Result<Option<Zeroizing<String>>, Failure> {
    if let Some(path) = &global.passphrase_file {
        return read_secret(path).map(Some);
    }
    Ok(std::env::var(VARIABLE).ok().map(Zeroizing::new))
}

fn prompt(text: &str) -> Result<Zeroizing<String>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            "a passphrase is needed and there is no terminal to ask on",
            format!("Give --passphrase-file FILE or set {VARIABLE}."),
        ));
    }
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(|error| Failure::internal("read the passphrase", &error))
}
