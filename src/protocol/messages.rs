//! The messages of the service. Signed objects travel as their canonical bytes, so that what is checked is
//! exactly what was signed.

use crate::limits;
use crate::refusal::Refusal;
use layr_audits::{Answer, Challenge};
use layr_market::{Context, FinalSplit, Offer, Revision, Rotation, SlotState, Terms};
use layr_types::{AgreementId, AuditSeed, SectorIndex, SectorRoot, Signature, UnixSeconds};
use serde::{Deserialize, Serialize};

/// What a caller says first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`limits::PROTOCOL_VERSION`] of the caller.
    pub version: u16,
    /// The network and contract the caller settles on; peers on another ledger have nothing to say.
    pub context: Context,
}

/// What a host answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The host's protocol version.
    pub version: u16,
    /// The host's ledger clock.
    pub now: UnixSeconds,
    /// What may be read without paying under an agreement proposed now, over its whole term, in percent of its
    /// capacity: 100 is one full download.
    pub free_reads_percent: u32,
}

/// A host's price list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedOffer {
    /// Prices and terms.
    pub offer: Offer,
    /// By the host's node key over [`Offer::digest`].
    pub signature: Signature,
}

/// Terms an owner proposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Drafted from the host's own offer; the host drafts again and compares.
    pub terms: Terms,
    /// The offer they were drafted from, as the host signed it.
    pub offer: SignedOffer,
}

/// Sectors to add.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Append {
    /// The revision that holds them.
    pub revision: Revision,
    /// By the owner's node key over [`Revision::digest`].
    pub signature: Signature,
    /// Roots in the order they are appended; at most [`limits::MAX_SECTORS_PER_APPEND`].
    pub sectors: Vec<SectorRoot>,
}

impl Append {
    /// Checks what can be checked without state.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] beyond the bound.
    pub const fn validate(&self) -> Result<(), Refusal> {
        match self.sectors.len() {
            1..=limits::MAX_SECTORS_PER_APPEND => Ok(()),
            _ => Err(Refusal::TooMany),
        }
    }
}

/// Sectors to give up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Free {
    /// The revision without them.
    pub revision: Revision,
    /// By the owner's node key over [`Revision::digest`].
    pub signature: Signature,
    /// The places they have in the revision before, highest first, each once; at most
    /// [`limits::MAX_SECTORS_PER_FREE`]. They are removed in this order, each by moving the last sector there.
    pub places: Vec<SectorIndex>,
}

impl Free {
    /// Checks what can be checked without state.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] for none or beyond the bound; [`Refusal::RevisionMismatch`] in another order.
    pub fn validate(&self) -> Result<(), Refusal> {
        if !(1..=limits::MAX_SECTORS_PER_FREE).contains(&self.places.len()) {
            return Err(Refusal::TooMany);
        }
        if self.places.is_sorted_by(|a, b| a > b) { Ok(()) } else { Err(Refusal::RevisionMismatch) }
    }
}

/// Asks which sectors an agreement holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentsRequest {
    /// The agreement.
    pub id: AgreementId,
    /// The first place asked for.
    pub from: u64,
}

/// An audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRequest {
    /// Which leaves.
    pub challenge: Challenge,
}

impl AuditRequest {
    /// Checks what can be checked without state.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] beyond [`limits::MAX_AUDIT_LEAVES`].
    pub fn validate(&self) -> Result<(), Refusal> {
        match self.challenge.count() {
            1..=limits::MAX_AUDIT_LEAVES => Ok(()),
            _ => Err(Refusal::TooMany),
        }
    }
}

/// The host's answer to an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReply {
    /// A proof or an admission for every leaf of the challenge.
    pub answer: Answer,
    /// By the host's node key over [`layr_audits::receipt_digest`]: that it gave this answer to this challenge.
    pub signature: Signature,
}

/// An audit's outcome entering the shared history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// The revision that counts it.
    pub revision: Revision,
    /// By the owner's node key.
    pub signature: Signature,
    /// The audit record folded into the revision's accumulator, canonical bytes.
    pub record: layr_audits::AuditRecord,
    /// The seed the audit drew its leaves from.
    pub seed: AuditSeed,
}

/// A cooperative end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// Who gets what.
    pub split: FinalSplit,
    /// By the owner's node key over [`FinalSplit::digest`].
    pub signature: Signature,
}

/// A request to let a new agreement take over an old one's slot, money and contents.
///
/// The new terms are what the offer means, with `previous` set to the old agreement and owner account, folder,
/// slot, token and host as they were. Nothing of it counts before the owner's `renew` transaction; if that never
/// comes, the proposal lapses with its offer and the old agreement goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renew {
    /// The new terms.
    pub terms: Terms,
    /// The offer they were drafted from, as the host signed it.
    pub offer: SignedOffer,
    /// Who gets what of the old agreement, reason [`FinalReason::Renewed`](layr_market::FinalReason::Renewed).
    pub split: FinalSplit,
    /// By the owner's present key over [`FinalSplit::digest`].
    pub signature: Signature,
    /// The new agreement's first revision; `None` where the old one holds nothing.
    pub carried: Option<Carried>,
}

/// The first revision of an agreement that takes over what another held: the opening state followed by an append
/// of all its sectors at the new terms' start, under the same root. No data travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// The revision.
    pub revision: Revision,
    /// By the new terms' owner key over [`Revision::digest`].
    pub signature: Signature,
}

/// A host's consent to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewed {
    /// By the host over the new agreement's id.
    pub terms: Signature,
    /// By the host over the old agreement's split.
    pub split: Signature,
    /// By the host over the carried revision; `None` where none was sent.
    pub carried: Option<Signature>,
}

/// A request to countersign a new key of the owner's, so that the ledger takes it at once.
///
/// What the old key signed no longer counts on the ledger then; so the new key signs it again beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotate {
    /// From the caller's key to the new one.
    pub rotation: Rotation,
    /// By the caller's key over [`Rotation::digest`].
    pub signature: Signature,
    /// By the new key over the newest revision's digest; `None` only where there is no revision.
    pub newest: Option<Signature>,
    /// By the new key over the digest of the largest voucher given; `None` only where there is none.
    pub voucher: Option<Signature>,
}

/// A revision both have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoSigned {
    /// The state.
    pub revision: Revision,
    /// The owner's signature, given first.
    pub owner: Signature,
    /// The host's.
    pub host: Signature,
}

/// What an agreement's slot on the ledger holds, as the host knows it. Only believed where it hashes to the slot's
/// 32 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotTold {
    /// The state.
    pub state: SlotState,
    /// The revision it names, where one is published.
    pub published: Option<Revision>,
}

/// An owner's signed mutable record, opaque to the host but for its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerRecordBytes {
    /// The record as its owner signed it; at most [`limits::MAX_OWNER_RECORD_BYTES`].
    pub bytes: Vec<u8>,
}

impl OwnerRecordBytes {
    /// Checks the bound.
    ///
    /// # Errors
    /// [`Refusal::TooMany`] beyond it.
    pub const fn validate(&self) -> Result<(), Refusal> {
        if self.bytes.len() > limits::MAX_OWNER_RECORD_BYTES { Err(Refusal::TooMany) } else { Ok(()) }
    }
}
