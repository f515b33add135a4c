//! The door to the Stellar network: transactions, escrow calls, ledger time, beacon. The only room that knows XDR.
//!
//! ```text
//! NetworkConfig ──► LedgerClient ──► now, account, fund, send, pay, create_account, resume
//!                        │           ensure_deployed, keep_contract_alive
//!                        ├─ escrow(contract) ──► Escrow: folder, balance, bonded, config, events, story,
//!                        │                               history, statement                   (reads, free)
//!                        │                               open, publish, challenge, close, …  ──► Call
//!                        │                                                    Call: quote, submit(&Payer)
//!                        └─ beacon() ──► Beacon: round, latest                                 (verified)
//! ```
//!
//! Three promises:
//!
//! 1. **Never paid twice.** A signed transaction is handed to the payer's [`PendingLog`] before it leaves, and
//!    followed until its fate is final; one that is not taken in time is wrapped in a fee bump, never replaced.
//!    After a crash or a lost connection, [`LedgerClient::resume`] finds that fate.
//! 2. **Every error says** which endpoint, at which stage, and what became of the money
//!    ([`LedgerError::effect`]). [`Payer::max_fee`] bounds everything one call can cost: fees, rent, restoring,
//!    and bumps.
//! 3. **Endpoints are strangers.** Bodies, XDR and time are bounded; several are asked in turn, each first which
//!    network it serves; one that lags behind what was seen before is not believed, one that asks for patience gets
//!    it; beacon rounds count only with their signature. (That an endpoint tells the truth about the ledger is
//!    trusted: run one's own, or name one that deserves it.)
//!
//! Time is the ledger's ([`LedgerClient::now`]); the machine's clock decides nothing. Money is whole stroops.
//! Fees, head-room, rent and restoring are quoted apart ([`CallQuote`]). May be imported by composition and by
//! whoever wraps it as a port; it imports types, market and identity only.

mod accounts;
mod beacon;
mod bump;
mod client;
mod config;
mod deploy;
mod endpoint;
mod envelope;
mod error;
mod escrow;
mod fees;
mod follow;
mod history;
mod http;
mod observe;
mod operation;
mod prepare;
mod receipt;
mod rpc;
mod rpc_types;
mod submit;
mod time;
mod xdr;

pub use accounts::{LEAST_BALANCE, MAX_MEMO_BYTES, PaymentMemo, SentPayment};
pub use beacon::{Beacon, BeaconKey, BeaconRound};
pub use client::{AccountState, LedgerClient, LedgerTime};
pub use config::{
    BeaconConfig, LOCAL_PASSPHRASE, MAINNET_PASSPHRASE, NetworkConfig, TESTNET_PASSPHRASE, TransactionPolicy,
};
pub use deploy::{Deployment, DeploymentQuote};
pub use envelope::{Bump, NoLog, Payer, Pending, PendingLog};
pub use error::{
    BoxError, Cause, ContractFailure, EndpointFault, Fault, LedgerError, MoneyEffect, Rejection, Stage,
};
pub use escrow::{
    Accusation, Bond, Call, Closing, Escrow, EscrowConfig, EscrowError, EscrowEvent, EventPage, Folder,
    Involved, LoggedEvent, Opening, Outcome, Publication, Renewal, Standing,
};
pub use fees::CallQuote;
pub use history::{Counterparty, EntryKind, Statement, StatementEntry};
pub use http::HttpLimits;
pub use observe::burn_address;
pub use receipt::{Receipt, Resolution};
pub use rpc_types::{Health, NetworkInfo};

#[cfg(test)]
mod tests;
