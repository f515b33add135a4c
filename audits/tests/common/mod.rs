//! A host in memory: a few real sectors under one tree, and everything that can go wrong with them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its own part; a failure here is a failed test"
)]

use layr_audits::{Attempt, Challenge, Commitment, LeafSource, Loss, Outcome, SourceError, StoredLeaf};
use layr_merkle::{AgreementTree, SectorOutboard};
use layr_types::{AgreementId, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, SECTOR_BYTES, SectorRoot};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub struct Host {
    pub sectors: Vec<Box<[u8; SECTOR_BYTES]>>,
    pub outboards: Vec<SectorOutboard>,
    pub roots: Vec<SectorRoot>,
    pub tree: AgreementTree,
    pub held: Commitment,
    /// Sectors the host knows it has lost.
    pub gone: BTreeMap<u64, Loss>,
    /// Sectors whose disk does not answer.
    pub unreadable: BTreeSet<u64>,
}

impl Host {
    /// A host with `count` sectors of pseudo-random bytes, all sound.
    pub fn new(count: u64) -> Self {
        let sectors: Vec<Box<[u8; SECTOR_BYTES]>> = (0..count)
            .map(|at| {
                let mut bytes = vec![0u8; SECTOR_BYTES];
                blake3::Hasher::new().update(&at.to_be_bytes()).finalize_xof().fill(&mut bytes);
                bytes.try_into().unwrap()
            })
            .collect();
        let outboards: Vec<_> = sectors.iter().map(|sector| SectorOutboard::of(sector)).collect();
        let roots: Vec<_> = outboards.iter().map(SectorOutboard::root).collect();
        let tree = AgreementTree::from_roots(&roots).unwrap();
        let held =
            Commitment { agreement: AgreementId([9; 32]), revision: 4, root: tree.root(), sectors: count };
        Self { sectors, outboards, roots, tree, held, gone: BTreeMap::new(), unreadable: BTreeSet::new() }
    }

    /// The challenge numbered `seed`: `count` random leaves.
    pub fn challenge(&self, seed: u64, count: u16) -> Challenge {
        Challenge::random(&self.held, (seed, blake3::hash(&seed.to_be_bytes()).as_bytes()), [5; 32], count)
    }
}

impl LeafSource for Host {
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError> {
        let sector = leaf.sector().0;
        if let Some(loss) = self.gone.get(&sector) {
            return Err(SourceError::Lost(*loss));
        }
        if self.unreadable.contains(&sector) {
            return Err(SourceError::Unavailable("the disk is away".into()));
        }
        let at = usize::try_from(sector).unwrap();
        let groups = self.sectors[at].as_chunks::<GROUP_BYTES>().0;
        Ok(StoredLeaf {
            group: Box::new(groups[leaf.within_sector() / LEAVES_PER_GROUP]),
            outboard: self.outboards[at].clone(),
            sector_root: self.roots[at],
            path: self.tree.path(leaf.sector()).unwrap(),
        })
    }
}

/// An attempt that came back in one second of two.
pub fn in_time(outcome: Outcome<'_>) -> Attempt<'_> {
    Attempt { outcome, took: Duration::from_secs(1), allowed: Duration::from_secs(2) }
}
