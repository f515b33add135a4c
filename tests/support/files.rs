//! Files to store: noise that nothing compresses, the same in every run.

use std::fs;
use std::path::Path;

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// SplitMix64's output for a state.
const fn mixed(state: u64) -> u64 {
    let word = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// `len` bytes of noise; the same for the same seed. The seed is mixed first: the streams of neighbouring states are
/// one stream, shifted by a word, and files with common chunks are stored once.
pub fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = mixed(seed.wrapping_add(STEP));
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state = state.wrapping_add(STEP);
        out.extend_from_slice(&mixed(state).to_le_bytes());
    }
    out.truncate(len);
    out
}

/// Writes a file of noise, and the directories above it.
pub fn write_noise(path: &Path, len: usize, seed: u64) {
    fs::create_dir_all(path.parent().expect("a path in a directory")).expect("writable");
    fs::write(path, noise(len, seed)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Fails unless two files hold the same bytes; says where they begin to differ.
#[track_caller]
pub fn assert_same(original: &Path, back: &Path) {
    let read = |path: &Path| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (one, two) = (read(original), read(back));
    if one == two {
        return;
    }
    let at = one.iter().zip(&two).position(|(a, b)| a != b).unwrap_or(one.len().min(two.len()));
    panic!(
        "{} ({} bytes) came back as {} ({} bytes), different from byte {at}",
        original.display(),
        one.len(),
        back.display(),
        two.len()
    );
}
