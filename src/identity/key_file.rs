//! The key file: the phrase's entropy under a passphrase, the only form in which it touches a disk.
//!
//! Version 1, 105 bytes:
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `layr-key` |
//! | 8 | 1 | version, 1 |
//! | 9 | 4 | Argon2id memory in KiB, big-endian |
//! | 13 | 4 | Argon2id passes |
//! | 17 | 4 | Argon2id lanes |
//! | 21 | 16 | salt |
//! | 37 | 12 | nonce |
//! | 49 | 48 | ChaCha20-Poly1305 of the 32 bytes of entropy; bytes 0–48 are associated data |
//! | 97 | 8 | first 8 bytes of BLAKE3 over bytes 0–96 |
//!
//! The checksum at the end tells a damaged file from a wrong passphrase; it covers public bytes only. The
//! passphrase is taken in Unicode form NFKC, so that it opens the file whichever way a keyboard composes it.

use crate::error::KeyFileError;
use crate::identity::Identity;
use crate::phrase::{PHRASE_ENTROPY_BYTES, Phrase};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Bytes of salt a new key file needs.
pub const KEY_FILE_SALT_BYTES: usize = 16;
/// Bytes of nonce a new key file needs.
pub const KEY_FILE_NONCE_BYTES: usize = 12;
/// Size of a key file.
pub const KEY_FILE_BYTES: usize = HEADER_BYTES + SEALED_BYTES + CHECK_BYTES;

const MAGIC: &[u8; 8] = b"layr-key";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 49;
const SEALED_BYTES: usize = PHRASE_ENTROPY_BYTES + 16;
const CHECK_BYTES: usize = 8;

/// What deriving the file's key costs whoever tries a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Cost {
    /// 64 MiB, 3 passes, 1 lane: about 0.2 s.
    pub(crate) const STANDARD: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// Refuses what would freeze or starve the machine: a stranger may have written the file.
    const fn check(self) -> Result<(), KeyFileError> {
        let fits = self.memory_kib >= 8
            && self.memory_kib <= 256 * 1024
            && self.passes >= 1
            && self.passes <= 16
            && self.lanes == 1;
        if fits {
            Ok(())
        } else {
            Err(KeyFileError::CostOutOfRange { memory_kib: self.memory_kib, passes: self.passes })
        }
    }
}

/// Seals a phrase under a passphrase. `salt` and `nonce` must be fresh random bytes.
///
/// # Errors
/// [`KeyFileError::EmptyPassphrase`]; [`KeyFileError::OutOfMemory`] if the machine lacks 64 MiB.
pub fn seal_key_file(
    phrase: &Phrase,
    passphrase: &str,
    salt: &[u8; KEY_FILE_SALT_BYTES],
    nonce: &[u8; KEY_FILE_NONCE_BYTES],
) -> Result<Vec<u8>, KeyFileError> {
    seal_at(Cost::STANDARD, phrase, passphrase, (salt, nonce))
}

/// Opens a key file.
///
/// # Errors
/// [`KeyFileError::Corrupt`] for bytes that are not an intact key file, [`KeyFileError::UnknownVersion`] for one
/// of a later program, [`KeyFileError::WrongPassphrase`], [`KeyFileError::CostOutOfRange`].
pub fn open_key_file(file: &[u8], passphrase: &str) -> Result<Identity, KeyFileError> {
    let (header, sealed) = intact_parts(file)?;
    let cost =
        Cost { memory_kib: u32_at(header, 9)?, passes: u32_at(header, 13)?, lanes: u32_at(header, 17)? };
    cost.check()?;
    let nonce = array_at::<KEY_FILE_NONCE_BYTES>(header, 37)?;
    let key = file_key(cost, passphrase, &array_at::<KEY_FILE_SALT_BYTES>(header, 21)?)?;
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let opened = key
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut buffer)
        .map_err(|_| KeyFileError::WrongPassphrase)?;
    let entropy = Zeroizing::new(array_at::<PHRASE_ENTROPY_BYTES>(opened, 0)?);
    Ok(Identity::from_phrase(Phrase::from_entropy(&entropy)))
}

pub(crate) fn seal_at(
    cost: Cost,
    phrase: &Phrase,
    passphrase: &str,
    (salt, nonce): (&[u8; KEY_FILE_SALT_BYTES], &[u8; KEY_FILE_NONCE_BYTES]),
) -> Result<Vec<u8>, KeyFileError> {
    let mut file = Vec::with_capacity(KEY_FILE_BYTES);
    file.extend_from_slice(MAGIC);
    file.push(VERSION);
    for number in [cost.memory_kib, cost.passes, cost.lanes] {
        file.extend_from_slice(&number.to_be_bytes());
    }
    file.extend_from_slice(salt);
    file.extend_from_slice(nonce);
    let key = file_key(cost, passphrase, salt)?;
    let mut secret = Zeroizing::new(**phrase.entropy());
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(*nonce),
            Aad::from(file.as_slice()),
            secret.as_mut_slice(),
        )
        .expect("32 bytes are far below the cipher's limit");
    file.extend_from_slice(secret.as_slice());
    file.extend_from_slice(tag.as_ref());
    let check = checksum(&file);
    file.extend_from_slice(&check);
    Ok(file)
}

fn file_key(
    cost: Cost,
    passphrase: &str,
    salt: &[u8; KEY_FILE_SALT_BYTES],
) -> Result<LessSafeKey, KeyFileError> {
    let normal: Zeroizing<String> = Zeroizing::new(passphrase.nfkc().collect());
    if normal.is_empty() {
        return Err(KeyFileError::EmptyPassphrase);
    }
    let out_of_range = KeyFileError::CostOutOfRange { memory_kib: cost.memory_kib, passes: cost.passes };
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(|_| out_of_range)?;
    let mut memory = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| KeyFileError::OutOfMemory)?;
    memory.resize(params.block_count(), Block::default());
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(normal.as_bytes(), salt, key.as_mut_slice(), &mut memory)
        .map_err(|_| out_of_range)?;
    let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).expect("the key has 32 bytes");
    Ok(LessSafeKey::new(key))
}

/// Splits an intact version-1 file into header and sealed part.
fn intact_parts(file: &[u8]) -> Result<(&[u8], &[u8]), KeyFileError> {
    let rest = file.strip_prefix(MAGIC).ok_or(KeyFileError::Corrupt)?;
    match rest.first() {
        Some(&VERSION) if file.len() == KEY_FILE_BYTES => {}
        Some(&VERSION) | None => return Err(KeyFileError::Corrupt),
        Some(&other) => return Err(KeyFileError::UnknownVersion(other)),
    }
    let (body, check) = file.split_at(HEADER_BYTES + SEALED_BYTES);
    if checksum(body) != check {
        return Err(KeyFileError::Corrupt);
    }
    Ok(body.split_at(HEADER_BYTES))
}

fn checksum(body: &[u8]) -> [u8; CHECK_BYTES] {
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(blake3::hash(body).as_bytes().split_at(CHECK_BYTES).0);
    check
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], KeyFileError> {
    bytes.get(at..at + N).and_then(|part| part.try_into().ok()).ok_or(KeyFileError::Corrupt)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<u32, KeyFileError> {
    array_at(bytes, at).map(u32::from_be_bytes)
}
