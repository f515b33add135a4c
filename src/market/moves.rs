//! What may follow a slot's state: one pure function for every call of the contract that changes it and leaves
//! it open. Contract, owner, host and tests ask the same functions, so a call that a node prepares is a call
//! the contract takes. Signatures, and who pays, are not looked at here.

use crate::challenge::{Challenge, ChallengeKind, ChallengeState};
use crate::notice::Notice;
use crate::revision::Revision;
use crate::rotation::Rotation;
use crate::signing::Sha256;
use crate::slot::{Party, Phase, SlotState, Stage};
use crate::terms::Terms;
use crate::voucher::Voucher;
use layr_types::{NodeKey, Stroops, UnixSeconds};

/// Why a state cannot be followed by the one asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MoveError {
    /// It is too early or too late for it.
    Stage,
    /// A challenge is open, or none is.
    Phase,
    /// The challenge is not the next one, comes too soon after the last, or the terms allow no more.
    TooManyChallenges,
    /// The bond is below the disclosure price, or a host bonded a challenge of itself.
    Bond,
    /// The signature has lapsed.
    Lapsed,
    /// Nothing is published that could be challenged, or it is older than the challenge wants.
    NotPublished,
    /// This party may not do it, or not this kind of it.
    Party,
    /// The voucher is not above the last one, or above the voucher part.
    Voucher,
    /// The key is not the present one, or already the new one; nothing of the kind is pending, or something is.
    Key,
    /// The revision's amounts do not fit the terms.
    Revision,
}

impl core::fmt::Display for MoveError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Stage => "it is too early or too late for this",
            Self::Phase => "a challenge is open, or none is",
            Self::TooManyChallenges => "the terms allow no further challenge yet",
            Self::Bond => "the challenge's bond is not what the terms want",
            Self::Lapsed => "the signature has lapsed",
            Self::NotPublished => "no revision as new as this is on the ledger",
            Self::Party => "this party may not do that",
            Self::Voucher => "the voucher is not above the last one, or above the voucher part",
            Self::Key => "the key is not the present one",
            Self::Revision => "the revision's amounts do not fit the terms",
        })
    }
}

impl core::error::Error for MoveError {}

impl SlotState {
    /// True while a newer revision may be published: before the root freezes, of the end or of a challenge.
    #[must_use]
    pub fn takes_revisions(&self, terms: &Terms, now: UnixSeconds) -> bool {
        let open = matches!(self.stage(terms, now), Stage::Running | Stage::Publishing);
        match self.phase {
            Phase::Active => open,
            Phase::Challenged => open && now < self.challenge.freezes_at(terms),
        }
    }

    /// The state after `challenge` was opened at `now`.
    ///
    /// It must be over before the agreement ends, so that the two never overlap. The terms count and space
    /// challenges; a host's own is random, needs no bond, and counts too, but a host has only the first half of
    /// them: the rest is the other side's, so that a host cannot use up what would make it hand out leaves.
    ///
    /// # Errors
    /// [`MoveError`].
    pub fn challenged(
        &self,
        terms: &Terms,
        challenge: &Challenge,
        now: UnixSeconds,
    ) -> Result<Self, MoveError> {
        require(self.phase == Phase::Active, MoveError::Phase)?;
        require(now <= challenge.expires, MoveError::Lapsed)?;
        require(self.n > 0 && challenge.n <= self.n, MoveError::NotPublished)?;
        let next = challenge.count == self.challenge.count && challenge.count < terms.max_challenges;
        let spaced = challenge.count == 0 || now >= self.challenge.opened.plus(terms.challenge_gap.into());
        require(next && spaced, MoveError::TooManyChallenges)?;
        let random = challenge.kind == ChallengeKind::Random;
        require(random == (challenge.leaves_hash == [0; 32]), MoveError::Party)?;
        if challenge.by == Party::Host {
            require(random, MoveError::Party)?;
            require(challenge.bond == Stroops::ZERO, MoveError::Bond)?;
            require(challenge.count < terms.max_challenges / 2, MoveError::TooManyChallenges)?;
        } else {
            let least = terms.disclosure_price.max(Stroops(1));
            require(challenge.bond >= least, MoveError::Bond)?;
        }
        let opened = ChallengeState {
            kind: challenge.kind,
            by: challenge.by,
            opened: now,
            bond: challenge.bond,
            leaves_hash: challenge.leaves_hash,
            count: challenge.count.checked_add(1).ok_or(MoveError::TooManyChallenges)?,
        };
        require(opened.deadline(terms) < self.ending_at, MoveError::Stage)?;
        Ok(Self { phase: Phase::Challenged, challenge: opened, ..*self })
    }

