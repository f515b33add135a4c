//! What can go wrong in running the network itself, as opposed to a transaction failing on it.

use std::path::PathBuf;

use stellar_xdr::ConfigSettingId;

/// The engine cannot go on, or cannot be built from what is on disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A configuration entry is missing from the ledger or has another kind's shape.
    #[error("the ledger lacks a usable network setting {0:?}")]
    Setting(ConfigSettingId),
    /// A structure did not fit its XDR type, or stored XDR did not decode.
    #[error("a ledger structure could not be encoded or decoded")]
    Xdr(#[from] stellar_xdr::Error),
    /// The contract host failed outside of any contract's control.
    #[error("the contract host refused to start: {0:?}")]
    Host(soroban_env_host::Error),
    /// The built-in asset contract could not be deployed at genesis.
    #[error("the native asset contract could not be deployed at genesis")]
    Genesis,
    /// A sequence number or clock would overflow.
    #[error("the ledger's clock or sequence number would overflow")]
    Overflow,
    /// Reading or writing the journal failed.
    #[error("cannot access the ledger's journal")]
    Journal(#[from] JournalError),
    /// An earlier failure left the engine behind its journal; start it again to go on from what is on disk.
    #[error("the network stopped after an earlier journal failure; start it again")]
    Stopped,
}

impl From<soroban_env_host::HostError> for EngineError {
    fn from(error: soroban_env_host::HostError) -> Self {
        Self::Host(error.error)
    }
}

/// What is on disk cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or directory concerned.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Another process runs a network on this directory.
    #[error("{}: another process is running this network", path.display())]
    Locked {
        /// Directory concerned.
        path: PathBuf,
    },
    /// Bytes before the tail do not check out. Nothing is repaired silently: restore the file or start anew.
    #[error("{}: damaged at byte {offset}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// Where the damaged frame starts.
        offset: u64,
    },
    /// The frames are sound but do not make a ledger (missing birth record, gap between ledgers).
    #[error("{}: frame at byte {offset} does not follow from the ones before it", path.display())]
    Inconsistent {
        /// The journal.
        path: PathBuf,
        /// Where the frame starts.
        offset: u64,
    },
    /// Written by a later version of this program.
    #[error("{}: format version {found} is newer than this program", path.display())]
    Version {
        /// The journal.
        path: PathBuf,
        /// Version number found.
        found: u32,
    },
    /// The directory holds a network of another name.
    #[error("{}: holds the network {found:?}, not {wanted:?}", path.display())]
    Passphrase {
        /// The journal.
        path: PathBuf,
        /// Passphrase of the stored network.
        found: String,
        /// Passphrase asked for.
        wanted: String,
    },
}
