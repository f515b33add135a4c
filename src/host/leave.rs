//! A graceful exit: the operator says so once, the watcher gives notice for every agreement as soon as it can, and
//! nothing new is taken. Until an agreement ends the host serves and proves as before: its owner sees the notice
//! and moves what lies here to other hosts, and the host is paid for what it kept.

use crate::agreement::AgreementState;
use crate::batch::Batch;
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::rows;
use layr_types::{AgreementId, UnixSeconds};

/// Set in [`Table::Meta`] while the whole host is leaving.
const KEY: &[u8] = b"leaving";

impl Host {
    /// Writes down that one agreement, or every open one, is to end as early as its terms allow. The exit fee is
    /// paid when the ledger takes the notice. Returns how many are meant. Without `only` the host takes no new
    /// agreements from then on either. Blocking.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn leave(&self, only: Option<AgreementId>) -> Result<u64, HostError> {
        if only.is_none() {
            self.mark_leaving(true)?;
        }
        let mut leaving = Vec::new();
        each_row(self.records(), Table::Agreements, &[], |(key, value)| {
            let id = AgreementId(rows::read_32(Table::Agreements, &key)?);
            let agreement = crate::Agreement::decode(id, &value)?;
            let meant = only.is_none_or(|only| only == id) && agreement.state == AgreementState::Open;
            if meant && agreement.slot.ending_at == agreement.terms.end {
                leaving.push(id);
            }
            Ok(())
        })?;
        for id in &leaving {
            self.update(id, |agreement| {
                agreement.leaving = true;
                agreement.due = UnixSeconds(0);
            })?;
        }
        Ok(leaving.len() as u64)
    }

    /// Takes new agreements again. Notices that the ledger has taken stand; those that it has not are withdrawn.
    /// Blocking.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn stay(&self) -> Result<(), HostError> {
        self.mark_leaving(false)?;
        let mut waiting = Vec::new();
        each_row(self.records(), Table::Agreements, &[], |(key, value)| {
            let id = AgreementId(rows::read_32(Table::Agreements, &key)?);
            let agreement = crate::Agreement::decode(id, &value)?;
            if agreement.leaving && agreement.slot.ending_at == agreement.terms.end {
                waiting.push(id);
            }
            Ok(())
        })?;
        waiting.iter().try_for_each(|id| self.update(id, |agreement| agreement.leaving = false))
    }

    /// Whether the whole host is leaving.
    pub(crate) fn is_leaving(&self) -> Result<bool, HostError> {
        Ok(self.records().get(Table::Meta, KEY)?.is_some())
    }

    fn mark_leaving(&self, leaving: bool) -> Result<(), HostError> {
        let mut batch = Batch::new();
        match leaving {
            true => batch.put(Table::Meta, KEY.to_vec(), vec![1]),
            false => batch.delete(Table::Meta, KEY.to_vec()),
        }
        self.apply(batch)
    }
}
