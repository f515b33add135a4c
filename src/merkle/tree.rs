//! The whole agreement tree, as the host keeps it: appends, paths, removal.
//!
//! Only the perfect subtrees are stored, level by level (64 bytes a sector); what lies on the ragged right edge
//! is computed when asked for. In memory only: it is rebuilt from the sector roots in a tenth of a second per
//! million sectors.

use crate::error::ProofError;
use crate::hash::{Digest, EMPTY_AGREEMENT_ROOT, node_hash, record_hash};
use crate::path::{MAX_SECTORS, Shape};
use crate::peaks::Peaks;
use alloc::vec::Vec;
use layr_types::{AgreementRoot, SectorIndex, SectorRoot};

/// An agreement's sectors, in order, as a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgreementTree {
    /// `levels[l][i]` is the root of records `i << l .. (i + 1) << l`.
    levels: Vec<Vec<Digest>>,
}

impl AgreementTree {
    /// The tree of no sectors.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// The tree of these sectors.
    ///
    /// # Errors
    /// [`ProofError::TooManySectors`] beyond the bound.
    pub fn from_roots<'a>(roots: impl IntoIterator<Item = &'a SectorRoot>) -> Result<Self, ProofError> {
        let mut tree = Self::new();
        roots.into_iter().try_for_each(|root| tree.append(root).map(|_| ()))?;
        Ok(tree)
    }

    /// Sectors in the tree.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.levels.first().map_or(0, |records| records.len() as u64)
    }

    /// Appends one sector and returns its position.
    ///
    /// # Errors
    /// [`ProofError::TooManySectors`] at the bound; nothing has changed then.
    pub fn append(&mut self, root: &SectorRoot) -> Result<SectorIndex, ProofError> {
        let at = self.count();
        if at >= MAX_SECTORS {
            return Err(ProofError::TooManySectors(at + 1));
        }
        self.push(0, record_hash(root));
        Ok(SectorIndex(at))
    }

    fn push(&mut self, level: usize, node: Digest) {
        if self.levels.len() == level {
            self.levels.push(Vec::new());
        }
        let row = &mut self.levels[level];
        row.push(node);
        if let ([.., left, right], true) = (row.as_slice(), row.len().is_multiple_of(2)) {
            let parent = node_hash(left, right);
            self.push(level + 1, parent);
        }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> AgreementRoot {
        self.suffix_root(0).map_or(EMPTY_AGREEMENT_ROOT, AgreementRoot)
    }

    /// The frontier, for a peer that will append.
    #[must_use]
    pub fn peaks(&self) -> Peaks {
        let count = self.count();
        let peaks = (0..).zip(&self.levels).filter(|(level, _)| (count >> level) & 1 == 1);
        Peaks::assemble(count, peaks.filter_map(|(_, row)| row.last().copied()))
            .expect("a tree holds one peak for each bit of its bounded count")
    }

    /// Whether the sector at `at` has this root.
    #[must_use]
    pub fn holds(&self, at: SectorIndex, root: &SectorRoot) -> bool {
        usize::try_from(at.0)
            .ok()
            .and_then(|at| self.levels.first()?.get(at))
            .is_some_and(|record| *record == record_hash(root))
    }

    /// The siblings between the sector at `at` and the root, lowest first.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] where there is no such sector.
    pub fn path(&self, at: SectorIndex) -> Result<Vec<Digest>, ProofError> {
        let shape = Shape::of(at.0, self.count())?;
        let mut path = Vec::with_capacity(shape.len());
        for level in 0..u64::BITS - self.count().leading_zeros() {
            let sibling = (at.0 >> level) ^ 1;
            if level + 1 == shape.inner {
                path.extend(self.suffix_root(sibling << level));
            } else if level < shape.inner || (at.0 >> level) & 1 == 1 {
                path.extend(self.node(level, sibling));
            }
        }
        Ok(path)
    }

    /// Removes the sector at `at`: the last one takes its place and the tree is one shorter. Returns the proof
    /// by which a peer that knows only root and count computes the new root ([`crate::verify_removal`]).
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] where there is no such sector.
    pub fn swap_remove(&mut self, at: SectorIndex) -> Result<Vec<u8>, ProofError> {
        let last = SectorIndex(self.count().wrapping_sub(1));
        Shape::of(at.0, self.count())?;
        let mut proof = Vec::new();
        let record = self.node(0, last.0).ok_or(ProofError::OutOfRange { index: at.0, count: 0 })?;
        proof.extend_from_slice(&record);
        proof.extend_from_slice(self.path(last)?.as_flattened());
        self.pop();
        if at != last {
            proof.extend_from_slice(self.path(at)?.as_flattened());
            self.replace(at.0, record);
        }
        Ok(proof)
    }

    /// Removes several sectors, the highest place first, each as [`Self::swap_remove`] does.
    ///
    /// # Errors
    /// [`ProofError::OutOfRange`] for a place that does not exist or does not lie below the one before it; the
    /// tree is of no use then.
    pub fn trim(&mut self, removed: &[SectorIndex]) -> Result<(), ProofError> {
        let mut below = self.count();
        for at in removed {
            if at.0 >= below {
                return Err(ProofError::OutOfRange { index: at.0, count: below });
            }
            below = at.0;
            let last = self.count() - 1;
            let record = self.node(0, last).ok_or(ProofError::OutOfRange { index: last, count: 0 })?;
            self.pop();
            if at.0 != last {
                self.replace(at.0, record);
            }
        }
        Ok(())
    }

    /// Drops the last record and every perfect subtree it completed.
    fn pop(&mut self) {
        let left = self.count().saturating_sub(1);
        for (level, row) in (0u32..).zip(&mut self.levels) {
            row.truncate(usize::try_from(left >> level).unwrap_or(usize::MAX));
        }
        self.levels.retain(|row| !row.is_empty());
    }

    /// Puts another record at `at` and renews the perfect subtrees above it.
    fn replace(&mut self, at: u64, record: Digest) {
        let mut node = record;
        for level in 0.. {
            let Some(place) = self.node_mut(level, at >> level) else { return };
            *place = node;
            let (left, right) = ((at >> level) & !1, (at >> level) | 1);
            let (Some(left), Some(right)) = (self.node(level, left), self.node(level, right)) else { return };
            node = node_hash(&left, &right);
        }
    }

    fn node(&self, level: u32, at: u64) -> Option<Digest> {
        self.levels.get(level as usize)?.get(usize::try_from(at).ok()?).copied()
    }

    fn node_mut(&mut self, level: u32, at: u64) -> Option<&mut Digest> {
        self.levels.get_mut(level as usize)?.get_mut(usize::try_from(at).ok()?)
    }

    /// Root of the records from `start` to the end, where `start` is aligned to a subtree that holds them all.
    fn suffix_root(&self, start: u64) -> Option<Digest> {
        let (mut end, mut root) = (self.count(), None);
        for level in 0..u64::BITS {
            let width = 1u64 << level;
            if end == start {
                break;
            }
            if end.checked_sub(start)? & width != 0 {
                end -= width;
                let peak = self.node(level, end >> level)?;
                root = Some(root.map_or(peak, |right| node_hash(&peak, &right)));
            }
        }
        root
    }
}
