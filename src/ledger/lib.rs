//! The door to the Stellar network: transactions, escrow calls, ledger time, beacon. The only room that knows XDR.
//!
//! ```text
//! NetworkConfig ──► LedgerClient ──► now, account, fund, pay, create_account, resume
//!                        │           ensure_deployed, keep_contract_alive
//!                        ├─ escrow(contract) ──► Escrow: folder, balance, config, events      (reads, free)
//!                        │                               open, publish, close, prove, …  ──► Call
//!                        │                                                    Call: quote, submit(&Payer)
//!                        └─ beacon() ──► Beacon: round, latest                                 (verified)
//! ```
//!
//! Three promises:
//!
//! 1. **Never paid twice.** A signed transaction is handed to the payer's [`PendingLog`] before it leaves, and
//!    followed until its fate is final. After a crash or a lost connection, [`LedgerClient::resume`] finds that
//!    fate; an unknown transaction is never replaced by another.
//! 2. **Every error says** which endpoint, at which stage, and what became of the money
//!    ([`LedgerError::effect`]).
//! 3. **Endpoints are strangers.** Bodies, XDR and time are bounded; several are asked in turn; beacon rounds
//!    count only with their signature. (That an endpoint tells the truth about the ledger is trusted: run one's
//!    own, or name one that deserves it.)
//!
//! Time is the ledger's ([`LedgerClient::now`]); the machine's clock decides nothing. Money is whole stroops.
//! Fees, rent and restoring are quoted apart ([`CallQuote`]). May be imported by composition and by whoever wraps
//! it as a port; it imports types, market and identity only.

mod accounts;
mod beacon;
mod client;
mod config;
mod deploy;
mod envelope;
mod error;
mod escrow;
mod fees;
mod http;
mod observe;
mod operation;
mod prepare;
mod receipt;
mod rpc;
mod rpc_types;
mod submit;
mod xdr;

pub use beacon::{Beacon, BeaconRound};
pub use client::{AccountState, LedgerClient, LedgerTime};
pub use config::{
    BeaconConfig, LOCAL_PASSPHRASE, MAINNET_PASSPHRASE, NetworkConfig, TESTNET_PASSPHRASE, TransactionPolicy,
};
pub use deploy::Deployment;
pub use envelope::{NoLog, Payer, Pending, PendingLog};
pub use error::{
    BoxError, Cause, ContractFailure, EndpointFault, Fault, LedgerError, MoneyEffect, Rejection, Stage,
};
pub use escrow::{
    Call, Closing, Escrow, EscrowConfig, EscrowError, EscrowEvent, EventPage, Folder, LoggedEvent, Opening,
    Outcome, Publication,
};
pub use fees::CallQuote;
pub use http::HttpLimits;
pub use observe::burn_address;
pub use receipt::{Receipt, Resolution};
pub use rpc_types::{Health, NetworkInfo};

#[cfg(test)]
mod tests;
