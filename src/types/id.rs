//! Ids and roots: 32 bytes each, each its own type.

use crate::bytes::{HexError, hex32, parse_hex32};
use core::fmt;
use core::str::FromStr;

macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        #[cfg(feature = "serde")]
        crate::serde_id::as_hex_for_people!($name);

        impl $name {
            /// The raw 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex32(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("…)")
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                parse_hex32(text).map(Self)
            }
        }
    };
}

bytes32!(
    /// A node's Ed25519 public key: its identity on the network and the key that signs its agreements.
    NodeKey
);
bytes32!(
    /// A Stellar account's Ed25519 public key (the payload of a `G…` address).
    AccountKey
);
bytes32!(
    /// A Soroban contract's id (the payload of a `C…` address).
    ContractId
);
bytes32!(
    /// SHA-256 of a Stellar network's passphrase.
    NetworkId
);
bytes32!(
    /// A Stellar transaction's hash.
    TxHash
);
bytes32!(
    /// One agreement on one network under one contract; see `layr_market::Terms::id`.
    AgreementId
);
bytes32!(
    /// BLAKE3 of one sector (1 MiB).
    SectorRoot
);
bytes32!(
    /// Root of an agreement's tree over its sector records.
    AgreementRoot
);
bytes32!(
    /// Keyed BLAKE3 of a chunk's plaintext: equal chunks of one owner are equal, of two owners never.
    ChunkId
);
bytes32!(
    /// One erasure-coded segment of an owner's catalogue.
    SegmentId
);
bytes32!(
    /// One version of one file in an owner's catalogue.
    FileId
);
bytes32!(
    /// The randomness from which an audit's leaves are drawn.
    AuditSeed
);

/// An Ed25519 signature (64 bytes).
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Signature(#[cfg_attr(feature = "serde", serde(with = "crate::hex_bytes"))] pub [u8; 64]);

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(")?;
        self.0.iter().take(4).try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}
