//! The money arithmetic: offers, terms, revisions, and the one function that says who gets what.
//!
//! In: a host's [`Offer`] and an owner's [`Request`]. Out: [`Terms`] (what both escrow), [`Revision`]s (the
//! co-signed present of an agreement), [`SlotState`] (what the contract remembers, as a hash) and
//! [`settle()`]'s [`Settlement`]. Owner, host, escrow contract and tests link this same crate, so none of them
//! can compute another's share differently. `no_std`, no allocator, no clock, no signatures: time is an
//! argument, hashing is behind [`Sha256`] (a host function on chain), and signing belongs to the identity
//! room. Amounts are whole stroops; every division rounds toward the owner.
//!
//! Every persistent layout has a version byte and a committed test vector (`vectors/`).

#![no_std]

mod accrual;
mod beacon;
mod challenge;
mod final_split;
mod leaves;
mod moves;
mod notice;
mod offer;
mod revision;
mod rotation;
mod settle;
mod signing;
mod slot;
mod terms;
mod voucher;

pub use accrual::{accrued, accrued_rounded_up};
pub use beacon::{BEACON_QUANTUM_SECONDS, BeaconSchedule};
pub use challenge::{
    CHALLENGE_BYTES, Challenge, ChallengeKind, ChallengeState, MAX_NAMED_LEAVES, named_leaf,
    named_leaves_hash,
};
pub use final_split::{FINAL_BYTES, FinalReason, FinalSplit};
pub use leaves::leaf_index;
pub use moves::MoveError;
pub use notice::{NOTICE_BYTES, Notice};
pub use offer::{OFFER_BYTES, Offer, Request};
pub use revision::{AuditFields, REVISION_BYTES, Revision, RevisionError};
pub use rotation::{PendingRotation, ROTATION_BYTES, ROTATION_MARGIN_SECONDS, Rotation};
pub use settle::{Outcome, SettleError, Settled, Settlement, settle};
#[cfg(any(test, feature = "software-hash"))]
pub use signing::SoftwareSha256;
pub use signing::{Context, Kind, Sha256, digest, message_digest};
pub use slot::{Party, Phase, SLOT_STATE_BYTES, SlotState, Stage};
pub use terms::{
    MAX_CAPACITY, MAX_TERM_SECONDS, MAX_WINDOW_SECONDS, MIN_WINDOW_SECONDS, TERMS_BYTES, Terms, TermsError,
};
pub use voucher::{VOUCHER_BYTES, Voucher, read_price};

#[cfg(test)]
mod moves_laws;
#[cfg(test)]
mod moves_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trim_laws;
