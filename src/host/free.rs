//! Giving sectors up: the host drops what the owner no longer wants kept, and countersigns what it has computed
//! itself.
//!
//! The record that names the sectors, the slots, the space ledger and the countersigned revision change in one
//! batch, so a crash leaves either everything as it was or a freed sector; only when that batch is on disk may
//! another sector be written over the bytes. From then on nothing of an older revision can be proved, so nothing
//! is freed while the ledger could still ask for one (`Refusal::Challenged`), and where an older one is published
//! the newest is published before anything is answered ([`crate::decide`]).

use crate::agreement::Agreement;
use crate::append::{already_signed, check_follows, check_signature, revision_refusal};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{Scan, Slot, Table};
use crate::rows::{self, HoldingRow};
use crate::space::Account;
use layr_market::Phase;
use layr_merkle::{AgreementTree, trim_moves};
use layr_protocol::limits::{MAX_CLOCK_SKEW_SECONDS, MAX_CONTENTS_LISTED};
use layr_protocol::{ContentsRequest, Free, Refusal};
use layr_types::{AgreementId, AgreementRoot, NodeKey, SectorIndex, SectorRoot, Signature, UnixSeconds};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Host {
    /// Gives up sectors of an agreement of `peer` and countersigns. The same call again returns the same signature.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub async fn free(self: &Arc<Self>, peer: NodeKey, free: Free) -> Result<Signature, Refusal> {
        free.validate()?;
        check_signature(&peer, &free.revision, &free.signature)?;
        let claimed = free.revision.time;
        let now = self.clock.near(claimed, MAX_CLOCK_SKEW_SECONDS).await.map_err(HostError::from)?;
        let host = Arc::clone(self);
        // A task of its own: the caller may hang up, and the slots must come back all the same.
        let freeing = tokio::spawn(async move {
            let (signature, slots) = host.write(move |host| host.free_at(&peer, &free, now)).await?;
            let mut desk = host.desk();
            slots.iter().for_each(|slot| desk.slots.give_back(*slot));
            Ok(signature)
        });
        freeing.await.map_err(|_| Refusal::from(HostError::Task))?
    }

    /// Changes the records; returns the slots nothing names any more.
    pub(crate) fn free_at(
        &self,
        peer: &NodeKey,
        free: &Free,
        now: UnixSeconds,
    ) -> Result<(Signature, Vec<Slot>), Refusal> {
        let mut desk = self.desk();
        let mut agreement = self.agreement_of(peer, &free.revision.id)?;
        if let Some(signature) = already_signed(&agreement, &free.revision) {
            return Ok((signature, Vec::new()));
        }
        check_follows(&agreement, &free.revision, now)?;
        if agreement.slot.phase == Phase::Challenged {
            return Err(Refusal::Challenged);
        }
        let tree = self.trimmed(&agreement, free)?;
        let mut batch = Batch::new();
        let dropped = self.trim_contents(&agreement, &free.places, &mut batch)?;
        let (gone, slots) = self.let_holdings_go(&agreement.shelf, &dropped, &mut batch)?;
        let mut space = desk.space;
        space.transfer(Account::Live, Account::Reserved, slots.len() as u64).map_err(HostError::from)?;
        batch.space(&space);
        agreement.peaks = tree.peaks();
        agreement.trimmed = free.revision.n;
        let signature = self.countersign(&mut agreement, (&free.revision, free.signature), &mut batch);
        self.apply(batch)?;
        desk.space = space;
        self.trees.forget(&agreement.shelf);
        if let Some(seat) = desk.seats.get_mut(&agreement.id) {
            seat.held = seat.held.saturating_sub(gone);
        }
        tracing::info!(agreement = %agreement.id, sectors = dropped.len(), slots = slots.len(),
            "sectors were given up by their owner");
        Ok((signature, slots))
    }

    /// The tree without the sectors, if it is the one the owner has signed.
    fn trimmed(&self, agreement: &Agreement, free: &Free) -> Result<AgreementTree, Refusal> {
        let current = agreement.current();
        let tree = self.tree_of(&agreement.shelf, (current.root, current.sectors))?;
        let mut tree = tree.ok_or(HostError::Dangling { table: Table::Contents })?;
        Arc::make_mut(&mut tree).trim(&free.places).map_err(|_| Refusal::RevisionMismatch)?;
        let removed = free.places.len() as u64;
        let expected = current.trim(&agreement.terms, free.revision.time, tree.root(), removed);
        if expected.map_err(revision_refusal)? != free.revision {
            return Err(Refusal::RevisionMismatch);
        }
        Ok(Arc::unwrap_or_clone(tree))
    }

    /// The tree over a shelf's first `sectors` sectors, if its root is this one: one that was cached while the
    /// contents changed is thrown away.
    pub(crate) fn tree_of(
        &self,
        shelf: &AgreementId,
        (root, sectors): (AgreementRoot, u64),
    ) -> Result<Option<Arc<AgreementTree>>, HostError> {
        let tree = self.trees.get(self.records(), shelf, sectors)?;
        if tree.root() == root {
            return Ok(Some(tree));
        }
        self.trees.forget(shelf);
        let tree = self.trees.get(self.records(), shelf, sectors)?;
        Ok(Some(tree).filter(|tree| tree.root() == root))
    }

    /// Moves the last sectors into the freed places; returns the roots that were there.
    fn trim_contents(
        &self,
        agreement: &Agreement,
        places: &[SectorIndex],
        batch: &mut Batch,
    ) -> Result<Vec<SectorRoot>, HostError> {
        let (shelf, count) = (agreement.shelf, agreement.current().sectors);
        let dropped = places.iter().map(|at| self.root_at(&shelf, *at)).collect::<Result<Vec<_>, _>>()?;
        for (to, from) in trim_moves(places, count)? {
            let root = self.root_at(&shelf, from)?;
            batch.put(Table::Contents, rows::content_key(&shelf, to), root.0.to_vec());
        }
        let left = count.saturating_sub(places.len() as u64);
        for at in left..count {
            batch.delete(Table::Contents, rows::content_key(&shelf, SectorIndex(at)));
        }
        Ok(dropped)
    }

    /// One naming fewer for every dropped root. Returns how many the agreement holds no more, and the slots that
    /// nobody holds any more.
    fn let_holdings_go(
        &self,
        shelf: &AgreementId,
        dropped: &[SectorRoot],
        batch: &mut Batch,
    ) -> Result<(u64, Vec<Slot>), HostError> {
        let mut times: BTreeMap<SectorRoot, u32> = BTreeMap::new();
        dropped.iter().for_each(|root| *times.entry(*root).or_default() += 1);
        let (mut gone, mut slots) = (0, Vec::new());
        for (root, times) in times {
            let held = self.holding(shelf, &root)?.ok_or(HostError::Dangling { table: Table::Holdings })?;
            let key = rows::holding_key(shelf, &root);
            let left = held.appended.saturating_sub(times);
            if left > 0 {
                batch.put(Table::Holdings, key, HoldingRow { appended: left, ..held }.encode());
                continue;
            }
            batch.delete(Table::Holdings, key);
            gone += 1;
            slots.extend(self.release(&root, batch)?);
        }
        Ok((gone, slots))
    }

    /// The root at a place of a shelf.
    pub(crate) fn root_at(&self, shelf: &AgreementId, at: SectorIndex) -> Result<SectorRoot, HostError> {
        let bytes = self.records().get(Table::Contents, &rows::content_key(shelf, at))?;
        let bytes = bytes.ok_or(HostError::Dangling { table: Table::Contents })?;
        Ok(SectorRoot(rows::read_32(Table::Contents, &bytes)?))
    }

    /// The roots of an agreement's sectors from a place on, a page of them.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn contents(
        self: &Arc<Self>,
        peer: NodeKey,
        request: ContentsRequest,
    ) -> Result<Vec<SectorRoot>, Refusal> {
        self.blocking(move |host| {
            let agreement = host.agreement_of(&peer, &request.id)?;
            let left = agreement.current().sectors.saturating_sub(request.from);
            let limit = usize::try_from(left).unwrap_or(usize::MAX).min(MAX_CONTENTS_LISTED);
            if limit == 0 {
                return Ok(Vec::new());
            }
            let before = request.from.checked_sub(1);
            let after = before.map(|before| rows::content_key(&agreement.shelf, SectorIndex(before)));
            let after = after.unwrap_or_default();
            let scan = Scan { prefix: agreement.shelf.as_bytes(), after: &after, limit };
            let page = host.records().scan(Table::Contents, scan).map_err(HostError::from)?;
            let roots = page.iter().map(|(_, root)| rows::read_32(Table::Contents, root).map(SectorRoot));
            Ok(roots.collect::<Result<_, _>>()?)
        })
        .await
    }
}
