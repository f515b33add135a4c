//! Why a proof proves nothing.

use core::fmt;

/// Why a proof does not hold. None of them says who is at fault: that is for `layr-audits` to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// The bytes end before the proof does.
    Truncated,
    /// This many bytes follow where the proof should end.
    TrailingBytes(usize),
    /// The proof speaks of position `index` where only `count` exist.
    OutOfRange {
        /// The position asked for, from 0.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// An agreement of this many sectors is beyond the bound of 2^40.
    TooManySectors(u64),
    /// A path of `got` hashes, where position and count admit only `expected`.
    PathLength {
        /// The only length possible.
        expected: usize,
        /// The length found.
        got: usize,
    },
    /// Everything is in its place and hashes to something other than the root.
    Mismatch,
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the proof ends too early"),
            Self::TrailingBytes(n) => write!(f, "{n} bytes follow the proof"),
            Self::OutOfRange { index, count } => write!(f, "position {index} does not exist among {count}"),
            Self::TooManySectors(n) => write!(f, "{n} sectors are more than an agreement can hold"),
            Self::PathLength { expected, got } => {
                write!(f, "a path of {got} hashes where {expected} are due")
            }
            Self::Mismatch => f.write_str("the proof does not lead to the root"),
        }
    }
}

impl core::error::Error for ProofError {}
