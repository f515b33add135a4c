//! The node: the one room that knows every door, and joins them to the rooms that do things.
//!
//! [`HostNode`] runs a host: store, network door, ledger, watcher, in that order; it stops in the opposite
//! order. [`OwnerNode`] gives an owner's verbs their ports for as long as a command runs. [`Network`] says which
//! ledger, contract and beacon. Nothing here decides anything: it opens, connects, hands over and closes.

mod host_ledger;
mod host_net;
mod host_node;
mod network_file;
mod notes;
mod owner_ledger;
mod owner_node;
mod peers;

pub use host_ledger::StellarHost;
pub use host_net::OwnerNet;
pub use host_node::{HostNode, HostNodeConfig, HostNodeError};
pub use network_file::{Network, NetworkFileError};
pub use notes::Notes;
pub use owner_ledger::StellarOwner;
pub use owner_node::{OwnerNode, OwnerNodeConfig, OwnerNodeError};
pub use peers::HOSTS_MET_FILE;
