//! Storing and reading sectors. Bytes first, flushed; then the record that names them, flushed; then the answer:
//! whoever is told "stored" finds the sector after any crash, and a crash before that leaves only bytes in a slot
//! nobody names.

use crate::agreement::AgreementState;
use crate::batch::Batch;
use crate::buffers::SectorBuffer;
use crate::desk::Desk;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{SectorError, Slot, Table};
use crate::rows::{self, HoldingRow, SectorRow};
use crate::space::Account;
use layr_merkle::{GroupRange, SectorOutboard, group_hash};
use layr_protocol::Refusal;
use layr_types::{AgreementId, ByteCount, GROUP_BYTES, NodeKey, SectorRoot, UnixSeconds};
use std::sync::Arc;

/// The turn of one root: two callers that store the same sector at once do it one after the other, so that the
/// second finds it stored instead of taking a second slot for it.
pub(crate) struct Turn {
    host: Arc<Host>,
    root: SectorRoot,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.host.desk().writing.remove(&self.root);
        self.host.turn_ended.notify_waiters();
    }
}

/// The right to store one sector, and a slot no record names yet. Dropped before its record is written, it gives
/// both back; it travels with the writing thread, so a slot is never given back while somebody still writes to it.
pub(crate) struct Claim {
    host: Arc<Host>,
    agreement: AgreementId,
    /// Where the bytes go; `None` where a sound copy is already there.
    slot: Option<Slot>,
    /// The slot of a damaged copy that this one replaces.
    replaces: Option<Slot>,
    /// It counts against the agreement's capacity until its record does.
    counted: bool,
    _turn: Turn,
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut desk = self.host.desk();
        if self.counted
            && let Some(seat) = desk.seats.get_mut(&self.agreement)
        {
            seat.in_flight = seat.in_flight.saturating_sub(1);
        }
        if let Some(slot) = self.slot {
            desk.slots.give_back(slot);
        }
    }
}

/// Groups of a sector, and the proof that binds them to its root.
pub(crate) struct SectorRead {
    pub proof: Vec<u8>,
    pub bytes: SectorBuffer,
    pub len: usize,
}

impl Host {
    /// Stores a sector under an open agreement of `peer`; durable when it returns. Storing it again repairs it.
    pub(crate) async fn put_sector(
        self: &Arc<Self>,
        peer: NodeKey,
        id: AgreementId,
        root: SectorRoot,
        bytes: SectorBuffer,
    ) -> Result<(), Refusal> {
        let now = self.clock.recent().await.map_err(HostError::from)?;
        let turn = self.turn(root).await;
        let written = self.blocking(move |_| write_bytes(turn, &peer, id, (&bytes, now))).await;
        let (claim, outboard) = written?;
        self.ports.sectors.sync().await.map_err(HostError::from)?;
        self.write(move |host| host.record_sector(claim, root, &outboard, now)).await
    }

    /// Waits until nobody else is storing `root`.
    async fn turn(self: &Arc<Self>, root: SectorRoot) -> Turn {
        loop {
            let ended = self.turn_ended.notified();
            tokio::pin!(ended);
            ended.as_mut().enable();
            if self.desk().writing.insert(root) {
                return Turn { host: Arc::clone(self), root };
            }
            ended.await;
        }
    }

    /// Takes the right to store a sector, and a slot for it unless `copy` is sound.
    fn claim(&self, turn: Turn, peer: &NodeKey, id: AgreementId, copy: Copy) -> Result<Claim, Refusal> {
        let root = turn.root;
        let mut desk = self.desk();
        let seat = desk.seats.get(&id).filter(|seat| seat.owner == *peer);
        let seat = seat.ok_or(Refusal::UnknownAgreement)?;
        match seat.state {
            AgreementState::Open => {}
            AgreementState::Proposed => return Err(Refusal::NotOpen),
            _ => return Err(Refusal::Ended),
        }
        if let Some(until) = seat.renewing {
            return Err(Refusal::Renewing { until });
        }
        let shelf = seat.shelf.ok_or(Refusal::Ended)?;
        let counted = self.holding(&shelf, &root)?.is_none();
        if counted && seat.held + seat.in_flight >= seat.capacity {
            return Err(Refusal::OverCapacity);
        }
        let (slot, replaces) = match copy {
            Copy::Sound => (None, None),
            Copy::Absent => (Some(desk.slots.take().ok_or(Refusal::OverCapacity)?), None),
            Copy::Damaged(old) => (Some(desk.slots.take().ok_or(Refusal::OverCapacity)?), Some(old)),
        };
        if let Some(seat) = desk.seats.get_mut(&id)
            && counted
        {
            seat.in_flight += 1;
        }
        drop(desk);
        Ok(Claim { host: Arc::clone(&turn.host), agreement: id, slot, replaces, counted, _turn: turn })
    }

