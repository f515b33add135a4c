//! The scrub: reads every sector again and again, slowly, and says which no longer match their hashes, so that
//! the host learns of a failing disk before an auditor does.
//!
//! Spawned by the composition ([`run_scrub`]). It changes nothing: a damaged sector stays where it is, is
//! confessed when it is asked for, and is healed when its owner stores it again.

use crate::error::{Chain, HostError};
use crate::host::Host;
use crate::ports::{Scan, Table};
use crate::rows::{self, SectorRow};
use layr_merkle::group_hash;
use layr_types::{GROUP_BYTES, SectorRoot};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sectors checked between two pauses.
const PAGE: usize = 8;
/// The pause with which a tebibyte takes about a month.
pub const SCRUB_PAUSE: Duration = Duration::from_secs(20);

/// What a stretch of the scrub found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scrub {
    /// Sectors read.
    pub checked: u64,
    /// Sectors that cannot be read or do not match.
    pub damaged: Vec<SectorRoot>,
    /// Where the next stretch begins; `None` after the last sector.
    pub next: Option<SectorRoot>,
}

/// Scrubs without end, eight sectors between two pauses, until `stop`.
pub async fn run_scrub(host: Arc<Host>, pause: Duration, stop: CancellationToken) {
    let mut from = None;
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        match host.scrub(from, PAGE).await {
            Ok(scrub) => from = scrub.next,
            Err(error) => tracing::warn!(error = %Chain(&error), "the scrub was interrupted"),
        }
    }
}

impl Host {
    /// Checks up to `limit` sectors after `from`, in the order of their roots.
    ///
    /// # Errors
    /// [`HostError`] where the records cannot be read; a sector that cannot be read is damaged, not an error.
    pub async fn scrub(self: &Arc<Self>, from: Option<SectorRoot>, limit: usize) -> Result<Scrub, HostError> {
        let host = Arc::clone(self);
        let scrubbed = tokio::task::spawn_blocking(move || host.scrub_now(from, limit)).await;
        scrubbed.map_err(|_| HostError::Task)?
    }

    fn scrub_now(&self, from: Option<SectorRoot>, limit: usize) -> Result<Scrub, HostError> {
        let after = from.map_or_else(Vec::new, |from| from.0.to_vec());
        let page = self.records().scan(Table::Sectors, Scan { prefix: &[], after: &after, limit })?;
        let mut scrub = Scrub::default();
        let full = page.len() >= limit;
        for (key, value) in page {
            let root = SectorRoot(rows::read_32(Table::Sectors, &key)?);
            scrub.checked += 1;
            scrub.next = Some(root).filter(|_| full);
            if !self.is_sound(&root, SectorRow::decode(&value)?) && self.sector_row(&root)?.is_some() {
                tracing::error!(%root, "the scrub found a damaged sector");
                scrub.damaged.push(root);
            }
        }
        Ok(scrub)
    }

    fn is_sound(&self, root: &SectorRoot, row: SectorRow) -> bool {
        let Ok(outboard) = self.outboard(root) else { return false };
        let mut group = Box::new([0; GROUP_BYTES]);
        outboard.root() == *root
            && outboard.groups().iter().enumerate().all(|(at, hash)| {
                let read = self.ports.sectors.read(row.slot, at, std::slice::from_mut(&mut *group));
                read.is_ok() && group_hash(&group, at) == *hash
            })
    }
}
