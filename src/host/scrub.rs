//! The scrub: reads every sector again and again, slowly, and says which no longer match their hashes, so that
//! the host learns of a failing disk before an auditor does.
//!
//! Spawned by the composition ([`run_scrub`]). A pass takes a month at most: the pause after each eight sectors is
//! chosen so, and never shorter than a second, so that reading for others comes first. Where it stands and what it
//! found is written down with every stretch; after a restart it goes on there. It changes no sector: a damaged one
//! stays where it is, is confessed to its owner who asks ([`Host::losses`]) and to auditors, and is healed when its
//! owner stores it again.

use crate::batch::Batch;
use crate::desk::each_row;
use crate::error::{Chain, HostError};
use crate::host::Host;
use crate::ports::{Scan, Table};
use crate::rows::{self, SectorRow};
use layr_merkle::group_hash;
use layr_protocol::Refusal;
use layr_protocol::limits::MAX_CONTENTS_LISTED;
use layr_types::{AgreementId, DAY_SECONDS, GROUP_BYTES, NodeKey, Reader, SectorRoot, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Sectors checked between two pauses.
const PAGE: usize = 8;
/// How long a pass may take, seconds: 30 days.
const PASS_SECONDS: u64 = 30 * DAY_SECONDS;
/// The shortest pause between two stretches.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// The longest: a small host is read through in days.
const MOST_PAUSE: Duration = Duration::from_secs(3_600);
/// Key of the scrub's place in [`Table::Meta`].
const KEY: &[u8] = b"scrub";
/// Where the keys of damaged sectors in [`Table::Meta`] begin.
const DAMAGED: &[u8] = b"damaged ";
const VERSION: u8 = 1;

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

/// How far the scrub has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScrubStatus {
    /// Passes completed.
    pub passes: u64,
    /// When the last one was completed, by the ledger's clock; 0 for never.
    pub last_pass: UnixSeconds,
    /// Sectors checked in the present pass.
    pub checked: u64,
    /// Sectors there are.
    pub of: u64,
    /// Sectors known to be damaged and not stored again yet.
    pub damaged: u64,
}

/// Where the scrub stands, as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Place {
    from: Option<SectorRoot>,
    checked: u64,
    passes: u64,
    last_pass: UnixSeconds,
}

impl Place {
    /// version 1 · checked 8 · passes 8 · last pass 8 · root 32, absent at the beginning of a pass.
    fn encode(&self) -> Vec<u8> {
        let numbers = [self.checked, self.passes, self.last_pass.0].map(u64::to_be_bytes);
        let mut out = vec![VERSION];
        out.extend(numbers.as_flattened());
        out.extend(self.from.iter().flat_map(|root| root.0));
        out
    }

    /// Anything that cannot be read is the beginning: at worst sectors are read once more.
    fn decode(bytes: &[u8]) -> Self {
        let mut r = Reader::new(bytes);
        let mut read = || {
            if r.u8()? != VERSION {
                return Ok(Self::default());
            }
            let (checked, passes, last_pass) = (r.u64()?, r.u64()?, UnixSeconds(r.u64()?));
            let from = bytes.get(25..).filter(|rest| !rest.is_empty()).map(|_| r.array().map(SectorRoot));
            Ok::<_, layr_types::DecodeError>(Self { from: from.transpose()?, checked, passes, last_pass })
        };
        read().unwrap_or_default()
    }
}

/// The pause after each stretch with which `sectors` sectors take a month.
#[must_use]
pub fn scrub_pause(sectors: u64) -> Duration {
    let stretches = sectors.div_ceil(PAGE as u64).max(1);
    Duration::from_secs(PASS_SECONDS / stretches).clamp(LEAST_PAUSE, MOST_PAUSE)
}

/// Scrubs without end until `stop`, each pass within a month; with another pause where one is given.
pub async fn run_scrub(host: Arc<Host>, pause: Option<Duration>, stop: CancellationToken) {
    loop {
        let pause = pause.unwrap_or_else(|| scrub_pause(host.space().live));
        if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
            return;
        }
        if let Err(error) = host.scrub_on(PAGE).await {
            tracing::warn!(error = %Chain(&error), "the scrub was interrupted");
        }
    }
}

fn damaged_key(root: &SectorRoot) -> Vec<u8> {
    [DAMAGED, &root.0].concat()
}

impl Host {
    /// Checks the next `limit` sectors after where the last stretch ended, before a restart or since.
    ///
    /// # Errors
    /// [`HostError`] where ledger's clock or records cannot be read or written.
    pub async fn scrub_on(self: &Arc<Self>, limit: usize) -> Result<Scrub, HostError> {
        let now = self.clock.recent().await?;
        let host = Arc::clone(self);
        let scrubbed = tokio::task::spawn_blocking(move || {
            let mut place = host.scrub_place()?;
            let scrub = host.scrub_now(place.from, limit)?;
            place.checked += scrub.checked;
            place.from = scrub.next;
            if scrub.next.is_none() {
                place = Place { passes: place.passes + 1, last_pass: now, ..Place::default() };
            }
            let mut batch = Batch::new();
            batch.put(Table::Meta, KEY.to_vec(), place.encode());
            host.apply(batch)?;
            Ok(scrub)
        });
        scrubbed.await.map_err(|_| HostError::Task)?
    }

