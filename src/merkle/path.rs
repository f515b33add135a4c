//! The shape of the agreement tree: which hashes lie between a record and the root.
//!
//! Position and count fix the shape completely (RFC 6962 §2.1): the `inner` lowest steps zigzag inside the
//! smallest subtree that holds both the record and the last one, the steps above have their sibling on the
//! left. No other length is accepted.

use crate::error::ProofError;
use crate::hash::{Digest, node_hash};

/// The most sectors an agreement can hold: 2^40, an exbibyte.
pub const MAX_SECTORS: u64 = 1 << 40;
/// The longest path in an agreement tree, in hashes.
pub const MAX_PATH_LEN: usize = 40;

/// How a path's steps divide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Steps whose sibling's side is told by the position's bits.
    pub inner: u32,
    /// Steps above them, sibling always on the left.
    pub border: u32,
}

impl Shape {
    /// The shape of the path of position `index` among `count`.
    pub fn of(index: u64, count: u64) -> Result<Self, ProofError> {
        if count > MAX_SECTORS {
            return Err(ProofError::TooManySectors(count));
        }
        if index >= count {
            return Err(ProofError::OutOfRange { index, count });
        }
        let inner = u64::BITS - (index ^ (count - 1)).leading_zeros();
        Ok(Self { inner, border: (index >> inner).count_ones() })
    }

    /// Hashes in the path.
    pub const fn len(self) -> usize {
        (self.inner + self.border) as usize
    }
}

/// Hashes in the path of position `index` among `count` records.
///
/// # Errors
/// [`ProofError::OutOfRange`] or [`ProofError::TooManySectors`] where there is no such path.
pub fn path_len(index: u64, count: u64) -> Result<usize, ProofError> {
    Shape::of(index, count).map(Shape::len)
}

/// The root to which `hash` at position `index` among `count` leads along `path`.
pub(crate) fn fold(hash: Digest, index: u64, count: u64, path: &[Digest]) -> Result<Digest, ProofError> {
    let shape = Shape::of(index, count)?;
    if path.len() != shape.len() {
        return Err(ProofError::PathLength { expected: shape.len(), got: path.len() });
    }
    let mut node = hash;
    for (level, sibling) in (0..).zip(path) {
        let sibling_is_right = level < shape.inner && (index >> level) & 1 == 0;
        node = if sibling_is_right { node_hash(&node, sibling) } else { node_hash(sibling, &node) };
    }
    Ok(node)
}
