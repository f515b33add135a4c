//! Segments and their seats: what is true of each shard, and what its owner believes.

use crate::books::Account;
use layr_placement::Score;
use layr_types::NodeKey;

/// A seat that lies on nobody.
pub(crate) const NOBODY: u32 = u32::MAX;

/// What became of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// The host has it (and may be away).
    Intact,
    /// The host is there and lacks part of it.
    Damaged,
    /// Gone, or withheld for good.
    Gone,
}

/// What the owner believes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Belief {
    /// It is there.
    Sound,
    /// Its host was silent for so long that it counts as lost; it may come back.
    Silent,
    /// Proved lost, or nowhere.
    Lost,
}

/// Why a shard is not intact; what detection times are kept by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing happened to it yet.
    None,
    /// Its host left.
    Departure,
    /// Its host lost it silently.
    Damage,
    /// Its host cheats.
    Lie,
}

/// Where one shard of one segment lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seat {
    /// On which host; [`NOBODY`] for none.
    pub(crate) host: u32,
    /// Tells it from those before it in the same place.
    pub(crate) serial: u32,
    pub(crate) truth: Truth,
    pub(crate) belief: Belief,
    /// When it was placed.
    pub(crate) placed: u64,
    /// When it was hurt, and by what.
    pub(crate) hurt: u64,
    pub(crate) cause: Cause,
}

impl Seat {
    pub(crate) const EMPTY: Self = Self {
        host: NOBODY,
        serial: 0,
        truth: Truth::Gone,
        belief: Belief::Lost,
        placed: 0,
        hurt: 0,
        cause: Cause::None,
    };
}

/// One segment (and all that share its hosts).
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Whose it is; placement looks near this key's points.
    pub(crate) owner: NodeKey,
    /// Shards that are intact, away or not.
    pub(crate) intact: u8,
    /// Shards the owner believes sound.
    pub(crate) believed: u8,
    /// At most so many of those share a network or operator with another.
    pub(crate) clumped: u8,
    /// Tells a planned repair from those before it.
    pub(crate) serial: u32,
    /// A repair is under way.
    pub(crate) repairing: bool,
    /// Since when no more than the threshold are intact.
    pub(crate) exposed: Option<u64>,
    /// When fewer than k were left.
    pub(crate) lost: Option<u64>,
    /// The owner believes it lost.
    pub(crate) feared: bool,
    /// The owner's experience with hosts that failed it.
    pub(crate) known: Vec<(NodeKey, Score)>,
}

impl Segment {
    pub(crate) const fn new(owner: NodeKey) -> Self {
        Self {
            owner,
            intact: 0,
            believed: 0,
            clumped: 0,
            serial: 0,
            repairing: false,
            exposed: None,
            lost: None,
            feared: false,
            known: Vec::new(),
        }
    }
}

/// The accounts of the booked segments, by seat.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) accounts: std::collections::BTreeMap<u32, Account>,
}
