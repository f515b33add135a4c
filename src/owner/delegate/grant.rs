//! The owner's side of a delegation: made, listed, revoked.

use super::package::{Held, Package};
use crate::core::Core;
use crate::error::{Failed, LedgerFault, RecordsFault, UploadError};
use crate::events::Stage;
use crate::health::{Patience, Standing};
use crate::ports::Space;
use crate::repair::{RepairTarget, concerned};
use crate::stored;
use crate::views::NotChosen;
use futures::future::{BoxFuture, join_all};
use layr_protocol::{HostApiClient, ReadPass, SignedPass};
use layr_types::{NodeKey, Stroops, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where delegations are kept.
const DELEGATION: &[u8] = b"delegation ";

/// What a delegate is to do, for how long and for how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegateRequest {
    /// The delegate's node key.
    pub delegate: NodeKey,
    /// What it may repair.
    pub target: RepairTarget,
    /// For how long, seconds from now by the ledger's clock.
    pub lasts: u64,
    /// Most it is to lock and spend in all, of its own account.
    pub cap: Stroops,
}

/// One delegation, as its owner keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationView {
    /// Its number: what it is revoked by.
    pub number: u64,
    /// The delegate's node key.
    pub delegate: NodeKey,
    /// Until when, by the ledger's clock.
    pub ends: UnixSeconds,
    /// Most it is to lock and spend.
    pub cap: Stroops,
    /// Segments it may repair.
    pub segments: u64,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// Whom a revocation has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokeReport {
    /// Which.
    pub number: u64,
    /// Hosts that no longer let the delegate read.
    pub told: Vec<NodeKey>,
    /// Hosts that could not be told, and why: revoke it again when they are back, or wait until it ends.
    pub unreached: Vec<NotChosen>,
}

fn records(fault: RecordsFault) -> UploadError {
    Failed::new(Stage::Records, fault)
}

fn ledger(fault: LedgerFault) -> UploadError {
    Failed::new(Stage::Find, fault)
}

fn key(number: u64) -> Vec<u8> {
    [DELEGATION, &number.to_be_bytes()].concat()
}

/// Every delegation, the oldest first.
pub(crate) fn list(core: &Core) -> Result<Vec<DelegationView>, RecordsFault> {
    Ok(core.book.scan(Space::Meta, DELEGATION)?.into_iter().map(|(_, view)| view).collect())
}

/// Makes a delegation and the package for its delegate. It is written down before anybody has the package.
pub(crate) async fn create(
    core: &Core,
    request: &DelegateRequest,
) -> Result<(DelegationView, Vec<u8>), UploadError> {
    let now = core.now().await.map_err(ledger)?;
    let (_, segments) = concerned(core, &request.target)?;
    let number = list(core).map_err(records)?.last().map_or(1, |newest| newest.number + 1);
    let pass =
        ReadPass { owner: core.key(), reader: request.delegate, ends: now.plus(request.lasts), number };
    let signature = core.sign(&pass.digest(&core.info.context));
    let mut package = Package::new(core.info.context, SignedPass { pass, signature }, request.cap);
    let standing = Standing::load(core, Patience::None).map_err(records)?;
    let mut held = BTreeSet::new();
    for id in &segments {
        let Some(segment) = stored::segment(&core.book, id).map_err(records)? else { continue };
        held.extend(segment.shards.iter().map(|shard| shard.agreement));
        package.add(&segment, &core.secrets.mask().segment(id));
    }
    for id in held {
        let Some(agreement) = core.agreement(&id).map_err(records)? else { continue };
        package.agreements.push(Held { id, host: agreement.host(), ends: agreement.terms.end });
        package.cards.extend(standing.card(&agreement.host()).cloned());
    }
    let (delegate, ends, cap) = (request.delegate, pass.ends, request.cap);
    let segments = segments.len() as u64;
    let view = DelegationView { number, delegate, ends, cap, segments, revoked: false };
    core.book.put(Space::Meta, &key(number), &view).map_err(records)?;
    Ok((view, package.encode()))
}

/// Revokes a delegation at every host this owner has an agreement with; `None` for one that does not exist.
pub(crate) async fn revoke(core: &Core, number: u64) -> Result<Option<RevokeReport>, UploadError> {
    let found = core.book.get::<DelegationView>(Space::Meta, &key(number)).map_err(records)?;
    let Some(view) = found else { return Ok(None) };
    let revoked = DelegationView { revoked: true, ..view.clone() };
    core.book.put(Space::Meta, &key(number), &revoked).map_err(records)?;
    let pass = ReadPass { owner: core.key(), reader: view.delegate, ends: view.ends, number };
    let open = core.agreements().map_err(records)?.into_iter();
    let hosts: BTreeSet<NodeKey> =
        open.filter(|agreement| agreement.phase.is_escrowed()).map(|agreement| agreement.host()).collect();
    let telling = hosts.into_iter().map(|node| async move { (node, tell(core, node, pass).await) });
    let mut report = RevokeReport { number, told: Vec::new(), unreached: Vec::new() };
    for (node, told) in join_all(telling).await {
        match told {
            Ok(()) => report.told.push(node),
            Err(fault) => report.unreached.push(NotChosen { node, why: fault.to_string() }),
        }
    }
    Ok(Some(report))
}

async fn tell(core: &Core, node: NodeKey, pass: ReadPass) -> Result<(), crate::HostFault> {
    core.hosts
        .call(node, move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            Box::pin(async move { client.revoke_pass(context, pass).await })
        })
        .await
}
