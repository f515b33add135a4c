//! BLAKE3, the few parts a verifier needs, in the fewest instructions.
//!
//! The escrow contract pays rent for every byte of code, and a vectorised hash is of no use to it. This
//! module has the loops rolled up, knows only full chunks, parents and one-block keyed hashes, and is compared
//! with the blake3 crate by property tests. The node never runs it.

use crate::hash::Digest;

const IV: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];
/// Where each message word of the next round comes from.
const PERMUTATION: [usize; 16] = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
/// State words each of the eight quarter-rounds mixes: columns, then diagonals.
const QUARTERS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];
const CHUNK_START: u32 = 1;
const CHUNK_END: u32 = 2;
const PARENT: u32 = 4;
const ROOT: u32 = 8;
const KEYED: u32 = 16;

/// What distinguishes one compression from another besides its words.
#[derive(Clone, Copy)]
struct Tweak {
    counter: u32,
    len: u32,
    flags: u32,
}

fn mix(v: &mut [u32; 16], [a, b, c, d]: [usize; 4], x: u32, y: u32) {
    let (a, b, c, d) = (a & 15, b & 15, c & 15, d & 15);
    for (word, (r1, r2)) in [(x, (16, 12)), (y, (8, 7))] {
        v[a] = v[a].wrapping_add(v[b]).wrapping_add(word);
        v[d] = (v[d] ^ v[a]).rotate_right(r1);
        v[c] = v[c].wrapping_add(v[d]);
        v[b] = (v[b] ^ v[c]).rotate_right(r2);
    }
}

fn compress(cv: &mut [u32; 8], mut m: [u32; 16], tweak: Tweak) {
    let mut v = [0u32; 16];
    let (low, high) = v.split_at_mut(8);
    low.copy_from_slice(cv);
    high.copy_from_slice(&[IV[0], IV[1], IV[2], IV[3], tweak.counter, 0, tweak.len, tweak.flags]);
    for _ in 0..7 {
        for (quarter, words) in QUARTERS.iter().zip(m.as_chunks::<2>().0) {
            mix(&mut v, *quarter, words[0], words[1]);
        }
        m = PERMUTATION.map(|from| m[from & 15]);
    }
    let (low, high) = v.split_at(8);
    for ((out, a), b) in cv.iter_mut().zip(low).zip(high) {
        *out = a ^ b;
    }
}

/// The words of up to 64 bytes, zeros behind them.
fn words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut out = [0u32; N];
    for (word, four) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*four);
    }
    out
}

fn bytes(cv: [u32; 8]) -> Digest {
    let mut out = [0u8; 32];
    for (place, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(cv) {
        *place = word.to_le_bytes();
    }
    out
}

fn pair(left: &Digest, right: &Digest) -> [u32; 16] {
    let (l, r) = (words::<8>(left), words::<8>(right));
    core::array::from_fn(|i| if i < 8 { l[i & 7] } else { r[i & 7] })
}

/// Chaining value of one full 1 KiB chunk, the `counter`th of its hash, not the only one.
pub fn chunk_cv(chunk: &[u8; 1024], counter: u32) -> Digest {
    let mut cv = IV;
    for (at, block) in chunk.as_chunks::<64>().0.iter().enumerate() {
        let flags = match at {
            0 => CHUNK_START,
            15 => CHUNK_END,
            _ => 0,
        };
        compress(&mut cv, words(block), Tweak { counter, len: 64, flags });
    }
    bytes(cv)
}

/// Parent of two chaining values; with `root`, the final hash.
pub fn parent(left: &Digest, right: &Digest, root: bool) -> Digest {
    let mut cv = IV;
    let flags = if root { PARENT | ROOT } else { PARENT };
    compress(&mut cv, pair(left, right), Tweak { counter: 0, len: 64, flags });
    bytes(cv)
}

/// Keyed hash of 64 bytes.
pub fn keyed_pair(key: &[u8; 32], left: &Digest, right: &Digest) -> Digest {
    keyed(key, pair(left, right), 64)
}

/// Keyed hash of a record of 40 bytes.
pub fn keyed_record(key: &[u8; 32], record: &[u8; 40]) -> Digest {
    keyed(key, words(record), 40)
}

fn keyed(key: &[u8; 32], message: [u32; 16], len: u32) -> Digest {
    let mut cv = words::<8>(key);
    compress(&mut cv, message, Tweak { counter: 0, len, flags: KEYED | CHUNK_START | CHUNK_END | ROOT });
    bytes(cv)
}
