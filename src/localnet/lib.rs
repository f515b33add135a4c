//! A single-process Stellar network for development and tests.
//!
//! Real transaction envelopes, the real contract host with the main network's limits, prices and lifetimes, the
//! public RPC's methods, a faucet, and a randomness beacon in drand's scheme, all in one process that starts in
//! milliseconds and survives being killed. What a client does here it can do on the public networks unchanged.
//!
//! Two ways in: [`Localnet::start`] serves a network over HTTP; [`Engine`] is the same network as a plain value
//! for tests, with ledgers closed and time moved by hand.
//!
//! It is not a node of any public network, has one trusted operator, and its beacon is predictable by whoever
//! holds the directory. What it leaves out is listed in the room's README.

mod account;
mod apply;
mod beacon;
mod beacon_http;
mod check;
mod check_soroban;
mod classic;
mod clock;
mod close;
mod config;
mod cost_params;
mod cursor;
mod dev;
mod engine;
mod error;
mod evict;
mod fees;
mod footprint;
mod frame;
mod friendbot;
mod genesis;
mod history;
mod invoke;
mod journal;
mod query;
mod queue;
mod record;
mod rpc;
mod server;
mod settings;
mod signatures;
mod simulate;
mod state;
mod store;
mod time;
mod trustline;
mod unified;

pub use beacon::{BEACON_ID, Beacon, PERIOD_SECONDS, Round, SCHEME, verify_round};
pub use clock::Clock;
pub use config::LocalnetConfig;
pub use engine::{Advance, Application, Engine, EngineConfig, STANDALONE_PASSPHRASE, Submission};
pub use error::{EngineError, JournalError};
pub use friendbot::{STARTING_BALANCE, grant_envelope};
pub use genesis::{account_of, native_contract, network_id, root_key};
pub use history::{LedgerRecord, TransactionRecord};
pub use query::View;
pub use queue::Congestion;
pub use server::{Localnet, RunningLocalnet, StartError};
pub use settings::{BASE_FEE, BASE_RESERVE, PROTOCOL_VERSION, TOTAL_COINS};
pub use simulate::{AuthMode, Simulation, SimulationOptions};
