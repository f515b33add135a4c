//! What a host knows by heart: the space ledger, the slots, and a seat for every agreement that promises space.
//!
//! All of it follows from the records ([`walk`]) and is only kept in memory so that storing a sector reads no
//! record. Everything that changes it holds the desk's lock, applies its batch to the records, and only then
//! changes the desk; so the order of batches is the order of decisions.

use crate::agreement::{Agreement, AgreementState};
use crate::error::HostError;
use crate::ports::{HostRecords, Row, Scan, Table};
use crate::rows::{self, SectorRow};
use crate::slots::SlotMap;
use crate::space::Space;
use layr_types::{AgreementId, ByteCount, NodeKey, SectorRoot, Stroops, UnixSeconds};
use std::collections::{HashMap, HashSet};

/// Rows read at once when everything is read.
const PAGE: usize = 4096;

/// What the desk knows of one agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub owner: NodeKey,
    /// Under whose name the contents lie; `None` once they are its heir's.
    pub shelf: Option<AgreementId>,
    /// A renewal is signed: nothing more is stored under it.
    pub renewing: Option<UnixSeconds>,
    pub state: AgreementState,
    /// Sectors promised room for.
    pub capacity: u64,
    /// Distinct sectors held, appended or not.
    pub held: u64,
    /// Sectors being written right now.
    pub in_flight: u64,
    pub end: UnixSeconds,
    pub collateral: Stroops,
}

impl Seat {
    pub fn of(agreement: &Agreement) -> Self {
        Self {
            owner: agreement.owner(),
            shelf: (!agreement.handed).then_some(agreement.shelf),
            renewing: agreement.heir.map(|heir| heir.until),
            state: agreement.state,
            capacity: agreement.capacity(),
            held: 0,
            in_flight: 0,
            end: agreement.slot.ending_at,
            collateral: agreement.terms.collateral,
        }
    }
}

/// The desk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk {
    pub space: Space,
    pub slots: SlotMap,
    pub seats: HashMap<AgreementId, Seat>,
    /// Sectors somebody is storing right now.
    pub writing: HashSet<SectorRoot>,
}

impl Desk {
    /// Brings an agreement's seat up to date; what it counts stays, unless its contents are another's now.
    pub fn seat(&mut self, agreement: &Agreement) {
        let Some(seat) = self.seats.get_mut(&agreement.id) else { return };
        let (held, in_flight) = if agreement.handed { (0, 0) } else { (seat.held, seat.in_flight) };
        *seat = Seat { held, in_flight, ..Seat::of(agreement) };
    }

    /// Whose contents lie on a shelf.
    pub fn at_shelf(&mut self, shelf: &AgreementId) -> Option<&mut Seat> {
        let own = self.seats.get(shelf).is_some_and(|seat| seat.shelf == Some(*shelf));
        if own {
            return self.seats.get_mut(shelf);
        }
        self.seats.values_mut().find(|seat| seat.shelf == Some(*shelf))
    }

    /// Collateral promised to agreements the ledger has not been seen to hold yet.
    pub fn promised(&self) -> Stroops {
        self.seats
            .values()
            .filter(|seat| seat.state == AgreementState::Proposed)
            .map(|seat| seat.collateral)
            .sum()
    }

    /// Agreements of `owner` that are proposed and not opened.
    pub fn unopened_by(&self, owner: &NodeKey) -> usize {
        let unopened = |seat: &&Seat| seat.state == AgreementState::Proposed && seat.owner == *owner;
        self.seats.values().filter(unopened).count()
    }
}

/// Everything the records say about space, by reading all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Walk {
    pub live: u64,
    pub trash: u64,
    /// Sectors promised to all seated agreements together.
    pub promised: u64,
    /// Of these, what settled agreements have already sent to the trash.
    pub let_go: u64,
    pub taken: Vec<crate::ports::Slot>,
    pub seats: HashMap<AgreementId, Seat>,
}

impl Walk {
    /// The space ledger these records mean under `quota`.
    pub fn space(&self, quota: ByteCount) -> Result<Space, HostError> {
        let used = self.live + self.let_go;
        let reserved = self.promised.saturating_sub(used);
        let fresh = Space::of_quota(quota);
        let taken = reserved + self.live + self.trash;
        match fresh.free.checked_sub(taken) {
            Some(free) => {
                Ok(Space { free, reserved, live: self.live, trash: self.trash, overhead: fresh.overhead })
            }
            None => Err(HostError::QuotaTooSmall {
                quota,
                taken: ByteCount::from_sectors(taken).unwrap_or(ByteCount(u64::MAX)),
            }),
        }
    }
}

/// Reads every record that says something about space.
pub(crate) fn walk(records: &dyn HostRecords) -> Result<Walk, HostError> {
    let (mut walk, mut shelves) = (Walk::default(), HashMap::new());
    each_row(records, Table::Agreements, &[], |(key, value)| {
        let id = AgreementId(rows::read_32(Table::Agreements, &key)?);
        let agreement = Agreement::decode(id, &value)?;
        walk.promised += agreement.promised();
        walk.let_go += agreement.trashed;
        walk.seats.insert(id, Seat::of(&agreement));
        if !agreement.handed {
            shelves.insert(agreement.shelf, id);
        }
        Ok(())
    })?;
    each_row(records, Table::Holdings, &[], |(key, _)| {
        let (shelf, _) = rows::read_holding_key(&key)?;
        let seat = shelves.get(&shelf).and_then(|id| walk.seats.get_mut(id));
        let seat = seat.ok_or(HostError::Dangling { table: Table::Holdings })?;
        seat.held += 1;
        Ok(())
    })?;
    each_row(records, Table::Sectors, &[], |(_, value)| {
        walk.live += 1;
        walk.taken.push(SectorRow::decode(&value)?.slot);
        Ok(())
    })?;
    each_row(records, Table::Trash, &[], |(key, _)| {
        walk.trash += 1;
        walk.taken.push(rows::read_trash_key(&key)?.1);
        Ok(())
    })?;
    Ok(walk)
}

/// Calls `with` for every row of `table` whose key starts with `prefix`.
pub(crate) fn each_row(
    records: &dyn HostRecords,
    table: Table,
    prefix: &[u8],
    mut with: impl FnMut(Row) -> Result<(), HostError>,
) -> Result<(), HostError> {
    let mut after = Vec::new();
    loop {
        let page = records.scan(table, Scan { prefix, after: &after, limit: PAGE })?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after.clone_from(last);
        page.into_iter().try_for_each(&mut with)?;
    }
}
