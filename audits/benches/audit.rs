//! The cost of the daily audit, on the host and on the owner, from 1 GiB to 1 TiB of an agreement's data and for one
//! shard of a file or all of a million.
//!
//! The tree is real (up to 2^20 sector records); the sectors are one and the same megabyte, so that only the bytes an
//! audit touches are needed. Reading the disk is not timed but counted: `sizes` prints what is read and sent before
//! the timings.
#![allow(missing_docs, reason = "criterion_group! writes a public function without documentation")]

use core::time::Duration;
use criterion::{Criterion, criterion_group, criterion_main};
use layr_audits::{
    Answer, Attempt, Challenge, Commitment, DAILY_LEAVES, LeafSource, Outcome, SourceError, StoredLeaf,
    Verdict, judge, prove,
};
use layr_merkle::{AgreementTree, OUTBOARD_BYTES, SectorOutboard};
use layr_types::{AgreementId, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, SECTOR_BYTES};
use std::cell::Cell;
use std::hint::black_box;

/// Sectors (MiB) of the agreements measured: 1, 8, 64 GiB, 1 TiB.
const SIZES: [u64; 4] = [1 << 10, 1 << 13, 1 << 16, 1 << 20];

struct Sparse {
    sector: Box<[u8; SECTOR_BYTES]>,
    outboard: SectorOutboard,
    tree: AgreementTree,
    /// Bytes a disk would have been asked for: a group of data and the sector's group hashes for each leaf.
    read: Cell<usize>,
}

impl LeafSource for Sparse {
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError> {
        self.read.set(self.read.get() + GROUP_BYTES + OUTBOARD_BYTES);
        let groups = self.sector.as_chunks::<GROUP_BYTES>().0;
        Ok(StoredLeaf {
            group: Box::new(groups[leaf.within_sector() / LEAVES_PER_GROUP]),
            outboard: self.outboard.clone(),
            sector_root: self.outboard.root(),
            path: self.tree.path(leaf.sector()).map_err(|error| SourceError::Unavailable(error.into()))?,
        })
    }
}

/// An agreement of so many sectors, its source, the daily challenge, and the answer to it.
struct Agreement {
    held: Commitment,
    source: Sparse,
    challenge: Challenge,
    answer: Answer,
}

fn agreement(sectors: u64) -> Agreement {
    let mut sector = Box::new([0u8; SECTOR_BYTES]);
    blake3::Hasher::new().finalize_xof().fill(&mut *sector);
    let outboard = SectorOutboard::of(&sector);
    let root = outboard.root();
    let count = usize::try_from(sectors).expect("at most 2^20");
    let tree = AgreementTree::from_roots(std::iter::repeat_n(&root, count)).expect("within bounds");
    let held =
        Commitment { agreement: AgreementId([1; 32]), revision: 7, root: tree.root(), sectors: tree.count() };
    let source = Sparse { sector, outboard, tree, read: Cell::new(0) };
    let challenge = Challenge::random(&held, (1, &[2; 32]), [3; 32], DAILY_LEAVES);
    let answer = prove(&challenge, &held, &source).expect("all is there");
    Agreement { held, source, challenge, answer }
}

fn sizes(c: &mut Criterion) {
    for sectors in SIZES {
        let Agreement { held, source, challenge, answer } = agreement(sectors);
        eprintln!(
            "{} GiB: {} bytes of proof for {} leaves, {} disk reads of {} bytes in all",
            sectors >> 10,
            answer.proofs.len(),
            challenge.count(),
            2 * challenge.count(),
            source.read.get(),
        );
        let name = |what| format!("{what} 20 leaves of {} GiB", sectors >> 10);
        c.bench_function(&name("prove"), |b| {
            b.iter(|| prove(black_box(&challenge), &held, &source).expect("all is there"));
        });
        c.bench_function(&name("judge"), |b| {
            b.iter(|| {
                let outcome = Outcome::Answered(black_box(&answer));
                let attempt = Attempt { outcome, took: Duration::ZERO, allowed: Duration::from_secs(2) };
                assert_eq!(judge(&challenge, &held, &attempt).verdict, Verdict::Passed);
            });
        });
    }
}

criterion_group!(benches, sizes);
criterion_main!(benches);
