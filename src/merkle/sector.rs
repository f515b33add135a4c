//! One sector: its root, the group hashes a host keeps beside it, and the path of one leaf.
//!
//! A host stores 64 group hashes (2 KiB) next to each sector; proving a leaf then reads its 16 KiB group and
//! nothing else of the sector.

use crate::error::ProofError;
use crate::hash::{Digest, leaf_cv, parent_cv, top};
use crate::leaf_proof::SECTOR_PATH_LEN;
use layr_types::{
    GROUP_BYTES, GROUPS_PER_SECTOR, LEAF_BYTES, LEAVES_PER_GROUP, LEAVES_PER_SECTOR, SECTOR_BYTES, SectorRoot,
};

/// Bytes of an encoded outboard: 2 KiB for a sector of 1 MiB.
pub const OUTBOARD_BYTES: usize = GROUPS_PER_SECTOR * 32;
/// Levels of the sector tree inside one group.
const GROUP_LEVELS: usize = LEAVES_PER_GROUP.ilog2() as usize;

/// A sector's root: BLAKE3 of its bytes.
#[must_use]
pub fn sector_root(sector: &[u8; SECTOR_BYTES]) -> SectorRoot {
    SectorOutboard::of(sector).root()
}

/// The hash of the group at position `group` (0 to 63) of a sector: its chaining value in the sector's tree.
///
/// Groups are independent of each other, so a sector may be hashed as its groups arrive, in any order.
#[must_use]
pub fn group_hash(bytes: &[u8; GROUP_BYTES], group: usize) -> Digest {
    #[cfg(feature = "fast")]
    {
        use blake3::hazmat::HasherExt;
        let offset = (group as u64) * (GROUP_BYTES as u64);
        blake3::Hasher::new().set_input_offset(offset).update(bytes).finalize_non_root()
    }
    #[cfg(not(feature = "fast"))]
    {
        let mut nodes = group_leaves(bytes, group);
        climb(&mut nodes, 0, &mut [[0; 32]; GROUP_LEVELS])
    }
}

/// The chaining values of a group's leaves.
fn group_leaves(bytes: &[u8; GROUP_BYTES], group: usize) -> [Digest; LEAVES_PER_GROUP] {
    let mut out = [[0; 32]; LEAVES_PER_GROUP];
    for ((at, leaf), cv) in bytes.as_chunks::<LEAF_BYTES>().0.iter().enumerate().zip(&mut out) {
        *cv = leaf_cv(leaf, group * LEAVES_PER_GROUP + at);
    }
    out
}

/// Pairs `nodes` up, one level for each place in `siblings`, noting there the sibling of position `at`.
/// Returns the first node of the last level.
fn climb(nodes: &mut [Digest], at: usize, siblings: &mut [Digest]) -> Digest {
    let mut width = nodes.len();
    for (level, sibling) in siblings.iter_mut().enumerate() {
        *sibling = nodes[(at >> level) ^ 1];
        width /= 2;
        for place in 0..width {
            nodes[place] = parent_cv(&nodes[2 * place], &nodes[2 * place + 1]);
        }
    }
    nodes[0]
}

/// The 64 group hashes of a sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectorOutboard {
    groups: [Digest; GROUPS_PER_SECTOR],
}

impl SectorOutboard {
    /// Hashes a sector once, one thread, at the speed of BLAKE3.
    #[must_use]
    pub fn of(sector: &[u8; SECTOR_BYTES]) -> Self {
        let mut groups = [[0; 32]; GROUPS_PER_SECTOR];
        for ((at, bytes), hash) in sector.as_chunks::<GROUP_BYTES>().0.iter().enumerate().zip(&mut groups) {
            *hash = group_hash(bytes, at);
        }
        Self { groups }
    }

    /// Collects group hashes made elsewhere with [`group_hash`].
    #[must_use]
    pub const fn from_groups(groups: [Digest; GROUPS_PER_SECTOR]) -> Self {
        Self { groups }
    }

