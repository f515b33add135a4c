//! What crosses the contract's border besides plain numbers and bytes, and the constants that bound it.

#![allow(missing_docs, reason = "the SDK's macros add functions without any")]

use soroban_sdk::{Address, Bytes, BytesN, Vec, contracttype};

/// Most agreements one `open` takes: what fits a transaction's events and size.
pub const MAX_OPEN: u32 = 40;
/// Most agreements one `close` takes.
pub const MAX_CLOSE: u32 = 20;
/// Most agreements one `renew` takes: each tells of an end and a beginning (450 bytes), and beyond twenty the
/// share of what they have in common is below a twentieth of each one's fee.
pub const MAX_RENEW: u32 = 20;
/// How long a bond stays after its host asked for it: 15 days, more than twice the longest window.
pub const BOND_DELAY_SECONDS: u64 = 15 * 86_400;
/// Most tokens a deployment may escrow.
pub const MAX_TOKENS: u32 = 4;
/// Slots in one folder.
pub const SLOTS_PER_FOLDER: u32 = 64;
/// How far terms' start may lie from the ledger's time when they are opened, either way: one hour.
pub const OPENING_SLACK_SECONDS: u64 = 3_600;
/// The burn address is the contract whose id is SHA-256 of this: no deployment leads there.
pub const BURN_ADDRESS_SEED: &[u8] = b"layr burn address v1";
/// The version `constants()` tells.
pub(crate) const VERSION: u32 = 1;

/// What a deployment is given once and keeps for ever.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// When the beacon's round 1 is published, UNIX seconds.
    pub beacon_genesis: u64,
    /// The beacon's public key: a BLS12-381 G2 point, uncompressed.
    pub beacon_key: BytesN<192>,
    /// Seconds between the beacon's rounds.
    pub beacon_period: u32,
    /// The least bond of a host whose terms are opened, in the terms' token; 0 for none.
    pub min_bond: i128,
    /// The asset contracts that may be escrowed: 1 to 4, trusted not to misreport transfers.
    pub tokens: Vec<Address>,
}

/// One agreement to open.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The host's signature over the agreement id.
    pub host_sig: BytesN<64>,
    /// Canonical terms.
    pub terms: Bytes,
}

/// One revision to put on record.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The host's signature over the revision's digest.
    pub host_sig: BytesN<64>,
    /// The owner's.
    pub owner_sig: BytesN<64>,
    /// The canonical revision.
    pub revision: Bytes,
    /// The slot's present state, canonical.
    pub state: Bytes,
    /// Canonical terms.
    pub terms: Bytes,
}

/// One agreement to close as both signed.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The host's signature over the split's digest.
    pub host_sig: BytesN<64>,
    /// The owner's.
    pub owner_sig: BytesN<64>,
    /// The canonical final split.
    pub split: Bytes,
    /// The slot's present state, canonical.
    pub state: Bytes,
    /// Canonical terms.
    pub terms: Bytes,
}

/// One agreement to renew: its end and what takes its place.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The old agreement's end, by a split whose reason is the renewal.
    pub closing: Closing,
    /// The new agreement.
    pub opening: Opening,
}

/// One challenge to open.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accusation {
    /// The canonical challenge.
    pub challenge: Bytes,
    /// Who pays the bond, where there is one.
    pub from: Address,
    /// The named leaves, 8 big-endian bytes each; empty for a random challenge.
    pub leaves: Bytes,
    /// The challenger's signature over the challenge's digest.
    pub sig: BytesN<64>,
    /// The slot's present state, canonical.
    pub state: Bytes,
    /// Canonical terms.
    pub terms: Bytes,
}

/// What a host key keeps on the ledger to be taken seriously: nobody else can take it, and it leaves slowly.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bond {
    /// What counts.
    pub amount: i128,
    /// When what is leaving may be released, UNIX seconds.
    pub free_at: u64,
    /// What is leaving.
    pub leaving: i128,
}

/// What is the same in every deployment of this code.
#[contracttype]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constants {
    /// How long a bond takes to leave, seconds.
    pub bond_delay: u64,
    /// Where burnt collateral goes.
    pub burn: Address,
    /// Most agreements per `close`.
    pub max_close: u32,
    /// Most agreements per `open`.
    pub max_open: u32,
    /// Most agreements per `renew`.
    pub max_renew: u32,
    /// How far the start may lie from the opening, seconds.
    pub opening_slack: u64,
    /// Slots per folder.
    pub slots: u32,
    /// Version of formats and rules.
    pub version: u32,
}
