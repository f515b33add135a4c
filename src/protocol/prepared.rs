//! Prepared proofs: everything an entry point of the contract wants, in one portable file, so that anybody can
//! submit it while the host that made it is away.
//!
//! JSON, with every byte string in hexadecimal. Nothing in it is secret. It counts for the very state it was made
//! for: once the slot has moved on, the ledger refuses it and nothing is lost but a fee.

use layr_market::{Context, Revision, SlotState, Terms};
use layr_types::{AgreementId, UnixSeconds};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The layout of the file this program writes.
pub const PREPARED_VERSION: u16 = 1;
/// Largest proof of all leaves together, bytes: the most leaves the terms allow, each as long as they get.
pub const MAX_PREPARED_PROOF_BYTES: usize = 128 * 1024;
/// Largest file, bytes: the proof in hexadecimal, and the rest.
pub const MAX_PREPARED_BYTES: usize = 2 * MAX_PREPARED_PROOF_BYTES + 8 * 1024;
const MAX_NAMED_BYTES: usize = 8 * layr_market::MAX_NAMED_LEAVES;

/// Which entry point takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreparedCall {
    /// The proof at the end: `prove(terms, state, revision, proofs)`.
    Prove,
    /// The answer to an open challenge: `respond(terms, state, revision, leaves, proofs)`.
    Respond,
}

/// A proof anybody may submit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreparedProof {
    /// [`PREPARED_VERSION`].
    pub version: u16,
    /// Which entry point takes it.
    pub call: PreparedCall,
    /// On which network, of which contract.
    pub context: Context,
    /// Of which agreement.
    pub agreement: AgreementId,
    /// When the ledger takes it at the earliest.
    pub from: UnixSeconds,
    /// When it takes it at the latest.
    pub until: UnixSeconds,
    /// The beacon round that must have been posted; `None` where the leaves were named.
    pub round: Option<u64>,
    /// The terms' canonical bytes.
    pub terms: Hex,
    /// The slot state's canonical bytes.
    pub state: Hex,
    /// The published revision's canonical bytes.
    pub revision: Hex,
    /// A named challenge's list, 8 bytes a leaf; empty otherwise.
    pub leaves: Hex,
    /// The leaf proofs, one after the other.
    pub proofs: Hex,
}

/// The objects of a [`PreparedProof`], decoded and found to belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The terms.
    pub terms: Terms,
    /// The state the slot must hold.
    pub state: SlotState,
    /// The published revision.
    pub revision: Revision,
}

/// Why a file is no prepared proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PreparedError {
    /// It is of a layout this program does not know.
    #[error("the prepared proof is of version {found}, this program knows version {PREPARED_VERSION}")]
    Version {
        /// The file's.
        found: u16,
    },
    /// Part of it is larger than it can be.
    #[error("the prepared proof is larger than any proof can be")]
    TooLarge,
    /// Part of it does not decode.
    #[error("the {part} of the prepared proof cannot be read")]
    Unreadable {
        /// Which part.
        part: &'static str,
    },
    /// Its parts are of different agreements or states.
    #[error("the parts of the prepared proof do not belong together")]
    Mismatch,
}

impl PreparedProof {
    /// Decodes every part and checks that they belong together: the terms to the agreement and the context, the
    /// revision to the state.
    ///
    /// # Errors
    /// [`PreparedError`].
    pub fn open<H: layr_market::Sha256>(&self, hash: &H) -> Result<Prepared, PreparedError> {
        if self.version != PREPARED_VERSION {
            return Err(PreparedError::Version { found: self.version });
        }
        if self.leaves.0.len() > MAX_NAMED_BYTES || self.proofs.0.len() > MAX_PREPARED_PROOF_BYTES {
            return Err(PreparedError::TooLarge);
        }
        let unreadable = |part| move |_| PreparedError::Unreadable { part };
        let terms = Terms::decode(&self.terms.0).map_err(unreadable("terms"))?;
        let state = SlotState::decode(&self.state.0).map_err(unreadable("state"))?;
        let revision = Revision::decode(&self.revision.0).map_err(unreadable("revision"))?;
        let together = terms.id(hash, &self.context) == self.agreement
            && revision.id == self.agreement
            && revision.digest(hash) == state.revision;
        if together { Ok(Prepared { terms, state, revision }) } else { Err(PreparedError::Mismatch) }
    }
}

/// Bytes that are written in hexadecimal.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hex(pub Vec<u8>);

impl std::fmt::Debug for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hex({} bytes)", self.0.len())
    }
}

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
        let text: String = self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > 2 * MAX_PREPARED_PROOF_BYTES {
            return Err(serde::de::Error::custom("more bytes than a proof can have"));
        }
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let bytes = pairs.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?));
        let bytes: Option<Vec<u8>> = bytes.collect();
        let bytes = bytes.filter(|_| rest.is_empty());
        bytes.map(Self).ok_or_else(|| serde::de::Error::custom("not an even number of hexadecimal digits"))
    }
}
