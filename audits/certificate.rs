//! The custody certificate: everything a stranger needs to check, offline and years later, that hosts answered
//! audits of certain data, when, and how well.
//!
//! It needs nothing but the beacon's public key. The **terms** carry the parties' keys and hash to the agreement's
//! id, which the host signed. The **revision**, signed by both, holds the fold of all **records**: none can be
//! forged, moved, left out or repeated. Each **round** the records name carries the beacon's signature, so no
//! challenge was drawn before it. A **receipt** is the host's own signature under one answer. The **proof** is the
//! newest sound answer whole: leaves, paths, and the root they lead to. The **sectors** are the agreement's
//! contents, which hash to the newest root and name the **file**'s shards. The owner signs the whole, and for the
//! file's name, size and hash alone it is the only witness.
//!
//! Pure: signatures are checked by a [`crate::Witness`]. Nothing here trusts a length before it is bounded.

use crate::hex_text::Hex;
use layr_market::{BeaconSchedule, Context, Sha256 as _, SoftwareSha256};
use layr_types::{LeafIndex, NodeKey, SectorRoot, Signature, UnixSeconds};
use serde::{Deserialize, Serialize};

/// The version this program writes and reads.
pub const CERTIFICATE_VERSION: u32 = 1;
/// Largest certificate file read: 256 MiB.
pub const MAX_CERTIFICATE_BYTES: u64 = 256 << 20;
/// Most agreements of one certificate.
pub(crate) const MAX_AGREEMENTS: usize = 4_096;
/// Most sectors of one agreement that are listed: 64 GiB.
pub const MAX_LISTED_SECTORS: u64 = 65_536;

/// A revision and both signatures under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRevision {
    /// Its canonical bytes.
    pub revision: Hex,
    /// By the owner.
    pub owner: Signature,
    /// By the host.
    pub host: Signature,
}

/// A beacon round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedRound {
    /// Its number.
    pub round: u64,
    /// The beacon's signature, 48 bytes, compressed.
    pub signature: Hex,
}

/// What a host signed when it answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedReceipt {
    /// Place of the record it belongs to.
    pub record: u64,
    /// [`crate::answer_digest`].
    pub answer: Hex,
    /// Leaves, where the owner named them.
    pub leaves: Vec<LeafIndex>,
    /// By the host, over [`crate::receipt_digest`].
    pub signature: Signature,
}

/// A sound answer, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedProof {
    /// The revision audited.
    pub of: SignedRevision,
    /// The beacon round.
    pub round: u64,
    /// The owner's nonce.
    pub nonce: Hex,
    /// Leaves drawn.
    pub count: u16,
    /// Their proofs.
    pub proofs: Hex,
    /// By the host, over the receipt's digest.
    pub signature: Signature,
}

/// One agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedAgreement {
    /// The terms' canonical bytes.
    pub terms: Hex,
    /// By the host, over the agreement's id.
    pub accepted: Signature,
    /// The newest revision.
    pub newest: SignedRevision,
    /// Every audit record, oldest first, 60 bytes each.
    pub records: Vec<Hex>,
    /// Receipts, as far as they are kept, by record.
    pub receipts: Vec<CertifiedReceipt>,
    /// The newest sound answer; `None` where none is kept.
    pub proof: Option<CertifiedProof>,
    /// Every sector under the newest revision, in order; empty where they are not known or too many.
    pub sectors: Vec<SectorRoot>,
}

/// A segment of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedSegment {
    /// Shards that rebuild it.
    pub needed: u8,
    /// Its shards: number, and the root of the sector it is.
    pub shards: Vec<(u8, SectorRoot)>,
}

/// The file, in its owner's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertifiedFile {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub size: u64,
    /// BLAKE3 of its content.
    pub hash: Hex,
    /// Its segments.
    pub segments: Vec<CertifiedSegment>,
}

