//! What a host keeps for owners beside their sectors, and what it tells them: the newest revision, the list of
//! agreements, the terms, and one signed note each (where the owner's catalogue lies).

use crate::agreement::Agreement;
use crate::batch::Batch;
use crate::decide::Seen;
use crate::desk::each_row;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::Table;
use crate::rows;
use layr_protocol::limits::MAX_LISTED_AGREEMENTS;
use layr_protocol::{CoSigned, OwnerRecordBytes, Refusal, SlotTold};
use layr_types::{AgreementId, NodeKey, Reader};
use std::sync::Arc;

/// A note as it is kept.
struct Kept {
    peer: NodeKey,
    sequence: u64,
    bytes: Vec<u8>,
}

impl Host {
    /// The newest revision both have signed.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgreement`].
    pub async fn latest(
        self: &Arc<Self>,
        peer: NodeKey,
        id: AgreementId,
    ) -> Result<Option<CoSigned>, Refusal> {
        self.blocking(move |host| host.agreement_of(&peer, &id).map(|agreement| agreement.newest)).await
    }

    /// What the ledger's slot holds for an agreement of `peer`; `None` where it is empty or this host cannot tell.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgreement`], [`Refusal::LedgerUnavailable`].
    pub async fn slot_told(
        self: &Arc<Self>,
        peer: NodeKey,
        id: AgreementId,
    ) -> Result<Option<SlotTold>, Refusal> {
        let agreement = self.blocking(move |host| host.agreement_of(&peer, &id)).await?;
        Ok(match self.look_at_slot(&agreement).await? {
            Seen::Opening(state) => Some(SlotTold { state, published: None }),
            Seen::Published(state, revision) => Some(SlotTold { state, published: Some(*revision) }),
            Seen::Empty | Seen::Renewed(_) | Seen::Over(_) | Seen::Unknown => None,
        })
    }

    /// The canonical terms of an agreement of `peer`.
    ///
    /// # Errors
    /// [`Refusal::UnknownAgreement`].
    pub async fn terms(self: &Arc<Self>, peer: NodeKey, id: AgreementId) -> Result<Vec<u8>, Refusal> {
        self.blocking(move |host| {
            host.agreement_of(&peer, &id).map(|agreement| agreement.terms.encode().to_vec())
        })
        .await
    }

    /// The agreements of `peer` that are not over, newest first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn agreements(self: &Arc<Self>, peer: NodeKey) -> Result<Vec<AgreementId>, Refusal> {
        self.blocking(move |host| {
            let ids: Vec<_> = {
                let desk = host.desk();
                let of_peer = desk.seats.iter().filter(|(_, seat)| seat.owner == peer);
                of_peer.map(|(id, _)| *id).take(MAX_LISTED_AGREEMENTS).collect()
            };
            let read = |id: AgreementId| host.agreement(&id).transpose();
            let mut all: Vec<Agreement> = ids.into_iter().filter_map(read).collect::<Result<_, _>>()?;
            all.sort_by_key(|agreement| (std::cmp::Reverse(agreement.terms.start), agreement.id));
            Ok(all.into_iter().map(|agreement| agreement.id).collect())
        })
        .await
    }

    /// Keeps a newer note of an owner. Only for peers with an agreement here, one note each.
    ///
    /// # Errors
    /// [`Refusal`]; an older note than the one kept is accepted and ignored.
    pub async fn put_owner_record(
        self: &Arc<Self>,
        peer: NodeKey,
        record: OwnerRecordBytes,
    ) -> Result<(), Refusal> {
        record.validate()?;
        self.write(move |host| host.keep_note(&peer, &record.bytes)).await
    }

    fn keep_note(&self, peer: &NodeKey, bytes: &[u8]) -> Result<(), Refusal> {
        let note = self.ports.notes.check(bytes).ok_or(Refusal::BadSignature)?;
        let desk = self.desk();
        if !desk.seats.values().any(|seat| seat.owner == *peer) {
            return Err(Refusal::UnknownAgreement);
        }
        let before = self.note(&note.owner)?;
        if before.as_ref().is_some_and(|kept| kept.sequence >= note.sequence) {
            return Ok(());
        }
        let mut batch = Batch::new();
        let other = self.records().get(Table::OwnerRecordsByPeer, &peer.0).map_err(HostError::from)?;
        if let Some(other) = other.filter(|other| **other != note.owner) {
            batch.delete(Table::OwnerRecords, other);
        }
        if let Some(kept) = before.filter(|kept| kept.peer != *peer) {
            batch.delete(Table::OwnerRecordsByPeer, kept.peer.0.to_vec());
        }
        let row = rows::owner_record_row(peer, note.sequence, bytes);
        batch.put(Table::OwnerRecords, note.owner.to_vec(), row);
        batch.put(Table::OwnerRecordsByPeer, peer.0.to_vec(), note.owner.to_vec());
        Ok(self.apply(batch)?)
    }

    /// The newest note signed by `owner` that this host keeps.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn get_owner_record(
        self: &Arc<Self>,
        owner: NodeKey,
    ) -> Result<Option<OwnerRecordBytes>, Refusal> {
        self.blocking(move |host| Ok(host.note(&owner.0)?.map(|kept| OwnerRecordBytes { bytes: kept.bytes })))
            .await
    }

    fn note(&self, owner: &[u8; 32]) -> Result<Option<Kept>, HostError> {
        let Some(row) = self.records().get(Table::OwnerRecords, owner)? else { return Ok(None) };
        let mut r = Reader::new(&row);
        let mut read = || Ok((NodeKey(r.array()?), r.u64()?));
        let (peer, sequence) =
            read().map_err(|source| HostError::Row { table: Table::OwnerRecords, source })?;
        let bytes = row.get(r.position()..).unwrap_or_default().to_vec();
        Ok(Some(Kept { peer, sequence, bytes }))
    }

    /// Every audit record of an agreement, oldest first.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn history(&self, id: &AgreementId) -> Result<Vec<layr_audits::AuditRecord>, HostError> {
        let mut all = Vec::new();
        each_row(self.records(), Table::History, id.as_bytes(), |(_, value)| {
            let record = layr_audits::AuditRecord::decode(&value);
            all.push(record.map_err(|source| HostError::Row { table: Table::History, source })?);
            Ok(())
        })?;
        Ok(all)
    }
}
