//! The node: the one room that knows every door, and joins them to the rooms that do things.
//!
//! [`HostNode`] runs a host: store, network door, ledger, watcher, in that order; it stops in the opposite
//! order. [`OwnerNode`] gives an owner's verbs their ports for as long as a command runs, and [`OwnerWatch`] looks
//! after an owner's agreements as long as a node does. [`Network`] says which
//! ledger, contract and beacon. Nothing here decides anything: it opens, connects, hands over and closes.

mod host_ledger;
mod host_net;
mod host_node;
mod network_file;
mod notes;
mod owner_ledger;
mod owner_node;
mod peers;
mod watch;
mod watch_state;

pub use host_ledger::StellarHost;
pub use host_net::OwnerNet;
pub use host_node::{HostNode, HostNodeConfig, HostNodeError};
pub use network_file::{Network, NetworkFileError};
pub use notes::Notes;
pub use owner_ledger::StellarOwner;
pub use owner_node::{OwnerNode, OwnerNodeConfig, OwnerNodeError};
pub use peers::HOSTS_MET_FILE;
pub use watch::{OwnerWatch, WATCH_ROUND_FILE, WATCH_STATE_FILE, WatchConfig, read_watch_state};
pub use watch_state::{Unfinished, WatchState, WatchedAudit, WatchedDue};
