//! What happened, for whoever watches: everything needed to rebuild the arguments of the next call, together
//! with the transaction's own arguments.

#![allow(missing_docs, reason = "the SDK's macros add functions without any")]

use soroban_sdk::{Address, Bytes, BytesN, contractevent};

/// A host key was bound to an account.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registered {
    /// The host key.
    #[topic]
    pub host_key: BytesN<32>,
    /// Where its withdrawals go.
    pub account: Address,
}

/// A free balance grew.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deposited {
    /// Whose balance.
    #[topic]
    pub key: BytesN<32>,
    /// How much came.
    pub amount: i128,
    /// Of what.
    pub token: Address,
}

/// A free balance was paid out.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Whose balance.
    #[topic]
    pub key: BytesN<32>,
    /// How much went.
    pub amount: i128,
    /// Of what.
    pub token: Address,
}

/// An agreement was opened; its state is `SlotState::opening` of its terms.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who escrowed.
    #[topic]
    pub owner: Address,
    /// Who stores.
    #[topic]
    pub host_key: BytesN<32>,
    /// The agreement.
    pub id: BytesN<32>,
}

/// A newer revision is on record.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The canonical revision: what `prove` and `expire` will want.
    pub revision: Bytes,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// An agreement ended by consent.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// Burnt.
    pub burn: i128,
    /// The host's share, collateral included.
    pub host: i128,
    /// The owner's share.
    pub owner: i128,
}

/// An agreement ended by the host's proof.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proved {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// Burnt.
    pub burn: i128,
    /// The host's share, collateral included.
    pub host: i128,
    /// The owner's share.
    pub owner: i128,
}

/// An agreement ended because nobody proved.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// Burnt.
    pub burn: i128,
    /// The host's share, collateral included.
    pub host: i128,
    /// The owner's share.
    pub owner: i128,
}

/// A beacon round was verified.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconPosted {
    /// Which.
    #[topic]
    pub round: u64,
    /// SHA-256 of its compressed signature.
    pub randomness: BytesN<32>,
}

/// A transfer failed; the amount waits for `owner_withdraw`.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credited {
    /// Whom it belongs to.
    #[topic]
    pub owner: Address,
    /// How much.
    pub amount: i128,
    /// Of what.
    pub token: Address,
}

/// A challenge was opened.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenged {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The named leaves, 8 bytes each; none of a random challenge.
    pub leaves: Bytes,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// A challenge was answered; its bond is the host's.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// An agreement ended because nobody answered a challenge.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaulted {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The challenge's bond, paid to the owner besides its share.
    pub bond: i128,
    /// Burnt.
    pub burn: i128,
    /// The host's share, what is left of its collateral included.
    pub host: i128,
    /// The owner's share.
    pub owner: i128,
}

/// One side gave notice: the agreement ends earlier.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeGiven {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// A larger voucher is on record.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redeemed {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// Another key signs for one side.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotated {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// One side's account asked alone for another key.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotationStarted {
    /// The agreement.
    #[topic]
    pub id: BytesN<32>,
    /// The canonical rotation: what `finish_rotation` will want.
    pub rotation: Bytes,
    /// The canonical state the slot now holds.
    pub state: Bytes,
}

/// A bond grew, from the free balance.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bonded {
    /// Whose bond.
    #[topic]
    pub key: BytesN<32>,
    /// By how much.
    pub amount: i128,
    /// Of what.
    pub token: Address,
}

/// Part of a bond is leaving.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbonding {
    /// Whose bond.
    #[topic]
    pub key: BytesN<32>,
    /// How much left it now.
    pub amount: i128,
    /// When all that is leaving may be released, UNIX seconds.
    pub free_at: u64,
    /// Of what.
    pub token: Address,
}

/// What had left a bond is free balance again.
#[contractevent]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// Whose balance.
    #[topic]
    pub key: BytesN<32>,
    /// How much.
    pub amount: i128,
    /// Of what.
    pub token: Address,
}
