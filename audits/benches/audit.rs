//! The cost of the daily audit of an agreement of 1 TiB, on the host and on the owner.
//!
//! The tree is real (2^20 sector records); the sectors are one and the same megabyte, so that only the bytes an
//! audit touches are needed. Reading the disk is not in it.
#![allow(missing_docs, reason = "criterion_group! writes a public function without documentation")]

use core::time::Duration;
use criterion::{Criterion, criterion_group, criterion_main};
use layr_audits::{
    Attempt, Challenge, Commitment, DAILY_LEAVES, LeafSource, Outcome, SourceError, StoredLeaf, Verdict,
    judge, prove,
};
use layr_merkle::{AgreementTree, SectorOutboard};
use layr_types::{AgreementId, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, SECTOR_BYTES};
use std::hint::black_box;

struct Sparse {
    sector: Box<[u8; SECTOR_BYTES]>,
    outboard: SectorOutboard,
    tree: AgreementTree,
}

impl LeafSource for Sparse {
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError> {
        let groups = self.sector.as_chunks::<GROUP_BYTES>().0;
        Ok(StoredLeaf {
            group: Box::new(groups[leaf.within_sector() / LEAVES_PER_GROUP]),
            outboard: self.outboard.clone(),
            sector_root: self.outboard.root(),
            path: self.tree.path(leaf.sector()).map_err(|error| SourceError::Unavailable(error.into()))?,
        })
    }
}

fn audit_of_1_tib(c: &mut Criterion) {
    let mut sector = Box::new([0u8; SECTOR_BYTES]);
    blake3::Hasher::new().finalize_xof().fill(&mut *sector);
    let outboard = SectorOutboard::of(&sector);
    let root = outboard.root();
    let tree = AgreementTree::from_roots(std::iter::repeat_n(&root, 1 << 20)).expect("within bounds");
    let held =
        Commitment { agreement: AgreementId([1; 32]), revision: 7, root: tree.root(), sectors: tree.count() };
    let source = Sparse { sector, outboard, tree };
    let challenge = Challenge::random(&held, (1, &[2; 32]), [3; 32], DAILY_LEAVES);
    let answer = prove(&challenge, &held, &source).expect("all is there");

    c.bench_function("prove 20 leaves of 1 TiB", |b| {
        b.iter(|| prove(black_box(&challenge), &held, &source).expect("all is there"));
    });
    c.bench_function("judge 20 leaves of 1 TiB", |b| {
        b.iter(|| {
            let outcome = Outcome::Answered(black_box(&answer));
            let attempt = Attempt { outcome, took: Duration::ZERO, allowed: Duration::from_secs(2) };
            assert_eq!(judge(&challenge, &held, &attempt).verdict, Verdict::Passed);
        });
    });
}

criterion_group!(benches, audit_of_1_tib);
criterion_main!(benches);
