//! Which state the slot's 32 bytes are. The ledger keeps a commitment only; the state itself follows from what
//! this host has seen before and from what may have happened since: a revision published, a key rotated, a voucher
//! redeemed. What cannot be derived (when a challenge was opened, when somebody gave notice) is told by events.
//! The 32 bytes decide: nothing that does not hash to them is believed.

use crate::agreement::{Agreement, decode_revision};
use crate::decide::Seen;
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use layr_market::{Party, Rotation, SlotState, SoftwareSha256};
use layr_protocol::CoSigned;

impl Host {
    /// What `held` means for `agreement`.
    pub(crate) fn identify(&self, agreement: &Agreement, held: Option<[u8; 32]>) -> Result<Seen, HostError> {
        let Some(held) = held else { return Ok(Seen::Empty) };
        if let Some(heir) = &agreement.heir {
            let terms = self.agreement(&heir.id)?.map(|heir| heir.terms);
            let opening = terms.map(|terms| SlotState::opening(&terms));
            if opening.is_some_and(|opening| opening.commitment(&SoftwareSha256, &heir.id) == held) {
                return Ok(Seen::Renewed(heir.id));
            }
        }
        match self.derive(agreement, held)? {
            Some(state) => self.seen(agreement, state),
            None => Ok(Seen::Unknown),
        }
    }

    /// The state among those that may have followed the last one seen.
    fn derive(&self, agreement: &Agreement, held: [u8; 32]) -> Result<Option<SlotState>, HostError> {
        let is = |state: &SlotState| state.commitment(&SoftwareSha256, &agreement.id) == held;
        let bases = bases(agreement);
        if let Some(known) = bases.iter().find(|base| is(base)) {
            return Ok(Some(*known));
        }
        let mut found = None;
        each_row(self.records(), Table::Revisions, agreement.id.as_bytes(), |(_, value)| {
            let signed = read_revision(&value)?;
            let published = |base: &SlotState| base.published(&SoftwareSha256, &signed.revision);
            let newer = bases.iter().filter(|base| base.n < signed.revision.n);
            found = found.or(newer.map(published).find(|state| is(state)));
            Ok(())
        })?;
        Ok(found)
    }

    /// The state with the revision it names.
    fn seen(&self, agreement: &Agreement, state: SlotState) -> Result<Seen, HostError> {
        if state.n == 0 {
            return Ok(Seen::Opening(state));
        }
        let named = |signed: &CoSigned| signed.revision.digest(&SoftwareSha256) == state.revision;
        if let Some(newest) = agreement.newest.as_ref().filter(|newest| named(newest)) {
            return Ok(Seen::Published(state, Box::new(newest.clone())));
        }
        let key = crate::rows::numbered_key(&agreement.id, state.n);
        let kept = self.records().get(Table::Revisions, &key)?;
        let kept = kept.map(|bytes| read_revision(&bytes)).transpose()?;
        Ok(kept.filter(named).map_or(Seen::Unknown, |signed| Seen::Published(state, Box::new(signed))))
    }
}

/// The last state seen, and what it becomes by a rotation or a voucher this host knows of.
fn bases(agreement: &Agreement) -> Vec<SlotState> {
    let mut bases = vec![agreement.slot];
    if let Some(next) = &agreement.next_key {
        let (id, party, from) = (agreement.id, Party::Owner, agreement.slot.owner_key);
        let rotated = agreement.slot.rotated(&Rotation { id, party, from, to: next.to });
        bases.extend(rotated.ok());
    }
    if let Some(signed) = &agreement.reads.voucher {
        let redeemed = |base: &SlotState| base.redeemed(&agreement.terms, &signed.voucher).ok();
        let redeemed: Vec<_> = bases.iter().filter_map(redeemed).collect();
        bases.extend(redeemed);
    }
    bases
}

fn read_revision(bytes: &[u8]) -> Result<CoSigned, HostError> {
    decode_revision(bytes).map_err(|source| HostError::Row { table: Table::Revisions, source })
}
