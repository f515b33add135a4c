//! What can go wrong inside a host, and how it is said to a caller.

use crate::agreement::AgreementState;
use crate::ports::{LedgerError, RecordsError, SectorError, Table};
use crate::space::Overdrawn;
use layr_merkle::ProofError;
use layr_protocol::Refusal;
use layr_types::{ByteCount, DecodeError};
use thiserror::Error;

/// A fault of the host's own.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HostError {
    /// The records.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The slot files.
    #[error(transparent)]
    Sectors(#[from] SectorError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A row is not what its table holds.
    #[error("a row of table {} is damaged", table.name())]
    Row {
        /// The table.
        table: Table,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// A row another row refers to is not there.
    #[error("table {} lacks a row that another refers to", table.name())]
    Dangling {
        /// The table.
        table: Table,
    },
    /// Space would be moved that is not there.
    #[error("the space ledger does not add up")]
    Space(#[from] Overdrawn),
    /// The quota is smaller than what is promised or stored.
    #[error(
        "the quota {quota} is smaller than the {taken} promised or stored; raise it, or wait for agreements to end"
    )]
    QuotaTooSmall {
        /// The quota asked for.
        quota: ByteCount,
        /// Promised and stored.
        taken: ByteCount,
    },
    /// A step the table of an agreement's life does not have.
    #[error("an agreement cannot go from {from:?} to {to:?}")]
    Transition {
        /// From.
        from: AgreementState,
        /// To.
        to: AgreementState,
    },
    /// An agreement's tree cannot grow.
    #[error("an agreement's tree is out of its bounds")]
    Tree(#[from] ProofError),
    /// The ledger asks for leaves this host no longer has.
    #[error("{count} of the leaves the ledger asks for are lost; the collateral at risk is lost with them")]
    LeavesLost {
        /// How many.
        count: usize,
    },
    /// A task of the host's own died.
    #[error("a task of the host ended early")]
    Task,
}

/// What a caller is told: the refusal itself, or a trace number that finds the fault in the log.
impl From<HostError> for Refusal {
    fn from(error: HostError) -> Self {
        let trace = trace_number();
        tracing::error!(trace = format!("{trace:016x}"), error = %Chain(&error), "a call failed");
        match error {
            HostError::Records(RecordsError::DiskFull) | HostError::Sectors(_) => Self::DiskFault,
            HostError::Ledger(_) => Self::LedgerUnavailable,
            _ => Self::Internal { trace },
        }
    }
}

/// Distinct within a run and hard to confuse between runs: the address space's and the counter's bits.
fn trace_number() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    static SEED: OnceLock<RandomState> = OnceLock::new();
    static NEXT: AtomicU64 = AtomicU64::new(0);
    SEED.get_or_init(RandomState::new).hash_one(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// An error with everything that caused it, on one line.
pub(crate) struct Chain<'a>(pub &'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
