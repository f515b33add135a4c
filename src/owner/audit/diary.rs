//! The diary of an agreement's audits: what is due is read off it, and what the host has signed for its answers is
//! kept in it. Written in the same batch as whatever it tells of.

use crate::book::Draft;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::{BeaconRound, Space};
use layr_audits::{Answer, AuditKind, AuditRecord, AuditState, Challenge, Verdict};
use layr_identity::Purpose;
use layr_merkle::trim_moves;
use layr_types::{AgreementId, SectorIndex, Signature};
use serde::{Deserialize, Serialize};

/// What one agreement's audits have come to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Diary {
    /// The calendar's state.
    pub(crate) state: AuditState,
}

/// What a host signed when it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receipt {
    pub(crate) challenge: Challenge,
    /// [`layr_audits::answer_digest`].
    pub(crate) answer: [u8; 32],
    pub(crate) signature: Signature,
}

/// An answer kept whole: the newest one that passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) challenge: Challenge,
    pub(crate) answer: Answer,
    pub(crate) signature: Signature,
}

/// An agreement's diary; empty before the first audit.
pub(crate) fn load(core: &Core, id: &AgreementId) -> Result<Diary, RecordsFault> {
    Ok(core.book.get(Space::Diaries, id.as_bytes())?.unwrap_or_default())
}

/// Writes a diary into a draft.
pub(crate) fn put(draft: &mut Draft<'_>, id: &AgreementId, diary: &Diary) {
    draft.put(Space::Diaries, id.as_bytes(), diary);
}

/// Changes a diary, alone. Whoever calls does not hold the agreement's lock.
pub(crate) async fn change(
    core: &Core,
    id: &AgreementId,
    with: impl FnOnce(&mut Diary) + Send,
) -> Result<(), RecordsFault> {
    let lock = core.lock_of(*id);
    let _held = lock.lock().await;
    let mut diary = load(core, id)?;
    with(&mut diary);
    core.book.put(Space::Diaries, id.as_bytes(), &diary)
}

/// Gives an old agreement's diary to its heir: the same sectors lie at the same places.
pub(crate) fn inherit(
    core: &Core,
    (old, heir): (&AgreementId, &AgreementId),
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    let diary = load(core, old)?;
    put(draft, heir, &diary);
    draft.put(Space::Diaries, &reads_key(heir), &reads(core, old)?);
    Ok(())
}

/// Notes that sectors were given up, and others moved into their places: those are sampled again.
pub(crate) fn trimmed(
    core: &Core,
    (id, sectors): (&AgreementId, u64),
    places: &[SectorIndex],
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    let Ok(moves) = trim_moves(places, sectors) else { return Ok(()) };
    let mut diary = load(core, id)?;
    moves.into_iter().for_each(|(to, _)| diary.state.scrub.moved(to.0));
    put(draft, id, &diary);
    Ok(())
}

/// What the schedule of an agreement follows from: nobody but this owner knows it.
pub(crate) fn seed(core: &Core, id: &AgreementId) -> [u8; 32] {
    let secret = core.identity.secret(Purpose::Journal);
    Core::tag(&[b"layr owner audit times", secret.as_slice(), id.as_bytes()])
}

/// Where the tally of reads is kept: apart from the diary, so that a download waits for nobody's lock.
fn reads_key(id: &AgreementId) -> Vec<u8> {
    [b"reads ", id.as_bytes().as_slice()].concat()
}

/// Leaves that reads have proved and no record counts yet.
pub(crate) fn reads(core: &Core, id: &AgreementId) -> Result<u64, RecordsFault> {
    Ok(core.book.get(Space::Diaries, &reads_key(id))?.unwrap_or_default())
}

/// Adds leaves to the tally. Whoever calls holds [`Core`]'s tally until the draft is committed.
pub(crate) fn add_reads(
    core: &Core,
    (id, leaves): (&AgreementId, u64),
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    let sum = reads(core, id)?.saturating_add(leaves);
    draft.put(Space::Diaries, &reads_key(id), &sum);
    Ok(())
}

/// Takes a record that both have signed into account: reads it counts are counted. Whoever calls holds [`Core`]'s
/// tally until the draft is committed.
pub(crate) fn recorded(
    core: &Core,
    id: &AgreementId,
    record: &AuditRecord,
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    if record.kind == AuditKind::Read && record.verdict == Verdict::Passed {
        let left = reads(core, id)?.saturating_sub(record.asked.into());
        draft.put(Space::Diaries, &reads_key(id), &left);
    }
    Ok(())
}

/// Where the receipt for a challenge is kept. No two challenges of a revision have the same nonce or leaves.
pub(crate) fn receipt_key(challenge: &Challenge) -> Vec<u8> {
    let draw = match &challenge.draw {
        layr_audits::Draw::Random { nonce, .. } => *nonce,
        layr_audits::Draw::Named { .. } => [0; 32],
    };
    [challenge.agreement.as_bytes(), &challenge.revision.to_be_bytes()[..], &draw].concat()
}

/// Keeps a beacon round's signature: with it anybody can check later when a challenge was drawn.
pub(crate) fn keep_round(core: &Core, beacon: &BeaconRound) -> Result<(), RecordsFault> {
    let key = beacon.round.to_be_bytes();
    if core.book.get::<Vec<u8>>(Space::Rounds, &key)?.is_some() {
        return Ok(());
    }
    core.book.put(Space::Rounds, &key, &beacon.signature.to_vec())
}
