//! The custody certificate, out of what this machine keeps. Asks nobody.
//!
//! What must never happen: a certificate that does not verify leaves this machine. A history that is not whole here
//! (after a recovery the earlier part lies on the machine that was lost) is an error, not half a certificate.

use super::diary::{Kept, Receipt};
use super::{history, target};
use crate::agreement::Agreement;
use crate::contents;
use crate::core::Core;
use crate::error::{AuditCause, RecordsFault};
use crate::lookup;
use crate::ports::Space;
use crate::request::AuditTarget;
use crate::revise::revision_key;
use layr_audits::{
    AuditKind, AuditRecord, CERTIFICATE_VERSION, Certificate, CertifiedAgreement, CertifiedFile,
    CertifiedProof, CertifiedReceipt, CertifiedRound, CertifiedSegment, Draw, Hex, MAX_LISTED_SECTORS,
    SignedRevision, replay,
};
use layr_merkle::AgreementTree;
use layr_protocol::CoSigned;
use layr_types::{AgreementId, SectorRoot, Signature};
use std::collections::{BTreeSet, HashMap};

/// Most renewals an agreement's past is followed through.
const GENERATIONS: usize = 64;

/// Makes a certificate about what a target means.
pub(crate) fn certify(core: &Core, target: &AuditTarget) -> Result<Certificate, AuditCause> {
    let (ids, files) = target::resolve(core, target)?;
    let mut agreements = Vec::new();
    let mut rounds = BTreeSet::new();
    for id in with_past(core, ids)? {
        if let Some((agreement, named)) = agreement(core, &id)? {
            agreements.push(agreement);
            rounds.extend(named);
        }
    }
    if agreements.is_empty() {
        return Err(AuditCause::NothingAudited);
    }
    let file = match files.as_slice() {
        [name] => file(core, name)?,
        _ => None,
    };
    let mut certificate = Certificate {
        layr_custody_certificate: CERTIFICATE_VERSION,
        context: core.info.context,
        beacon: core.info.beacon,
        issued: core.last_known(),
        owner: core.key(),
        file,
        agreements,
        rounds: rounds.into_iter().map(|round| signed_round(core, round)).collect::<Result<_, _>>()?,
        signature: Signature([0; 64]),
    };
    certificate.signature = core.sign(&certificate.digest());
    Ok(certificate)
}

/// These agreements and those they renewed, each once.
fn with_past(core: &Core, ids: Vec<AgreementId>) -> Result<Vec<AgreementId>, RecordsFault> {
    let mut all = Vec::new();
    for id in ids {
        let mut next = Some(id);
        for _ in 0..GENERATIONS {
            let Some(id) = next.filter(|id| !all.contains(id)) else { break };
            let Some(known) = core.agreement(&id)? else { break };
            all.push(id);
            next = Some(known.terms.previous).filter(|previous| *previous != AgreementId::default());
        }
    }
    Ok(all)
}

/// One agreement's part, and the rounds its records name; `None` where nothing was ever signed under it.
fn agreement(core: &Core, id: &AgreementId) -> Result<Option<(CertifiedAgreement, Vec<u64>)>, AuditCause> {
    let Some(known) = core.agreement(id)? else { return Ok(None) };
    let Some(newest) = &known.newest else { return Ok(None) };
    let records = history(core, id)?;
    if replay(&records) != Ok(newest.revision.audits) {
        return Err(AuditCause::HistoryIncomplete(*id));
    }
    let certified = CertifiedAgreement {
        terms: Hex(known.terms.encode().to_vec()),
        accepted: known.accepted,
        newest: signed(newest),
        receipts: receipts(core, id, &records)?,
        proof: proof(core, id, &records)?,
        sectors: sectors(core, &known)?,
        records: records.iter().map(|record| Hex(record.encode().to_vec())).collect(),
    };
    let rounds = records.iter().map(|record| record.round).filter(|round| *round > 0).collect();
    Ok(Some((certified, rounds)))
}

fn signed(signed: &CoSigned) -> SignedRevision {
    SignedRevision {
        revision: Hex(signed.revision.encode().to_vec()),
        owner: signed.owner,
        host: signed.host,
    }
}

