//! Everything the contract refuses, by number. A wrong Ed25519 signature is not among them: the host traps it.

#![allow(missing_docs, reason = "the SDK's macros add functions without any")]

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
}
