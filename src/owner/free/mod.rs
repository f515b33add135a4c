//! Deleting: files are forgotten, and the sectors nothing needs any more are given back, so that what was agreed for
//! them serves the next upload.
//!
//! | Step | Written down | After a crash here |
//! |---|---|---|
//! | files forgotten | the files go, the catalogue owes the network that | segments no file needs are found by looking |
//! | sectors condemned | segments and chunks go, every shard of them is condemned, in one step | the list is there |
//! | the catalogue brought to the network | – | it stays owed; what it lists was deleted anyway |
//! | sectors given up | each revision with the owner's signature, before its host sees it | shown again unchanged |
//!
//! What is condemned leaves the list in the same step that adopts the revision without it, so nothing is freed
//! twice, and nothing is freed that a file, an unfinished upload or either of the two newest versions of the
//! catalogue names. All of it may be repeated; a watching owner goes on with what is left.

mod confessed;
mod garbage;
mod sweep;

pub(crate) use confessed::hear;
pub(crate) use garbage::{Place, condemn, inherit, inherit_versions, keep_version};
pub(crate) use sweep::{adopt, contents_of, sweep, tree};

use self::garbage::{Unneeded, collect, unneeded};
use crate::core::Core;
use crate::error::{RecordsFault, ViewError};
use crate::events::{Event, Progress, Stage};
use crate::lookup::{self, FileEntry};
use crate::ports::Space;
use crate::upload::save_owed;
use layr_manifests::CatalogueUpdate;
use layr_market::accrued;
use layr_types::{AgreementId, ByteCount, NodeKey, Stroops, UnixSeconds};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What to delete.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoveRequest {
    /// Files by their full names.
    pub names: Vec<String>,
    /// And every file whose name begins so; `None` for no others.
    pub prefix: Option<String>,
    /// Only say what would be deleted and freed.
    pub dry_run: bool,
}

/// A file deleted, or to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size: ByteCount,
}

/// What one host gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FreedView {
    /// Under which agreement.
    pub agreement: AgreementId,
    /// With whom.
    pub host: NodeKey,
    /// Sectors given up in this run; in a dry run, sectors that would be.
    pub sectors: u64,
    /// Of the escrow, what these sectors would have cost until the agreement's end: it pays for other sectors now.
    pub money: Stroops,
    /// Sectors still to be given up.
    pub left: u64,
    /// Why some are left.
    pub detail: Option<String>,
}

/// What deleting did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoveReport {
    /// The files.
    pub files: Vec<RemovedFile>,
    /// Their sizes together.
    pub bytes: ByteCount,
    /// Segments that nothing needs any more.
    pub segments: u64,
    /// Segments of these files that other files lie in too: they stay.
    pub shared: u64,
    /// Host by host.
    pub hosts: Vec<FreedView>,
    /// Room that became free at hosts, or would.
    pub freed: ByteCount,
    /// What became free of the escrow, or would.
    pub money: Stroops,
    /// Room still to be freed; running it again, or a watching owner, goes on.
    pub left: ByteCount,
}

/// The verb.
pub(crate) async fn remove(
    core: &Core,
    request: &RemoveRequest,
    progress: Arc<dyn Progress>,
) -> Result<RemoveReport, ViewError> {
    let files = chosen(core, request)?;
    let now = core.now().await?;
    let names: BTreeSet<&str> = files.iter().map(|file| file.manifest.path().as_str()).collect();
    let unneeded = unneeded(core, &names)?;
    let mut report = RemoveReport::of(&files, &unneeded);
    if request.dry_run {
        return report.foretell(core, &unneeded, now);
    }
    progress.tell(Event::Stage { stage: Stage::Records, bytes: report.bytes });
    forget(core, &files)?;
    collect(core)?;
    progress.tell(Event::Stage { stage: Stage::Catalogue, bytes: ByteCount::ZERO });
    save_owed(core, &progress).await;
    progress.tell(Event::Stage { stage: Stage::Sign, bytes: ByteCount::ZERO });
    for swept in sweep(core).await? {
        report.add(core, swept, now)?;
    }
    Ok(report)
}

/// Goes on with what earlier runs have left: finds what nothing needs any more, and gives it up.
pub(crate) async fn go_on(core: &Core) -> Result<(), RecordsFault> {
    collect(core)?;
    for swept in sweep(core).await? {
        match swept.fault {
            Some(fault) => {
                tracing::info!(host = %swept.host, left = swept.left, %fault, "sectors are not freed yet")
            }
            None => tracing::info!(host = %swept.host, freed = swept.freed, "sectors were freed"),
        }
    }
    Ok(())
}

