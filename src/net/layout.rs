//! The byte layout records share: a kind, a version, bounded fields, and a signature at the end.
//!
//! Fixed-width fields are big-endian; a field of varying length is preceded by its length. One record has one
//! encoding, so what was signed is exactly what was received.

use crate::key;
use layr_types::DecodeError;
use libp2p::identity::Keypair;

/// Bytes of the signature every record ends with.
pub(crate) const SIGNATURE_BYTES: usize = 64;

/// Why bytes are not a record this node accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// More bytes than any valid record has.
    #[error("the record has {size} bytes, more than the {limit} allowed")]
    Oversized {
        /// Bytes received.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Bytes that follow no known layout.
    #[error("the record is malformed: {0}")]
    Malformed(#[from] DecodeError),
    /// A field is longer, or a list has more entries, than allowed.
    #[error("the record's field `{field}` is longer than allowed")]
    FieldTooLong {
        /// The field's name.
        field: &'static str,
    },
    /// A field's bytes are not what they should be (not UTF-8, not an address).
    #[error("the record's field `{field}` cannot be read")]
    FieldInvalid {
        /// The field's name.
        field: &'static str,
    },
    /// The signature is not by the key the record names.
    #[error("the record's signature is not by the key it names")]
    Forged,
    /// The record was found or sent under a key that is not its own.
    #[error("the record lies under a key that is not its own")]
    WrongKey,
    /// The record belongs to another ledger network.
    #[error("the record belongs to another ledger network")]
    WrongNetwork,
    /// The record's time is over.
    #[error("the record expired")]
    Expired,
    /// The record is dated in the future, or claims to live longer than records may.
    #[error("the record's times are implausible")]
    ImplausibleTimes,
    /// A newer record, or another one with the same sequence number, is already here.
    #[error("a record with sequence {held} is already here; this one has {offered}")]
    Stale {
        /// Sequence number already held.
        held: u64,
        /// Sequence number refused.
        offered: u64,
    },
    /// The store has no room for it.
    #[error("no room for another record")]
    Full,
}

/// Appends fields; lengths are checked by the caller against the limits of its record.
#[derive(Debug, Default)]
pub(crate) struct Layout(Vec<u8>);

impl Layout {
    pub(crate) fn new(kind: u8, version: u8) -> Self {
        Self(vec![kind, version])
    }

    pub(crate) fn put(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.put(&value.to_be_bytes())
    }

    /// A length of one byte and the bytes.
    pub(crate) fn short(
        mut self,
        field: &'static str,
        bytes: &[u8],
        limit: usize,
    ) -> Result<Self, RecordError> {
        let length = u8::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
        self.0.push(length.ok_or(RecordError::FieldTooLong { field })?);
        self.0.extend_from_slice(bytes);
        Ok(self)
    }

    /// A length of two bytes and the bytes.
    pub(crate) fn long(
        mut self,
        field: &'static str,
        bytes: &[u8],
        limit: usize,
    ) -> Result<Self, RecordError> {
        let length = u16::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
        self.0.extend_from_slice(&length.ok_or(RecordError::FieldTooLong { field })?.to_be_bytes());
        self.0.extend_from_slice(bytes);
        Ok(self)
    }

    /// How many entries follow.
    pub(crate) fn count(
        mut self,
        field: &'static str,
        count: usize,
        limit: usize,
    ) -> Result<Self, RecordError> {
        let count = u8::try_from(count).ok().filter(|_| count <= limit);
        self.0.push(count.ok_or(RecordError::FieldTooLong { field })?);
        Ok(self)
    }

    /// The finished record: fields and the signature over `tag` and them.
    pub(crate) fn sign(mut self, tag: &[u8], signer: &Keypair) -> Vec<u8> {
        let signature = signer.sign(&message(tag, &self.0)).expect("signing with Ed25519 has no way to fail");
        self.0.extend_from_slice(&signature);
        self.0
    }
}

/// Splits a record into its fields and checks the signature over `tag` and them.
pub(crate) fn check_signature(record: &[u8], tag: &[u8], signer: &[u8; 32]) -> Result<(), RecordError> {
    let body = record.len().checked_sub(SIGNATURE_BYTES).ok_or(DecodeError::Truncated)?;
    let (fields, signature) = record.split_at(body);
    if key::verifies(signer, &message(tag, fields), signature) { Ok(()) } else { Err(RecordError::Forged) }
}

fn message(tag: &[u8], fields: &[u8]) -> Vec<u8> {
    [tag, fields].concat()
}
