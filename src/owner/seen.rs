//! What the ledger holds for an agreement, and how this machine knows.
//!
//! The slot's 32 bytes are the only truth: a state is believed when it hashes to them, whoever told it. First the
//! state seen last, then those that follow from what this machine signed and knows, then what the ledger's events
//! tell, then what the host tells, since endpoints forget events and a host may have vested meanwhile. A state that none of them explains is reported as such and looked at again; nothing is ever sent on a
//! guess. What was seen is kept, because endpoints forget events after some days.

use crate::agreement::{Agreement, Phase};
use crate::core::{CLOCK_SLACK, Core};
use crate::error::{LedgerFault, RecordsFault};
use crate::ports::{SlotEvent, Space};
use futures::future::BoxFuture;
use layr_market::{Revision, Settled, SlotState, SoftwareSha256, Stage as Clock};
use layr_protocol::{CoSigned, HostApiClient, SlotTold};
use layr_types::{AgreementId, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// An agreement's slot as last seen on the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// What its 32 bytes stand for.
    pub(crate) state: SlotState,
    /// The published revision, where one is published and its content is known here.
    pub(crate) published: Option<Revision>,
    /// The newest revision this owner published itself; 0 for none.
    pub(crate) ours: u64,
    /// When it was first seen so, by the ledger's clock.
    pub(crate) since: UnixSeconds,
    /// Since when the host has answered no audit; `None` while it answers.
    pub(crate) silent_since: Option<UnixSeconds>,
}

/// What a slot turned out to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Nothing: the agreement is settled, or never was open.
    Empty,
    /// This.
    Known(Box<Seen>),
    /// A state that nothing here explains.
    Unknown,
}

/// Why nobody could look.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookError {
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

impl Seen {
    /// Right after opening.
    pub(crate) fn opening(agreement: &Agreement) -> Self {
        let state = SlotState::opening(&agreement.terms);
        Self { state, published: None, ours: 0, since: agreement.terms.start, silent_since: None }
    }

    /// Where the agreement stands by the ledger's clock.
    pub(crate) fn clock(&self, agreement: &Agreement, now: UnixSeconds) -> Clock {
        self.state.stage(&agreement.terms, now)
    }

    /// Open, and not ended at `now`.
    pub(crate) fn runs(&self, agreement: &Agreement, now: UnixSeconds) -> bool {
        agreement.phase == Phase::Open && self.clock(agreement, now) == Clock::Running
    }

    /// What counts at its settlement besides revisions; `promised` is the largest voucher this owner signed.
    pub(crate) fn settled(&self, promised: Stroops) -> Settled {
        Settled { floor: self.state.floor, voucher: self.state.voucher.max(promised) }
    }
}

impl Core {
    /// An agreement's slot as last seen; as opened where it was never looked at.
    pub(crate) fn seen(&self, agreement: &Agreement) -> Result<Seen, RecordsFault> {
        let seen = self.book.get(Space::Seen, agreement.id.as_bytes())?;
        Ok(seen.unwrap_or_else(|| Seen::opening(agreement)))
    }

    /// The commitments of every folder that open agreements use.
    pub(crate) async fn folders(&self) -> Result<HashMap<u32, Vec<[u8; 32]>>, LookError> {
        let open = self.agreements()?.into_iter().filter(|agreement| agreement.phase.is_escrowed());
        let folders: HashSet<u32> = open.map(|agreement| agreement.terms.folder).collect();
        let mut held = HashMap::new();
        for folder in folders {
            held.insert(folder, self.ledger.slots(folder).await?);
        }
        Ok(held)
    }

    /// What an agreement's slot holds now, kept for later where it has changed.
    pub(crate) async fn look(
        &self,
        agreement: &Agreement,
        folders: &HashMap<u32, Vec<[u8; 32]>>,
        now: UnixSeconds,
    ) -> Result<Presence, LookError> {
        let folder = folders.get(&agreement.terms.folder);
        let held = folder.and_then(|slots| slots.get(usize::from(agreement.terms.slot)));
        let Some(held) = held.filter(|held| **held != [0; 32]) else {
            // An endpoint that is a little behind does not show yet what has only just been opened.
            let fresh = now <= agreement.terms.start.plus(CLOCK_SLACK);
            return Ok(if fresh { Presence::Unknown } else { Presence::Empty });
        };
        let before = self.seen(agreement)?;
        if is(agreement.id, &before.state, held) && (before.state.n == 0 || before.published.is_some()) {
            return Ok(Presence::Known(Box::new(before)));
        }
        let mut found = self.explained(agreement, &before, held)?;
        if found.is_none() {
            found = self.told(agreement, &before, held).await?;
        }
        if found.is_none() {
            found = self.asked(agreement, held).await?;
        }
        let Some((state, published)) = found.filter(|(state, _)| !is_older(state, &before.state)) else {
            return Ok(Presence::Unknown);
        };
        let seen = Seen { state, published, since: now, ..before };
        self.book.put(Space::Seen, agreement.id.as_bytes(), &seen)?;
        Ok(Presence::Known(Box::new(seen)))
    }

