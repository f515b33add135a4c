//! How ids are serialised: as hexadecimal where people read (JSON), as raw bytes elsewhere.

use crate::bytes::{hex32, parse_hex32};
use core::fmt;
use serde::de::{Error, Visitor};

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
