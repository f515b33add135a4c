//! Calls that change an agreement's slot and leave it open, built from what the slot holds now.

use crate::agreement::Agreement;
use crate::core::{Core, TxWhat};
use crate::error::{LedgerFault, RecordsFault};
use crate::events::Progress;
use crate::ports::{AppliedTx, ChallengeItem, EscrowCall, Space};
use crate::seen::Seen;
use crate::transactions;
use layr_market::{Challenge, ChallengeKind, Notice, Party, SoftwareSha256, Terms, named_leaves_hash};
use layr_types::{LeafIndex, Stroops, UnixSeconds};

/// How long a signed challenge may take to the ledger, seconds: one hour.
const CHALLENGE_LIFE: u64 = 3_600;
/// Time a notice is given to reach the ledger beyond the terms' notice, seconds: ten minutes.
const NOTICE_MARGIN: u64 = 600;

/// Whether this owner has a newer revision than the ledger shows.
pub(crate) fn is_newer(agreement: &Agreement, seen: &Seen) -> bool {
    agreement.newest.as_ref().is_some_and(|newest| newest.revision.n > seen.state.n)
}

/// The call that shows the ledger the newest co-signed revision.
pub(crate) fn publication(agreement: &Agreement, seen: &Seen) -> Result<(EscrowCall, TxWhat), LedgerFault> {
    let missing = || LedgerFault::Journal(RecordsFault::Damaged { space: Space::Agreements });
    let newest = agreement.newest.clone().ok_or_else(missing)?;
    let what = TxWhat::Show { id: agreement.id, n: newest.revision.n };
    let call = EscrowCall::Publish {
        terms: Box::new(agreement.terms.clone()),
        state: Box::new(seen.state),
        revision: Box::new(newest),
    };
    Ok((call, what))
}

/// Shows the ledger the newest co-signed revision.
pub(crate) async fn publish(
    core: &Core,
    agreement: &Agreement,
    seen: &Seen,
    progress: &dyn Progress,
) -> Result<AppliedTx, LedgerFault> {
    let (call, what) = publication(agreement, seen)?;
    transactions::send(core, call, what, progress).await
}

/// The least bond an owner may put into a challenge.
pub(crate) fn least_bond(terms: &Terms) -> Stroops {
    terms.disclosure_price.max(Stroops(1))
}

/// A demand for leaves that a beacon round will name.
pub(crate) fn random(agreement: &Agreement, seen: &Seen, bond: Stroops, now: UnixSeconds) -> Challenge {
    Challenge {
        id: agreement.id,
        n: seen.state.n,
        count: seen.state.challenge.count,
        kind: ChallengeKind::Random,
        by: Party::Owner,
        bond,
        leaves_hash: [0; 32],
        expires: now.plus(CHALLENGE_LIFE),
    }
}

/// A demand for these leaves, and their list as the ledger wants it.
pub(crate) fn named(
    agreement: &Agreement,
    seen: &Seen,
    (bond, now): (Stroops, UnixSeconds),
    leaves: &[LeafIndex],
) -> (Challenge, Vec<u8>) {
    let list: Vec<u8> = leaves.iter().flat_map(|leaf| leaf.0.to_be_bytes()).collect();
    let leaves_hash = named_leaves_hash(&SoftwareSha256, &list);
    let kind = ChallengeKind::Named;
    (Challenge { kind, leaves_hash, ..random(agreement, seen, bond, now) }, list)
}

/// The call that opens a challenge.
pub(crate) fn demand(
    core: &Core,
    (agreement, seen): (&Agreement, &Seen),
    (challenge, leaves): (Challenge, Vec<u8>),
) -> EscrowCall {
    EscrowCall::Challenge(Box::new(ChallengeItem {
        terms: agreement.terms.clone(),
        state: seen.state,
        signature: core.sign(&challenge.digest(&SoftwareSha256)),
        challenge,
        leaves,
    }))
}

/// Opens a challenge.
pub(crate) async fn challenge(
    core: &Core,
    at: (&Agreement, &Seen),
    ask: (Challenge, Vec<u8>),
    progress: &dyn Progress,
) -> Result<AppliedTx, LedgerFault> {
    let what = TxWhat::Move { id: at.0.id };
    transactions::send(core, demand(core, at, ask), what, progress).await
}

/// The owner's word that an agreement ends as soon as its terms allow.
pub(crate) fn notice(agreement: &Agreement, now: UnixSeconds) -> Notice {
    let ending_at = now.plus(agreement.terms.notice.into()).plus(NOTICE_MARGIN);
    Notice { id: agreement.id, by: Party::Owner, ending_at }
}

/// The call that gives notice.
pub(crate) fn parting(core: &Core, (agreement, seen): (&Agreement, &Seen), notice: Notice) -> EscrowCall {
    EscrowCall::StartClose {
        terms: Box::new(agreement.terms.clone()),
        state: Box::new(seen.state),
        notice,
        signature: core.sign(&notice.digest(&SoftwareSha256)),
    }
}
