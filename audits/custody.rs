//! The check of a custody certificate: signatures, rounds, histories, answers and contents, in this order.
//!
//! Pure: a [`Witness`] checks signatures. The first thing that does not hold ends it, and is named.

use crate::answer::Answer;
use crate::certificate::{
    CERTIFICATE_VERSION, Certificate, CertifiedAgreement, CertifiedRound, CertifiedSegment, MAX_AGREEMENTS,
    MAX_LISTED_SECTORS, SignedRevision,
};
use crate::challenge::{Challenge, Commitment, Draw, audit_seed};
use crate::hex_text::Hex;
use crate::history::{AuditKind, AuditRecord, RECORD_BYTES, replay};
use crate::judge::{Attempt, Outcome, judge};
use crate::receipt::{answer_digest, receipt_digest};
use crate::verdict::Verdict;
use core::time::Duration;
use layr_market::{Revision, Sha256 as _, SoftwareSha256, Terms};
use layr_merkle::AgreementTree;
use layr_types::{AgreementId, LeafIndex, NodeKey, SectorRoot, Signature, UnixSeconds};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Whoever can check signatures.
pub trait Witness {
    /// Whether `key` signed `digest`.
    fn signed(&self, key: &NodeKey, digest: &[u8; 32], signature: &Signature) -> bool;
    /// Whether the beacon signed `round`.
    fn round(&self, round: u64, signature: &[u8; 48]) -> bool;
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Another version.
    #[error("version {0} of the certificate is not known here")]
    Version(u32),
    /// More than is looked at.
    #[error("it lists more agreements than are looked at")]
    TooMany,
    /// The owner's signature.
    #[error("its owner did not sign it as it stands")]
    Owner,
    /// A beacon round.
    #[error("the beacon with this key did not sign round {0}")]
    Round(u64),
    /// Bytes that do not read.
    #[error("agreement {0}: its terms or a revision do not read")]
    Unreadable(usize),
    /// The terms are not of this owner, or the host did not accept them.
    #[error("agreement {0}: its terms were not agreed on by this owner and this host")]
    Terms(usize),
    /// A revision both did not sign.
    #[error("agreement {0}: revision {1} does not carry both signatures")]
    Revision(usize, u64),
    /// A record that does not read.
    #[error("agreement {0}: audit record {1} does not read")]
    Record(usize, usize),
    /// Records that do not make the history both signed: forged, moved, left out, or repeated.
    #[error("agreement {0}: its audit records are not the history both signed")]
    History(usize),
    /// A record's round is not in the certificate.
    #[error("agreement {0}: beacon round {1} is not in the certificate")]
    NoRound(usize, u64),
    /// A receipt.
    #[error("agreement {0}: the host did not sign the answer to audit {1}")]
    Receipt(usize, u64),
    /// The proof.
    #[error("agreement {0}: the leaves do not prove the data of a revision both signed")]
    Proof(usize),
    /// The contents.
    #[error("agreement {0}: the sectors listed are not those of its newest revision")]
    Sectors(usize),
}

/// What one agreement's part of a certificate proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedAgreement {
    /// Which.
    pub id: AgreementId,
    /// The host.
    pub host: NodeKey,
    /// Sectors under the newest revision.
    pub sectors: u64,
    /// Audits passed.
    pub good: u32,
    /// Audits failed.
    pub bad: u32,
    /// Leaves proved in all.
    pub leaves: u64,
    /// The first beacon round a record names, 0 for none.
    pub first_round: u64,
    /// The last one.
    pub last_round: u64,
    /// Answers that carry the host's own signature.
    pub receipts: u64,
    /// Leaves of the whole answer that were checked here, and the round they were drawn from.
    pub proved: Option<(u16, u64)>,
    /// How the newest audit ended.
    pub last_verdict: Option<Verdict>,
}

/// What a certificate proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whose it is.
    pub owner: NodeKey,
    /// When it was made, in its owner's words.
    pub issued: UnixSeconds,
    /// The file's name, size and BLAKE3, in its owner's words.
    pub file: Option<(String, u64, Hex)>,
    /// Segments of the file, and how many have as many shards as they need among the sectors listed.
    pub segments: (u64, u64),
    /// The agreements.
    pub agreements: Vec<VerifiedAgreement>,
    /// Rounds whose signature was checked.
    pub rounds: u64,
    /// When the first and the last of them were published, by the beacon's clock in the certificate.
    pub span: Option<(UnixSeconds, UnixSeconds)>,
}

