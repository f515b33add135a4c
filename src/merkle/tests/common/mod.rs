//! Sectors and agreements the tests share, all derived from numbers.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part; a failure here is a failed test"
)]

use layr_merkle::{AgreementTree, LeafPath, SectorOutboard};
use layr_types::{
    GROUP_BYTES, LEAVES_PER_GROUP, LEAVES_PER_SECTOR, LeafIndex, SECTOR_BYTES, SectorIndex, SectorRoot,
};

/// The first MiB of BLAKE3's output for `seed` as eight bytes, big-endian.
pub fn sector(seed: u64) -> Box<[u8; SECTOR_BYTES]> {
    let mut bytes = vec![0u8; SECTOR_BYTES];
    blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut bytes);
    bytes.try_into().unwrap()
}

/// BLAKE3 of `n` as eight bytes, big-endian, in the place of a sector's root.
pub fn root_of(n: u64) -> SectorRoot {
    SectorRoot(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

/// The first `count` such roots.
pub fn roots(count: u64) -> Vec<SectorRoot> {
    (0..count).map(root_of).collect()
}

/// The group that holds the leaf at `within`.
pub fn group(sector: &[u8; SECTOR_BYTES], within: usize) -> &[u8; GROUP_BYTES] {
    &sector.as_chunks::<GROUP_BYTES>().0[within / LEAVES_PER_GROUP]
}

/// An agreement of `count` sectors of which one, at position `at`, really exists.
pub struct Agreement {
    pub sector: Box<[u8; SECTOR_BYTES]>,
    pub outboard: SectorOutboard,
    pub tree: AgreementTree,
    pub at: u64,
}

impl Agreement {
    pub fn new(count: u64, at: u64) -> Self {
        let sector = sector(at);
        let outboard = SectorOutboard::of(&sector);
        let mut all = roots(count);
        all[usize::try_from(at).unwrap()] = outboard.root();
        Self { sector, outboard, tree: AgreementTree::from_roots(&all).unwrap(), at }
    }

    pub fn index(&self, within: usize) -> LeafIndex {
        LeafIndex(self.at * LEAVES_PER_SECTOR as u64 + within as u64)
    }

    pub fn proof(&self, within: usize) -> Vec<u8> {
        let leaf = LeafPath::new(within, group(&self.sector, within), &self.outboard).unwrap();
        let mut out = Vec::new();
        leaf.write_proof(&self.tree.path(SectorIndex(self.at)).unwrap(), &mut out).unwrap();
        out
    }
}
