//! What an audit is aimed at, and what it tells about besides verdicts: the health of files, the score of hosts.

use crate::agreement::{Agreement, Phase};
use crate::core::Core;
use crate::error::{AuditCause, RecordsFault};
use crate::health::{self, Patience, Standing};
use crate::lookup;
use crate::request::AuditTarget;
use crate::views::{AuditView, Health, HostScore};
use layr_types::{AgreementId, NodeKey};
use std::collections::BTreeSet;

/// Digits of an id's beginning that are enough to mean it.
const ENOUGH: usize = 6;

/// The agreements a target means, and the files whose health it tells of.
pub(super) fn resolve(
    core: &Core,
    target: &AuditTarget,
) -> Result<(Vec<AgreementId>, Vec<String>), AuditCause> {
    match target {
        AuditTarget::All => Ok((open(core, |_| true)?, names(core, "")?)),
        AuditTarget::Agreement(id) => match core.agreement(id)? {
            Some(_) => Ok((vec![*id], Vec::new())),
            None => Err(AuditCause::NoSuchAgreement(*id)),
        },
        AuditTarget::Host(node) => {
            let ids = open(core, |agreement| agreement.host() == *node)?;
            if ids.is_empty() { Err(AuditCause::NoSuchHost(*node)) } else { Ok((ids, Vec::new())) }
        }
        AuditTarget::File(name) => {
            let file = lookup::file(core, name)?.ok_or_else(|| AuditCause::NoSuchFile(name.clone()))?;
            Ok((under(core, &[file])?, vec![name.clone()]))
        }
        AuditTarget::Any(text) => any(core, text),
    }
}

/// A file's name, an id's beginning, or the beginning of names; in this order.
fn any(core: &Core, text: &str) -> Result<(Vec<AgreementId>, Vec<String>), AuditCause> {
    if lookup::file(core, text)?.is_some() {
        return resolve(core, &AuditTarget::File(text.to_owned()));
    }
    let digits = text.trim_end_matches('…').to_lowercase();
    if digits.len() >= ENOUGH {
        let begins = |id: String| id.to_lowercase().starts_with(&digits);
        let all = core.agreements()?;
        let mut meant = all.iter().filter(|agreement| begins(agreement.id.to_string()));
        if let (Some(one), None) = (meant.next(), meant.next()) {
            return Ok((vec![one.id], Vec::new()));
        }
        let hosts: BTreeSet<NodeKey> =
            all.iter().map(Agreement::host).filter(|node| begins(node.to_string())).collect();
        if let (Some(node), 1) = (hosts.first(), hosts.len()) {
            return resolve(core, &AuditTarget::Host(*node));
        }
    }
    let files = lookup::manifests(core)?;
    let files: Vec<_> =
        files.into_iter().filter(|file| file.manifest.path().as_str().starts_with(text)).collect();
    if files.is_empty() {
        return Err(AuditCause::NoSuchFile(text.to_owned()));
    }
    let names = files.iter().map(|file| file.manifest.path().as_str().to_owned()).collect();
    Ok((under(core, &files)?, names))
}

/// Open agreements of a kind.
fn open(core: &Core, of: impl Fn(&Agreement) -> bool) -> Result<Vec<AgreementId>, RecordsFault> {
    let all = core.agreements()?.into_iter();
    Ok(all.filter(|one| one.phase == Phase::Open && of(one)).map(|one| one.id).collect())
}

/// The agreements under which these files' shards lie.
pub(super) fn under(core: &Core, files: &[lookup::FileEntry]) -> Result<Vec<AgreementId>, RecordsFault> {
    let mut ids = BTreeSet::new();
    for file in files {
        let segments = lookup::segments(core, &file.manifest)?;
        ids.extend(segments.values().flat_map(|segment| &segment.shards).map(|shard| shard.agreement));
    }
    Ok(ids.into_iter().collect())
}

fn names(core: &Core, prefix: &str) -> Result<Vec<String>, RecordsFault> {
    let all = lookup::manifests(core)?.into_iter().map(|file| file.manifest.path().as_str().to_owned());
    Ok(all.filter(|name| name.starts_with(prefix)).collect())
}

/// The health of these files, as of each host's newest audit.
pub(super) fn healths(core: &Core, names: Vec<String>) -> Result<Vec<(String, Health)>, RecordsFault> {
    let mut standing = Standing::load(core, Patience::None)?;
    names.into_iter().map(|name| Ok((name.clone(), health::of_file(core, &mut standing, &name)?))).collect()
}

/// The scores of the hosts in a report, each once.
pub(super) fn scores(core: &Core, views: &[AuditView]) -> Result<Vec<HostScore>, RecordsFault> {
    let nodes: BTreeSet<NodeKey> = views.iter().map(|view| view.node).collect();
    nodes.into_iter().map(|node| score(core, node)).collect()
}

/// Every host this owner has an opinion of.
pub(crate) fn all_scores(core: &Core) -> Result<Vec<HostScore>, RecordsFault> {
    let nodes: BTreeSet<NodeKey> = core.agreements()?.iter().map(Agreement::host).collect();
    nodes.into_iter().map(|node| score(core, node)).collect()
}

fn score(core: &Core, node: NodeKey) -> Result<HostScore, RecordsFault> {
    let known = core.experience(&node)?;
    Ok(HostScore {
        node,
        weight: known.score.weight(),
        available: known.score.available,
        intact: known.score.intact,
        available_mean: known.score.available.mean(),
        intact_mean: known.score.intact.mean(),
        leaf_micros: known.leaf_micros,
        silent_since: known.contained.map(|owes| owes.since),
        attempts: known.contained.map_or(0, |owes| owes.attempts),
    })
}
