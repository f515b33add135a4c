//! The ledger's clock for commands that only show records: asked briefly, and where it cannot be asked the
//! records are shown as of the newest moment they know of, saying so.

use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use layr_node::OwnerNode;
use layr_owner::views::{AgreementView, DueView};
use layr_types::UnixSeconds;
use std::time::Duration;
use tokio::time::timeout;

/// How long the ledger may take to tell the time. Records are there at once; nobody should wait for a clock.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is known of the ledger's time.
#[derive(Debug, Clone, Copy)]
pub enum Clock {
    /// The ledger's own answer.
    Asked(UnixSeconds),
    /// The ledger could not be asked: the newest moment in the records, 0 where they are empty.
    Known(UnixSeconds),
}

impl Clock {
    /// Asks the ledger, else the records.
    pub async fn read(node: &OwnerNode) -> Result<Self, Failure> {
        match timeout(PATIENCE, node.ledger.now()).await {
            Ok(Ok(time)) => return Ok(Self::Asked(time.now)),
            Ok(Err(error)) => tracing::info!(%error, "the ledger could not be asked"),
            Err(_) => tracing::info!("the ledger does not answer"),
        }
        Ok(Self::Known(node.owner.agreements_recorded().map_err(failures::view)?.as_of))
    }

    /// The moment to show records at.
    pub const fn moment(self) -> UnixSeconds {
        match self {
            Self::Asked(now) | Self::Known(now) => now,
        }
    }

    /// Agreements: as the ledger holds them, or as the records do.
    pub async fn agreements(self, node: &OwnerNode) -> Result<Vec<AgreementView>, Failure> {
        let listed = match self {
            Self::Asked(_) => node.owner.agreements().await,
            Self::Known(_) => node.owner.agreements_recorded().map(|recorded| recorded.value),
        };
        listed.map_err(failures::view)
    }

    /// What is due under them, the most urgent first.
    pub async fn timeline(self, node: &OwnerNode) -> Result<Vec<DueView>, Failure> {
        let due = match self {
            Self::Asked(_) => node.owner.money_at_risk().await,
            Self::Known(_) => node.owner.money_at_risk_recorded().map(|recorded| recorded.value),
        };
        due.map_err(failures::view)
    }

    /// Says on the report if the ledger was not asked.
    pub fn noted(self, report: Report) -> Report {
        match self {
            Self::Asked(_) => report,
            Self::Known(UnixSeconds(0)) => report.note(NOT_ASKED, "the ledger could not be reached"),
            Self::Known(newest) => report.note(
                NOT_ASKED,
                format!(
                    "the ledger could not be reached: this is what this machine's records say, as of {} (ledger \
                     time); what happened on the ledger since was not checked",
                    newest
                ),
            ),
        }
    }
}

/// The note's stable name.
const NOT_ASKED: &str = "ledger/not-asked";
