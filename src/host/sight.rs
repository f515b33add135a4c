//! Which state the slot's 32 bytes are. The ledger keeps a commitment only; the state itself follows from what
//! this host has seen before, from what events tell, and from what may have happened since: a revision published,
//! a key rotated, a voucher redeemed. The 32 bytes decide: nothing that does not hash to them is believed.

use crate::agreement::{Agreement, decode_revision, encode_revision};
use crate::batch::Batch;
use crate::decide::Seen;
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::news::Rumour;
use crate::ports::Table;
use crate::rows;
use layr_market::{Party, Revision, Rotation, SlotState, SoftwareSha256};
use layr_protocol::CoSigned;
use layr_types::Signature;

impl Host {
    /// Looks at the slot and remembers what it holds.
    pub(crate) async fn look_at_slot(&self, agreement: &Agreement) -> Result<Seen, HostError> {
        let held = self.ports.ledger.slot(agreement.place()).await?;
        let rumour = self.gossip.of(&agreement.id);
        let seen = self.identify(agreement, &rumour, held)?;
        if let Seen::Opening(state) | Seen::Published(state, _) = &seen {
            let unknown =
                agreement.slot != *state || (agreement.leaves.is_empty() && !rumour.named.is_empty());
            if unknown {
                self.update(&agreement.id, |agreement| {
                    agreement.adopt(*state);
                    agreement.learn_leaves(&rumour.named);
                })?;
            }
            if let Some(now) = self.agreement(&agreement.id)?.filter(|_| unknown) {
                self.desk().seat(&now);
            }
        }
        Ok(seen)
    }

    /// What `held` means for `agreement`.
    fn identify(
        &self,
        agreement: &Agreement,
        rumour: &Rumour,
        held: Option<[u8; 32]>,
    ) -> Result<Seen, HostError> {
        let over = rumour.over.map(Seen::Over);
        let Some(held) = held else { return Ok(over.unwrap_or(Seen::Empty)) };
        if let Some(heir) = &agreement.heir {
            let terms = self.agreement(&heir.id)?.map(|heir| heir.terms);
            let opening = terms.map(|terms| SlotState::opening(&terms));
            if opening.is_some_and(|opening| opening.commitment(&SoftwareSha256, &heir.id) == held) {
                return Ok(Seen::Renewed(heir.id));
            }
        }
        match self.derive(agreement, rumour, held)? {
            Some(state) => self.seen(agreement, rumour, state),
            None => Ok(over.unwrap_or(Seen::Unknown)),
        }
    }

    /// The state among those that may have followed the last one seen.
    fn derive(
        &self,
        agreement: &Agreement,
        rumour: &Rumour,
        held: [u8; 32],
    ) -> Result<Option<SlotState>, HostError> {
        let is = |state: &SlotState| state.commitment(&SoftwareSha256, &agreement.id) == held;
        let bases = bases(agreement, rumour);
        if let Some(known) = bases.iter().find(|base| is(base)) {
            return Ok(Some(*known));
        }
        let mut found = None;
        each_row(self.records(), Table::Revisions, agreement.id.as_bytes(), |(_, value)| {
            let signed = read_revision(&value)?;
            let published = |base: &SlotState| base.published(&SoftwareSha256, &signed.revision);
            let mut newer = bases.iter().filter(|base| base.n < signed.revision.n).map(published);
            found = found.or_else(|| newer.find(|state| is(state)));
            Ok(())
        })?;
        Ok(found)
    }

    /// The state with the revision it names: kept, or told of by an event and kept from now on.
    fn seen(&self, agreement: &Agreement, rumour: &Rumour, state: SlotState) -> Result<Seen, HostError> {
        if state.n == 0 {
            return Ok(Seen::Opening(state));
        }
        let named = |revision: &Revision| revision.digest(&SoftwareSha256) == state.revision;
        let key = rows::numbered_key(&agreement.id, state.n);
        let kept = self.records().get(Table::Revisions, &key)?;
        let kept = kept.map(|bytes| read_revision(&bytes)).transpose()?.map(|signed| signed.revision);
        if let Some(revision) = kept.filter(named) {
            return Ok(Seen::Published(state, Box::new(revision)));
        }
        let Some(revision) = rumour.revision.clone().filter(named) else { return Ok(Seen::Unknown) };
        tracing::error!(agreement = %agreement.id, n = state.n,
            "a revision is on the ledger that this host has no record of: does another machine use its key?");
        let unsigned = Signature([0; 64]);
        let foreign = CoSigned { revision: revision.clone(), owner: unsigned, host: unsigned };
        let mut batch = Batch::new();
        batch.put(Table::Revisions, key, encode_revision(&foreign));
        self.apply(batch)?;
        Ok(Seen::Published(state, Box::new(revision)))
    }
}

/// The last state seen or told of, and what each becomes by a rotation or a voucher this host knows of.
fn bases(agreement: &Agreement, rumour: &Rumour) -> Vec<SlotState> {
    let mut bases = vec![agreement.slot];
    bases.extend(rumour.state);
    if let Some(next) = &agreement.next_key {
        let (id, party) = (agreement.id, Party::Owner);
        let rotated =
            |base: &SlotState| base.rotated(&Rotation { id, party, from: base.owner_key, to: next.to }).ok();
        let rotated: Vec<_> = bases.iter().filter_map(rotated).collect();
        bases.extend(rotated);
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
