//! A renewal in the journal: what was asked of the host, what it signed, and whether the ledger has it.
//!
//! | Stage | Written before | After a crash here |
//! |---|---|---|
//! | asked | the host sees the request | the same request again, while its offer lasts; it signs the same |
//! | consented | the transaction is made | it goes into the next transaction, while its offer lasts |
//! | applied | the new agreement's host is told | it is told again |
//!
//! A renewal that lapses with its offer leaves the old agreement as it was.

use crate::agreement::{Agreement, Ended, Parted, Phase};
use crate::audit::diary;
use crate::book::Draft;
use crate::catalogue;
use crate::contents;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::free;
use crate::lookup;
use crate::ports::{AppliedTx, CloseItem, OpenItem, RenewItem, Space};
use crate::seen::Seen;
use crate::vouchers;
use layr_manifests::{CatalogueUpdate, SegmentRecord};
use layr_market::{Outcome, Settled, SoftwareSha256, settle};
use layr_protocol::{CoSigned, Renew, Renewed};
use layr_types::{AgreementId, NodeKey, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};

/// How far a renewal has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// The request may have been shown to the host.
    Asked,
    /// The host has signed all of it.
    Consented(Renewed),
    /// The ledger has it.
    Applied,
}

/// One renewal, under the old agreement's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// Everything the host is asked to sign.
    pub(crate) request: Renew,
    /// How far it has come.
    pub(crate) stage: Stage,
}

impl Renewal {
    /// The old agreement.
    pub(crate) const fn old(&self) -> AgreementId {
        self.request.terms.previous
    }

    /// The host.
    pub(crate) const fn host(&self) -> NodeKey {
        self.request.terms.host_key
    }

    /// The new agreement's id.
    pub(crate) fn new_id(&self, core: &Core) -> AgreementId {
        self.request.terms.id(&SoftwareSha256, &core.info.context)
    }

    /// Until when it can be brought to the ledger.
    pub(crate) const fn lapses(&self) -> UnixSeconds {
        self.request.terms.offer_expiry
    }

    /// Locked anew, less what the old agreement gives back; negative where it gives back more.
    pub(crate) fn net(&self) -> Stroops {
        self.request.terms.escrow + self.request.terms.voucher_part - self.request.split.owner
    }

    /// What the transaction wants, once the host has signed.
    pub(crate) fn item(&self, old: &Agreement, seen: &Seen) -> Option<RenewItem> {
        let Stage::Consented(signed) = &self.stage else { return None };
        let closing = CloseItem {
            terms: old.terms.clone(),
            state: seen.state,
            split: self.request.split,
            owner: self.request.signature,
            host: signed.split,
        };
        let opening = OpenItem { terms: self.request.terms.clone(), host: signed.terms };
        Some(RenewItem { closing, opening })
    }

    pub(crate) fn load(core: &Core, old: &AgreementId) -> Result<Option<Self>, RecordsFault> {
        core.book.get(Space::Renewals, old.as_bytes())
    }

    pub(crate) fn all(core: &Core) -> Result<Vec<Self>, RecordsFault> {
        Ok(core.book.scan(Space::Renewals, &[])?.into_iter().map(|(_, renewal)| renewal).collect())
    }

    pub(crate) fn put(&self, core: &Core) -> Result<(), RecordsFault> {
        core.book.put(Space::Renewals, self.old().as_bytes(), self)
    }

    pub(crate) fn forget(core: &Core, old: &AgreementId) -> Result<(), RecordsFault> {
        let mut draft = core.book.draft();
        draft.delete(Space::Renewals, old.as_bytes());
        draft.commit()
    }
}

