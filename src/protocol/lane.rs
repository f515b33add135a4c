//! The lane: raw frames that carry sector bytes beside the calls.
//!
//! A lane is an authenticated byte stream. The caller sends requests, the host answers each under its
//! number, in any order; at most [`limits::MAX_LANE_IN_FLIGHT`](crate::limits::MAX_LANE_IN_FLIGHT) may be
//! unanswered. All integers big-endian.
//!
//! ```text
//! request   magic "LYRQ" · op u8 · 3 zero bytes · number u32 · first group u16 · groups u16 · agreement 32 · root 32   (80 bytes)
//!           PUT: followed by exactly one sector (1,048,576 bytes)
//! response  magic "LYRS" · status u16 · 2 zero bytes · number u32 · length u32                                       (16 bytes)
//!           followed by `length` bytes: for GET the range proof's bytes, then the groups; for a refusal the
//!           postcard of the [`Refusal`](crate::Refusal); for PUT nothing
//! ```
//!
//! Status 0 is success; anything else is [`Refusal::code`](crate::Refusal::code). A PUT is answered only
//! after the sector is durable. A header that does not parse ends the lane.

use crate::limits::MAX_LANE_PAYLOAD_BYTES;
use layr_types::{AgreementId, DecodeError, GROUPS_PER_SECTOR, Reader, SectorRoot, Writer};

/// Size of a request's header.
pub const REQUEST_BYTES: usize = 80;
/// Size of a response's header.
pub const RESPONSE_BYTES: usize = 16;

const REQUEST_MAGIC: &[u8; 4] = b"LYRQ";
const RESPONSE_MAGIC: &[u8; 4] = b"LYRS";
#[allow(clippy::cast_possible_truncation, reason = "64")]
const GROUPS: u16 = GROUPS_PER_SECTOR as u16;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Store the sector that follows.
    Put,
    /// Send `groups` groups (16 KiB each) from `first` on, with the proof that binds them to the root.
    Get {
        /// The first group, 0 to 63.
        first: u16,
        /// How many; 64 is the whole sector.
        groups: u16,
    },
}

/// A request's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What is wanted.
    pub op: Op,
    /// Chosen by the caller, returned with the answer.
    pub number: u32,
    /// Under which agreement.
    pub agreement: AgreementId,
    /// Which sector.
    pub root: SectorRoot,
}

/// A response's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Response {
    /// 0, or a refusal's code.
    pub status: u16,
    /// The request's number.
    pub number: u32,
    /// Bytes that follow; at most [`MAX_LANE_PAYLOAD_BYTES`].
    pub length: u32,
}

impl Request {
    /// The 80 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; REQUEST_BYTES] {
        let (op, first, groups) = match self.op {
            Op::Put => (1, 0, GROUPS),
            Op::Get { first, groups } => (2, first, groups),
        };
        Writer::<REQUEST_BYTES>::new()
            .put(REQUEST_MAGIC)
            .u8(op)
            .put(&[0; 3])
            .u32(self.number)
            .u16(first)
            .u16(groups)
            .put(&self.agreement.0)
            .put(&self.root.0)
            .finish()
    }

    /// Reads 80 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field that is out of range.
    pub fn decode(bytes: &[u8; REQUEST_BYTES]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        require(r.array()? == *REQUEST_MAGIC, 0)?;
        let op = r.u8()?;
        require(r.array()? == [0u8; 3], 5)?;
        let number = r.u32()?;
        let (first, groups) = (r.u16()?, r.u16()?);
        let op = match op {
            1 if (first, groups) == (0, GROUPS) => Op::Put,
            2 if groups > 0 && first < GROUPS && groups <= GROUPS - first => Op::Get { first, groups },
            _ => return Err(DecodeError::OutOfRange(4)),
        };
        Ok(Self { op, number, agreement: AgreementId(r.array()?), root: SectorRoot(r.array()?) })
    }
}

impl Response {
    /// The 16 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; RESPONSE_BYTES] {
        Writer::<RESPONSE_BYTES>::new()
            .put(RESPONSE_MAGIC)
            .u16(self.status)
            .u16(0)
            .u32(self.number)
            .u32(self.length)
            .finish()
    }

    /// Reads 16 bytes.
    ///
    /// # Errors
    /// [`DecodeError`] naming the field that is out of range; a length beyond the bound is one.
    pub fn decode(bytes: &[u8; RESPONSE_BYTES]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        require(r.array()? == *RESPONSE_MAGIC, 0)?;
        let status = r.u16()?;
        require(r.u16()? == 0, 6)?;
        let (number, length) = (r.u32()?, r.u32()?);
        let fits = usize::try_from(length).is_ok_and(|length| length <= MAX_LANE_PAYLOAD_BYTES);
        require(fits, 12)?;
        Ok(Self { status, number, length })
    }
}

const fn require(holds: bool, at: usize) -> Result<(), DecodeError> {
    if holds { Ok(()) } else { Err(DecodeError::OutOfRange(at)) }
}