    /// Writes down that the claimed slot holds `root`. The claim ends here.
    fn record_sector(
        &self,
        mut claim: Claim,
        root: SectorRoot,
        outboard: &SectorOutboard,
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let mut desk = self.desk();
        let recorded = self.record_locked(&mut desk, &mut claim, (root, outboard), now);
        drop(desk);
        drop(claim);
        recorded
    }

    fn record_locked(
        &self,
        desk: &mut Desk,
        claim: &mut Claim,
        (root, outboard): (SectorRoot, &SectorOutboard),
        now: UnixSeconds,
    ) -> Result<(), Refusal> {
        let id = claim.agreement;
        let seat = desk.seats.get(&id).filter(|seat| seat.state == AgreementState::Open);
        let shelf = seat.and_then(|seat| seat.shelf).ok_or(Refusal::Ended)?;
        let (mut batch, mut space) = (Batch::new(), desk.space);
        let held = self.holding(&shelf, &root)?.is_some();
        let known = self.sector_row(&root)?;
        let replaced = known.filter(|row| claim.slot.is_some() && claim.replaces == Some(row.slot));
        let slot = match (known, claim.slot) {
            (Some(row), _) if replaced.is_none() => row.slot,
            (_, Some(slot)) => slot,
            (_, None) => return Err(Refusal::Busy),
        };
        if known.is_none() {
            space.transfer(Account::Reserved, Account::Live, 1).map_err(HostError::from)?;
            batch.space(&space);
            batch.put(Table::Outboards, root.0.to_vec(), outboard.encode().to_vec());
        }
        let holders = known.map_or(0, |row| row.holders) + u32::from(!held);
        batch.put(Table::Sectors, root.0.to_vec(), SectorRow { slot, holders }.encode());
        if !held {
            let holding = HoldingRow { appended: 0, since: now };
            batch.put(Table::Holdings, rows::holding_key(&shelf, &root), holding.encode());
            batch.put(Table::Pending, rows::pending_key(now, &shelf, &root), Vec::new());
        }
        self.apply(batch)?;
        desk.space = space;
        if let Some(seat) = desk.seats.get_mut(&id) {
            seat.held += u64::from(!held);
            seat.in_flight = seat.in_flight.saturating_sub(u64::from(claim.counted));
            claim.counted = false;
        }
        if let Some(unused) = claim.slot.take().filter(|written| *written != slot) {
            desk.slots.give_back(unused);
        }
        if let Some(old) = replaced {
            tracing::warn!(%root, from = old.slot.0, to = slot.0, "a damaged sector was stored again");
            desk.slots.give_back(old.slot);
        }
        Ok(())
    }

    /// What this host has of a sector whose hashes should be `outboard`.
    fn copy_of(&self, root: &SectorRoot, outboard: &SectorOutboard) -> Result<Copy, HostError> {
        let Some(row) = self.sector_row(root)? else { return Ok(Copy::Absent) };
        let mut group = Box::new([0; GROUP_BYTES]);
        for (at, hash) in outboard.groups().iter().enumerate() {
            let read = self.ports.sectors.read(row.slot, at, std::slice::from_mut(&mut *group));
            if read.is_err() || group_hash(&group, at) != *hash {
                return Ok(Copy::Damaged(row.slot));
            }
        }
        Ok(Copy::Sound)
    }

    /// Reads groups of a sector that an agreement of `peer` holds, checked against what was stored.
    pub(crate) async fn get_sector(
        self: &Arc<Self>,
        peer: NodeKey,
        id: AgreementId,
        root: SectorRoot,
        range: GroupRange,
    ) -> Result<SectorRead, Refusal> {
        if !self.may_read(&peer, &id).await {
            return Err(Refusal::UnknownAgreement);
        }
        let mut bytes = self.buffers.take().await;
        self.blocking(move |host| {
            let paid = ByteCount(range.bytes() as u64);
            host.charge(&id, paid)?;
            match host.read_groups(&id, root, range, &mut bytes) {
                Ok(proof) => Ok(SectorRead { proof, bytes, len: range.bytes() }),
                Err(refusal) => {
                    host.uncharge(&id, paid);
                    Err(refusal)
                }
            }
        })
        .await
    }

