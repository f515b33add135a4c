//! The cooperative end: both sign how the locked money is split, and one cheap transaction does it.

use crate::signing::{Kind, Sha256, digest};
use layr_types::{AgreementId, DecodeError, Reader, Stroops, Writer};

/// Size of an encoded final split.
pub const FINAL_BYTES: usize = 74;
const VERSION: u8 = 1;

/// Why an agreement ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum FinalReason {
    /// The term is over.
    TermOver = 0,
    /// Both wanted to stop early.
    Early = 1,
    /// A new agreement takes over.
    Renewed = 2,
}

/// Who gets what, by consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FinalSplit {
    /// Which agreement.
    pub id: AgreementId,
    /// The revision it settles; a published newer one voids it.
    pub n: u64,
    /// To the host, collateral included.
    pub host: Stroops,
    /// To the owner.
    pub owner: Stroops,
    /// Why.
    pub reason: FinalReason,
}

impl FinalSplit {
    /// What both sign.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H) -> [u8; 32] {
        digest(hash, Kind::Final, &self.encode())
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FINAL_BYTES] {
        Writer::<FINAL_BYTES>::new()
            .u8(VERSION)
            .put(&self.id.0)
            .u64(self.n)
            .i128(self.host.0)
            .i128(self.owner.0)
            .u8(self.reason as u8)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length, version or reason.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let id = AgreementId(r.array()?);
        let n = r.u64()?;
        let host = Stroops(r.i128()?);
        let owner = Stroops(r.i128()?);
        let at = r.position();
        let reason = match r.u8()? {
            0 => FinalReason::TermOver,
            1 => FinalReason::Early,
            2 => FinalReason::Renewed,
            _ => return Err(DecodeError::OutOfRange(at)),
        };
        r.finish()?;
        Ok(Self { id, n, host, owner, reason })
    }
}