/// The files a request means, by name, each once.
fn chosen(core: &Core, request: &RemoveRequest) -> Result<Vec<FileEntry>, ViewError> {
    let all = lookup::manifests(core)?;
    let names: BTreeSet<&str> = request.names.iter().map(String::as_str).collect();
    let known: BTreeSet<&str> = all.iter().map(|file| file.manifest.path().as_str()).collect();
    if let Some(absent) = names.difference(&known).next() {
        return Err(ViewError::NoSuchFile((*absent).to_owned()));
    }
    let meant = |file: &FileEntry| {
        let name = file.manifest.path().as_str();
        names.contains(name) || request.prefix.as_deref().is_some_and(|prefix| name.starts_with(prefix))
    };
    let meant: Vec<bool> = all.iter().map(meant).collect();
    Ok(all.into_iter().zip(meant).filter(|(_, meant)| *meant).map(|(file, _)| file).collect())
}

/// Forgets the files; the network's catalogue is to do so too.
fn forget(core: &Core, files: &[FileEntry]) -> Result<(), RecordsFault> {
    if files.is_empty() {
        return Ok(());
    }
    let mut draft = core.book.draft();
    for file in files {
        draft.delete(Space::Files, &lookup::file_key(file.manifest.path().as_str()));
    }
    let drop_files = files.iter().map(|file| file.manifest.path().clone()).collect();
    crate::catalogue::owe(core, CatalogueUpdate { drop_files, ..CatalogueUpdate::default() }, &mut draft)?;
    draft.commit()
}

/// What `sectors` under an agreement would still cost until its end.
fn worth(core: &Core, id: &AgreementId, (sectors, now): (u64, UnixSeconds)) -> Result<Stroops, RecordsFault> {
    let Some(agreement) = core.agreement(id)? else { return Ok(Stroops::ZERO) };
    let bytes = ByteCount::from_sectors(sectors).unwrap_or(ByteCount::ZERO);
    Ok(accrued(agreement.terms.rate, bytes, agreement.terms.end.since(now)).unwrap_or(Stroops::ZERO))
}

impl RemoveReport {
    fn of(files: &[FileEntry], unneeded: &Unneeded) -> Self {
        let of_files: BTreeSet<_> = files.iter().flat_map(|file| file.manifest.segments()).collect();
        let shared = of_files.iter().filter(|id| !unneeded.segments.contains_key(*id)).count() as u64;
        let removed = files.iter().map(|file| RemovedFile {
            name: file.manifest.path().as_str().to_owned(),
            size: file.manifest.size(),
        });
        Self {
            bytes: ByteCount(files.iter().map(|file| file.manifest.size().0).sum()),
            files: removed.collect(),
            segments: unneeded.segments.len() as u64,
            shared,
            hosts: Vec::new(),
            freed: ByteCount::ZERO,
            money: Stroops::ZERO,
            left: ByteCount::ZERO,
        }
    }

    /// Says what would be freed.
    fn foretell(mut self, core: &Core, unneeded: &Unneeded, now: UnixSeconds) -> Result<Self, ViewError> {
        for ((agreement, host), sectors) in unneeded.by_host(core)? {
            let money = worth(core, &agreement, (sectors, now))?;
            self.count(FreedView { agreement, host, sectors, money, left: 0, detail: None });
        }
        Ok(self)
    }

    fn add(&mut self, core: &Core, swept: sweep::Swept, now: UnixSeconds) -> Result<(), ViewError> {
        let money = worth(core, &swept.agreement, (swept.freed, now))?;
        let detail = swept.fault.map(|fault| fault.to_string());
        let (agreement, host, sectors, left) = (swept.agreement, swept.host, swept.freed, swept.left);
        self.count(FreedView { agreement, host, sectors, money, left, detail });
        Ok(())
    }

    fn count(&mut self, one: FreedView) {
        let sectors = |count| ByteCount::from_sectors(count).unwrap_or(ByteCount::ZERO);
        self.freed = ByteCount(self.freed.0 + sectors(one.sectors).0);
        self.left = ByteCount(self.left.0 + sectors(one.left).0);
        self.money += one.money;
        self.hosts.push(one);
    }
}
