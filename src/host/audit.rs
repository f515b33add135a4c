//! Audits, from the host's side: proving leaves, and writing the verdict into the shared history.

use crate::agreement::AgreementState;
use crate::append::{already_signed, check_follows, check_signature, revision_refusal};
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{SectorError, Table};
use crate::rows;
use layr_audits::{
    Answer, Challenge, Commitment, LeafSource, Loss, ProveError, SourceError, StoredLeaf, Verdict, fold,
    prove,
};
use layr_merkle::AgreementTree;
use layr_protocol::limits::MAX_CLOCK_SKEW_SECONDS;
use layr_protocol::{Acknowledge, Refusal};
use layr_types::{
    AgreementId, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, NodeKey, SectorRoot, Signature, UnixSeconds,
};
use std::sync::Arc;

impl Host {
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
            && !self.recall.contradicts(&agreement.id, &ack.record);
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
