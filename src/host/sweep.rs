//! Letting go: sectors of settled agreements go to the trash and then become free; sectors that were stored and
//! never appended give their place back to their agreement. In bounded batches, each with its own ledger entry,
//! so that a crash leaves some of it to do and nothing half done.

use crate::agreement::{Agreement, AgreementState};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{Scan, Slot, Table};
use crate::rows::{self, SectorRow};
use crate::space::Account;
use layr_types::{AgreementId, SectorRoot, UnixSeconds};
use std::sync::Arc;

/// Rows changed in one batch.
const PAGE: usize = 256;

impl Host {
    /// Lets go of everything a settled agreement held, then of the agreement.
    pub(crate) fn sweep(&self, agreement: &Agreement, now: UnixSeconds) -> Result<(), HostError> {
        let (id, shelf) = (agreement.id, agreement.shelf);
        self.meters.forget(&id);
        self.quotas.forget(&id);
        self.gossip.forget(&id);
        if !agreement.handed {
            self.trees.forget(&shelf);
            while self.sweep_holdings(&id, now)? {}
            while self.sweep_rows(Table::Contents, &shelf)? {}
        }
        for table in [Table::Revisions, Table::History] {
            while self.sweep_rows(table, &id)? {}
        }
        let mut desk = self.desk();
        let Some(agreement) = self.agreement(&id)? else { return Ok(()) };
        let mut space = desk.space;
        let left = agreement.promised().saturating_sub(agreement.trashed);
        space.transfer(Account::Reserved, Account::Free, left)?;
        let mut batch = Batch::new();
        batch.retire(&agreement);
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        desk.seats.remove(&id);
        Ok(())
    }

    /// Lets go of one page of sectors; false when none is left.
    fn sweep_holdings(&self, id: &AgreementId, now: UnixSeconds) -> Result<bool, HostError> {
        let mut desk = self.desk();
        let Some(mut agreement) = self.agreement(id)? else { return Ok(false) };
        debug_assert_eq!(agreement.state, AgreementState::Settled, "only settled agreements are swept");
        let shelf = agreement.shelf;
        let scan = Scan { prefix: shelf.as_bytes(), after: &[], limit: PAGE };
        let page = self.records().scan(Table::Holdings, scan)?;
        let (mut batch, mut space) = (Batch::new(), desk.space);
        let empties = now.plus(self.config.trash_life);
        for (key, value) in &page {
            let (_, root) = rows::read_holding_key(key)?;
            let holding = rows::HoldingRow::decode(value)?;
            if holding.appended == 0 {
                batch.delete(Table::Pending, rows::pending_key(holding.since, &shelf, &root));
            }
            batch.delete(Table::Holdings, key.clone());
            if let Some(slot) = self.release(&root, &mut batch)? {
                space.transfer(Account::Live, Account::Trash, 1)?;
                agreement.trashed += 1;
                batch.put(Table::Trash, rows::trash_key(empties, slot), root.0.to_vec());
            }
        }
        batch.agreement(&agreement, None);
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        if let Some(seat) = desk.seats.get_mut(id) {
            seat.held = seat.held.saturating_sub(page.len() as u64);
        }
        Ok(!page.is_empty())
    }

    fn sweep_rows(&self, table: Table, id: &AgreementId) -> Result<bool, HostError> {
        let scan = Scan { prefix: id.as_bytes(), after: &[], limit: PAGE };
        let page = self.records().scan(table, scan)?;
        let mut batch = Batch::new();
        page.iter().for_each(|(key, _)| batch.delete(table, key.clone()));
        self.apply(batch)?;
        Ok(!page.is_empty())
    }

    /// One holder fewer; the slot, if that was the last.
    pub(crate) fn release(&self, root: &SectorRoot, batch: &mut Batch) -> Result<Option<Slot>, HostError> {
        let row = self.sector_row(root)?.ok_or(HostError::Dangling { table: Table::Sectors })?;
        if row.holders > 1 {
            let row = SectorRow { holders: row.holders - 1, ..row };
            batch.put(Table::Sectors, root.0.to_vec(), row.encode());
            return Ok(None);
        }
        batch.delete(Table::Sectors, root.0.to_vec());
        batch.delete(Table::Outboards, root.0.to_vec());
        Ok(Some(row.slot))
    }

    /// Empties what has been in the trash, or pending, for long enough. Returns how many slots moved.
    pub(crate) async fn clean(self: &Arc<Self>, now: UnixSeconds) -> Result<u64, HostError> {
        let host = Arc::clone(self);
        let cleaned = tokio::task::spawn_blocking(move || {
            let mut moved = 0;
            loop {
                let freed = host.empty_trash(now)? + host.let_go_pending(now)?;
                moved += freed;
                if freed == 0 {
                    return Ok(moved);
                }
            }
        });
        cleaned.await.map_err(|_| HostError::Task)?
    }

    fn empty_trash(&self, now: UnixSeconds) -> Result<u64, HostError> {
        let mut desk = self.desk();
        let scan = Scan { prefix: &[], after: &[], limit: PAGE };
        let page = self.records().scan(Table::Trash, scan)?;
        let (mut batch, mut space, mut freed) = (Batch::new(), desk.space, Vec::new());
        for (key, _) in page {
            let (at, slot) = rows::read_trash_key(&key)?;
            if at > now {
                break;
            }
            space.transfer(Account::Trash, Account::Free, 1)?;
            batch.delete(Table::Trash, key);
            freed.push(slot);
        }
        if freed.is_empty() {
            return Ok(0);
        }
        batch.space(&space);
        self.apply(batch)?;
        desk.space = space;
        freed.iter().for_each(|slot| desk.slots.give_back(*slot));
        Ok(freed.len() as u64)
    }

    fn let_go_pending(&self, now: UnixSeconds) -> Result<u64, HostError> {
        let mut moved = 0;
        let scan = Scan { prefix: &[], after: &[], limit: PAGE };
        for (key, _) in self.records().scan(Table::Pending, scan)? {
            let (since, shelf, root) = rows::read_pending_key(&key)?;
            if since.plus(self.config.pending_life) > now {
                break;
            }
            self.let_go_one(key, &shelf, &root)?;
            moved += 1;
        }
        Ok(moved)
    }

    fn let_go_one(&self, key: Vec<u8>, shelf: &AgreementId, root: &SectorRoot) -> Result<(), HostError> {
        let mut desk = self.desk();
        let (mut batch, mut space) = (Batch::new(), desk.space);
        batch.delete(Table::Pending, key);
        let pending = self.holding(shelf, root)?.is_some_and(|holding| holding.appended == 0);
        let mut freed = None;
        if pending {
            batch.delete(Table::Holdings, rows::holding_key(shelf, root));
            freed = self.release(root, &mut batch)?;
            if freed.is_some() {
                space.transfer(Account::Live, Account::Reserved, 1)?;
                batch.space(&space);
            }
        }
        self.apply(batch)?;
        desk.space = space;
        if let Some(seat) = desk.at_shelf(shelf).filter(|_| pending) {
            seat.held = seat.held.saturating_sub(1);
        }
        if let Some(slot) = freed {
            desk.slots.give_back(slot);
        }
        Ok(())
    }
}