    /// The state after the open challenge was answered with `published` at `now`. A random one vests what was
    /// earned up to the moment its root froze; the bond is settled and leaves the state.
    ///
    /// # Errors
    /// [`MoveError`].
    pub fn answered(&self, terms: &Terms, published: &Revision, now: UnixSeconds) -> Result<Self, MoveError> {
        require(self.phase == Phase::Challenged, MoveError::Phase)?;
        require(now <= self.challenge.deadline(terms), MoveError::Stage)?;
        let mut next = *self;
        if self.challenge.kind == ChallengeKind::Random {
            let frozen = self.challenge.freezes_at(terms);
            require(now >= frozen, MoveError::Stage)?;
            require(published.fits(terms), MoveError::Revision)?;
            let since = published.earned_since(terms, frozen).ok_or(MoveError::Revision)?;
            let earned = published.paid + published.due + since;
            next.floor = self.floor.max(earned.min(terms.escrow));
        }
        next.phase = Phase::Active;
        next.challenge.bond = Stroops::ZERO;
        Ok(next)
    }

    /// True once the open challenge's deadline has passed without an answer: anybody may then say so.
    #[must_use]
    pub fn in_default(&self, terms: &Terms, now: UnixSeconds) -> bool {
        self.phase == Phase::Challenged && now > self.challenge.deadline(terms)
    }

    /// The state after `notice` at `now`: the agreement ends earlier. Not while a challenge is open: one notice
    /// after the other, each a second earlier, would change the state that its answer has to name.
    ///
    /// # Errors
    /// [`MoveError`].
    pub fn noticed(&self, terms: &Terms, notice: &Notice, now: UnixSeconds) -> Result<Self, MoveError> {
        require(notice.by != Party::Auditor, MoveError::Party)?;
        require(self.phase == Phase::Active, MoveError::Phase)?;
        require(self.stage(terms, now) == Stage::Running, MoveError::Stage)?;
        let earliest = now.plus(terms.notice.into());
        require(notice.ending_at >= earliest && notice.ending_at < self.ending_at, MoveError::Stage)?;
        Ok(Self { ending_at: notice.ending_at, ..*self })
    }

    /// The state after `voucher` was redeemed.
    ///
    /// # Errors
    /// [`MoveError::Voucher`].
    pub fn redeemed(&self, terms: &Terms, voucher: &Voucher) -> Result<Self, MoveError> {
        require(voucher.amount > self.voucher && voucher.amount <= terms.voucher_part, MoveError::Voucher)?;
        Ok(Self { voucher: voucher.amount, ..*self })
    }

    /// The key of a party that has one in the state.
    #[must_use]
    pub const fn key_of(&self, party: Party) -> Option<NodeKey> {
        match party {
            Party::Owner => Some(self.owner_key),
            Party::Host => Some(self.host_key),
            Party::Auditor => None,
        }
    }

    /// The state after `rotation` took effect; nothing stays pending.
    ///
    /// # Errors
    /// [`MoveError::Party`] for an auditor's, [`MoveError::Key`] unless it leads from the present key to one that
    /// neither side has.
    pub fn rotated(&self, rotation: &Rotation) -> Result<Self, MoveError> {
        let present = self.key_of(rotation.party).ok_or(MoveError::Party)?;
        let fresh = rotation.to != self.owner_key && rotation.to != self.host_key;
        require(rotation.from == present && fresh, MoveError::Key)?;
        let mut next = Self { rotation: None, ..*self };
        match rotation.party {
            Party::Owner => next.owner_key = rotation.to,
            _ => next.host_key = rotation.to,
        }
        Ok(next)
    }

    /// The state after one side asked alone for `rotation` at `now`. What is pending is not replaced: it waits
    /// for its time, so that neither side can put off the other's, nor change the state at will.
    ///
    /// # Errors
    /// As [`SlotState::rotated`]; [`MoveError::Key`] also while another rotation is pending.
    pub fn rotation_started<H: Sha256>(
        &self,
        hash: &H,
        terms: &Terms,
        rotation: &Rotation,
        now: UnixSeconds,
    ) -> Result<Self, MoveError> {
        require(self.rotation.is_none(), MoveError::Key)?;
        self.rotated(rotation)?;
        Ok(Self { rotation: Some(rotation.pending(hash, terms, now)), ..*self })
    }

    /// The state after the pending `rotation` was completed at `now`.
    ///
    /// # Errors
    /// As [`SlotState::rotated`], and [`MoveError::Stage`] before its time.
    pub fn rotation_finished<H: Sha256>(
        &self,
        hash: &H,
        rotation: &Rotation,
        now: UnixSeconds,
    ) -> Result<Self, MoveError> {
        let pending = self.rotation.filter(|pending| rotation.is(hash, pending)).ok_or(MoveError::Key)?;
        require(now >= pending.effective, MoveError::Stage)?;
        self.rotated(rotation)
    }
}

const fn require(holds: bool, otherwise: MoveError) -> Result<(), MoveError> {
    if holds { Ok(()) } else { Err(otherwise) }
}
