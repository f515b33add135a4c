//! The escrow contract: what owner and host lock on the Stellar network, and the only ways it comes out again.
//!
//! ```text
//!          open                        publish (higher n), redeem, start_close, rotate
//! (slot 0) ────► ACTIVE ◄───────────┐
//!    ▲           ▲ │ └──────────────┘
//!    │   respond │ │ challenge (over before the end)
//!    │           │ ▼
//!    ├─ default ◄ CHALLENGED ◄─ publish (until the challenge's root freezes)
//!    ├── close ◄───┤ at any time, both sign; renew likewise, and the slot is filled again
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
mod bond;
mod challenge;
mod close;
mod contract;
mod curve;
mod error;
mod event;
mod expire;
mod hash;
mod notice;
mod open;
mod payout;
mod prove;
mod publish;
mod redeem;
mod renew;
mod rotate;
mod storage;
mod types;

pub use contract::{Escrow, EscrowClient};
pub use error::Error;
pub use event::{
    Answered, BeaconPosted, Bonded, Challenged, Closed, Credited, Defaulted, Deposited, Expired, NoticeGiven,
    Opened, Proved, Published, Redeemed, Registered, Released, Rotated, RotationStarted, Unbonding,
    Withdrawn,
};
pub use types::{
    Accusation, BOND_DELAY_SECONDS, BURN_ADDRESS_SEED, Bond, Closing, Config, Constants, MAX_CLOSE, MAX_OPEN,
    MAX_RENEW, MAX_TOKENS, OPENING_SLACK_SECONDS, Opening, Publication, Renewal, SLOTS_PER_FOLDER,
};

#[cfg(test)]
mod test;
