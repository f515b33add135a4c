//! Chooses which host holds which shard.
//!
//! In: hosts that answered a look-up, each with what its signed record says about itself, its signed [`Offer`]
//! and the owner's own experience with it; and a [`Policy`]. Out: a [`Choice`] — the hosts to have agreements
//! with, ranked spares, and for every other candidate the reason it was left out — or a [`Shortage`] that says
//! how many hosts are missing and which flag would accept less.
//!
//! After that it says how much danger a segment is in once hosts fail, when to repair it, and what to rebuild
//! ([`RepairPolicy`], [`SegmentHealth`]).
//!
//! What must never happen here: a network call, a clock, a random number. The same candidates and policy give
//! the same choice, so a dry run and the upload after it agree, and a resumed upload chooses what it chose.
//!
//! [`Offer`]: layr_market::Offer

mod assign;
mod candidate;
mod choose;
mod danger;
mod diversity;
mod error;
mod kin;
mod point;
mod policy;

pub use assign::Rotation;
pub use candidate::{Candidate, HostCard, Score};
pub use choose::{Choice, choose, choose_beside};
pub use danger::{Condition, RepairPolicy, Seat, SegmentHealth, rank};
pub use diversity::{Prefix, is_local};
pub use error::{Rejected, Rejection, Remedy, Shortage};
pub use kin::Kin;
pub use point::{distance, lookup_point};
pub use policy::Policy;

#[cfg(test)]
mod tests;
