//! The escrow contract: what owner and host lock on the Stellar network, and the only ways it comes out again.
//!
//! ```text
//!          open                        publish (higher n)
//! (slot 0) ────► ACTIVE ◄───────────┐
//!    ▲             │ └──────────────┘
//!    ├── close ◄───┤ at any time, both sign
//!    ├── prove ◄───┤ in [end + D, end + D + W]: the host is paid what accrued
//!    └── expire ◄──┘ afterwards: missed, or never used
//! ```
//!
//! In: canonical bytes of `layr-market` and signatures over their digests. Out: token transfers that add up to
//! what came in. On the ledger stands only a 32-byte commitment per agreement; every call brings the preimage.
//! Who gets what is `layr_market::settle`, what proves a leaf is `layr_merkle::verify_leaf_proof`: linked by
//! path, so chain and node cannot differ. What must never happen: an agreement paid twice, a sum of live
//! locks, balances and credits other than the contract's token balance, anybody in charge of other people's
//! money. README.md has functions, events, entries and errors in tables.

#![no_std]

mod account;
mod agreement;
mod beacon;
mod close;
mod contract;
mod curve;
mod error;
mod event;
mod expire;
mod hash;
mod open;
mod payout;
mod prove;
mod publish;
mod storage;
mod types;

pub use contract::{Escrow, EscrowClient};
pub use error::Error;
pub use event::{
    BeaconPosted, Closed, Credited, Deposited, Expired, Opened, Proved, Published, Registered, Withdrawn,
};
pub use types::{
    BURN_ADDRESS_SEED, Closing, Config, Constants, MAX_CLOSE, MAX_OPEN, MAX_TOKENS, OPENING_SLACK_SECONDS,
    Opening, Publication, SLOTS_PER_FOLDER,
};

#[cfg(test)]
mod test;
