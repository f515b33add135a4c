//! What the contract remembers of an agreement: a 32-byte commitment to this state, which every call passes
//! back as an argument and every event publishes, so that anybody can rebuild it.
//!
//! | From | To | Trigger |
//! |---|---|---|
//! | (empty slot) | Active | `open` |
//! | Active | Active | `publish` of a higher n, `redeem` of a larger voucher, `start_close`, rotations |
//! | Active | Challenged | `challenge` |
//! | Challenged | Challenged | `publish` of a higher n, until the challenge's root freezes |
//! | Challenged | Active | `respond` |
//! | Challenged | (empty slot) | `default` after the deadline |
//! | any | (empty slot) | `close` with a final split; `renew` likewise, which fills the slot again |
//! | Active, ending | (empty slot) | `prove`, or `expire` after the proof deadline |
//!
//! Ending needs no transaction: it is read off the clock ([`SlotState::stage`]). What leads from one state to the
//! next stands in `moves.rs`.

use crate::challenge::{self, ChallengeState};
use crate::revision::Revision;
use crate::rotation::PendingRotation;
use crate::signing::{Kind, Sha256};
use crate::terms::Terms;
use layr_types::{AgreementId, DecodeError, NodeKey, Reader, Stroops, UnixSeconds, Writer};

/// Size of an encoded slot state.
pub const SLOT_STATE_BYTES: usize = 231;
const VERSION: u8 = 1;

/// Whether a challenge is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Phase {
    /// No challenge is open.
    Active = 0,
    /// A challenge waits for its answer.
    Challenged = 1,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Party {
    /// The owner.
    Owner = 0,
    /// The host.
    Host = 1,
    /// The owner's auditor.
    Auditor = 2,
}

impl Party {
    pub(crate) fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        match r.u8()? {
            0 => Ok(Self::Owner),
            1 => Ok(Self::Host),
            2 => Ok(Self::Auditor),
            _ => Err(DecodeError::OutOfRange(at)),
        }
    }
}

/// Everything about an open agreement that can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SlotState {
    /// Whether a challenge is open.
    pub phase: Phase,
    /// The newest published revision's number; 0 for none.
    pub n: u64,
    /// That revision's digest; zero for none.
    pub revision: [u8; 32],
    /// What the host has vested by earlier on-chain proofs.
    pub floor: Stroops,
    /// The largest voucher redeemed.
    pub voucher: Stroops,
    /// When the agreement ends: the terms' end, or earlier by notice.
    pub ending_at: UnixSeconds,
    /// The challenge, if any.
    pub challenge: ChallengeState,
    /// The owner's present key.
    pub owner_key: NodeKey,
    /// The host's present key.
    pub host_key: NodeKey,
    /// A key that one side asked to change alone, until the change is completed.
    pub rotation: Option<PendingRotation>,
}

/// Where an agreement stands by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the end.
    Running,
    /// Ended; newer revisions may be published until the root freezes.
    Publishing,
    /// Frozen; the host may prove.
    Proving,
    /// The proof window is over.
    Over,
}

impl SlotState {
    /// The state right after opening.
    #[must_use]
    pub const fn opening(terms: &Terms) -> Self {
        Self {
            phase: Phase::Active,
            n: 0,
            revision: [0; 32],
            floor: Stroops::ZERO,
            voucher: Stroops::ZERO,
            ending_at: terms.end,
            challenge: ChallengeState::NONE,
            owner_key: terms.owner_key,
            host_key: terms.host_key,
            rotation: None,
        }
    }

    /// The state after `revision` has been published.
    #[must_use]
    pub fn published<H: Sha256>(&self, hash: &H, revision: &Revision) -> Self {
        Self { n: revision.n, revision: revision.digest(hash), ..*self }
    }

    /// Where the agreement stands at `now`.
    #[must_use]
    pub fn stage(&self, terms: &Terms, now: UnixSeconds) -> Stage {
        if now < self.ending_at {
            Stage::Running
        } else if now < terms.freezes_at(self.ending_at) {
            Stage::Publishing
        } else if now <= terms.proof_deadline(self.ending_at) {
            Stage::Proving
        } else {
            Stage::Over
        }
    }

    /// The 32 bytes the slot holds.
    #[must_use]
    pub fn commitment<H: Sha256>(&self, hash: &H, id: &AgreementId) -> [u8; 32] {
        hash.sha256(&[Kind::Slot.tag(), id.as_bytes(), &self.encode()])
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; SLOT_STATE_BYTES] {
        let out = Writer::<SLOT_STATE_BYTES>::new()
            .u8(VERSION)
            .u8(self.phase as u8)
            .u64(self.n)
            .put(&self.revision)
            .i128(self.floor.0)
            .i128(self.voucher.0)
            .u64(self.ending_at.0)
            .u8(self.challenge.kind as u8)
            .u8(self.challenge.by as u8)
            .u64(self.challenge.opened.0)
            .i128(self.challenge.bond.0)
            .put(&self.challenge.leaves_hash)
            .u16(self.challenge.count)
            .put(&self.owner_key.0)
            .put(&self.host_key.0);
        match &self.rotation {
            None => out.put(&[0; 25]),
            Some(pending) => out.u64(pending.effective.0).u8(pending.party as u8 + 1).put(&pending.digest),
        }
        .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length, version or enumeration value, or a pending rotation
    /// of nobody that is not all zero.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let phase = if flag(&mut r)? { Phase::Challenged } else { Phase::Active };
        let n = r.u64()?;
        let revision = r.array()?;
        let floor = Stroops(r.i128()?);
        let voucher = Stroops(r.i128()?);
        let ending_at = UnixSeconds(r.u64()?);
        let challenge = challenge::decode_state(&mut r)?;
        let owner_key = NodeKey(r.array()?);
        let host_key = NodeKey(r.array()?);
        let rotation = decode_rotation(&mut r)?;
        r.finish()?;
        Ok(Self { phase, n, revision, floor, voucher, ending_at, challenge, owner_key, host_key, rotation })
    }
}

fn decode_rotation(r: &mut Reader<'_>) -> Result<Option<PendingRotation>, DecodeError> {
    let at = r.position();
    let (effective, party, digest) = (UnixSeconds(r.u64()?), r.u8()?, r.array()?);
    match party {
        0 if effective.0 == 0 && digest == [0; 16] => Ok(None),
        1 => Ok(Some(PendingRotation { effective, party: Party::Owner, digest })),
        2 => Ok(Some(PendingRotation { effective, party: Party::Host, digest })),
        _ => Err(DecodeError::OutOfRange(at)),
    }
}

fn flag(r: &mut Reader<'_>) -> Result<bool, DecodeError> {
    let at = r.position();
    match r.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(DecodeError::OutOfRange(at)),
    }
}