    /// Reads groups into `bytes` and returns their proof.
    fn read_groups(
        &self,
        id: &AgreementId,
        root: SectorRoot,
        range: GroupRange,
        bytes: &mut SectorBuffer,
    ) -> Result<Vec<u8>, Refusal> {
        let shelf = self.shelf_of(id).ok_or(Refusal::SectorMissing { root })?;
        let held = self.holding(&shelf, &root)?.is_some();
        let row = held.then(|| self.sector_row(&root)).transpose()?.flatten();
        let row = row.ok_or(Refusal::SectorMissing { root })?;
        let outboard = self.outboard(&root)?;
        let groups = bytes.as_chunks_mut::<GROUP_BYTES>().0;
        let groups = groups.get_mut(..range.groups().len()).ok_or(Refusal::TooMany)?;
        match self.ports.sectors.read(row.slot, range.groups().start, groups) {
            Ok(()) => {}
            Err(SectorError::Unreadable { .. } | SectorError::NoSuchSlot(_)) => {
                return Err(Refusal::SectorDamaged { root });
            }
            Err(other) => return Err(HostError::from(other).into()),
        }
        let mut sound = range.groups().zip(&*groups);
        if !sound.all(|(at, group)| outboard.groups()[at] == group_hash(group, at)) {
            if self.holding(&shelf, &root)?.is_none() {
                return Err(Refusal::SectorMissing { root });
            }
            tracing::error!(%root, slot = row.slot.0, "a stored sector no longer matches its hashes");
            return Err(Refusal::SectorDamaged { root });
        }
        Ok(outboard.range_proof(range))
    }

    /// Where an agreement's contents lie; `None` once they are its heir's.
    pub(crate) fn shelf_of(&self, id: &AgreementId) -> Option<AgreementId> {
        self.desk().seats.get(id).and_then(|seat| seat.shelf)
    }

    /// Whether `peer` has that agreement here: memory is set aside for nobody else.
    pub(crate) fn serves(&self, peer: &NodeKey, id: &AgreementId) -> bool {
        self.desk().seats.get(id).is_some_and(|seat| seat.owner == *peer)
    }

    pub(crate) fn sector_row(&self, root: &SectorRoot) -> Result<Option<SectorRow>, HostError> {
        let bytes = self.records().get(Table::Sectors, &root.0)?;
        bytes.map(|bytes| SectorRow::decode(&bytes)).transpose()
    }

    pub(crate) fn holding(
        &self,
        shelf: &AgreementId,
        root: &SectorRoot,
    ) -> Result<Option<HoldingRow>, HostError> {
        let bytes = self.records().get(Table::Holdings, &rows::holding_key(shelf, root))?;
        bytes.map(|bytes| HoldingRow::decode(&bytes)).transpose()
    }

    pub(crate) fn outboard(&self, root: &SectorRoot) -> Result<SectorOutboard, HostError> {
        let bytes = self.records().get(Table::Outboards, &root.0)?;
        let bytes = bytes.ok_or(HostError::Dangling { table: Table::Outboards })?;
        Ok(SectorOutboard::decode(&bytes)?)
    }
}

/// What is already there of a sector about to be stored.
enum Copy {
    Absent,
    Sound,
    Damaged(Slot),
}

/// Hashes, compares, claims and writes, on a thread that may wait.
fn write_bytes(
    turn: Turn,
    peer: &NodeKey,
    id: AgreementId,
    (bytes, now): (&SectorBuffer, UnixSeconds),
) -> Result<(Claim, SectorOutboard), Refusal> {
    let (host, outboard) = (Arc::clone(&turn.host), SectorOutboard::of(bytes));
    if outboard.root() != turn.root {
        return Err(Refusal::RootMismatch);
    }
    let copy = host.copy_of(&turn.root, &outboard)?;
    let claim = host.claim(turn, peer, id, copy)?;
    let ended = host.desk().seats.get(&id).is_none_or(|seat| now > seat.end);
    if ended {
        return Err(Refusal::Ended);
    }
    if let Some(slot) = claim.slot {
        host.ports.sectors.write(slot, bytes).map_err(HostError::from)?;
    }
    Ok((claim, outboard))
}
