//! One agreement as the host keeps it, and the table of its life.
//!
//! | From | To | Trigger |
//! |---|---|---|
//! | (none) | Proposed | the host signs terms drafted from its offer and reserves the space |
//! | Proposed | Open | the ledger's slot holds the opening state |
//! | Proposed | Lapsed | the offer has expired and the slot does not hold it |
//! | Open | Parting | both have signed a final split |
//! | Open, Parting | Settled | the ledger's slot is empty again |
//! | Settled | (none) | every sector it held has been let go |
//! | Lapsed | (none) | with the same batch: nothing was ever stored |
//!
//! Publishing and proving are not states: they are read off the ledger's clock (`layr_market::Stage`).

use crate::error::HostError;
use crate::ports::{SignedSplit, SlotPlace, Table};
use layr_market::{
    FINAL_BYTES, FinalSplit, REVISION_BYTES, Revision, Settlement, SlotState, TERMS_BYTES, Terms,
};
use layr_merkle::Peaks;
use layr_protocol::CoSigned;
use layr_types::{AgreementId, DecodeError, NodeKey, Reader, Signature, Stroops, UnixSeconds};

const VERSION: u8 = 1;

/// Where an agreement stands with this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AgreementState {
    /// Signed by the host, not seen on the ledger.
    Proposed = 0,
    /// Escrowed on the ledger.
    Open = 1,
    /// Both have signed a final split; the ledger has not been told yet.
    Parting = 2,
    /// Paid out; its sectors are being let go.
    Settled = 3,
    /// Never opened.
    Lapsed = 4,
}

impl AgreementState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Proposed, Self::Open, Self::Parting, Self::Settled, Self::Lapsed];

    /// Whether the table allows this step.
    #[must_use]
    pub const fn can_transition_to(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Proposed, Self::Open | Self::Lapsed)
                | (Self::Open, Self::Parting | Self::Settled)
                | (Self::Parting, Self::Settled)
        )
    }

    /// Whether the ledger holds its money.
    #[must_use]
    pub const fn is_escrowed(self) -> bool {
        matches!(self, Self::Open | Self::Parting)
    }
}

/// The newest attempt to move the ledger, written down before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// How many in a row did not change the slot.
    pub count: u32,
    /// When the last one was made, by the ledger's clock.
    pub at: UnixSeconds,
}

/// An agreement's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// Its id.
    pub id: AgreementId,
    /// What was agreed.
    pub terms: Terms,
    /// Where it stands.
    pub state: AgreementState,
    /// The newest revision both signed; none before the first append.
    pub newest: Option<CoSigned>,
    /// The frontier of its tree: all that the next append needs.
    pub peaks: Peaks,
    /// The final split both signed.
    pub split: Option<SignedSplit>,
    /// Who got what, once settled.
    pub settlement: Option<Settlement>,
    /// Attempts to move the ledger.
    pub attempts: Attempts,
    /// When the watcher looks next.
    pub due: UnixSeconds,
    /// Slots it has sent to the trash since it was settled.
    pub trashed: u64,
    /// Audit records in its history.
    pub audits: u64,
    /// The newest attempt to move the ledger was a proof.
    pub proved: bool,
}

impl Agreement {
    /// Terms the host has just signed.
    #[must_use]
    pub fn proposed(id: AgreementId, terms: Terms) -> Self {
        let due = terms.offer_expiry.plus(1);
        Self {
            id,
            terms,
            state: AgreementState::Proposed,
            newest: None,
            peaks: Peaks::new(),
            split: None,
            settlement: None,
            attempts: Attempts::default(),
            due,
            trashed: 0,
            audits: 0,
            proved: false,
        }
    }

    /// Takes a step of the table.
    ///
    /// # Errors
    /// [`HostError::Transition`] for a step the table does not have.
    pub fn step(&mut self, next: AgreementState) -> Result<(), HostError> {
        if !self.state.can_transition_to(next) {
            return Err(HostError::Transition { from: self.state, to: next });
        }
        self.state = next;
        self.attempts = Attempts::default();
        Ok(())
    }

    /// The owner's key.
    #[must_use]
    pub const fn owner(&self) -> NodeKey {
        self.terms.owner_key
    }

