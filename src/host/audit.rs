//! Audits, from the host's side: proving leaves, and writing the verdict into the shared history.

use crate::agreement::{Agreement, AgreementState};
use crate::append::{already_signed, check_follows, check_signature, revision_refusal};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{SectorError, Table};
use crate::rows;
use layr_audits::{
    Answer, AuditRecord, Challenge, Commitment, LeafSource, Loss, ProveError, SourceError, StoredLeaf,
    Verdict, answer_digest, fold, prove, receipt_digest,
};
use layr_merkle::AgreementTree;
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Acknowledge, AuditReply, Refusal};
use layr_types::{
    AgreementId, ByteCount, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, NodeKey, SectorRoot, Signature,
    UnixSeconds,
};
use std::sync::Arc;

/// Records at the end of a history among which a replayed one is looked for.
const REMEMBERED: u64 = 64;

impl Host {
    /// Answers a challenge as [`Self::audit`] does, within the day's allowance, and signs that it did.
    ///
    /// # Errors
    /// As [`Self::audit`]. Beyond the allowance the proofs are charged as reads: [`Refusal::PaymentRequired`] where
    /// no voucher covers them, [`Refusal::AuditQuota`] where reading costs nothing.
    pub async fn answer(
        self: &Arc<Self>,
        peer: NodeKey,
        challenge: Challenge,
    ) -> Result<AuditReply, Refusal> {
        let asked = challenge.clone();
        self.blocking(move |host| host.within_quota(&peer, &asked)).await?;
        let answer = self.audit(peer, challenge.clone()).await?;
        let digest = receipt_digest(&challenge, &answer_digest(&answer));
        Ok(AuditReply { answer, signature: self.ports.signer.sign(&digest) })
    }

    /// Takes the challenge's leaves out of the agreement's allowance, or has them paid.
    fn within_quota(&self, peer: &NodeKey, challenge: &Challenge) -> Result<(), Refusal> {
        let agreement = self.agreement_of(peer, &challenge.agreement)?;
        let daily = u64::from(self.config.free_audit_leaves) + agreement.current().sectors / 4;
        let leaves = challenge.count() as u64;
        let Err(wait) = self.quotas.take(&agreement.id, leaves, daily) else { return Ok(()) };
        if agreement.account().rate == 0 {
            return Err(Refusal::AuditQuota { wait });
        }
        // What a proof makes the host read.
        self.charge(&agreement.id, ByteCount(leaves.saturating_mul(GROUP_BYTES as u64)))
    }

    /// Answers a challenge about the newest revision of an agreement of `peer`: a proof for every leaf that is
    /// sound, an admission for every other.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::Stale`] where the challenge is about another revision.
    pub async fn audit(self: &Arc<Self>, peer: NodeKey, challenge: Challenge) -> Result<Answer, Refusal> {
        self.blocking(move |host| host.audit_now(&peer, &challenge)).await
    }

    fn audit_now(&self, peer: &NodeKey, challenge: &Challenge) -> Result<Answer, Refusal> {
        let agreement = self.agreement_of(peer, &challenge.agreement)?;
        if agreement.state == AgreementState::Proposed {
            return Err(Refusal::NotOpen);
        }
        let held = Commitment::from(&agreement.current());
        if challenge.revision != held.revision {
            return Err(Refusal::Stale { newest: held.revision });
        }
        let answer = self.prove_leaves(challenge, &held);
        // Sectors given up in the meantime make neither a wrong proof nor a confession.
        let newest = self.agreement_of(peer, &challenge.agreement)?.current().n;
        if newest != held.revision {
            return Err(Refusal::Stale { newest });
        }
        let answer = answer?;
        if let Some(lost) = answer.lost.first() {
            tracing::error!(agreement = %challenge.agreement, ?lost, "an audit found data lost; the owner is told");
        }
        self.recall.note(challenge, &answer);
        Ok(answer)
    }

    /// Proves leaves of any revision this host has signed since it last gave sectors up: appends only add, so an
    /// older revision's tree is the newest one's beginning.
    pub(crate) fn prove_leaves(&self, challenge: &Challenge, held: &Commitment) -> Result<Answer, Refusal> {
        if held.sectors == 0 {
            return Err(Refusal::SectorMissing { root: SectorRoot::default() });
        }
        let shelf = self.shelf_of(&held.agreement).ok_or(Refusal::Ended)?;
        let tree = self.tree_of(&shelf, (held.root, held.sectors))?;
        let tree = tree.ok_or(Refusal::Stale { newest: held.revision })?;
        let source = Disk { host: self, shelf, tree };
        prove(challenge, held, &source).map_err(|error| match error {
            ProveError::Challenge(_) => Refusal::TooMany,
            other => {
                tracing::error!(agreement = %held.agreement, error = %crate::error::Chain(&other), "cannot prove");
                Refusal::DiskFault
            }
        })
    }

