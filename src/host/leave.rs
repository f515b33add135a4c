//! A graceful exit: the operator says so once, the watcher gives notice for every agreement as soon as it can.

use crate::agreement::AgreementState;
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::rows;
use layr_types::{AgreementId, UnixSeconds};

impl Host {
    /// Writes down that one agreement, or every open one, is to end as early as its terms allow. The exit fee is
    /// paid when the ledger takes the notice. Returns how many are meant. Blocking.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn leave(&self, only: Option<AgreementId>) -> Result<u64, HostError> {
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
}
