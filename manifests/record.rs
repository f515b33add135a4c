//! The catalogue record: the one small thing that changes in place.
//!
//! `LAYC ‖ version (1) ‖ owner (32) ‖ sequence (8) ‖ payload length (4) ‖ payload ‖ signature (64)`, numbers big
//! endian. Anyone can check the signature and keep the newest; only the owner can open the payload, which says
//! where the sealed [`CatalogueHead`](crate::CatalogueHead) lies. The payload is bound to owner and sequence,
//! so an old payload cannot be presented under a new number. It lives in the DHT and with the owner's hosts.

use crate::error::{FormatError, UnsealError};
use crate::object::ObjectLocation;
use crate::sealed::{CatalogueKey, SealNonce, Sealed, open, seal};
use layr_identity::{Signer, verify};
use layr_types::{NodeKey, Signature};

/// Longest record in bytes: below what a DHT message carries.
pub const MAX_RECORD_BYTES: usize = 12 * 1024;

const MAGIC: [u8; 4] = *b"LAYC";
const VERSION: u8 = 1;
const OBJECT: &str = "catalogue record";
const FIXED: usize = 4 + 1 + 32 + 8 + 4;
const SIGNATURE: usize = 64;
const DIGEST_LABEL: &str = "layr 2026 v1 catalogue record digest";

/// A record whose signature was checked, or made, by whoever holds it: there is no other way to get one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueRecord {
    owner: NodeKey,
    sequence: u64,
    payload: Vec<u8>,
    signature: Signature,
}

impl CatalogueRecord {
    /// Seals and signs the next record.
    ///
    /// # Errors
    /// [`FormatError::Oversized`] if the location does not fit: the head must lie in fewer segments.
    pub fn sign(
        signer: &Signer,
        key: &CatalogueKey,
        sequence: u64,
        nonce: SealNonce,
        head: &ObjectLocation,
    ) -> Result<Self, FormatError> {
        let owner = NodeKey(signer.public());
        let payload = seal(key, Sealed::Location, nonce, &context(&owner, sequence), &head.encode());
        let len = FIXED + payload.len() + SIGNATURE;
        if len > MAX_RECORD_BYTES {
            return Err(FormatError::Oversized { object: OBJECT, len, limit: MAX_RECORD_BYTES });
        }
        let signature = signer.sign(&digest(&signed_part(&owner, sequence, &payload)));
        Ok(Self { owner, sequence, payload, signature })
    }

    /// The key that signed it, and under which it is looked up.
    #[must_use]
    pub const fn owner(&self) -> NodeKey {
        self.owner
    }

    /// Counts up with every change; the highest is the truth.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// True where this record should replace `other`: same owner, higher sequence. Two records of one sequence
    /// (the owner wrote from two machines) are ordered by their bytes, so that everyone keeps the same one.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        let rank = |record: &Self| (record.sequence, digest(&record.signed_part()));
        self.owner == other.owner && rank(self) > rank(other)
    }

    /// Opens the payload: where the sealed catalogue head lies.
    ///
    /// # Errors
    /// [`UnsealError`]; [`UnsealError::WrongOwner`] if the catalogue key is another phrase's.
    pub fn head(&self, key: &CatalogueKey) -> Result<ObjectLocation, UnsealError> {
        let context = context(&self.owner, self.sequence);
        Ok(ObjectLocation::decode(&open(key, Sealed::Location, &context, &self.payload)?)?)
    }

    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.signed_part();
        out.extend_from_slice(&self.signature.0);
        out
    }

    /// Decodes a record and checks its signature.
    ///
    /// # Errors
    /// [`RecordError`]; nothing of a record that does not check out is returned.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let record = Self::parse(bytes)?;
        let signed = verify(&record.owner, &digest(&record.signed_part()), &record.signature);
        signed.then_some(record).ok_or(RecordError::Signature)
    }

    fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let (object, limit) = (OBJECT, MAX_RECORD_BYTES);
        if bytes.len() > limit {
            return Err(FormatError::Oversized { object, len: bytes.len(), limit });
        }
        let truncated = FormatError::Truncated { object };
        let (fixed, rest) = bytes.split_first_chunk::<FIXED>().ok_or_else(|| truncated.clone())?;
        if fixed[..4] != MAGIC {
            return Err(FormatError::Foreign { object });
        }
        if fixed[4] != VERSION {
            return Err(FormatError::Version { object, version: fixed[4], known: VERSION });
        }
        let payload_len = u32::from_be_bytes(array(&fixed[45..49]));
        let payload_len = usize::try_from(payload_len).unwrap_or(usize::MAX);
        let (payload, rest) = rest.split_at_checked(payload_len).ok_or_else(|| truncated.clone())?;
        let (signature, rest) = rest.split_first_chunk::<SIGNATURE>().ok_or(truncated)?;
        if !rest.is_empty() {
            return Err(FormatError::Trailing { object, extra: rest.len() });
        }
        Ok(Self {
            owner: NodeKey(array(&fixed[5..37])),
            sequence: u64::from_be_bytes(array(&fixed[37..45])),
            payload: payload.to_vec(),
            signature: Signature(*signature),
        })
    }

    fn signed_part(&self) -> Vec<u8> {
        signed_part(&self.owner, self.sequence, &self.payload)
    }
}

/// Why bytes are not a record to be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// Not a well-formed record.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Well-formed, but not signed by its owner.
    #[error("the catalogue record is not signed by its owner")]
    Signature,
}

fn signed_part(owner: &NodeKey, sequence: u64, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FIXED + payload.len() + SIGNATURE);
    out.extend_from_slice(&MAGIC);
    out.push(VERSION);
    out.extend_from_slice(&context(owner, sequence));
    let len = u32::try_from(payload.len()).expect("a payload is bounded by MAX_RECORD_BYTES");
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

fn context(owner: &NodeKey, sequence: u64) -> [u8; 40] {
    let mut out = [0u8; 40];
    out[..32].copy_from_slice(owner.as_bytes());
    out[32..].copy_from_slice(&sequence.to_be_bytes());
    out
}

fn digest(signed_part: &[u8]) -> [u8; 32] {
    blake3::derive_key(DIGEST_LABEL, signed_part)
}

/// A slice whose length the caller has fixed.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0u8; N];
    out.copy_from_slice(bytes);
    out
}