/// Checks a certificate from end to end.
///
/// # Errors
/// [`CertificateError`]: what does not hold, and where.
pub fn verify_certificate(
    certificate: &Certificate,
    witness: &dyn Witness,
) -> Result<Verified, CertificateError> {
    if certificate.layr_custody_certificate != CERTIFICATE_VERSION {
        return Err(CertificateError::Version(certificate.layr_custody_certificate));
    }
    if certificate.agreements.len() > MAX_AGREEMENTS {
        return Err(CertificateError::TooMany);
    }
    if !witness.signed(&certificate.owner, &certificate.digest(), &certificate.signature) {
        return Err(CertificateError::Owner);
    }
    let rounds = rounds(certificate, witness)?;
    let check = |(at, agreement)| Check { certificate, witness, rounds: &rounds, at, agreement }.run();
    let agreements: Vec<VerifiedAgreement> =
        certificate.agreements.iter().enumerate().map(check).collect::<Result<_, _>>()?;
    let listed: BTreeSet<&SectorRoot> =
        certificate.agreements.iter().flat_map(|agreement| &agreement.sectors).collect();
    let segments = certificate.file.as_ref().map_or(&[][..], |file| &file.segments);
    let whole = |segment: &&CertifiedSegment| {
        let there = segment.shards.iter().filter(|(_, root)| listed.contains(root));
        there.map(|(index, _)| index).collect::<BTreeSet<_>>().len() >= usize::from(segment.needed)
    };
    let time = |round: &u64| certificate.beacon.time_of(*round);
    Ok(Verified {
        owner: certificate.owner,
        issued: certificate.issued,
        file: certificate.file.as_ref().map(|file| (file.name.clone(), file.size, file.hash.clone())),
        segments: (segments.len() as u64, segments.iter().filter(whole).count() as u64),
        agreements,
        rounds: rounds.len() as u64,
        span: rounds.keys().next().map(time).zip(rounds.keys().next_back().map(time)),
    })
}

/// Every round's randomness, its signature checked.
fn rounds(
    certificate: &Certificate,
    witness: &dyn Witness,
) -> Result<BTreeMap<u64, [u8; 32]>, CertificateError> {
    let mut rounds = BTreeMap::new();
    for CertifiedRound { round, signature } in &certificate.rounds {
        let bytes: Option<&[u8; 48]> = signature.0.as_slice().try_into().ok();
        let bytes = bytes.filter(|bytes| witness.round(*round, bytes));
        let bytes = bytes.ok_or(CertificateError::Round(*round))?;
        rounds.insert(*round, SoftwareSha256.sha256(&[bytes]));
    }
    Ok(rounds)
}

/// One agreement being checked.
struct Check<'a> {
    certificate: &'a Certificate,
    witness: &'a dyn Witness,
    rounds: &'a BTreeMap<u64, [u8; 32]>,
    at: usize,
    agreement: &'a CertifiedAgreement,
}

