//! The frame around every encoded object: `LAYR ‖ kind (1) ‖ version (1) ‖ postcard body`.
//!
//! Decoding refuses another magic, kind or version, a body that ends early and bytes left over. Lists are
//! read element by element, so what is allocated is bounded by a constant times the bytes at hand.

use crate::error::FormatError;
use serde::{Serialize, de::DeserializeOwned};

const MAGIC: [u8; 4] = *b"LAYR";
const HEADER: usize = 6;

/// What an object is, as its frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) byte: u8,
    pub(crate) version: u8,
    pub(crate) name: &'static str,
}

pub(crate) const MANIFEST: Kind = Kind { byte: 1, version: 1, name: "manifest" };
pub(crate) const UPDATE: Kind = Kind { byte: 2, version: 1, name: "catalogue update" };
pub(crate) const HEAD: Kind = Kind { byte: 3, version: 1, name: "catalogue head" };
pub(crate) const LOCATION: Kind = Kind { byte: 4, version: 1, name: "catalogue location" };
pub(crate) const SEGMENT: Kind = Kind { byte: 5, version: 1, name: "segment record" };

/// Writes a frame.
pub(crate) fn encode<T: Serialize>(kind: Kind, body: &T) -> Vec<u8> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[kind.byte, kind.version]);
    postcard::to_extend(body, out).expect("a vector takes every byte and the types have no failing encoders")
}

/// Reads a frame.
pub(crate) fn decode<T: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<T, FormatError> {
    let object = kind.name;
    let (header, body) = bytes.split_at_checked(HEADER).ok_or(FormatError::Truncated { object })?;
    if header[..4] != MAGIC || header[4] != kind.byte {
        return Err(FormatError::Foreign { object });
    }
    if header[5] != kind.version {
        return Err(FormatError::Version { object, version: header[5], known: kind.version });
    }
    match postcard::take_from_bytes(body) {
        Ok((value, [])) => Ok(value),
        Ok((_, rest)) => Err(FormatError::Trailing { object, extra: rest.len() }),
        Err(postcard::Error::DeserializeUnexpectedEnd) => Err(FormatError::Truncated { object }),
        Err(_) => Err(FormatError::Malformed { object }),
    }
}
