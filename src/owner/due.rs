//! Money at risk: what happens next under each agreement, by when, sent by whom, and what it decides about.
//!
//! Pure: an agreement, its slot as last seen and the ledger's clock. Amounts come from `settle()`.

use crate::agreement::Agreement;
use crate::seen::Seen;
use layr_market::{Outcome, Phase, Settled, Stage as Clock, settle};
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
use serde::Serialize;

/// What is sent to the ledger next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DueStep {
    /// The closing transaction with the split both sign, or else the newest revision.
    CloseOrPublish,
    /// The closing transaction with the split both have signed.
    Close,
    /// The newest revision, because an older one is on the ledger.
    Publish,
    /// The host's answer to a challenge.
    Answer,
    /// The host's proof after the end.
    Prove,
    /// The settlement of a challenge nobody answered.
    Default,
    /// The settlement of an agreement nobody proved.
    Expire,
}

impl DueStep {
    /// In words, to follow "next:".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::CloseOrPublish => "close by consent, or else publish the newest revision",
            Self::Close => "close with the split both have signed",
            Self::Publish => "publish the newest revision over an older one",
            Self::Answer => "the host answers the challenge",
            Self::Prove => "the host proves what it holds",
            Self::Default => "settle the challenge that was not answered",
            Self::Expire => "settle what was not proved",
        }
    }
}

/// Who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DueBy {
    /// This owner.
    Owner,
    /// The host.
    Host,
    /// Whoever does it first; this owner does if nobody else has.
    Anyone,
}

/// The next step of one agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DueView {
    /// Which agreement.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// What is sent next.
    pub step: DueStep,
    /// By whom.
    pub by: DueBy,
    /// From when on it can be sent, by the ledger's clock.
    pub from: UnixSeconds,
    /// The last moment for it; `None` where waiting loses nothing but time.
    pub until: Option<UnixSeconds>,
    /// The owner's money the ledger still holds.
    pub locked: Stroops,
    /// How much of the owner's money the step decides about.
    pub stake: Stroops,
}

impl DueView {
    /// The moment it is sorted by and slept until.
    #[must_use]
    pub fn deadline(&self) -> UnixSeconds {
        self.until.unwrap_or(self.from)
    }
}

/// What the owner gets by each way an agreement may end as its slot stands.
struct Ways {
    /// The published revision (or nothing) is not proved.
    missed: Stroops,
    /// It is proved.
    proved: Stroops,
    /// The newest revision is published and not proved.
    newest_missed: Stroops,
}

impl Ways {
    fn of(agreement: &Agreement, seen: &Seen) -> Self {
        let settled = Settled { floor: seen.state.floor, voucher: seen.state.voucher };
        let owner = |outcome| {
            let shares = settle(&agreement.terms, settled, seen.state.ending_at, outcome);
            shares.map_or(Stroops::ZERO, |shares| shares.owner)
        };
        let published = seen.published.as_ref();
        let newest = agreement.newest.as_ref().map(|signed| &signed.revision);
        Self {
            missed: owner(published.map_or(Outcome::Unused, Outcome::Missed)),
            proved: owner(published.map_or(Outcome::Unused, Outcome::Proved)),
            newest_missed: owner(newest.map_or(Outcome::Unused, Outcome::Missed)),
        }
    }
}

/// The next step of an open agreement; `None` for one whose money is not on the ledger.
pub(crate) fn due(agreement: &Agreement, seen: &Seen, now: UnixSeconds) -> Option<DueView> {
    if !agreement.phase.is_escrowed() {
        return None;
    }
    let (terms, ways) = (&agreement.terms, Ways::of(agreement, seen));
    let end = seen.state.ending_at;
    let gain = |done: Stroops, undone: Stroops| (done - undone).max(Stroops::ZERO);
    let (step, by, (from, until), stake) = if seen.state.phase == Phase::Challenged {
        challenged(agreement, seen, now, &ways)
    } else if agreement.parts_at(seen.state.n) {
        let share = agreement.parted.as_ref().map_or(Stroops::ZERO, |parted| parted.split.owner);
        let from = crate::settle::closable_after(terms).plus(1);
        (DueStep::Close, DueBy::Owner, (from, Some(terms.proof_deadline(end))), share)
    } else {
        match seen.clock(agreement, now) {
            Clock::Running | Clock::Publishing => {
                let stake = gain(ways.newest_missed, ways.missed);
                (DueStep::CloseOrPublish, DueBy::Owner, (end, Some(terms.freezes_at(end))), stake)
            }
            Clock::Proving if seen.state.n > 0 => {
                let window = (terms.freezes_at(end), Some(terms.proof_deadline(end)));
                (DueStep::Prove, DueBy::Host, window, gain(ways.missed, ways.proved))
            }
            Clock::Proving | Clock::Over => {
                (DueStep::Expire, DueBy::Anyone, (terms.proof_deadline(end).plus(1), None), ways.missed)
            }
        }
    };
    let locked = terms.escrow + terms.voucher_part;
    Some(DueView { agreement: agreement.id, host: agreement.host(), step, by, from, until, locked, stake })
}

type Next = (DueStep, DueBy, (UnixSeconds, Option<UnixSeconds>), Stroops);

fn challenged(agreement: &Agreement, seen: &Seen, now: UnixSeconds, ways: &Ways) -> Next {
    let (terms, challenge) = (&agreement.terms, &seen.state.challenge);
    let deadline = challenge.deadline(terms);
    if seen.state.in_default(terms, now) {
        let back = ways.missed + challenge.bond;
        return (DueStep::Default, DueBy::Anyone, (deadline.plus(1), None), back);
    }
    if agreement.current().n > seen.state.n && seen.state.takes_revisions(terms, now) {
        let stake = (ways.newest_missed - ways.missed).max(Stroops::ZERO);
        return (DueStep::Publish, DueBy::Owner, (now, Some(challenge.freezes_at(terms))), stake);
    }
    (DueStep::Answer, DueBy::Host, (challenge.opened, Some(deadline)), challenge.bond)
}

/// The next steps of all, the most urgent first.
pub(crate) fn timeline(open: &[(Agreement, Seen)], now: UnixSeconds) -> Vec<DueView> {
    let mut views: Vec<DueView> =
        open.iter().filter_map(|(agreement, seen)| due(agreement, seen, now)).collect();
    views.sort_by_key(|view| (view.deadline(), view.from, view.agreement));
    views
}
