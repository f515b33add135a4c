//! Everything but the account key: BLAKE3 key derivation from the BIP-39 seed, one label per purpose.
//!
//! The labels are part of the recovery format: changing one loses the data kept under it, so they are pinned by
//! `vectors/v1.txt`. A secret for one purpose says nothing about the seed or about any other.

use zeroize::Zeroizing;

/// What a derived secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// Naming and sealing chunks.
    Chunk,
    /// Naming segments and masking shards; given to a delegate who may repair without reading.
    Mask,
    /// Sealing manifests and the catalogue.
    Catalogue,
    /// The Ed25519 seed that signs the catalogue's mutable record on the network.
    CatalogueRecord,
    /// Sealing journals of unfinished jobs on disk.
    Journal,
    /// Authenticating the local API between a node and its own command line.
    LocalApi,
}

impl Purpose {
    /// Every purpose, for tests and for showing what a phrase restores.
    pub const ALL: [Self; 6] =
        [Self::Chunk, Self::Mask, Self::Catalogue, Self::CatalogueRecord, Self::Journal, Self::LocalApi];

    const fn label(self) -> &'static str {
        match self {
            Self::Chunk => "layr 2026 v1 chunk secret",
            Self::Mask => "layr 2026 v1 mask secret",
            Self::Catalogue => "layr 2026 v1 catalogue secret",
            Self::CatalogueRecord => "layr 2026 v1 catalogue record key",
            Self::Journal => "layr 2026 v1 journal secret",
            Self::LocalApi => "layr 2026 v1 local api secret",
        }
    }
}

const NODE_KEY_LABEL: &str = "layr 2026 v1 node key";

pub(crate) fn secret(seed: &[u8; 64], purpose: Purpose) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(blake3::derive_key(purpose.label(), seed))
}

pub(crate) fn node_seed(seed: &[u8; 64]) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(blake3::derive_key(NODE_KEY_LABEL, seed))
}
