//! Everything the contract refuses, by number. A wrong Ed25519 signature is not among them: the host traps it.

#![allow(missing_docs, reason = "the SDK's macros add functions without any")]

use layr_market::{MoveError, Phase};
use soroban_sdk::contracterror;

/// Why a call was refused; the whole transaction then leaves no trace.
#[contracterror]
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Error {
    /// An argument is not the canonical encoding of what it should be.
    Malformed = 7001,
    /// The batch is empty or too long.
    BatchSize = 7002,
    /// 0 or more than 4 tokens, a token twice, a period of 0, or a key that is no point of the group.
    BadConfig = 7003,
    /// The address is not a classic account, or not the one the terms name.
    WrongAccount = 7004,
    /// The token is not on the list.
    TokenNotAllowed = 7005,
    /// Nothing, or less, was to be moved.
    AmountNotPositive = 7006,
    /// The free balance does not cover the withdrawal or the collateral.
    BalanceTooSmall = 7007,
    /// The host key has no account.
    NotRegistered = 7008,
    /// The terms break a bound.
    TermsOutOfBounds = 7009,
    /// The host's signature has lapsed.
    OfferExpired = 7010,
    /// The start is more than an hour away, or the end is not in the future.
    StartOutOfRange = 7011,
    /// The slot the terms name is in use.
    SlotTaken = 7012,
    /// The slot does not hold these terms and this state.
    SlotMismatch = 7013,
    /// The revision or split belongs to another agreement.
    WrongAgreement = 7014,
    /// The published revision is as new or newer.
    OldRevision = 7015,
    /// The revision's amounts do not fit the terms.
    RevisionUnfit = 7016,
    /// Too early or too late for this call.
    WrongStage = 7017,
    /// The shares are negative or do not add up to what is locked.
    SplitUnfit = 7018,
    /// The terms could be opened again: too early to close.
    StillOpenable = 7019,
    /// The signature is not this round's.
    BeaconInvalid = 7020,
    /// The deciding round has not been posted, or has lapsed.
    BeaconMissing = 7021,
    /// This is not the published revision.
    WrongRevision = 7022,
    /// A leaf proof is missing, misplaced or wrong.
    ProofInvalid = 7023,
    /// Bytes follow the last proof.
    ProofSurplus = 7024,
    /// A challenge waits for its answer.
    ChallengeOpen = 7025,
    /// No challenge is open.
    NoChallenge = 7026,
    /// The challenge is not the next one, comes too soon, or the terms allow no more.
    TooManyChallenges = 7027,
    /// The bond is below the disclosure price, or a host bonded a challenge of itself.
    BondUnfit = 7028,
    /// The challenge's signature has lapsed.
    SignatureLapsed = 7029,
    /// No revision as new as the challenge wants is published.
    NotPublished = 7030,
    /// This party may not do that, or not this kind of it.
    NotParty = 7031,
    /// The voucher is not above the last one, or above the voucher part.
    VoucherUnfit = 7032,
    /// The key is not the present one, the new one is in use already, or nothing of the kind (or something else)
    /// is pending.
    KeyUnfit = 7033,
    /// The list of leaves is not what the challenge commits to.
    WrongLeaves = 7034,
    /// Split or terms are not those of a renewal; or a renewal's split was passed to `close`.
    NotRenewal = 7035,
    /// The bond's delay is not over.
    BondLeaving = 7036,
    /// The host's bond is below the deployment's least, or below what was to leave.
    BondTooSmall = 7037,
}

impl Error {
    /// Why a state that stands in `phase` cannot be followed by the one asked for.
    pub(crate) const fn of_move(error: MoveError, phase: Phase) -> Self {
        match (error, phase) {
            (MoveError::Phase, Phase::Active) => Self::NoChallenge,
            (MoveError::Phase, Phase::Challenged) => Self::ChallengeOpen,
            (MoveError::TooManyChallenges, _) => Self::TooManyChallenges,
            (MoveError::Bond, _) => Self::BondUnfit,
            (MoveError::Lapsed, _) => Self::SignatureLapsed,
            (MoveError::NotPublished, _) => Self::NotPublished,
            (MoveError::Party, _) => Self::NotParty,
            (MoveError::Voucher, _) => Self::VoucherUnfit,
            (MoveError::Key, _) => Self::KeyUnfit,
            (MoveError::Revision, _) => Self::RevisionUnfit,
            _ => Self::WrongStage,
        }
    }
}