    /// Whether an agreement's slot holds a state of it, as far as can be told without its records.
    pub(crate) async fn holds(&self, agreement: &Agreement) -> bool {
        let Ok(slots) = self.ledger.slots(agreement.terms.folder).await else { return false };
        let held = slots.get(usize::from(agreement.terms.slot)).filter(|held| **held != [0; 32]);
        let (Some(held), opening) = (held, Seen::opening(agreement)) else { return false };
        if matches!(self.explained(agreement, &opening, held), Ok(Some(_))) {
            return true;
        }
        matches!(self.told(agreement, &opening, held).await, Ok(Some(_)))
    }

    /// A state that follows from what this machine knows.
    fn explained(
        &self,
        agreement: &Agreement,
        before: &Seen,
        held: &[u8; 32],
    ) -> Result<Option<(SlotState, Option<Revision>)>, RecordsFault> {
        let id = agreement.id;
        for base in [before.state, SlotState::opening(&agreement.terms)] {
            if is(id, &base, held) && base.n == 0 {
                return Ok(Some((base, None)));
            }
            for revision in self.signed(agreement)? {
                let state = base.published(&SoftwareSha256, &revision);
                if is(id, &state, held) {
                    return Ok(Some((state, Some(revision))));
                }
            }
        }
        Ok(None)
    }

    /// Every revision this machine has signed for an agreement, as far as it remembers.
    fn signed(&self, agreement: &Agreement) -> Result<Vec<Revision>, RecordsFault> {
        let newest = agreement.newest.iter().map(|signed| signed.revision.clone());
        let pending = agreement.pending.iter().map(|pending| pending.revision.clone());
        let past = self.book.scan::<CoSigned>(Space::Revisions, agreement.id.as_bytes())?;
        Ok(newest.chain(pending).chain(past.into_iter().rev().map(|(_, signed)| signed.revision)).collect())
    }

    /// A state that the ledger's events tell of.
    async fn told(
        &self,
        agreement: &Agreement,
        before: &Seen,
        held: &[u8; 32],
    ) -> Result<Option<(SlotState, Option<Revision>)>, LookError> {
        let events = self.ledger.history(&agreement.terms).await?;
        let mut states = events.iter().filter_map(|event| match event {
            SlotEvent::State { state, .. } => Some(**state),
            SlotEvent::Ended { .. } => None,
        });
        let state = states.find(|state| is(agreement.id, state, held));
        let state = state.or_else(|| is(agreement.id, &before.state, held).then_some(before.state));
        let Some(state) = state else { return Ok(None) };
        let told = events.iter().filter_map(|event| match event {
            SlotEvent::State { revision, .. } => revision.as_deref().cloned(),
            SlotEvent::Ended { .. } => None,
        });
        let mut known = self.signed(agreement)?;
        known.extend(told);
        known.extend(before.published.clone());
        let published = known.into_iter().find(|revision| revision.digest(&SoftwareSha256) == state.revision);
        Ok(Some((state, published)))
    }

    /// A state that the host tells of.
    async fn asked(
        &self,
        agreement: &Agreement,
        held: &[u8; 32],
    ) -> Result<Option<(SlotState, Option<Revision>)>, RecordsFault> {
        let id = agreement.id;
        let ask = move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.slot(context, id).await })
        };
        let Ok(Some(SlotTold { state, published })) = self.hosts.call(agreement.host(), ask).await else {
            return Ok(None);
        };
        if !is(id, &state, held) {
            return Ok(None);
        }
        let mut known = self.signed(agreement)?;
        known.extend(published);
        let published = known.into_iter().find(|revision| revision.digest(&SoftwareSha256) == state.revision);
        Ok(Some((state, published)))
    }

    /// How an agreement ended, if the ledger's events still tell.
    pub(crate) async fn ending(
        &self,
        agreement: &Agreement,
    ) -> Result<Option<layr_market::Settlement>, LedgerFault> {
        let events = self.ledger.history(&agreement.terms).await?;
        Ok(events.into_iter().find_map(|event| match event {
            SlotEvent::Ended { settlement, .. } => Some(settlement),
            SlotEvent::State { .. } => None,
        }))
    }
}

/// Whether `state` comes before `known`: an endpoint that shows it is behind, for none of these ever falls.
fn is_older(state: &SlotState, known: &SlotState) -> bool {
    state.n < known.n
        || state.floor < known.floor
        || state.voucher < known.voucher
        || state.challenge.count < known.challenge.count
}

/// Whether `held` commits to `state`.
fn is(id: AgreementId, state: &SlotState, held: &[u8; 32]) -> bool {
    state.commitment(&SoftwareSha256, &id) == *held
}

impl Phase {
    /// Whether the ledger holds its money.
    pub(crate) const fn is_escrowed(self) -> bool {
        matches!(self, Self::Open | Self::Parting)
    }
}
