//! One agreement as the host keeps it, and the table of its life.
//!
//! | From | To | Trigger |
//! |---|---|---|
//! | (none) | Proposed | the host signs terms drafted from its offer and reserves the space |
//! | Proposed | Open | the ledger's slot holds the opening state |
//! | Proposed | Lapsed | the offer has expired and the slot does not hold it |
//! | Open | Parting | both have signed a final split |
//! | Open, Parting | Settled | the ledger's slot is empty again, or holds the agreement that renews this one |
//! | Settled | (none) | every sector it held has been let go, or handed over to its heir |
//! | Lapsed | (none) | with the same batch: nothing was ever stored |
//!
//! Publishing, proving and challenges are not states: they are read off the slot and the ledger's clock
//! (`layr_market::SlotState`). Contents lie on a *shelf* named after the first agreement that held them, so that
//! a renewal hands over any number of sectors by writing two records.

use crate::error::HostError;
use crate::ports::{SignedSplit, SlotPlace};
use layr_market::{FinalSplit, Revision, Settlement, SlotState, Terms};
use layr_merkle::Peaks;
use layr_protocol::{CoSigned, Ending, ReadAccount, SignedVoucher};
use layr_types::{AgreementId, ByteCount, NodeKey, Signature, Stroops, UnixSeconds};

pub(crate) use crate::agreement_row::{decode_revision, encode_revision};

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

/// What has been read under an agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reads {
    /// Stroops per GiB beyond the free allowance, as offered when it was proposed.
    pub rate: u64,
    /// The free allowance.
    pub free: ByteCount,
    /// Handed out so far; after a crash a few MiB fewer, never more.
    pub bytes: ByteCount,
    /// The largest voucher held.
    pub voucher: Option<SignedVoucher>,
}

/// A renewal this host has signed and not seen on the ledger yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heir {
    /// The agreement that takes over.
    pub id: AgreementId,
    /// When the host's consent lapses.
    pub until: UnixSeconds,
    /// The old agreement's split, which only the renewal may use, and both signatures.
    pub split: SignedSplit,
}

/// A key the owner is changing to, and what it has signed with it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextKey {
    /// The new key.
    pub to: NodeKey,
    /// Of which revision the signature is.
    pub n: u64,
    /// Over that revision; all zero where there was none.
    pub newest: Signature,
    /// Over the largest voucher; all zero where there was none.
    pub voucher: Signature,
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
    /// The newest attempt to move the ledger was a proof at the end.
    pub proved: bool,
    /// What the ledger's slot holds, as far as this host has seen.
    pub slot: SlotState,
    /// The leaves of the open named challenge, 8 bytes each; empty where none is open or they are not known.
    pub leaves: Vec<u8>,
    /// What has been read.
    pub reads: Reads,
    /// Under whose name its contents lie: its own, or that of the first agreement it renews.
    pub shelf: AgreementId,
    /// The renewal under way.
    pub heir: Option<Heir>,
    /// Of its capacity, what its predecessor's promise covers as long as that one stands.
    pub inherits: u64,
    /// Its contents have gone to its heir.
    pub handed: bool,
    /// The owner's new key, until the ledger shows it.
    pub next_key: Option<NextKey>,
    /// The operator wants out: notice is given as soon as it can be.
    pub leaving: bool,
    /// The newest revision that gave sectors up; 0 for none. Nothing before it can be proved any more.
    pub trimmed: u64,
}

impl Agreement {
    /// Terms the host has just signed.
    #[must_use]
    pub fn proposed(id: AgreementId, terms: Terms) -> Self {
        let due = terms.offer_expiry.plus(1);
        Self {
            slot: SlotState::opening(&terms),
            leaves: Vec::new(),
            reads: Reads::default(),
            shelf: id,
            heir: None,
            inherits: 0,
            handed: false,
            next_key: None,
            leaving: false,
            trimmed: 0,
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

    /// The owner's present key.
    #[must_use]
    pub const fn owner(&self) -> NodeKey {
        self.slot.owner_key
    }

    /// Sectors of the quota that are promised to it and to no other agreement's name.
    #[must_use]
    pub const fn promised(&self) -> u64 {
        if self.handed { 0 } else { self.capacity().saturating_sub(self.inherits) }
    }

    /// The largest voucher held; zero for none.
    #[must_use]
    pub fn vouched(&self) -> Stroops {
        self.reads.voucher.map_or(Stroops::ZERO, |signed| signed.voucher.amount)
    }

    /// What has been read, as the owner is told.
    #[must_use]
    pub fn account(&self) -> ReadAccount {
        let Reads { rate, free, bytes, .. } = self.reads;
        ReadAccount { bytes, free, rate, promised: self.vouched(), limit: self.terms.voucher_part }
    }

    /// The split this host signs for `reason`.
    ///
    /// # Errors
    /// [`layr_market::SettleError`] for a revision that does not fit its terms.
    pub fn fair_split(
        &self,
        reason: layr_market::FinalReason,
    ) -> Result<FinalSplit, layr_market::SettleError> {
        let newest = self.current();
        self.ending(&newest).fair_split(reason)
    }

    /// What a split is computed from.
    #[must_use]
    pub fn ending<'a>(&'a self, newest: &'a Revision) -> Ending<'a> {
        Ending { terms: &self.terms, newest, state: &self.slot, voucher: self.vouched() }
    }

    /// Whether a renewal is signed and may still come.
    #[must_use]
    pub fn renewing(&self, now: UnixSeconds) -> Option<UnixSeconds> {
        self.heir.map(|heir| heir.until).filter(|until| now <= *until)
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
}
