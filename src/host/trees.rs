//! Agreement trees in memory, for as long as they are useful. A tree is rebuilt from the sector roots in a tenth
//! of a second per million, so only what was audited lately is kept.

use crate::error::HostError;
use crate::ports::{HostRecords, Scan, Table};
use crate::rows;
use layr_merkle::AgreementTree;
use layr_types::{AgreementId, SectorIndex, SectorRoot};
use std::sync::{Arc, Mutex, PoisonError};

/// Roots read at once.
const PAGE: usize = 4096;

/// Trees, most recently used last.
#[derive(Debug)]
pub(crate) struct Trees {
    kept: Mutex<Vec<(AgreementId, Arc<AgreementTree>)>>,
    /// Most sectors of all kept trees together; one tree may always stay.
    budget: u64,
}

impl Trees {
    pub fn new(budget: u64) -> Self {
        Self { kept: Mutex::new(Vec::new()), budget }
    }

    /// The tree over the first `sectors` sectors of an agreement.
    pub fn get(
        &self,
        records: &dyn HostRecords,
        id: &AgreementId,
        sectors: u64,
    ) -> Result<Arc<AgreementTree>, HostError> {
        let known = self.take(id).filter(|tree| tree.count() <= sectors);
        let mut tree = known.unwrap_or_default();
        if tree.count() < sectors {
            extend(Arc::make_mut(&mut tree), records, id, sectors)?;
        }
        self.keep(*id, Arc::clone(&tree));
        Ok(tree)
    }

    /// Forgets an agreement that has ended.
    pub fn forget(&self, id: &AgreementId) {
        let _ = self.take(id);
    }

    fn take(&self, id: &AgreementId) -> Option<Arc<AgreementTree>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == id)?;
        Some(kept.remove(at).1)
    }

    fn keep(&self, id: AgreementId, tree: Arc<AgreementTree>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(known, _)| *known != id);
        kept.push((id, tree));
        while kept.len() > 1 && kept.iter().map(|(_, tree)| tree.count()).sum::<u64>() > self.budget {
            kept.remove(0);
        }
    }
}

/// Appends what the records have beyond the tree, up to `sectors`.
fn extend(
    tree: &mut AgreementTree,
    records: &dyn HostRecords,
    id: &AgreementId,
    sectors: u64,
) -> Result<(), HostError> {
    while tree.count() < sectors {
        let last = tree.count().checked_sub(1);
        let after = last.map(|last| rows::content_key(id, SectorIndex(last))).unwrap_or_default();
        let left = usize::try_from(sectors - tree.count()).unwrap_or(usize::MAX);
        let scan = Scan { prefix: id.as_bytes(), after: &after, limit: left.min(PAGE) };
        let page = records.scan(Table::Contents, scan)?;
        if page.is_empty() {
            return Err(HostError::Dangling { table: Table::Contents });
        }
        for (_, root) in page {
            tree.append(&SectorRoot(rows::read_32(Table::Contents, &root)?))?;
        }
    }
    Ok(())
}