    /// Reads what [`SectorOutboard::encode`] wrote. Whether it belongs to a sector is for
    /// [`SectorOutboard::root`] to tell.
    ///
    /// # Errors
    /// [`ProofError::Truncated`] or [`ProofError::TrailingBytes`] for any other length than
    /// [`OUTBOARD_BYTES`].
    pub fn decode(bytes: &[u8]) -> Result<Self, ProofError> {
        let (groups, rest) = bytes.as_chunks::<32>().0.split_first_chunk().ok_or(ProofError::Truncated)?;
        if bytes.len() == OUTBOARD_BYTES && rest.is_empty() {
            return Ok(Self { groups: *groups });
        }
        Err(ProofError::TrailingBytes(bytes.len() - OUTBOARD_BYTES))
    }

    /// The group hashes one after the other.
    #[must_use]
    pub fn encode(&self) -> [u8; OUTBOARD_BYTES] {
        let mut out = [0; OUTBOARD_BYTES];
        out.copy_from_slice(self.groups.as_flattened());
        out
    }

    /// The group hashes.
    #[must_use]
    pub const fn groups(&self) -> &[Digest; GROUPS_PER_SECTOR] {
        &self.groups
    }

    /// The root of the sector.
    #[must_use]
    pub fn root(&self) -> SectorRoot {
        let mut nodes = self.groups;
        climb(&mut nodes, 0, &mut [[0; 32]; SECTOR_PATH_LEN - GROUP_LEVELS - 1]);
        top(&nodes[0], &nodes[1])
    }
}

/// The siblings between one leaf and its sector's root, and the leaf itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafPath {
    leaf: [u8; LEAF_BYTES],
    siblings: [Digest; SECTOR_PATH_LEN],
}

impl LeafPath {
    /// The path of the leaf at position `within` (0 to 1023) of a sector, from the 16 KiB group that holds it.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] beyond the sector; [`ProofError::Mismatch`] where the group is not the one the
    /// outboard was made from: the host's own disk has changed it.
    pub fn new(
        within: usize,
        group: &[u8; GROUP_BYTES],
        outboard: &SectorOutboard,
    ) -> Result<Self, ProofError> {
        let at = within / LEAVES_PER_GROUP;
        let hash = outboard
            .groups
            .get(at)
            .ok_or(ProofError::OutOfRange { index: within as u64, count: LEAVES_PER_SECTOR as u64 })?;
        let mut siblings = [[0; 32]; SECTOR_PATH_LEN];
        let (below, above) = siblings.split_at_mut(GROUP_LEVELS);
        if climb(&mut group_leaves(group, at), within % LEAVES_PER_GROUP, below) != *hash {
            return Err(ProofError::Mismatch);
        }
        climb(&mut outboard.groups.clone(), at, above);
        let leaf = group.as_chunks::<LEAF_BYTES>().0[within % LEAVES_PER_GROUP];
        Ok(Self { leaf, siblings })
    }

    /// The leaf.
    #[must_use]
    pub const fn leaf(&self) -> &[u8; LEAF_BYTES] {
        &self.leaf
    }

    /// Appends the proof of this leaf to `out`; `path` is its sector's path in the agreement.
    ///
    /// # Errors
    /// [`ProofError::PathLength`] if `path` is longer than any agreement's.
    pub fn write_proof(&self, path: &[Digest], out: &mut alloc::vec::Vec<u8>) -> Result<(), ProofError> {
        let too_long = ProofError::PathLength { expected: crate::MAX_PATH_LEN, got: path.len() };
        let length = u8::try_from(path.len()).map_err(|_| too_long)?;
        if path.len() > crate::MAX_PATH_LEN {
            return Err(too_long);
        }
        out.extend_from_slice(self.siblings.as_flattened());
        out.extend_from_slice(&self.leaf);
        out.push(length);
        out.extend_from_slice(path.as_flattened());
        Ok(())
    }
}
