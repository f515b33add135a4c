//! What is hashed and signed: every message names its kind, so no signature is ever valid for another.
//!
//! A message is SHA-256(tag ‖ context ‖ payload); Ed25519 signs those 32 bytes. Terms carry the network and
//! the contract as context and become the agreement id; everything later starts with that id and is bound to
//! both through it.

use layr_types::{ContractId, NetworkId};

/// SHA-256 over the concatenation of parts: software in the node, a host function in the contract.
pub trait Sha256 {
    /// SHA-256(parts\[0\] ‖ parts\[1\] ‖ …).
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32];
}

/// The node's SHA-256.
#[cfg(any(test, feature = "software-hash"))]
#[derive(Debug, Clone, Copy, Default)]
pub struct SoftwareSha256;

#[cfg(any(test, feature = "software-hash"))]
impl Sha256 for SoftwareSha256 {
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        parts.iter().for_each(|part| hasher.update(part));
        hasher.finalize().into()
    }
}

/// What kind of object a message is; its tag opens the hashed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A host's price list.
    Offer,
    /// Terms of one agreement; their digest is the agreement id, and the host signs it.
    Terms,
    /// A revision, signed by owner, then host.
    Revision,
    /// A final split, signed by both.
    Final,
    /// A voucher for bytes read, signed by the owner.
    Voucher,
    /// A challenge, signed by whoever raises it.
    Challenge,
    /// The list of leaves a named challenge commits to.
    NamedLeaves,
    /// An early end, signed by the party that gives notice.
    Notice,
    /// A change of a key.
    Rotation,
    /// A host's admission of loss.
    Confession,
    /// A host binding its node key to the account it is paid to.
    Registration,
    /// The commitment a slot holds.
    Slot,
    /// The derivation of leaf indices.
    Leaf,
    /// The derivation of an off-chain audit's seed.
    AuditSeed,
    /// One record of the audit history.
    AuditRecord,
}

impl Kind {
    /// The 16 bytes that open this kind's messages.
    #[must_use]
    pub const fn tag(self) -> &'static [u8; 16] {
        match self {
            Self::Offer => b"layr/v1/offer\0\0\0",
            Self::Terms => b"layr/v1/terms\0\0\0",
            Self::Revision => b"layr/v1/revision",
            Self::Final => b"layr/v1/final\0\0\0",
            Self::Voucher => b"layr/v1/voucher\0",
            Self::Challenge => b"layr/v1/challeng",
            Self::NamedLeaves => b"layr/v1/leaves\0\0",
            Self::Notice => b"layr/v1/notice\0\0",
            Self::Rotation => b"layr/v1/rotation",
            Self::Confession => b"layr/v1/confess\0",
            Self::Registration => b"layr/v1/register",
            Self::Slot => b"layr/v1/slot\0\0\0\0",
            Self::Leaf => b"layr/v1/leaf\0\0\0\0",
            Self::AuditSeed => b"layr/v1/audit\0\0\0",
            Self::AuditRecord => b"layr/v1/auditrec",
        }
    }
}

/// Where a message counts: one contract on one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Context {
    /// SHA-256 of the network's passphrase.
    pub network: NetworkId,
    /// The escrow contract.
    pub contract: ContractId,
}

/// The digest of a message that must name its network and contract itself (offers, terms, registrations).
#[must_use]
pub fn message_digest<H: Sha256>(hash: &H, kind: Kind, context: &Context, payload: &[u8]) -> [u8; 32] {
    hash.sha256(&[kind.tag(), context.network.as_bytes(), context.contract.as_bytes(), payload])
}

/// The digest of a message that opens with an agreement id and is bound through it.
#[must_use]
pub fn digest<H: Sha256>(hash: &H, kind: Kind, payload: &[u8]) -> [u8; 32] {
    hash.sha256(&[kind.tag(), payload])
}
