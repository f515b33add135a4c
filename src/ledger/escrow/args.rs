//! What the entry points take, in the words of the market room, and how it looks to the contract.

use crate::error::LedgerError;
use crate::xdr::to;
use layr_market::{BeaconSchedule, Challenge, FinalSplit, Revision, SlotState, Terms};
use layr_types::{AccountKey, ContractId, LeafIndex, Signature, Stroops};
use stellar_xdr::ScVal;

/// What a deployment is given once and for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowConfig {
    /// The beacon's clock.
    pub beacon: BeaconSchedule,
    /// The beacon's public key on G2, uncompressed; see `Beacon::uncompressed_key`.
    pub beacon_key: [u8; 192],
    /// The least bond of a host whose terms are opened, in the terms' token; zero for none.
    pub min_bond: Stroops,
    /// The asset contracts that may be escrowed, 1 to 4.
    pub tokens: Vec<ContractId>,
}

/// One agreement to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The terms.
    pub terms: Terms,
    /// The host's signature over their id.
    pub host_signature: Signature,
}

/// One revision to put on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The agreement's terms.
    pub terms: Terms,
    /// The slot's present state.
    pub state: SlotState,
    /// The revision.
    pub revision: Revision,
    /// The owner's signature over its digest.
    pub owner_signature: Signature,
    /// The host's.
    pub host_signature: Signature,
}

/// One agreement to close as both signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The agreement's terms.
    pub terms: Terms,
    /// The slot's present state.
    pub state: SlotState,
    /// Who gets what.
    pub split: FinalSplit,
    /// The owner's signature over the split's digest.
    pub owner_signature: Signature,
    /// The host's.
    pub host_signature: Signature,
}

/// A challenge with everything the contract checks it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accusation {
    /// The agreement's terms.
    pub terms: Terms,
    /// The slot's present state.
    pub state: SlotState,
    /// The challenge.
    pub challenge: Challenge,
    /// Its signature by the party that raises it.
    pub signature: Signature,
    /// The leaves a named challenge asks for, 1 to 8; empty for a random one.
    pub leaves: Vec<LeafIndex>,
    /// Whom the bond is pulled from.
    pub from: AccountKey,
}

/// An old agreement's end and its successor's beginning, in the same slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The old agreement, split for the reason `Renewed`.
    pub closing: Closing,
    /// The new one; its terms name the old one.
    pub opening: Opening,
}

impl Accusation {
    pub(crate) fn value(&self) -> Result<ScVal, LedgerError> {
        to::structure(vec![
            ("challenge", to::bytes(&self.challenge.encode())?),
            ("from", to::account(&self.from)),
            ("leaves", to::bytes(&super::disputes::leaf_list(&self.leaves))?),
            ("sig", to::bytes(&self.signature.0)?),
            ("state", to::bytes(&self.state.encode())?),
            ("terms", to::bytes(&self.terms.encode())?),
        ])
    }
}

impl Renewal {
    pub(crate) fn value(&self) -> Result<ScVal, LedgerError> {
        to::structure(vec![("closing", self.closing.value()?), ("opening", self.opening.value()?)])
    }
}

impl Opening {
    pub(crate) fn value(&self) -> Result<ScVal, LedgerError> {
        to::structure(vec![
            ("host_sig", to::bytes(&self.host_signature.0)?),
            ("terms", to::bytes(&self.terms.encode())?),
        ])
    }
}

impl Publication {
    pub(crate) fn value(&self) -> Result<ScVal, LedgerError> {
        to::structure(vec![
            ("host_sig", to::bytes(&self.host_signature.0)?),
            ("owner_sig", to::bytes(&self.owner_signature.0)?),
            ("revision", to::bytes(&self.revision.encode())?),
            ("state", to::bytes(&self.state.encode())?),
            ("terms", to::bytes(&self.terms.encode())?),
        ])
    }
}

impl Closing {
    pub(crate) fn value(&self) -> Result<ScVal, LedgerError> {
        to::structure(vec![
            ("host_sig", to::bytes(&self.host_signature.0)?),
            ("owner_sig", to::bytes(&self.owner_signature.0)?),
            ("split", to::bytes(&self.split.encode())?),
            ("state", to::bytes(&self.state.encode())?),
            ("terms", to::bytes(&self.terms.encode())?),
        ])
    }
}
