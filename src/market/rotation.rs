//! Rotation of the keys that sign for an agreement: at once if both sides sign, after more than both windows
//! if one side's account asks alone, so that the other side can first publish what the old key signed.

use crate::signing::{Kind, Sha256, digest};
use crate::slot::Party;
use crate::terms::Terms;
use layr_types::{AgreementId, DecodeError, NodeKey, Reader, UnixSeconds, Writer};

/// Size of an encoded rotation.
pub const ROTATION_BYTES: usize = 98;
/// What a rotation by one side waits beyond both windows: one hour.
pub const ROTATION_MARGIN_SECONDS: u64 = 3_600;
const VERSION: u8 = 1;

/// A new key for one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Rotation {
    /// Of which agreement.
    pub id: AgreementId,
    /// Whose key: owner or host.
    pub party: Party,
    /// The key that signs now; so that no rotation is replayed after another.
    pub from: NodeKey,
    /// The key that signs from then on.
    pub to: NodeKey,
}

/// A rotation that one side asked for alone. It fits the slot state's last 25 bytes: the moment, the party, and
/// the first half of the rotation's digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PendingRotation {
    /// From when on it can be completed.
    pub effective: UnixSeconds,
    /// Whose key.
    pub party: Party,
    /// The first 16 bytes of [`Rotation::digest`]: whoever could find two rotations with equal ones could only
    /// choose between two keys of its own.
    pub digest: [u8; 16],
}

impl Rotation {
    /// What both sides sign, or what a pending rotation commits to.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H) -> [u8; 32] {
        digest(hash, Kind::Rotation, &self.encode())
    }

    /// The rotation as it waits in the slot after its party's account asked for it at `now`.
    #[must_use]
    pub fn pending<H: Sha256>(&self, hash: &H, terms: &Terms, now: UnixSeconds) -> PendingRotation {
        let windows = terms.publish_window as u64 + terms.proof_window as u64;
        let effective = now.plus(windows).plus(ROTATION_MARGIN_SECONDS);
        PendingRotation { effective, party: self.party, digest: half(&self.digest(hash)) }
    }

    /// True where `pending` waits for this rotation.
    #[must_use]
    pub fn is<H: Sha256>(&self, hash: &H, pending: &PendingRotation) -> bool {
        pending.party == self.party && pending.digest == half(&self.digest(hash))
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; ROTATION_BYTES] {
        Writer::<ROTATION_BYTES>::new()
            .u8(VERSION)
            .put(&self.id.0)
            .u8(self.party as u8)
            .put(&self.from.0)
            .put(&self.to.0)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length, version or party.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let rotation = Self {
            id: AgreementId(r.array()?),
            party: Party::decode(&mut r)?,
            from: NodeKey(r.array()?),
            to: NodeKey(r.array()?),
        };
        r.finish()?;
        Ok(rotation)
    }
}

fn half(digest: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(digest.split_at(16).0);
    out
}
