//! Sealing objects under the owner's catalogue key.
//!
//! `LAYS ‖ version (1) ‖ kind (1) ‖ owner tag (16) ‖ plaintext length (8, big endian) ‖ nonce (12) ‖ ciphertext ‖
//! tag (16)`: ChaCha20-Poly1305 under a key of its own for each kind, the header as associated
//! data. The owner tag is a digest of the catalogue key, so that another owner's object is told
//! apart from a damaged one; sealed objects are masked on hosts, so no host ever sees it.

use crate::error::UnsealError;
use core::fmt;
use layr_types::SECTOR_BYTES;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Longest object that is sealed or opened: 1 GiB, the catalogue of some ten tebibytes.
pub const MAX_OBJECT_BYTES: u64 = 1024 * SECTOR_BYTES as u64;
/// Bytes that sealing adds.
pub const SEALED_OVERHEAD: usize = HEADER + TAG;

const MAGIC: [u8; 4] = *b"LAYS";
const VERSION: u8 = 1;
const OWNER: usize = 16;
const NONCE: usize = 12;
const HEADER: usize = 4 + 1 + 1 + OWNER + 8 + NONCE;
const TAG: usize = 16;
const SEAL_LABEL: &str = "layr 2026 v1 catalogue seal";
const OWNER_LABEL: &str = "layr 2026 v1 catalogue owner";

/// Seals and opens an owner's manifests and catalogue.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct CatalogueKey {
    seal: [u8; 32],
    owner: [u8; OWNER],
}

impl CatalogueKey {
    /// From the secret the identity room derives for the catalogue.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let mut owner = [0u8; OWNER];
        owner.copy_from_slice(&blake3::derive_key(OWNER_LABEL, secret)[..OWNER]);
        Self { seal: blake3::derive_key(SEAL_LABEL, secret), owner }
    }

    fn cipher(&self, kind: u8) -> LessSafeKey {
        let key = blake3::keyed_hash(&self.seal, &[kind]);
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key.as_bytes()).expect("a hash has 32 bytes"))
    }
}

impl fmt::Debug for CatalogueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CatalogueKey(…)")
    }
}

/// What is sealed; objects of one kind do not open as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealed {
    Manifest,
    Update,
    Head,
}

impl Sealed {
    const fn byte(self) -> u8 {
        match self {
            Self::Manifest => 1,
            Self::Update => 2,
            Self::Head => 3,
        }
    }
}

/// Random bytes for one sealing, from the caller's generator. Never use one twice.
pub type SealNonce = [u8; NONCE];

/// Seals an object.
pub(crate) fn seal(key: &CatalogueKey, kind: Sealed, nonce: SealNonce, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(plain.len() + SEALED_OVERHEAD);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[VERSION, kind.byte()]);
    out.extend_from_slice(&key.owner);
    out.extend_from_slice(&(plain.len() as u64).to_be_bytes());
    out.extend_from_slice(&nonce);
    let header = out.clone();
    out.extend_from_slice(plain);
    let tag = key
        .cipher(kind.byte())
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(header),
            &mut out[HEADER..],
        )
        .expect("an object is far below the cipher's message limit");
    out.extend_from_slice(tag.as_ref());
    out
}

/// Opens what [`seal`] made.
pub(crate) fn open(key: &CatalogueKey, kind: Sealed, sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
    let short = UnsealError::Truncated { have: sealed.len(), need: SEALED_OVERHEAD as u64 };
    let (header, body) = sealed.split_at_checked(HEADER).ok_or(short)?;
    let nonce = check_header(key, kind, header)?;
    let plain_len = plain_len(header)?;
    let (have, need) = (sealed.len() as u64, plain_len + SEALED_OVERHEAD as u64);
    if have < need {
        return Err(UnsealError::Truncated { have: sealed.len(), need });
    }
    if have > need {
        return Err(UnsealError::Trailing { extra: have - need });
    }
    let mut body = body.to_vec();
    let len = key
        .cipher(kind.byte())
        .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(header), &mut body)
        .map_err(|_| UnsealError::Corrupt)?
        .len();
    body.truncate(len);
    Ok(body)
}

fn check_header(key: &CatalogueKey, kind: Sealed, header: &[u8]) -> Result<SealNonce, UnsealError> {
    if header[..4] != MAGIC {
        return Err(UnsealError::Foreign);
    }
    if header[4] != VERSION {
        return Err(UnsealError::Version(header[4]));
    }
    if header[5] != kind.byte() {
        return Err(UnsealError::Foreign);
    }
    if header[6..6 + OWNER] != key.owner {
        return Err(UnsealError::WrongOwner);
    }
    let mut nonce = [0u8; NONCE];
    nonce.copy_from_slice(&header[HEADER - NONCE..]);
    Ok(nonce)
}

fn plain_len(header: &[u8]) -> Result<u64, UnsealError> {
    let mut len = [0u8; 8];
    len.copy_from_slice(&header[6 + OWNER..HEADER - NONCE]);
    match u64::from_be_bytes(len) {
        len if len > MAX_OBJECT_BYTES => Err(UnsealError::Oversized(len)),
        len => Ok(len),
    }
}