fn receipts(
    core: &Core,
    id: &AgreementId,
    records: &[AuditRecord],
) -> Result<Vec<CertifiedReceipt>, RecordsFault> {
    let kept = core.book.scan::<Receipt>(Space::Receipts, id.as_bytes())?;
    let kept: HashMap<Vec<u8>, Receipt> = kept.into_iter().collect();
    let mut found = Vec::new();
    for (number, record) in (0..).zip(records) {
        let key = [id.as_bytes(), &record.revision.to_be_bytes()[..], &record.nonce].concat();
        let Some(receipt) = kept.get(&key).filter(|receipt| told_by(record, receipt)) else { continue };
        let leaves = match &receipt.challenge.draw {
            Draw::Named { leaves } => leaves.clone(),
            Draw::Random { .. } => Vec::new(),
        };
        let answer = Hex(receipt.answer.to_vec());
        found.push(CertifiedReceipt { record: number, answer, leaves, signature: receipt.signature });
    }
    Ok(found)
}

/// Whether a record tells of the challenge a receipt is for.
fn told_by(record: &AuditRecord, receipt: &Receipt) -> bool {
    let same = usize::from(record.asked) == receipt.challenge.count();
    let kind = match &receipt.challenge.draw {
        Draw::Named { .. } => record.kind == AuditKind::Named,
        Draw::Random { .. } => matches!(record.kind, AuditKind::Random | AuditKind::First),
    };
    same && kind
}

/// The newest sound answer, if its record is in the history and the revision it is about is kept.
fn proof(
    core: &Core,
    id: &AgreementId,
    records: &[AuditRecord],
) -> Result<Option<CertifiedProof>, RecordsFault> {
    let Some(kept) = core.book.get::<Kept>(Space::Answers, id.as_bytes())? else { return Ok(None) };
    let Draw::Random { round, nonce, count, .. } = kept.challenge.draw else { return Ok(None) };
    let revision = kept.challenge.revision;
    let told = |record: &&AuditRecord| (record.revision, record.nonce) == (revision, nonce);
    let of: Option<CoSigned> = core.book.get(Space::Revisions, &revision_key(*id, revision))?;
    let (Some(_), Some(of)) = (records.iter().find(told), of) else { return Ok(None) };
    Ok(Some(CertifiedProof {
        of: signed(&of),
        round,
        nonce: Hex(nonce.to_vec()),
        count,
        proofs: Hex(kept.answer.proofs.to_vec()),
        signature: kept.signature,
    }))
}

/// The agreement's contents, where all of them are known here and not too many.
fn sectors(core: &Core, agreement: &Agreement) -> Result<Vec<SectorRoot>, RecordsFault> {
    let newest = agreement.current();
    if newest.sectors > MAX_LISTED_SECTORS {
        return Ok(Vec::new());
    }
    let roots = contents::load(core, &agreement.id)?;
    let whole = roots.len() as u64 == newest.sectors
        && AgreementTree::from_roots(&roots).is_ok_and(|tree| tree.root() == newest.root);
    Ok(if whole { roots } else { Vec::new() })
}

fn file(core: &Core, name: &str) -> Result<Option<CertifiedFile>, RecordsFault> {
    let Some(file) = lookup::file(core, name)? else { return Ok(None) };
    let segments = lookup::segments(core, &file.manifest)?;
    let segments = segments.values().map(|segment| CertifiedSegment {
        needed: segment.profile.k(),
        shards: segment.shards.iter().map(|shard| (shard.index.0, shard.root)).collect(),
    });
    Ok(Some(CertifiedFile {
        name: name.to_owned(),
        size: file.manifest.size().0,
        hash: Hex(file.manifest.hash().0.to_vec()),
        segments: segments.collect(),
    }))
}

fn signed_round(core: &Core, round: u64) -> Result<CertifiedRound, RecordsFault> {
    let signature: Option<Vec<u8>> = core.book.get(Space::Rounds, &round.to_be_bytes())?;
    let signature = signature.ok_or(RecordsFault::Damaged { space: Space::Rounds })?;
    Ok(CertifiedRound { round, signature: Hex(signature) })
}
