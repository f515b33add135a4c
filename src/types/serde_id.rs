//! How ids and signatures are serialised: as hexadecimal where people read (JSON), as raw bytes elsewhere.

use crate::bytes::{hex32, parse_hex32};
use crate::id::Signature;
use core::fmt;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Shows 32 bytes in hexadecimal.
pub(crate) struct Hex<'a>(pub &'a [u8; 32]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex32(self.0, f)
    }
}

/// Reads 64 hexadecimal characters.
pub(crate) struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = [u8; 32];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("64 hexadecimal characters")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        parse_hex32(text).map_err(E::custom)
    }
}

macro_rules! as_hex_for_people {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(&crate::serde_id::Hex(&self.0))
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    deserializer.deserialize_str(crate::serde_id::HexVisitor).map(Self)
                } else {
                    <[u8; 32]>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}
pub(crate) use as_hex_for_people;

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (head, tail) = self.0.split_at(32);
        let (head, tail) = (half(head), half(tail));
        if serializer.is_human_readable() {
            (crate::id::SectorRoot(head), crate::id::SectorRoot(tail)).serialize(serializer)
        } else {
            (head, tail).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (head, tail) = if deserializer.is_human_readable() {
            let (head, tail) = <(crate::id::SectorRoot, crate::id::SectorRoot)>::deserialize(deserializer)?;
            (head.0, tail.0)
        } else {
            <([u8; 32], [u8; 32])>::deserialize(deserializer)?
        };
        let mut out = [0u8; 64];
        let (left, right) = out.split_at_mut(32);
        left.copy_from_slice(&head);
        right.copy_from_slice(&tail);
        Ok(Self(out))
    }
}

fn half(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0u8; 32];
    out.copy_from_slice(bytes);
    out
}
