//! The host: its ports, its desk, and what every verb shares.

use crate::agreement::Agreement;
use crate::batch::Batch;
use crate::buffers::SectorBuffers;
use crate::clock::Clock;
use crate::config::HostConfig;
use crate::desk::{Desk, Walk, walk};
use crate::error::HostError;
use crate::news::Gossip;
use crate::passes::Passes;
use crate::ports::{HostLedger, HostRecords, OwnerNotes, SectorStore, Table};
use crate::quota::Quotas;
use crate::reads::Meters;
use crate::recall::Recall;
use crate::rows;
use crate::slots::SlotMap;
use crate::space::Space;
use crate::trees::Trees;
use layr_identity::Signer;
use layr_protocol::{Refusal, SignedOffer};
use layr_types::{AgreementId, ByteCount, NodeKey};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Slots beyond the usable ones, out of the overhead: where a damaged sector is written anew on a full host.
const SPARE_SLOTS: u64 = 1;

/// The world, as the composition hands it in.
#[derive(Clone)]
pub struct HostPorts {
    /// Records.
    pub records: Arc<dyn HostRecords>,
    /// Sector bytes.
    pub sectors: Arc<dyn SectorStore>,
    /// The ledger.
    pub ledger: Arc<dyn HostLedger>,
    /// The reader of owners' notes.
    pub notes: Arc<dyn OwnerNotes>,
    /// The node key.
    pub signer: Signer,
}

/// A storage host. Share it by `Arc`; every call takes `&self` and may run beside any other.
pub struct Host {
    pub(crate) config: HostConfig,
    pub(crate) ports: HostPorts,
    pub(crate) clock: Clock,
    pub(crate) trees: Trees,
    pub(crate) buffers: SectorBuffers,
    pub(crate) recall: Recall,
    pub(crate) quotas: Quotas,
    pub(crate) meters: Meters,
    /// Passes shown since the start.
    pub(crate) passes: Passes,
    pub(crate) gossip: Gossip,
    pub(crate) offer: Mutex<Option<SignedOffer>>,
    /// Somebody has finished storing a sector.
    pub(crate) turn_ended: Notify,
    desk: Mutex<Desk>,
}

impl Host {
    /// Opens a host over its records: reads the sector index once, checks the space ledger against it, and
    /// applies the quota. Blocking.
    ///
    /// # Errors
    /// [`HostError`]; [`HostError::QuotaTooSmall`] where more is promised or stored than the quota has.
    pub fn open(config: HostConfig, ports: HostPorts) -> Result<Arc<Self>, HostError> {
        let walked = walk(&*ports.records)?;
        let space = walked.space(config.quota)?;
        check_books(&ports, &walked)?;
        let mut batch = Batch::new();
        batch.space(&space);
        ports.records.apply(batch.into_changes())?;
        let buffers = usize::try_from(config.lane_memory.whole_sectors()).unwrap_or(usize::MAX >> 4);
        let slots = taken_slots(&space, &walked);
        let desk = Desk { space, slots, seats: walked.seats, ..Desk::default() };
        Ok(Arc::new(Self {
            clock: Clock::new(Arc::clone(&ports.ledger)),
            trees: Trees::new(config.cached_tree_sectors),
            buffers: SectorBuffers::new(buffers),
            recall: Recall::default(),
            quotas: Quotas::default(),
            meters: Meters::default(),
            passes: Passes::default(),
            gossip: Gossip::default(),
            offer: Mutex::new(None),
            turn_ended: Notify::new(),
            desk: Mutex::new(desk),
            config,
            ports,
        }))
    }

    /// The node key it signs with.
    #[must_use]
    pub fn key(&self) -> NodeKey {
        NodeKey(self.ports.signer.public())
    }

    /// The configuration it runs under.
    #[must_use]
    pub const fn config(&self) -> &HostConfig {
        &self.config
    }

    /// Where its slots stand.
    #[must_use]
    pub fn space(&self) -> Space {
        self.desk().space
    }

    /// The space ledger as all records together say it is, by reading every one of them. Equals
    /// [`Self::space`] whenever no call is under way. Blocking.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn recount(&self) -> Result<Space, HostError> {
        walk(&*self.ports.records)?.space(self.config.quota)
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn records(&self) -> &dyn HostRecords {
        &*self.ports.records
    }

    /// An agreement that is not over.
    pub(crate) fn agreement(&self, id: &AgreementId) -> Result<Option<Agreement>, HostError> {
        let bytes = self.records().get(Table::Agreements, &id.0)?;
        bytes.map(|bytes| Agreement::decode(*id, &bytes)).transpose()
    }

    /// The caller's agreement, or the refusal that says there is none.
    pub(crate) fn agreement_of(&self, peer: &NodeKey, id: &AgreementId) -> Result<Agreement, Refusal> {
        let found = self.agreement(id)?.filter(|agreement| agreement.owner() == *peer);
        found.ok_or(Refusal::UnknownAgreement)
    }

    /// Applies a batch; durable after [`Self::durable`].
    pub(crate) fn apply(&self, batch: Batch) -> Result<(), HostError> {
        Ok(self.records().apply(batch.into_changes())?)
    }

    /// Waits until everything applied so far is on disk.
    pub(crate) async fn durable(&self) -> Result<(), HostError> {
        Ok(self.ports.records.sync().await?)
    }

    /// Runs `work`, which may wait for the disk, where waiting harms nobody.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let host = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&host)).await;
        done.map_err(|_| Refusal::from(HostError::Task))?
    }

    /// As [`Self::blocking`], and durable afterwards.
    pub(crate) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let done = self.blocking(work).await?;
        self.durable().await?;
        Ok(done)
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("key", &self.key()).field("space", &self.space()).finish_non_exhaustive()
    }
}

fn taken_slots(space: &Space, walked: &Walk) -> SlotMap {
    let slots = space.usable() + SPARE_SLOTS.min(space.overhead);
    let mut slots = SlotMap::new(u32::try_from(slots).unwrap_or(u32::MAX));
    for slot in &walked.taken {
        if !slots.occupy(*slot) {
            tracing::error!(?slot, "two records name the same slot; one of the two sectors is lost");
        }
    }
    slots
}

/// Compares the written space ledger with what the rows say. They are written in one batch, so a difference is
/// a fault of this program or of the disk; the rows are what the host acts on, and the fault is reported.
fn check_books(ports: &HostPorts, walked: &Walk) -> Result<(), HostError> {
    let Some(bytes) = ports.records.get(Table::Meta, rows::SPACE_KEY)? else { return Ok(()) };
    let written = Space::decode(&bytes).map_err(|source| HostError::Row { table: Table::Meta, source })?;
    let quota = ByteCount::from_sectors(written.quota()).unwrap_or(ByteCount(u64::MAX));
    let counted = walked.space(quota)?;
    if counted != written {
        tracing::error!(?written, ?counted, "the space ledger did not match the records and was corrected");
    }
    Ok(())
}