    /// Records an audit's verdict in the history both sign, and countersigns.
    ///
    /// # Errors
    /// [`Refusal`]; [`Refusal::RevisionMismatch`] for a history the host does not compute itself, or a record
    /// that says data was lost which this host proved.
    pub async fn acknowledge(
        self: &Arc<Self>,
        peer: NodeKey,
        acknowledge: Acknowledge,
    ) -> Result<Signature, Refusal> {
        check_signature(&peer, &acknowledge.revision, &acknowledge.signature)?;
        let claimed = acknowledge.revision.time;
        let now = self.clock.near(claimed, MAX_CLOCK_SKEW_SECONDS).await.map_err(HostError::from)?;
        self.write(move |host| host.acknowledge_at(&peer, &acknowledge, now)).await
    }

    fn acknowledge_at(
        &self,
        peer: &NodeKey,
        ack: &Acknowledge,
        now: UnixSeconds,
    ) -> Result<Signature, Refusal> {
        let _desk = self.desk();
        let mut agreement = self.agreement_of(peer, &ack.revision.id)?;
        if let Some(signature) = already_signed(&agreement, &ack.revision) {
            return Ok(signature);
        }
        check_follows(&agreement, &ack.revision, now)?;
        let current = agreement.current();
        let honest = ack.record.good <= ack.record.asked
            && ack.record.revision <= current.n
            && !self.recall.contradicts(&agreement.id, &ack.record)
            && !self.is_replayed(&agreement, &ack.record)?;
        let history = fold(&current.audits, &ack.record).map_err(|_| Refusal::RevisionMismatch)?;
        let expected = match ack.record.verdict {
            Verdict::Passed => current.acknowledge(&agreement.terms, ack.revision.time, history),
            _ => current.record_failure(&agreement.terms, ack.revision.time, history),
        };
        if !honest || expected.map_err(revision_refusal)? != ack.revision {
            return Err(Refusal::RevisionMismatch);
        }
        let mut batch = Batch::new();
        let key = rows::numbered_key(&agreement.id, agreement.audits);
        batch.put(Table::History, key, ack.record.encode().to_vec());
        agreement.audits += 1;
        let signature = self.countersign(&mut agreement, (&ack.revision, ack.signature), &mut batch);
        self.apply(batch)?;
        Ok(signature)
    }
}

impl Host {
    /// Whether a record is in the history already. Records name a revision that never falls far behind the newest
    /// one, so those at the end are enough: anything about an older revision than theirs comes too late.
    fn is_replayed(&self, agreement: &Agreement, record: &AuditRecord) -> Result<bool, HostError> {
        let first = agreement.audits.saturating_sub(REMEMBERED);
        let mut oldest = 0;
        for number in first..agreement.audits {
            let key = rows::numbered_key(&agreement.id, number);
            let Some(bytes) = self.records().get(Table::History, &key)? else { continue };
            let known = AuditRecord::decode(&bytes);
            let known = known.map_err(|source| HostError::Row { table: Table::History, source })?;
            if known == *record {
                return Ok(true);
            }
            oldest = if oldest == 0 { known.revision } else { oldest.min(known.revision) };
        }
        Ok(first > 0 && record.revision < oldest)
    }
}

/// The host's disk as the prover sees it: one group, one row of hashes and one path for each leaf.
struct Disk<'a> {
    host: &'a Host,
    shelf: AgreementId,
    tree: Arc<AgreementTree>,
}

impl LeafSource for Disk<'_> {
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError> {
        let sector_root = self.host.root_at(&self.shelf, leaf.sector()).map_err(unavailable)?;
        let row = self.host.sector_row(&sector_root).map_err(unavailable)?;
        let row = row.ok_or(SourceError::Lost(Loss::Missing))?;
        let outboard = self.host.outboard(&sector_root).map_err(unavailable)?;
        let path = self.tree.path(leaf.sector()).map_err(|error| unavailable(error.into()))?;
        let mut group = Box::new([0; GROUP_BYTES]);
        let at = leaf.within_sector() / LEAVES_PER_GROUP;
        match self.host.ports.sectors.read(row.slot, at, std::slice::from_mut(&mut *group)) {
            Ok(()) => Ok(StoredLeaf { group, outboard, sector_root, path }),
            Err(SectorError::Unreadable { .. } | SectorError::NoSuchSlot(_)) => {
                Err(SourceError::Lost(Loss::Missing))
            }
            Err(other) => Err(unavailable(other.into())),
        }
    }
}

fn unavailable(error: HostError) -> SourceError {
    SourceError::Unavailable(Box::new(error))
}
