//! An owner's signed note to itself: a few hundred bytes under a key only its owner can write to.
//!
//! It is how a recovery phrase finds its way back to the catalogue: the payload (sealed by the owner, opaque
//! here) says where the newest one lies. The highest sequence number is the truth. It does not expire, since
//! an owner may come back after years; how many a node keeps is bounded by its store.
//!
//! Layout (big-endian): kind `2` · version `1` · network 32 · owner 32 · sequence 8 · payload length 2 and
//! bytes (at most 1 KiB) · signature 64.

use crate::key;
use crate::layout::{Layout, RecordError, SIGNATURE_BYTES, check_signature};
use layr_types::{DecodeError, NetworkId, Reader};
use zeroize::Zeroizing;

/// Bytes of the longest payload.
pub const MAX_OWNER_PAYLOAD_BYTES: usize = 1024;

pub(crate) const KIND: u8 = 2;
const VERSION: u8 = 1;
const TAG: &[u8] = b"layr owner record v1\0";
const KEY_TAG: &[u8] = b"layr owner record";
/// Everything but the payload.
const FRAME_BYTES: usize = 1 + 1 + 32 + 32 + 8 + 2 + SIGNATURE_BYTES;
/// Bytes of the longest owner record.
pub const MAX_OWNER_RECORD_BYTES: usize = FRAME_BYTES + MAX_OWNER_PAYLOAD_BYTES;

/// The Ed25519 public key an owner's record is signed by and found under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OwnerRecordKey(pub [u8; 32]);

impl OwnerRecordKey {
    /// The public key of the Ed25519 seed the record is signed with.
    #[must_use]
    pub fn of(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(key::own_key(&key::keypair(seed)).0)
    }
}

/// An owner record whose signature, size and network have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedOwnerRecord {
    owner: OwnerRecordKey,
    sequence: u64,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

impl VerifiedOwnerRecord {
    /// Signs a new note with the owner's Ed25519 seed.
    ///
    /// # Errors
    /// [`RecordError::FieldTooLong`] for a payload of more than 1 KiB.
    pub fn sign(
        seed: &Zeroizing<[u8; 32]>,
        network: &NetworkId,
        sequence: u64,
        payload: &[u8],
    ) -> Result<Self, RecordError> {
        let signer = key::keypair(seed);
        let owner = OwnerRecordKey(key::own_key(&signer).0);
        let bytes = Layout::new(KIND, VERSION)
            .put(&network.0)
            .put(&owner.0)
            .u64(sequence)
            .long("payload", payload, MAX_OWNER_PAYLOAD_BYTES)?
            .sign(TAG, &signer);
        Ok(Self { owner, sequence, payload: payload.to_vec(), bytes })
    }

    /// Reads a stranger's bytes and believes them only if everything about them is right.
    ///
    /// # Errors
    /// [`RecordError`] says which check failed.
    pub fn check(bytes: &[u8], network: &NetworkId) -> Result<Self, RecordError> {
        if bytes.len() > MAX_OWNER_RECORD_BYTES {
            return Err(RecordError::Oversized { size: bytes.len(), limit: MAX_OWNER_RECORD_BYTES });
        }
        let mut from = Reader::new(bytes);
        match (from.u8()?, from.u8()?) {
            (KIND, VERSION) => {}
            (KIND, version) => return Err(DecodeError::UnknownVersion(version).into()),
            _ => return Err(DecodeError::OutOfRange(0).into()),
        }
        let named = NetworkId(from.array()?);
        let owner = OwnerRecordKey(from.array()?);
        let sequence = from.u64()?;
        let length = usize::from(from.u16()?);
        let payload = from.take(length)?.to_vec();
        from.take(SIGNATURE_BYTES)?;
        from.finish()?;
        check_signature(bytes, TAG, &owner.0)?;
        if named != *network {
            return Err(RecordError::WrongNetwork);
        }
        Ok(Self { owner, sequence, payload, bytes: bytes.to_vec() })
    }

    /// The key of the network's table under which this owner's record lies.
    #[must_use]
    pub fn key(network: &NetworkId, owner: &OwnerRecordKey) -> [u8; 32] {
        *blake3::Hasher::new().update(KEY_TAG).update(&network.0).update(&owner.0).finalize().as_bytes()
    }

    /// Who wrote it.
    #[must_use]
    pub const fn owner(&self) -> OwnerRecordKey {
        self.owner
    }

    /// Grows with every record the owner signs.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What the owner wrote.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The signed bytes, as they travel.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NETWORK: NetworkId = NetworkId([3; 32]);

    fn signed(payload: &[u8]) -> VerifiedOwnerRecord {
        VerifiedOwnerRecord::sign(&Zeroizing::new([9; 32]), &NETWORK, 5, payload).unwrap()
    }

    #[test]
    fn what_an_owner_signs_reads_back_the_same() {
        let record = signed(b"over there");
        assert_eq!(VerifiedOwnerRecord::check(record.bytes(), &NETWORK), Ok(record));
    }

    #[test]
    fn a_payload_of_more_than_one_kibibyte_is_refused() {
        let long = [0u8; MAX_OWNER_PAYLOAD_BYTES + 1];
        let refused = VerifiedOwnerRecord::sign(&Zeroizing::new([9; 32]), &NETWORK, 5, &long);
        assert_eq!(refused, Err(RecordError::FieldTooLong { field: "payload" }));
        let full = signed(&[1; MAX_OWNER_PAYLOAD_BYTES]);
        assert_eq!(full.bytes().len(), MAX_OWNER_RECORD_BYTES);
        let swollen = [full.bytes(), b"x"].concat();
        let refused = VerifiedOwnerRecord::check(&swollen, &NETWORK);
        assert!(matches!(refused, Err(RecordError::Oversized { .. })), "{refused:?}");
    }

    #[test]
    fn a_record_of_another_network_is_refused() {
        let refused = VerifiedOwnerRecord::check(signed(b"").bytes(), &NetworkId([4; 32]));
        assert_eq!(refused, Err(RecordError::WrongNetwork));
    }

    #[test]
    fn the_layout_of_version_1_is_pinned() {
        let pinned = crate::host_record::tests::vector(include_str!("vectors/owner_record_v1.hex"));
        assert_eq!(signed(b"over there").bytes(), pinned);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_flipped_bit_anywhere_is_detected(at in 0usize..(FRAME_BYTES + 10) * 8) {
            let mut bytes = signed(b"over there").bytes().to_vec();
            bytes[at / 8] ^= 1 << (at % 8);
            prop_assert!(VerifiedOwnerRecord::check(&bytes, &NETWORK).is_err());
        }

        #[test]
        fn garbage_never_passes_and_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..1400)) {
            prop_assert!(VerifiedOwnerRecord::check(&bytes, &NETWORK).is_err());
        }
    }
}