    /// Checks up to `limit` sectors after `from`, in the order of their roots.
    ///
    /// # Errors
    /// [`HostError`] where the records cannot be read; a sector that cannot be read is damaged, not an error.
    pub async fn scrub(self: &Arc<Self>, from: Option<SectorRoot>, limit: usize) -> Result<Scrub, HostError> {
        let host = Arc::clone(self);
        let scrubbed = tokio::task::spawn_blocking(move || host.scrub_now(from, limit)).await;
        scrubbed.map_err(|_| HostError::Task)?
    }

    /// How far the scrub has come.
    pub(crate) fn scrub_status(&self) -> Result<ScrubStatus, HostError> {
        let Place { checked, passes, last_pass, .. } = self.scrub_place()?;
        let mut damaged = 0;
        each_row(self.records(), Table::Meta, DAMAGED, |_| {
            damaged += 1;
            Ok(())
        })?;
        Ok(ScrubStatus { passes, last_pass, checked, of: self.space().live, damaged })
    }

    fn scrub_place(&self) -> Result<Place, HostError> {
        Ok(self.records().get(Table::Meta, KEY)?.map(|bytes| Place::decode(&bytes)).unwrap_or_default())
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
            let row = SectorRow::decode(&value)?;
            // A sector that was moved or dropped meanwhile is no damage.
            let damaged = !self.is_sound(&root, row) && self.sector_row(&root)? == Some(row);
            if damaged {
                tracing::error!(%root, "the scrub found a damaged sector");
                scrub.damaged.push(root);
            }
            self.note_damage(&root, damaged)?;
        }
        Ok(scrub)
    }

    /// Writes down that a sector is damaged, or no longer is.
    pub(crate) fn note_damage(&self, root: &SectorRoot, damaged: bool) -> Result<(), HostError> {
        let key = damaged_key(root);
        let known = self.records().get(Table::Meta, &key)?.is_some();
        if known == damaged {
            return Ok(());
        }
        let mut batch = Batch::new();
        if damaged {
            batch.put(Table::Meta, key, Vec::new())
        } else {
            batch.delete(Table::Meta, key)
        }
        self.apply(batch)
    }

    /// Confesses: the sectors of an agreement of `peer` that this host knows to be damaged and cannot give back,
    /// before anybody asks for their leaves. One that was healed since is not among them.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn losses(
        self: &Arc<Self>,
        peer: NodeKey,
        id: AgreementId,
    ) -> Result<Vec<SectorRoot>, Refusal> {
        self.blocking(move |host| {
            let agreement = host.agreement_of(&peer, &id)?;
            let mut lost = Vec::new();
            let mut healed = Vec::new();
            each_row(host.records(), Table::Meta, DAMAGED, |(key, _)| {
                let root = key.get(DAMAGED.len()..).unwrap_or_default();
                let root = SectorRoot(rows::read_32(Table::Meta, root)?);
                match host.sector_row(&root)? {
                    Some(row) if !host.is_sound(&root, row) => lost.push(root),
                    _ => healed.push(root),
                }
                Ok(())
            })?;
            healed.iter().try_for_each(|root| host.note_damage(root, false))?;
            let mut held = Vec::new();
            for root in lost {
                let appended =
                    host.holding(&agreement.shelf, &root)?.is_some_and(|holding| holding.appended > 0);
                held.extend(appended.then_some(root));
            }
            held.truncate(MAX_CONTENTS_LISTED);
            Ok(held)
        })
        .await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_takes_a_month_whatever_the_size_and_never_crowds_the_disk() {
        assert_eq!(scrub_pause(1 << 20), Duration::from_secs(19), "a tebibyte");
        assert_eq!(scrub_pause(100 << 20), LEAST_PAUSE, "eight mebibytes a second at most");
        assert_eq!([scrub_pause(0), scrub_pause(16)], [MOST_PAUSE; 2]);
    }

    #[test]
    fn a_place_reads_back_and_rubbish_is_the_beginning() {
        let place =
            Place { from: Some(SectorRoot([7; 32])), checked: 8, passes: 2, last_pass: UnixSeconds(9) };
        assert_eq!(Place::decode(&place.encode()), place);
        let start = Place { from: None, ..place };
        assert_eq!(Place::decode(&start.encode()), start);
        for bytes in [&[][..], &[9; 57], &[1; 30]] {
            assert_eq!(Place::decode(bytes), Place::default());
        }
    }
}