/// Takes a renewal that the ledger has into the records, in one step with everything that follows from it: the old
/// agreement settled, the new one open with the same contents, every segment pointing at it, and the catalogue
/// owed to the network. Returns what was locked anew, net.
pub(crate) fn took_effect(
    core: &Core,
    ids: &[AgreementId],
    applied: &AppliedTx,
    draft: &mut Draft<'_>,
) -> Result<Stroops, RecordsFault> {
    let mut net = Stroops::ZERO;
    let mut heirs = Vec::new();
    for id in ids {
        let (Some(renewal), Some(old)) = (Renewal::load(core, id)?, core.agreement(id)?) else { continue };
        if old.phase == Phase::Settled {
            continue;
        }
        net += renewal.net();
        let heir = heir(core, &renewal, &old);
        let outcome = Outcome::Cooperative(&renewal.request.split);
        let settlement = settle(&old.terms, Settled::default(), old.terms.end, outcome).ok();
        let mut old = Agreement { ended: Some(Ended { settlement, tx: Some(applied.hash) }), ..old };
        if let Stage::Consented(signed) = &renewal.stage {
            let (split, owner) = (renewal.request.split, renewal.request.signature);
            old.parted = Some(Parted { split, owner, host: signed.split });
        }
        old.step(Phase::Settled);
        draft.agreement(&old);
        draft.agreement(&heir);
        contents::inherit(core, (&old.id, &heir.id), draft)?;
        free::inherit(core, (&old.id, &heir.id), draft)?;
        diary::inherit(core, (&old.id, &heir.id), draft)?;
        let terms = &renewal.request.terms;
        let free = core.hosts.free_reads(&terms.host_key);
        let price = (renewal.request.offer.offer.egress_rate, terms.capacity, free);
        vouchers::agree(draft, &heir.id, price);
        let done = Renewal { stage: Stage::Applied, ..renewal };
        draft.put(Space::Renewals, id.as_bytes(), &done);
        heirs.push((old.id, heir));
    }
    let pairs: Vec<(AgreementId, AgreementId)> = heirs.iter().map(|(old, heir)| (*old, heir.id)).collect();
    free::inherit_versions(core, &pairs, draft)?;
    repoint(core, &heirs, draft)?;
    Ok(net)
}

/// The new agreement: open, with what the old one held under its first revision.
fn heir(core: &Core, renewal: &Renewal, old: &Agreement) -> Agreement {
    let signed = match &renewal.stage {
        Stage::Consented(signed) => *signed,
        Stage::Asked | Stage::Applied => Renewed { terms: old.accepted, split: old.accepted, carried: None },
    };
    let carried = renewal.request.carried.as_ref().zip(signed.carried);
    let newest = carried.map(|(carried, host)| CoSigned {
        revision: carried.revision.clone(),
        owner: carried.signature,
        host,
    });
    Agreement {
        phase: Phase::Open,
        newest,
        peaks: old.peaks.clone(),
        audited: old.audited,
        ..Agreement::proposed(renewal.new_id(core), renewal.request.terms.clone(), signed.terms)
    }
}

/// Every shard under an old agreement lies under its heir now.
fn repoint(
    core: &Core,
    heirs: &[(AgreementId, Agreement)],
    draft: &mut Draft<'_>,
) -> Result<(), RecordsFault> {
    if heirs.is_empty() {
        return Ok(());
    }
    let mut moved = Vec::new();
    for (_, bytes) in core.book.scan::<Vec<u8>>(Space::Segments, &[])? {
        let damaged = |_| RecordsFault::Damaged { space: Space::Segments };
        let mut segment = SegmentRecord::decode(&bytes).map_err(damaged)?;
        let mut changed = false;
        for shard in &mut segment.shards {
            if let Some((_, heir)) = heirs.iter().find(|(old, _)| *old == shard.agreement) {
                shard.agreement = heir.id;
                changed = true;
            }
        }
        if changed {
            segment.shards.sort_unstable();
            lookup::put_segment(draft, &segment);
            moved.push(segment);
        }
    }
    let update = CatalogueUpdate {
        put_segments: moved,
        put_agreements: heirs.iter().map(|(_, heir)| catalogue::pointer_to(heir)).collect(),
        drop_agreements: heirs.iter().map(|(old, _)| *old).collect(),
        ..CatalogueUpdate::default()
    };
    catalogue::owe(core, update, draft)
}
