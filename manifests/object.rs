//! The sealed objects themselves, and where they lie.

use crate::catalogue::{CatalogueUpdate, WireUpdate};
use crate::error::{Flaw, FormatError, UnsealError};
use crate::frame::{HEAD, LOCATION, decode, encode};
use crate::manifest::Manifest;
use crate::sealed::{CatalogueKey, MAX_OBJECT_BYTES, SealNonce, Sealed, open, seal};
use crate::segment::{SegmentRecord, WireSegments};
use layr_types::ByteCount;
use serde::{Deserialize, Serialize};

/// Most objects a catalogue head may list besides what it holds itself.
pub const MAX_PARTS: usize = 64;

impl Manifest {
    /// Seals the manifest under the owner's catalogue key.
    #[must_use]
    pub fn seal(&self, key: &CatalogueKey, nonce: SealNonce) -> Vec<u8> {
        seal(key, Sealed::Manifest, nonce, &self.encode())
    }

    /// Opens and checks a sealed manifest.
    ///
    /// # Errors
    /// [`UnsealError`] tells another owner's, a cut-off and a changed manifest apart.
    pub fn unseal(key: &CatalogueKey, sealed: &[u8]) -> Result<Self, UnsealError> {
        Ok(Self::decode(&open(key, Sealed::Manifest, sealed)?)?)
    }
}

impl CatalogueUpdate {
    /// Seals the update under the owner's catalogue key.
    #[must_use]
    pub fn seal(&self, key: &CatalogueKey, nonce: SealNonce) -> Vec<u8> {
        seal(key, Sealed::Update, nonce, &self.encode())
    }

    /// Opens and checks a sealed update.
    ///
    /// # Errors
    /// [`UnsealError`] tells another owner's, a cut-off and a changed one apart.
    pub fn unseal(key: &CatalogueKey, sealed: &[u8]) -> Result<Self, UnsealError> {
        Ok(Self::decode(&open(key, Sealed::Update, sealed)?)?)
    }
}

/// Where a sealed object lies on the network: the segments whose used bytes, joined, are the object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectLocation {
    /// Length of the sealed object.
    pub len: ByteCount,
    /// BLAKE3 of the sealed object.
    pub hash: [u8; 32],
    /// Its own segments, in order. No file lies in them.
    pub segments: Vec<SegmentRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireLocation {
    len: u64,
    hash: [u8; 32],
    segments: WireSegments,
}

impl ObjectLocation {
    /// The location of `sealed`, once its segments are placed.
    #[must_use]
    pub fn new(sealed: &[u8], segments: Vec<SegmentRecord>) -> Self {
        Self { len: ByteCount(sealed.len() as u64), hash: *blake3::hash(sealed).as_bytes(), segments }
    }

    /// True where `sealed` is the object that was stored here.
    #[must_use]
    pub fn matches(&self, sealed: &[u8]) -> bool {
        self.len.0 == sealed.len() as u64 && self.hash == *blake3::hash(sealed).as_bytes()
    }

    /// Encodes the location alone.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(LOCATION, &self.pack())
    }

    /// Decodes and checks a location.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |flaw| FormatError::Invalid { object: LOCATION.name, flaw };
        decode::<WireLocation>(LOCATION, bytes)?.unpack().map_err(invalid)
    }

    fn pack(&self) -> WireLocation {
        WireLocation { len: self.len.0, hash: self.hash, segments: WireSegments::pack(&self.segments) }
    }
}

impl WireLocation {
    fn unpack(self) -> Result<ObjectLocation, Flaw> {
        let segments = self.segments.unpack()?;
        let held = segments.iter().map(|segment| segment.used.0).fold(0, u64::saturating_add);
        if held != self.len || self.len > MAX_OBJECT_BYTES {
            return Err(Flaw::Size { chunks: ByteCount(held), size: ByteCount(self.len) });
        }
        Ok(ObjectLocation { len: ByteCount(self.len), hash: self.hash, segments })
    }
}

/// The top of a stored catalogue: applying the updates in `parts` in order, then `inline`, gives the catalogue.
///
/// A small catalogue is all inline and costs one object. A large one keeps its snapshot and later updates as
/// parts, so that a change writes only the head and what changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CatalogueHead {
    /// Sealed [`CatalogueUpdate`]s, oldest first; at most 64.
    pub parts: Vec<ObjectLocation>,
    /// The update after all of them.
    pub inline: CatalogueUpdate,
}

#[derive(Debug, Serialize, Deserialize)]
struct WireHead {
    parts: Vec<WireLocation>,
    inline: WireUpdate,
}

impl CatalogueHead {
    /// Seals the head under the owner's catalogue key.
    #[must_use]
    pub fn seal(&self, key: &CatalogueKey, nonce: SealNonce) -> Vec<u8> {
        seal(key, Sealed::Head, nonce, &self.encode())
    }

    /// Opens and checks a sealed head.
    ///
    /// # Errors
    /// [`UnsealError`] tells another owner's, a cut-off and a changed one apart.
    pub fn unseal(key: &CatalogueKey, sealed: &[u8]) -> Result<Self, UnsealError> {
        Ok(Self::decode(&open(key, Sealed::Head, sealed)?)?)
    }

    /// Encodes the head.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let parts = self.parts.iter().map(ObjectLocation::pack).collect();
        encode(HEAD, &WireHead { parts, inline: self.inline.pack() })
    }

    /// Decodes and checks a head.
    ///
    /// # Errors
    /// [`FormatError`] says what is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        let invalid = |flaw| FormatError::Invalid { object: HEAD.name, flaw };
        let wire = decode::<WireHead>(HEAD, bytes)?;
        if wire.parts.len() > MAX_PARTS {
            return Err(invalid(Flaw::Count(wire.parts.len())));
        }
        let parts = wire.parts.into_iter().map(WireLocation::unpack).collect::<Result<_, _>>();
        Ok(Self { parts: parts.map_err(invalid)?, inline: wire.inline.unpack().map_err(invalid)? })
    }
}