    /// Sectors the host has promised room for.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.terms.capacity.whole_sectors()
    }

    /// The state both agree on now: the newest revision, or the opening one.
    #[must_use]
    pub fn current(&self) -> Revision {
        self.newest.as_ref().map_or_else(|| Revision::opening(&self.terms, self.id), |n| n.revision.clone())
    }

    /// Where the ledger keeps it.
    #[must_use]
    pub const fn place(&self) -> SlotPlace {
        SlotPlace::of(&self.terms)
    }

    /// The slot's state if nothing has been published.
    #[must_use]
    pub const fn opening_state(&self) -> SlotState {
        SlotState::opening(&self.terms)
    }

    /// The persistent bytes; the id is the key.
    ///
    /// ```text
    /// version 1 · state 1 · terms 457 · due 8 · attempts 4+8 · trashed 8 · audits 8 · flags 1 (8: proved)
    /// newest (flag 1)     revision 185 · owner 64 · host 64
    /// split (flag 2)      split 74 · owner 64 · host 64
    /// settlement (flag 4) host 16 · owner 16 · burn 16
    /// peaks               to the end
    /// ```
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.extend([VERSION, self.state as u8]);
        out.extend(self.terms.encode());
        out.extend(self.due.0.to_be_bytes());
        out.extend(self.attempts.count.to_be_bytes());
        out.extend(self.attempts.at.0.to_be_bytes());
        out.extend(self.trashed.to_be_bytes());
        out.extend(self.audits.to_be_bytes());
        let flag = |bit: u8, set: bool| if set { bit } else { 0 };
        out.push(
            flag(1, self.newest.is_some())
                | flag(2, self.split.is_some())
                | flag(4, self.settlement.is_some())
                | flag(8, self.proved),
        );
        if let Some(newest) = &self.newest {
            out.extend(encode_revision(newest));
        }
        if let Some(split) = &self.split {
            out.extend(split.split.encode());
            out.extend(split.owner.0);
            out.extend(split.host.0);
        }
        if let Some(paid) = &self.settlement {
            [paid.host, paid.owner, paid.burn].iter().for_each(|amount| out.extend(amount.0.to_be_bytes()));
        }
        out.extend(self.peaks.encode());
        out
    }

    /// Reads persistent bytes.
    ///
    /// # Errors
    /// [`HostError::Row`] where they are not an agreement's.
    pub fn decode(id: AgreementId, bytes: &[u8]) -> Result<Self, HostError> {
        Self::read(id, bytes).map_err(|source| HostError::Row { table: Table::Agreements, source })
    }

    fn read(id: AgreementId, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        match r.u8()? {
            VERSION => {}
            other => return Err(DecodeError::UnknownVersion(other)),
        }
        let state = AgreementState::ALL.get(usize::from(r.u8()?)).ok_or(DecodeError::OutOfRange(1))?;
        let terms = Terms::decode(r.take(TERMS_BYTES)?)?;
        let due = UnixSeconds(r.u64()?);
        let attempts = Attempts { count: r.u32()?, at: UnixSeconds(r.u64()?) };
        let (trashed, audits) = (r.u64()?, r.u64()?);
        let at = r.position();
        let flags = r.u8()?;
        if flags > 15 {
            return Err(DecodeError::OutOfRange(at));
        }
        let newest = (flags & 1 != 0).then(|| read_revision(&mut r)).transpose()?;
        let split = (flags & 2 != 0).then(|| read_split(&mut r)).transpose()?;
        let settlement = (flags & 4 != 0).then(|| read_settlement(&mut r)).transpose()?;
        let at = r.position();
        let peaks = bytes.get(at..).and_then(|rest| Peaks::decode(rest).ok());
        let peaks = peaks.ok_or(DecodeError::OutOfRange(at))?;
        Ok(Self {
            id,
            terms,
            state: *state,
            newest,
            peaks,
            split,
            settlement,
            attempts,
            due,
            trashed,
            audits,
            proved: flags & 8 != 0,
        })
    }
}

/// The persistent bytes of a co-signed revision.
#[must_use]
pub fn encode_revision(signed: &CoSigned) -> Vec<u8> {
    let mut out = Vec::with_capacity(REVISION_BYTES + 128);
    out.extend(signed.revision.encode());
    out.extend(signed.owner.0);
    out.extend(signed.host.0);
    out
}

/// Reads what [`encode_revision`] wrote.
///
/// # Errors
/// [`DecodeError`] for anything else.
pub fn decode_revision(bytes: &[u8]) -> Result<CoSigned, DecodeError> {
    let mut r = Reader::new(bytes);
    let signed = read_revision(&mut r)?;
    r.finish()?;
    Ok(signed)
}

fn read_revision(r: &mut Reader<'_>) -> Result<CoSigned, DecodeError> {
    let revision = Revision::decode(r.take(REVISION_BYTES)?)?;
    Ok(CoSigned { revision, owner: Signature(r.array()?), host: Signature(r.array()?) })
}

fn read_split(r: &mut Reader<'_>) -> Result<SignedSplit, DecodeError> {
    let split = FinalSplit::decode(r.take(FINAL_BYTES)?)?;
    Ok(SignedSplit { split, owner: Signature(r.array()?), host: Signature(r.array()?) })
}

fn read_settlement(r: &mut Reader<'_>) -> Result<Settlement, DecodeError> {
    Ok(Settlement { host: Stroops(r.i128()?), owner: Stroops(r.i128()?), burn: Stroops(r.i128()?) })
}
