//! Challenges: which leaves of which revision a host shall prove.

use core::num::NonZeroU64;
use layr_market::{Kind, Revision, Sha256 as _, SoftwareSha256, leaf_index};
use layr_merkle::MAX_SECTORS;
use layr_types::{AgreementId, AgreementRoot, AuditSeed, LEAVES_PER_SECTOR, LeafIndex};
use serde::{Deserialize, Serialize};

/// The most leaves one challenge may ask for; bounds a host's work and an answer's size.
pub const MAX_LEAVES: u16 = 64;
/// Leaves of the daily audit: a host that lacks 10 % is found with 88 % on the first day.
pub const DAILY_LEAVES: u16 = 20;

/// What a revision commits a host to: the numbers a proof is checked against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commitment {
    /// Which agreement.
    pub agreement: AgreementId,
    /// The number of the revision.
    pub revision: u64,
    /// Root of its agreement tree.
    pub root: AgreementRoot,
    /// Sectors under that root.
    pub sectors: u64,
}

impl From<&Revision> for Commitment {
    fn from(revision: &Revision) -> Self {
        Self { agreement: revision.id, revision: revision.n, root: revision.root, sectors: revision.sectors }
    }
}

impl Commitment {
    /// Leaves under the root; `None` where there are none or more than an agreement can hold.
    #[must_use]
    pub fn leaves(&self) -> Option<NonZeroU64> {
        let bounded = (self.sectors <= MAX_SECTORS).then_some(self.sectors)?;
        NonZeroU64::new(bounded * LEAVES_PER_SECTOR as u64)
    }
}

/// How the leaves are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Draw {
    /// By a seed nobody could foresee.
    Random {
        /// The beacon round whose randomness went into the seed.
        round: u64,
        /// The owner's part of the seed: keeps a host that knows the beacon from knowing the leaves.
        nonce: [u8; 32],
        /// [`audit_seed`] of both.
        seed: AuditSeed,
        /// How many leaves, 1 to [`MAX_LEAVES`].
        count: u16,
    },
    /// By the owner, after a fault or for a reader's sake.
    Named {
        /// The leaves, 1 to [`MAX_LEAVES`] of them.
        leaves: Vec<LeafIndex>,
    },
}

/// A request to prove leaves of one revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// Which agreement.
    pub agreement: AgreementId,
    /// The number of the co-signed revision whose root the proofs must lead to.
    pub revision: u64,
    /// Which of its leaves.
    pub draw: Draw,
}

/// Why a challenge cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeError {
    /// It asks for none, or for more than [`MAX_LEAVES`].
    #[error("a challenge asks for 1 to 64 leaves, not {0}")]
    LeafCount(usize),
    /// It speaks of another agreement or another revision than the one at hand.
    #[error("the challenge is for revision {asked}, the one at hand is {held} (or another agreement)")]
    OtherRevision {
        /// The revision asked about.
        asked: u64,
        /// The revision at hand.
        held: u64,
    },
    /// The agreement holds no data.
    #[error("the agreement holds no sectors")]
    Empty,
    /// It names a leaf beyond the last one.
    #[error("leaf {} lies beyond the agreement's last", .0.0)]
    NoSuchLeaf(LeafIndex),
}

/// The seed of an off-chain audit: SHA-256(tag ‖ beacon randomness ‖ owner nonce).
#[must_use]
pub fn audit_seed(randomness: &[u8; 32], nonce: &[u8; 32]) -> AuditSeed {
    AuditSeed(SoftwareSha256.sha256(&[Kind::AuditSeed.tag(), randomness, nonce]))
}

impl Challenge {
    /// Asks for `count` random leaves; `beacon` is a round and its randomness.
    #[must_use]
    pub fn random(of: &Commitment, beacon: (u64, &[u8; 32]), nonce: [u8; 32], count: u16) -> Self {
        let (round, randomness) = beacon;
        let draw = Draw::Random { round, nonce, seed: audit_seed(randomness, &nonce), count };
        Self { agreement: of.agreement, revision: of.revision, draw }
    }

    /// Asks for these leaves.
    #[must_use]
    pub fn named(of: &Commitment, leaves: Vec<LeafIndex>) -> Self {
        Self { agreement: of.agreement, revision: of.revision, draw: Draw::Named { leaves } }
    }

    /// How many leaves it asks for.
    #[must_use]
    pub fn count(&self) -> usize {
        match &self.draw {
            Draw::Random { count, .. } => usize::from(*count),
            Draw::Named { leaves } => leaves.len(),
        }
    }

    /// Whether the seed follows from the beacon's `randomness` in the round it names: lets a host refuse a
    /// challenge that only pretends to be random. True for named leaves.
    #[must_use]
    pub fn seed_follows(&self, randomness: &[u8; 32]) -> bool {
        match &self.draw {
            Draw::Random { nonce, seed, .. } => audit_seed(randomness, nonce) == *seed,
            Draw::Named { .. } => true,
        }
    }

    /// The leaves it asks for, in the order they are to be proved. A leaf may be asked for twice.
    ///
    /// # Errors
    /// [`ChallengeError`] where the challenge is not about `held` or out of bounds.
    pub fn leaves(&self, held: &Commitment) -> Result<Vec<LeafIndex>, ChallengeError> {
        if (self.agreement, self.revision) != (held.agreement, held.revision) {
            return Err(ChallengeError::OtherRevision { asked: self.revision, held: held.revision });
        }
        let total = held.leaves().ok_or(ChallengeError::Empty)?.get();
        let count = self.count();
        if count == 0 || count > usize::from(MAX_LEAVES) {
            return Err(ChallengeError::LeafCount(count));
        }
        match &self.draw {
            Draw::Named { leaves } => match leaves.iter().find(|leaf| leaf.0 >= total) {
                Some(beyond) => Err(ChallengeError::NoSuchLeaf(*beyond)),
                None => Ok(leaves.clone()),
            },
            Draw::Random { seed, count, .. } => {
                let drawn =
                    |i| leaf_index(&SoftwareSha256, &seed.0, (&self.agreement, self.revision), i, total);
                (0..u32::from(*count)).map(|i| drawn(i).ok_or(ChallengeError::Empty)).collect()
            }
        }
    }
}
