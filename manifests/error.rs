//! Why bytes are not the manifest or catalogue they were taken for.

use crate::path::PathError;
use layr_types::{ByteCount, SegmentId};

/// Decoding failed. Nothing was believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end before the object does.
    #[error("the {object} is cut off")]
    Truncated {
        /// What it was taken for.
        object: &'static str,
    },
    /// Bytes are left over.
    #[error("{extra} bytes follow the {object}")]
    Trailing {
        /// What it was taken for.
        object: &'static str,
        /// How many.
        extra: usize,
    },
    /// The magic number or the kind is another.
    #[error("these bytes are no {object} of layr")]
    Foreign {
        /// What it was taken for.
        object: &'static str,
    },
    /// A version this program does not know.
    #[error("the {object} has version {version}; this program knows up to {known}")]
    Version {
        /// What it is.
        object: &'static str,
        /// Its version.
        version: u8,
        /// The newest version this program knows.
        known: u8,
    },
    /// The fields do not parse.
    #[error("the {object} is malformed")]
    Malformed {
        /// What it was taken for.
        object: &'static str,
    },
    /// The fields parse but contradict each other or leave their bounds.
    #[error("the {object} is invalid")]
    Invalid {
        /// What it is.
        object: &'static str,
        /// What is wrong with it.
        #[source]
        flaw: Flaw,
    },
    /// It is longer than such an object may be.
    #[error("a {object} has at most {limit} bytes, this one {len}")]
    Oversized {
        /// What it was taken for.
        object: &'static str,
        /// Its length.
        len: usize,
        /// The bound.
        limit: usize,
    },
}

/// A contradiction inside an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The file's path is not allowed.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The chunks' lengths do not add up to the file's size.
    #[error("the chunks hold {chunks}, the file {size}")]
    Size {
        /// What the chunks hold.
        chunks: ByteCount,
        /// What the file claims.
        size: ByteCount,
    },
    /// A chunk's plain or sealed length is one no chunk has.
    #[error("chunk {0} has an impossible length")]
    ChunkLength(usize),
    /// A span is empty or leaves its segment.
    #[error("a span of chunk {0} is empty or leaves its segment")]
    Span(usize),
    /// A position points into a table that is shorter.
    #[error("an entry points outside its table")]
    Index,
    /// A segment holds nothing, or more than it has room for.
    #[error("segment {0} claims a length it cannot have")]
    Used(SegmentId),
    /// A shard does not exist in the segment's profile, is listed twice for one host, or has two roots.
    #[error("segment {0} lists impossible shards")]
    Shards(SegmentId),
    /// A file needs a segment that the catalogue does not have.
    #[error("a file needs segment {0}, which the catalogue does not have")]
    MissingSegment(SegmentId),
    /// Labels beyond their bounds.
    #[error("the labels of a file are too many or too long")]
    Labels,
    /// A list is longer than such a list may be.
    #[error("a list of {0} entries is too long")]
    Count(usize),
    /// A sub-second part of a billion nanoseconds or more.
    #[error("a time has {0} nanoseconds")]
    Nanoseconds(u32),
    /// The file's id is not the digest of its content.
    #[error("the file's id does not fit its content")]
    FileId,
}

/// A sealed object did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// The bytes end before the object does.
    #[error("the sealed object is cut off: {have} of {need} bytes")]
    Truncated {
        /// Bytes at hand.
        have: usize,
        /// Bytes needed.
        need: u64,
    },
    /// Bytes are left over.
    #[error("{extra} bytes follow the sealed object")]
    Trailing {
        /// How many.
        extra: u64,
    },
    /// Not a sealed object of layr, or not of the kind asked for.
    #[error("these bytes are no sealed object of layr of this kind")]
    Foreign,
    /// A version this program does not know.
    #[error("a sealed object of version {0}, which is unknown to this program")]
    Version(u8),
    /// Sealed by another owner (or under another recovery phrase).
    #[error("this object belongs to another owner or another recovery phrase")]
    WrongOwner,
    /// This owner's, but changed since it was sealed.
    #[error("the sealed object was changed since it was sealed")]
    Corrupt,
    /// It claims to be longer than such an object may be.
    #[error("a sealed object of {0} bytes is longer than any may be")]
    Oversized(u64),
    /// It opened, but its content does not decode.
    #[error("a sealed object opened, but its content does not decode")]
    Content(#[from] FormatError),
}
