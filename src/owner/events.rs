//! What a long verb says while it works.

use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, TxHash};

/// Where a verb is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Stage {
    /// Reading the sources' names and sizes.
    Scan,
    /// Looking for hosts and asking their prices.
    Find,
    /// Reserving space and getting terms signed.
    Propose,
    /// Locking money on the ledger.
    Open,
    /// Encoding and sending shards.
    Send,
    /// Both sides signing what is stored now.
    Sign,
    /// Hosts proving what they hold.
    Audit,
    /// Putting the catalogue on the network.
    Catalogue,
    /// Fetching shards, decoding, writing.
    Fetch,
    /// Rebuilding lost shards.
    Repair,
    /// Settling agreements.
    Settle,
    /// Restoring from the network.
    Recover,
    /// Reading or writing this machine's records.
    Records,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scan => "reading sources",
            Self::Find => "finding hosts",
            Self::Propose => "agreeing on terms",
            Self::Open => "locking money",
            Self::Send => "sending",
            Self::Sign => "signing",
            Self::Audit => "auditing",
            Self::Catalogue => "saving the catalogue",
            Self::Fetch => "fetching",
            Self::Repair => "repairing",
            Self::Settle => "settling",
            Self::Recover => "recovering",
            Self::Records => "keeping records",
        })
    }
}

/// Something worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A stage begins; `bytes` is what it will count up to, 0 if it counts none.
    Stage {
        /// Which.
        stage: Stage,
        /// Bytes of work.
        bytes: ByteCount,
    },
    /// Bytes of the files' own content done so far in this stage.
    Bytes {
        /// How many.
        done: ByteCount,
    },
    /// A host answered, was chosen, or was lost.
    Host {
        /// Which.
        node: NodeKey,
        /// What about it.
        what: HostEvent,
    },
    /// Money moved or was locked.
    Money {
        /// Which transaction.
        tx: TxHash,
        /// Locked in escrow (positive) or released (negative).
        escrow: Stroops,
        /// Spent on fees and rent.
        fee: Stroops,
    },
    /// An agreement changed.
    Agreement {
        /// Which.
        id: AgreementId,
        /// Its newest co-signed revision's number.
        revision: u64,
    },
    /// Something the person should know although it stops nothing.
    Warning(Warning),
}

/// What happened with a host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostEvent {
    /// Chosen for this job.
    Chosen,
    /// Its lane is open.
    Connected,
    /// It failed; another takes over.
    Lost,
    /// It takes over from one that failed.
    TakesOver,
    /// It passed its audit.
    Passed,
}

/// What a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// Hosts hold several shards of a segment: fewer host failures are survived.
    SharedHosts {
        /// Most shards of a segment on one host.
        per_host: u8,
    },
    /// The catalogue's pointer could not be spread in the network's table; the hosts have it.
    RecordNotSpread,
    /// An earlier, unfinished upload of the same files goes on.
    Resumed,
    /// Entries of a directory were left out because they are neither files nor directories.
    Skipped {
        /// How many.
        entries: u64,
    },
}

/// Receives events. Calls come from many tasks and must return quickly.
pub trait Progress: Send + Sync {
    /// One event.
    fn tell(&self, event: Event);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _: Event) {}
}
