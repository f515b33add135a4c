//! The sector tree and the agreement tree: roots, proofs, bounds.
