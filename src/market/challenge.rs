//! Challenges: a demand for leaves in mid-term, bonded, answered on chain or punished there.
//!
//! A *named* challenge asks for at most eight leaves its challenger chose, and serves to get bytes that a host
//! refuses to hand out. A *random* one asks for as many leaves as the terms' samples, chosen by a beacon round
//! that does not exist yet when it is opened; answering it vests what has been earned. A host may challenge
//! itself at random, so that an owner who acknowledges nothing cannot keep it from vesting.

use crate::signing::{Kind, Sha256, digest};
use crate::slot::Party;
use crate::terms::Terms;
use layr_types::{AgreementId, DecodeError, LeafIndex, Reader, Stroops, UnixSeconds, Writer};

/// Size of an encoded challenge.
pub const CHALLENGE_BYTES: usize = 101;
/// Most leaves a named challenge asks for.
pub const MAX_NAMED_LEAVES: usize = 8;
const VERSION: u8 = 1;

/// What a challenge asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ChallengeKind {
    /// Leaves named by the challenger, at most 8.
    Named = 0,
    /// Leaves chosen by a beacon round fixed when the challenge was opened.
    Random = 1,
}

/// The open (or last) challenge. All zero before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChallengeState {
    /// What it asks for.
    pub kind: ChallengeKind,
    /// Who raised it.
    pub by: Party,
    /// When.
    pub opened: UnixSeconds,
    /// What the challenger forfeits if it is answered; zero once it is settled.
    pub bond: Stroops,
    /// [`named_leaves_hash`]; zero for a random challenge.
    pub leaves_hash: [u8; 32],
    /// Challenges so far.
    pub count: u16,
}

impl ChallengeState {
    /// Before the first.
    pub const NONE: Self = Self {
        kind: ChallengeKind::Named,
        by: Party::Owner,
        opened: UnixSeconds(0),
        bond: Stroops::ZERO,
        leaves_hash: [0; 32],
        count: 0,
    };

    /// Until when a newer revision may still re-aim it: a random challenge's root freezes a publish window
    /// after its opening, before its beacon round exists; a named one's never does.
    #[must_use]
    pub const fn freezes_at(&self, terms: &Terms) -> UnixSeconds {
        match self.kind {
            ChallengeKind::Named => self.deadline(terms),
            ChallengeKind::Random => self.opened.plus(terms.publish_window as u64),
        }
    }

    /// The last moment for its answer.
    #[must_use]
    pub const fn deadline(&self, terms: &Terms) -> UnixSeconds {
        let frozen = match self.kind {
            ChallengeKind::Named => self.opened,
            ChallengeKind::Random => self.opened.plus(terms.publish_window as u64),
        };
        frozen.plus(terms.proof_window as u64)
    }
}

/// A demand for leaves, signed by whoever raises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Challenge {
    /// Of which agreement.
    pub id: AgreementId,
    /// The published revision must be this one or a newer one.
    pub n: u64,
    /// How many challenges came before: the same signature never counts twice.
    pub count: u16,
    /// What is asked for.
    pub kind: ChallengeKind,
    /// Who asks.
    pub by: Party,
    /// What is forfeited to the host if it answers.
    pub bond: Stroops,
    /// [`named_leaves_hash`] of a named challenge; zero for a random one.
    pub leaves_hash: [u8; 32],
    /// The signature lapses then.
    pub expires: UnixSeconds,
}

impl Challenge {
    /// What the challenger signs.
    #[must_use]
    pub fn digest<H: Sha256>(&self, hash: &H) -> [u8; 32] {
        digest(hash, Kind::Challenge, &self.encode())
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; CHALLENGE_BYTES] {
        Writer::<CHALLENGE_BYTES>::new()
            .u8(VERSION)
            .put(&self.id.0)
            .u64(self.n)
            .u16(self.count)
            .u8(self.kind as u8)
            .u8(self.by as u8)
            .i128(self.bond.0)
            .put(&self.leaves_hash)
            .u64(self.expires.0)
            .finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] for any other length, version or enumeration value.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        r.version(VERSION)?;
        let challenge = Self {
            id: AgreementId(r.array()?),
            n: r.u64()?,
            count: r.u16()?,
            kind: decode_kind(&mut r)?,
            by: Party::decode(&mut r)?,
            bond: Stroops(r.i128()?),
            leaves_hash: r.array()?,
            expires: UnixSeconds(r.u64()?),
        };
        r.finish()?;
        Ok(challenge)
    }
}

/// What a named challenge commits to: its leaves as 8 big-endian bytes each, in the order they are proved.
#[must_use]
pub fn named_leaves_hash<H: Sha256>(hash: &H, leaves: &[u8]) -> [u8; 32] {
    digest(hash, Kind::NamedLeaves, leaves)
}

/// The `i`-th leaf of a named challenge's list; `None` past its end, or if the list is not 1 to 8 whole entries.
#[must_use]
pub fn named_leaf(leaves: &[u8], i: usize) -> Option<LeafIndex> {
    let (entries, rest) = leaves.as_chunks::<8>();
    if !rest.is_empty() || entries.is_empty() || entries.len() > MAX_NAMED_LEAVES {
        return None;
    }
    entries.get(i).map(|entry| LeafIndex(u64::from_be_bytes(*entry)))
}

pub(crate) fn decode_kind(r: &mut Reader<'_>) -> Result<ChallengeKind, DecodeError> {
    let at = r.position();
    match r.u8()? {
        0 => Ok(ChallengeKind::Named),
        1 => Ok(ChallengeKind::Random),
        _ => Err(DecodeError::OutOfRange(at)),
    }
}

pub(crate) fn decode_state(r: &mut Reader<'_>) -> Result<ChallengeState, DecodeError> {
    Ok(ChallengeState {
        kind: decode_kind(r)?,
        by: Party::decode(r)?,
        opened: UnixSeconds(r.u64()?),
        bond: Stroops(r.i128()?),
        leaves_hash: r.array()?,
        count: r.u16()?,
    })
}