/// A custody certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`CERTIFICATE_VERSION`].
    pub layr_custody_certificate: u32,
    /// Network and contract.
    pub context: Context,
    /// The beacon's clock, as the owner knows it.
    pub beacon: BeaconSchedule,
    /// When it was made, by the ledger's clock.
    pub issued: UnixSeconds,
    /// Who made it.
    pub owner: NodeKey,
    /// The file it is about; `None` for one about agreements.
    pub file: Option<CertifiedFile>,
    /// The agreements.
    pub agreements: Vec<CertifiedAgreement>,
    /// The beacon rounds their records name.
    pub rounds: Vec<CertifiedRound>,
    /// By the owner, over [`Certificate::digest`].
    pub signature: Signature,
}

impl Certificate {
    /// What the owner signs: every part but the signature, each behind its length.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut out = b"layr/v1/custody\0".to_vec();
        out.extend_from_slice(&self.layr_custody_certificate.to_be_bytes());
        out.extend_from_slice(&self.context.network.0);
        out.extend_from_slice(&self.context.contract.0);
        out.extend_from_slice(&self.beacon.genesis.0.to_be_bytes());
        out.extend_from_slice(&self.beacon.period.to_be_bytes());
        out.extend_from_slice(&self.issued.0.to_be_bytes());
        out.extend_from_slice(&self.owner.0);
        part(&mut out, &self.file.as_ref().map(CertifiedFile::bytes).unwrap_or_default());
        for agreement in &self.agreements {
            part(&mut out, &agreement.digest());
        }
        part(&mut out, &[]);
        for round in &self.rounds {
            part(&mut out, &round.round.to_be_bytes());
            part(&mut out, &round.signature.0);
        }
        SoftwareSha256.sha256(&[&out])
    }
}

impl CertifiedFile {
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![1];
        part(&mut out, self.name.as_bytes());
        out.extend_from_slice(&self.size.to_be_bytes());
        part(&mut out, &self.hash.0);
        for segment in &self.segments {
            out.push(segment.needed);
            part(&mut out, &(segment.shards.len() as u64).to_be_bytes());
            for (index, root) in &segment.shards {
                out.push(*index);
                out.extend_from_slice(&root.0);
            }
        }
        out
    }
}

impl SignedRevision {
    fn put(&self, out: &mut Vec<u8>) {
        part(out, &self.revision.0);
        out.extend_from_slice(&self.owner.0);
        out.extend_from_slice(&self.host.0);
    }
}

impl CertifiedAgreement {
    fn digest(&self) -> [u8; 32] {
        let mut out = Vec::new();
        part(&mut out, &self.terms.0);
        out.extend_from_slice(&self.accepted.0);
        self.newest.put(&mut out);
        part(&mut out, &(self.records.len() as u64).to_be_bytes());
        self.records.iter().for_each(|record| part(&mut out, &record.0));
        part(&mut out, &(self.receipts.len() as u64).to_be_bytes());
        for receipt in &self.receipts {
            out.extend_from_slice(&receipt.record.to_be_bytes());
            part(&mut out, &receipt.answer.0);
            part(&mut out, &(receipt.leaves.len() as u64).to_be_bytes());
            receipt.leaves.iter().for_each(|leaf| out.extend_from_slice(&leaf.0.to_be_bytes()));
            out.extend_from_slice(&receipt.signature.0);
        }
        match &self.proof {
            None => out.push(0),
            Some(proof) => {
                out.push(1);
                proof.of.put(&mut out);
                out.extend_from_slice(&proof.round.to_be_bytes());
                part(&mut out, &proof.nonce.0);
                out.extend_from_slice(&proof.count.to_be_bytes());
                part(&mut out, &proof.proofs.0);
                out.extend_from_slice(&proof.signature.0);
            }
        }
        self.sectors.iter().for_each(|root| out.extend_from_slice(&root.0));
        SoftwareSha256.sha256(&[&out])
    }
}

fn part(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}