impl Check<'_> {
    fn run(&self) -> Result<VerifiedAgreement, CertificateError> {
        let Self { at, agreement, .. } = *self;
        let terms = Terms::decode(&agreement.terms.0).map_err(|_| CertificateError::Unreadable(at))?;
        let id = terms.id(&SoftwareSha256, &self.certificate.context);
        let agreed = terms.owner_key == self.certificate.owner
            && self.witness.signed(&terms.host_key, &id.0, &agreement.accepted);
        if !agreed {
            return Err(CertificateError::Terms(at));
        }
        let newest = self.revision(&terms, id, &agreement.newest)?;
        let records = self.records(&newest)?;
        self.receipts(&terms, id, &records)?;
        self.sectors(&newest)?;
        let named = records.iter().map(|record| record.round).filter(|round| *round > 0);
        Ok(VerifiedAgreement {
            id,
            host: terms.host_key,
            sectors: newest.sectors,
            good: newest.audits.good,
            bad: newest.audits.bad,
            leaves: records.iter().map(|record| u64::from(record.good)).sum(),
            first_round: named.clone().min().unwrap_or(0),
            last_round: named.max().unwrap_or(0),
            receipts: agreement.receipts.len() as u64,
            proved: self.proof(&terms, id, &records)?,
            last_verdict: records.last().map(|record| record.verdict),
        })
    }

    fn revision(
        &self,
        terms: &Terms,
        id: AgreementId,
        signed: &SignedRevision,
    ) -> Result<Revision, CertificateError> {
        let revision =
            Revision::decode(&signed.revision.0).map_err(|_| CertificateError::Unreadable(self.at))?;
        let digest = revision.digest(&SoftwareSha256);
        let both = revision.id == id
            && revision.fits(terms)
            && self.witness.signed(&terms.owner_key, &digest, &signed.owner)
            && self.witness.signed(&terms.host_key, &digest, &signed.host);
        if both { Ok(revision) } else { Err(CertificateError::Revision(self.at, revision.n)) }
    }

    fn records(&self, newest: &Revision) -> Result<Vec<AuditRecord>, CertificateError> {
        let mut records = Vec::new();
        for (number, bytes) in self.agreement.records.iter().enumerate() {
            let record = Some(&bytes.0).filter(|bytes| bytes.len() == RECORD_BYTES);
            let record = record.and_then(|bytes| AuditRecord::decode(bytes).ok());
            records.push(record.ok_or(CertificateError::Record(self.at, number))?);
        }
        if replay(&records) != Ok(newest.audits) {
            return Err(CertificateError::History(self.at));
        }
        match records.iter().find(|record| record.round > 0 && !self.rounds.contains_key(&record.round)) {
            Some(record) => Err(CertificateError::NoRound(self.at, record.round)),
            None => Ok(records),
        }
    }

    fn receipts(
        &self,
        terms: &Terms,
        id: AgreementId,
        records: &[AuditRecord],
    ) -> Result<(), CertificateError> {
        for receipt in &self.agreement.receipts {
            let wrong = CertificateError::Receipt(self.at, receipt.record);
            let record = usize::try_from(receipt.record).ok().and_then(|place| records.get(place));
            let challenge = record.and_then(|record| self.challenge(id, record, &receipt.leaves));
            let answer: Option<&[u8; 32]> = receipt.answer.0.as_slice().try_into().ok();
            let signed = challenge.zip(answer).is_some_and(|(challenge, answer)| {
                let digest = receipt_digest(&challenge, answer);
                self.witness.signed(&terms.host_key, &digest, &receipt.signature)
            });
            if !signed {
                return Err(wrong);
            }
        }
        Ok(())
    }

    /// The challenge a record tells of.
    fn challenge(&self, id: AgreementId, record: &AuditRecord, leaves: &[LeafIndex]) -> Option<Challenge> {
        let draw = match record.kind {
            AuditKind::Named => Draw::Named { leaves: leaves.to_vec() },
            AuditKind::Read => return None,
            AuditKind::Random | AuditKind::First => {
                let randomness = self.rounds.get(&record.round)?;
                let (round, nonce, count) = (record.round, record.nonce, record.asked);
                Draw::Random { round, nonce, seed: audit_seed(randomness, &nonce), count }
            }
        };
        Some(Challenge { agreement: id, revision: record.revision, draw })
    }

    fn sectors(&self, newest: &Revision) -> Result<(), CertificateError> {
        let sectors = &self.agreement.sectors;
        let wrong = CertificateError::Sectors(self.at);
        if sectors.is_empty() {
            return Ok(());
        }
        let right = sectors.len() as u64 == newest.sectors
            && newest.sectors <= MAX_LISTED_SECTORS
            && AgreementTree::from_roots(sectors).is_ok_and(|tree| tree.root() == newest.root);
        if right { Ok(()) } else { Err(wrong) }
    }

    /// Checks the whole answer: drawn from a signed round, recorded, signed by the host, and right in every leaf.
    fn proof(
        &self,
        terms: &Terms,
        id: AgreementId,
        records: &[AuditRecord],
    ) -> Result<Option<(u16, u64)>, CertificateError> {
        let Some(proof) = &self.agreement.proof else { return Ok(None) };
        let wrong = || CertificateError::Proof(self.at);
        let of = self.revision(terms, id, &proof.of)?;
        let nonce: [u8; 32] = proof.nonce.0.as_slice().try_into().map_err(|_| wrong())?;
        let told = records.iter().find(|record| (record.nonce, record.round) == (nonce, proof.round));
        let told = told.filter(|record| record.revision == of.n && record.asked == proof.count);
        let challenge = self.challenge(id, told.ok_or_else(wrong)?, &[]).ok_or_else(wrong)?;
        let answer = Answer { lost: Vec::new(), proofs: proof.proofs.0.clone().into() };
        let digest = receipt_digest(&challenge, &answer_digest(&answer));
        let attempt = Attempt {
            outcome: Outcome::Answered(&answer),
            took: Duration::ZERO,
            allowed: Duration::from_secs(1),
        };
        let sound = self.witness.signed(&terms.host_key, &digest, &proof.signature)
            && judge(&challenge, &Commitment::from(&of), &attempt).verdict == Verdict::Passed;
        if sound { Ok(Some((proof.count, proof.round))) } else { Err(wrong()) }
    }
}
