//! What one audit costs does not depend on how many shards, files or sectors an agreement holds, except for one hash
//! per leaf each time the data doubles.

use layr_audits::{Challenge, Commitment, DAILY_LEAVES, LeafSource, SourceError, StoredLeaf, prove};
use layr_merkle::{AgreementTree, SectorOutboard};
use layr_types::{AgreementId, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, SECTOR_BYTES};
use std::cell::Cell;

/// An agreement whose sectors are one and the same, and how often it was read.
struct Sparse {
    sector: Box<[u8; SECTOR_BYTES]>,
    outboard: SectorOutboard,
    tree: AgreementTree,
    loads: Cell<u64>,
}

impl LeafSource for Sparse {
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError> {
        self.loads.set(self.loads.get() + 1);
        let groups = self.sector.as_chunks::<GROUP_BYTES>().0;
        Ok(StoredLeaf {
            group: Box::new(groups[leaf.within_sector() / LEAVES_PER_GROUP]),
            outboard: self.outboard.clone(),
            sector_root: self.outboard.root(),
            path: self.tree.path(leaf.sector()).map_err(|error| SourceError::Unavailable(error.into()))?,
        })
    }
}

/// Bytes of proof and groups read for the daily audit of so many sectors.
fn cost(sectors: usize) -> (usize, u64) {
    let sector = Box::new([5u8; SECTOR_BYTES]);
    let outboard = SectorOutboard::of(&sector);
    let root = outboard.root();
    let tree = AgreementTree::from_roots(std::iter::repeat_n(&root, sectors)).expect("within bounds");
    let held =
        Commitment { agreement: AgreementId([1; 32]), revision: 7, root: tree.root(), sectors: tree.count() };
    let source = Sparse { sector, outboard, tree, loads: Cell::new(0) };
    let challenge = Challenge::random(&held, (1, &[2; 32]), [3; 32], DAILY_LEAVES);
    let answer = prove(&challenge, &held, &source).expect("all is there");
    (answer.proofs.len(), source.loads.get())
}

#[test]
fn an_audit_grows_by_one_hash_a_leaf_when_the_data_doubles() {
    let (smallest, _) = cost(1);
    for doublings in 0..=16u32 {
        let (bytes, loads) = cost(1 << doublings);
        assert_eq!(bytes, smallest + usize::from(DAILY_LEAVES) * 32 * doublings as usize);
        assert_eq!(loads, u64::from(DAILY_LEAVES), "one group of the disk a leaf, whatever the size");
    }
}

/// One file of 4,096 shards or 4,096 files of one shard: the tree knows sectors only.
#[test]
fn an_audit_costs_the_same_for_one_shard_more() {
    let (even, loads) = cost(4_096);
    let (odd, more) = cost(4_097);
    assert!(odd <= even + usize::from(DAILY_LEAVES) * 32, "{even}, then {odd}");
    assert_eq!(loads, more);
}
