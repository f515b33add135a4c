//! Chooses which host holds which shard.
//!
//! In: hosts that answered a look-up, each with what its signed record says about itself, its signed [`Offer`]
//! and the owner's own experience with it; and a [`Policy`]. Out: a [`Choice`] — the hosts to have agreements
//! with, ranked spares, and for every other candidate the reason it was left out — or a [`Shortage`] that says
//! how many hosts are missing and which flag would accept less.
//!
//! What must never happen here: a network call, a clock, a random number. The same candidates and policy give
//! the same choice, so a dry run and the upload after it agree, and a resumed upload chooses what it chose.
//!
//! [`Offer`]: layr_market::Offer

mod assign;
mod candidate;
mod choose;
mod diversity;
mod error;
mod point;
mod policy;

pub use assign::Rotation;
pub use candidate::{Candidate, HostCard, Score};
pub use choose::{Choice, choose};
pub use diversity::{Prefix, is_local};
pub use error::{Rejected, Rejection, Remedy, Shortage};
pub use point::{distance, lookup_point};
pub use policy::Policy;

#[cfg(test)]
mod tests;
