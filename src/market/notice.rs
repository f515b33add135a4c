//! Notices: one party's word that an agreement ends before its term does.

use crate::signing::{Kind, Sha256, digest};
use crate::slot::Party;
use layr_types::{AgreementId, DecodeError, Reader, UnixSeconds, Writer};

/// Size of an encoded notice.
pub const NOTICE_BYTES: usize = 42;
const VERSION: u8 = 1;

/// An early end, signed by the party that gives notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Notice {
    /// Of which agreement.
    pub id: AgreementId,
    /// Who gives it: owner or host.
    pub by: Party,
    /// When the agreement shall end: at least the terms' notice after the ledger takes it.
    pub ending_at: UnixSeconds,
}

impl Notice {
    /// What the party signs.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H) -> [u8; 32] {
        digest(hash, Kind::Notice, &self.encode())
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; NOTICE_BYTES] {
        Writer::<NOTICE_BYTES>::new()
            .u8(VERSION)
            .put(&self.id.0)
            .u8(self.by as u8)
            .u64(self.ending_at.0)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length, version or party.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let notice = Self {
            id: AgreementId(r.array()?),
            by: Party::decode(&mut r)?,
            ending_at: UnixSeconds(r.u64()?),
        };
        r.finish()?;
        Ok(notice)
    }
}
