//! One agreement as the owner's journal keeps it.
//!
//! | From | To | Trigger | Written before |
//! |---|---|---|---|
//! | (nothing) | Proposed | the host signed the terms | the transaction that opens it |
//! | Proposed | Open | the ledger shows it open | the first byte sent under it |
//! | Proposed | Lapsed | the transaction is dead | anything else is proposed for its slot |
//! | Open | Parting | both signed a final split | the closing transaction |
//! | Open, Parting | Settled | its slot on the ledger is empty again | – |
//!
//! A revision is written down with the owner's signature before the host sees it (`pending`), and replaced by
//! the co-signed one afterwards. After a crash the pending one is offered again, unchanged.

use layr_audits::{AuditRecord, Verdict};
use layr_market::{FinalSplit, Revision, Settlement, SlotState, Stage as Clock, Terms};
use layr_merkle::Peaks;
use layr_protocol::CoSigned;
use layr_types::{AgreementId, AuditSeed, NodeKey, SectorIndex, SectorRoot, Signature, TxHash, UnixSeconds};
use serde::{Deserialize, Serialize};

/// Where an agreement is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Phase {
    /// The host has signed; the ledger does not show it yet.
    Proposed,
    /// Open on the ledger.
    Open,
    /// Both have signed how it ends.
    Parting,
    /// Its money has been paid out.
    Settled,
    /// It was never opened.
    Lapsed,
}

impl Phase {
    #[cfg(test)]
    const ALL: [Self; 5] = [Self::Proposed, Self::Open, Self::Parting, Self::Settled, Self::Lapsed];

    /// Whether the table above has such a row.
    pub(crate) const fn can_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Proposed, Self::Open | Self::Lapsed)
                | (Self::Open, Self::Parting | Self::Settled)
                | (Self::Parting, Self::Settled | Self::Parting)
        )
    }
}

/// A revision the owner has signed and the host has not countersigned yet, as far as we know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub(crate) revision: Revision,
    pub(crate) signature: Signature,
    pub(crate) what: PendingWhat,
}

/// What a pending revision is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PendingWhat {
    /// Sectors of a job.
    Append { job: [u8; 16], sectors: Vec<SectorRoot> },
    /// An audit's outcome.
    Audit { record: AuditRecord, seed: AuditSeed },
    /// Sectors given up, the highest place first.
    Free { places: Vec<SectorIndex> },
}

/// A split both have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Parted {
    pub(crate) split: FinalSplit,
    pub(crate) owner: Signature,
    pub(crate) host: Signature,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Who got what, as far as this machine can tell.
    pub(crate) settlement: Option<Settlement>,
    /// By which transaction of ours.
    pub(crate) tx: Option<TxHash>,
}

/// One agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreement {
    pub(crate) id: AgreementId,
    pub(crate) terms: Terms,
    /// The host's signature over the id.
    pub(crate) accepted: Signature,
    pub(crate) phase: Phase,
    pub(crate) newest: Option<CoSigned>,
    /// Peaks of the tree under the newest co-signed revision; empty where they are not known (after a
    /// recovery), and nothing can be appended then.
    pub(crate) peaks: Vec<u8>,
    pub(crate) pending: Option<Pending>,
    pub(crate) audited: Option<(Verdict, UnixSeconds)>,
    pub(crate) parted: Option<Parted>,
    pub(crate) ended: Option<Ended>,
}

impl Agreement {
    pub(crate) fn proposed(id: AgreementId, terms: Terms, accepted: Signature) -> Self {
        Self {
            id,
            terms,
            accepted,
            phase: Phase::Proposed,
            newest: None,
            peaks: Peaks::new().encode(),
            pending: None,
            audited: None,
            parted: None,
            ended: None,
        }
    }

    pub(crate) const fn host(&self) -> NodeKey {
        self.terms.host_key
    }

    /// Moves on, if the table allows it.
    pub(crate) fn step(&mut self, next: Phase) {
        if self.phase.can_become(next) {
            self.phase = next;
        }
    }

    /// Whether both have signed how it ends, and nothing newer than that is on the ledger, as revision `published`
    /// would be: a host may still show a revision that the owner signed before and it never countersigned to it.
    pub(crate) fn parts_at(&self, published: u64) -> bool {
        self.phase == Phase::Parting && self.parted.as_ref().is_some_and(|parted| published <= parted.split.n)
    }

    /// The newest co-signed revision, or the state at opening.
    pub(crate) fn current(&self) -> Revision {
        self.newest
            .as_ref()
            .map_or_else(|| Revision::opening(&self.terms, self.id), |signed| signed.revision.clone())
    }

    /// Whether sectors can be appended: after a recovery the order of those there is not known.
    pub(crate) const fn grows(&self) -> bool {
        !self.peaks.is_empty()
    }

    /// Sectors that still fit.
    pub(crate) fn room(&self) -> u64 {
        self.terms.capacity.whole_sectors().saturating_sub(self.current().sectors)
    }

    /// Where it stands by the ledger's clock.
    pub(crate) fn clock(&self, now: UnixSeconds) -> Clock {
        SlotState::opening(&self.terms).stage(&self.terms, now)
    }

    /// Open, and not ended at `now`.
    pub(crate) fn runs(&self, now: UnixSeconds) -> bool {
        self.phase == Phase::Open && self.clock(now) == Clock::Running
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_table_matches_documentation() {
        let allowed = [
            (Phase::Proposed, Phase::Open),
            (Phase::Proposed, Phase::Lapsed),
            (Phase::Open, Phase::Parting),
            (Phase::Open, Phase::Settled),
            (Phase::Parting, Phase::Settled),
            (Phase::Parting, Phase::Parting),
        ];
        for from in Phase::ALL {
            for to in Phase::ALL {
                assert_eq!(from.can_become(to), allowed.contains(&(from, to)), "{from:?} → {to:?}");
            }
        }
    }
}
