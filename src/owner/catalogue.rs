//! The catalogue on the network: what the recovery phrase alone finds its way back to.
//!
//! The head holds what changed since the last part, and where the parts lie; it is one sector, the same on every
//! host of the job, found through the owner's mutable record. When a head would grow beyond one sector, its
//! changes become a part: a sealed object coded over the hosts like any file.

use crate::agreement::{Agreement, Phase};
use crate::core::Core;
use crate::error::{Failed, MoneyEffect, NetFault, NextStep, RecordsFault, UploadCause, UploadError};
use crate::events::{Event, Progress, Stage, Warning};
use crate::free::{self, Place};
use crate::health::Standing;
use crate::lookup;
use crate::pointer::{MAX_HOSTS, Pointer};
use crate::ports::Space;
use crate::upload::Sender;
use futures::future::{BoxFuture, join_all};
use layr_coding::{CommittedSegment, Profile, commit_blob};
use layr_identity::Purpose;
use layr_manifests::{
    AgreementPointer, Catalogue, CatalogueHead, CatalogueUpdate, ObjectLocation, SegmentRecord,
};
use layr_placement::Condition;
use layr_protocol::{HostApiClient, OwnerRecordBytes};
use layr_types::{NodeKey, SECTOR_BYTES, SectorRoot, UnixSeconds};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// Parts after which everything is written as one: a bound on what a recovery fetches.
const MOST_PARTS: usize = 32;
const STATE: &[u8] = b"catalogue";
const WAITING: &[u8] = b"publish";
const OWED: &[u8] = b"catalogue owed";

/// What of the catalogue is on the network.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct State {
    /// Number of the newest mutable record.
    pub(crate) sequence: u64,
    /// Encoded locations of the parts, oldest first.
    parts: Vec<Vec<u8>>,
    /// The encoded update after all of them.
    inline: Vec<u8>,
}

/// A mutable record to be spread.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Waiting {
    sequence: u64,
    payload: Vec<u8>,
    hosts: Vec<NodeKey>,
}

/// A catalogue whose sectors are stored: the truth with [`Saved::put`], once they are signed for.
#[derive(Debug)]
pub(crate) struct Saved {
    state: State,
    pointer: Pointer,
    /// Where the head and the parts lie.
    sectors: Vec<Place>,
    /// What was owed before and is in it.
    included: Option<Vec<u8>>,
}

fn damaged() -> RecordsFault {
    RecordsFault::Damaged { space: Space::Meta }
}

impl State {
    pub(crate) fn load(core: &Core) -> Result<Self, RecordsFault> {
        Ok(core.book.get(Space::Meta, STATE)?.unwrap_or_default())
    }

    fn head(&self) -> Result<CatalogueHead, RecordsFault> {
        let parts = self.parts.iter().map(|part| ObjectLocation::decode(part)).collect::<Result<_, _>>();
        let inline = match self.inline.as_slice() {
            [] => CatalogueUpdate::default(),
            bytes => CatalogueUpdate::decode(bytes).map_err(|_| damaged())?,
        };
        Ok(CatalogueHead { parts: parts.map_err(|_| damaged())?, inline })
    }

    fn of(sequence: u64, head: &CatalogueHead) -> Self {
        let parts = head.parts.iter().map(ObjectLocation::encode).collect();
        Self { sequence, parts, inline: head.inline.encode() }
    }

    /// The state a recovery ends with.
    pub(crate) fn recovered(sequence: u64, head: &CatalogueHead) -> Self {
        Self::of(sequence, head)
    }

    pub(crate) fn put(&self, draft: &mut crate::book::Draft<'_>) {
        draft.put(Space::Meta, STATE, self);
    }
}

/// One update after another, as one.
fn merged(first: CatalogueUpdate, second: CatalogueUpdate) -> CatalogueUpdate {
    let mut sum = Catalogue::new();
    let drops = |update: &CatalogueUpdate| {
        (update.drop_files.clone(), update.drop_segments.clone(), update.drop_agreements.clone())
    };
    let (mut files, mut segments, mut agreements) = drops(&first);
    let later = drops(&second);
    files.extend(later.0);
    segments.extend(later.1);
    agreements.extend(later.2);
    sum.apply(first);
    sum.apply(second);
    CatalogueUpdate {
        drop_files: files,
        drop_segments: segments,
        drop_agreements: agreements,
        ..sum.snapshot()
    }
}

/// Notes changes of the records that the network's catalogue does not have yet; the next one sent has them.
pub(crate) fn owe(
    core: &Core,
    update: CatalogueUpdate,
    draft: &mut crate::book::Draft<'_>,
) -> Result<(), RecordsFault> {
    let all = match owed(core)? {
        Some((_, before)) => merged(before, update),
        None => update,
    };
    draft.put(Space::Meta, OWED, &all.encode());
    Ok(())
}

/// What the network's catalogue lacks, encoded and read.
fn owed(core: &Core) -> Result<Option<(Vec<u8>, CatalogueUpdate)>, RecordsFault> {
    let Some(bytes) = core.book.get::<Vec<u8>>(Space::Meta, OWED)? else { return Ok(None) };
    let update = CatalogueUpdate::decode(&bytes).map_err(|_| damaged())?;
    Ok(Some((bytes, update)))
}

/// Makes the next catalogue a whole one where a part of the present one has lost shards: parts are not repaired,
/// they are written anew.
pub(crate) fn rewrite_damaged(core: &Core, standing: &mut Standing) -> Result<(), RecordsFault> {
    let state = State::load(core)?;
    let head = state.head()?;
    let whole_parts = |part: &ObjectLocation, standing: &mut Standing| {
        part.segments.iter().all(|segment| standing.segment(segment).condition() == Condition::Healthy)
    };
    if head.parts.iter().all(|part| whole_parts(part, standing)) {
        return Ok(());
    }
    let anew = CatalogueHead { parts: Vec::new(), inline: whole(core, head.inline)? };
    let mut draft = core.book.draft();
    State::of(state.sequence, &anew).put(&mut draft);
    owe(core, CatalogueUpdate::default(), &mut draft)?;
    draft.commit()
}

/// Whether the network's catalogue lacks anything.
pub(crate) fn is_owed(core: &Core) -> Result<bool, RecordsFault> {
    Ok(owed(core)?.is_some())
}

/// Sends the catalogue with `update` in it through `sender`; `None` where shards of it found no place.
pub(crate) async fn send(
    core: &Core,
    update: CatalogueUpdate,
    (profile, now): (Profile, UnixSeconds),
    sender: &mut Sender,
) -> Result<Option<Saved>, UploadCause> {
    let state = State::load(core)?;
    let mut head = state.head()?;
    let owed = owed(core)?;
    let (included, update) = match owed {
        Some((bytes, before)) => (Some(bytes), merged(before, update)),
        None => (None, update),
    };
    head.inline = merged(head.inline, update);
    let mut sealed = seal(core, &head);
    if sealed.len() > SECTOR_BYTES {
        if head.parts.len() >= MOST_PARTS {
            head = CatalogueHead { parts: Vec::new(), inline: whole(core, head.inline)? };
        }
        let Some(part) = send_part(core, &head.inline, profile, sender).await? else { return Ok(None) };
        head.parts.push(part);
        head.inline = CatalogueUpdate::default();
        sealed = seal(core, &head);
    }
    let Some((mut pointer, mut sectors)) = send_head(core, sealed, sender).await? else { return Ok(None) };
    pointer.saved = now;
    sectors.extend(places(&head));
    Ok(Some(Saved { state: State::of(state.sequence + 1, &head), pointer, sectors, included }))
}

/// Where a head's parts lie.
fn places(head: &CatalogueHead) -> Vec<Place> {
    let shards = head.parts.iter().flat_map(|part| &part.segments).flat_map(|segment| &segment.shards);
    shards.map(|shard| (shard.agreement, shard.root)).collect()
}

/// Roots of the sectors in which the parts of the newest catalogue lie.
pub(crate) fn roots(core: &Core) -> Result<Vec<SectorRoot>, RecordsFault> {
    Ok(places(&State::load(core)?.head()?).into_iter().map(|(_, root)| root).collect())
}

fn seal(core: &Core, head: &CatalogueHead) -> Vec<u8> {
    head.seal(&core.catalogue_key, core.book.random())
}

/// Everything this machine's records know, and `inline` on top.
fn whole(core: &Core, inline: CatalogueUpdate) -> Result<CatalogueUpdate, RecordsFault> {
    let mut all = Catalogue::new();
    let mut segments = Vec::new();
    for (_, bytes) in core.book.scan::<Vec<u8>>(Space::Segments, &[])? {
        segments.push(SegmentRecord::decode(&bytes).map_err(|_| damaged())?);
    }
    all.apply(CatalogueUpdate {
        put_files: lookup::manifests(core)?.into_iter().map(|file| file.manifest).collect(),
        put_segments: segments,
        put_agreements: core
            .agreements()?
            .iter()
            .filter(|agreement| is_open(agreement))
            .map(pointer_to)
            .collect(),
        ..CatalogueUpdate::default()
    });
    all.apply(inline);
    Ok(all.snapshot())
}

fn is_open(agreement: &Agreement) -> bool {
    matches!(agreement.phase, Phase::Open | Phase::Parting)
}

/// An agreement as the catalogue names it.
pub(crate) fn pointer_to(agreement: &Agreement) -> AgreementPointer {
    let terms = &agreement.terms;
    AgreementPointer {
        id: agreement.id,
        host: terms.host_key,
        ends: terms.end,
        terms: [terms.encode().as_slice(), &agreement.accepted.0].concat(),
    }
}

async fn send_part(
    core: &Core,
    update: &CatalogueUpdate,
    profile: Profile,
    sender: &mut Sender,
) -> Result<Option<ObjectLocation>, UploadCause> {
    let object = update.seal(&core.catalogue_key, core.book.random());
    let mut metas = Vec::new();
    for segment in commit(core, profile, object.clone()).await? {
        metas.push(sender.segment(segment).await);
    }
    let placed = sender.settle().await?;
    let located = || ObjectLocation::new(&object, placed.records(&metas));
    Ok((placed.missing == 0).then(located))
}

/// Puts the head's one sector on every host.
async fn send_head(
    core: &Core,
    sealed: Vec<u8>,
    sender: &mut Sender,
) -> Result<Option<(Pointer, Vec<Place>)>, UploadCause> {
    let single = Profile::new(1, 1)?;
    let segments = commit(core, single, sealed).await?;
    let [segment] =
        <[CommittedSegment; 1]>::try_from(segments).map_err(|_| UploadCause::Records(damaged()))?;
    let (id, used) = (segment.id(), segment.used());
    let Some(shard) = segment.into_shards().pop() else { return Ok(None) };
    for seat in 0..sender.seats() {
        sender.shard(seat, id, shard.clone(), 0).await;
    }
    let placed = sender.settle().await?;
    let placed_at = || placed.shards.get(&id).into_iter().flatten();
    let sectors = placed_at().map(|shard| (shard.agreement, shard.root)).collect();
    let mut hosts: Vec<NodeKey> = placed_at().map(|shard| shard.host).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts.truncate(MAX_HOSTS);
    let pointer = Pointer { saved: UnixSeconds(0), used, segment: id, root: shard.root(), hosts };
    Ok((placed.missing == 0).then_some((pointer, sectors)))
}

async fn commit(
    core: &Core,
    profile: Profile,
    sealed: Vec<u8>,
) -> Result<Vec<CommittedSegment>, UploadCause> {
    let secrets = core.secrets.clone();
    let work = move || commit_blob(secrets.mask(), profile, &sealed);
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| UploadCause::TaskLost)?;
    Ok(done.map_err(layr_coding::EncodeError::Code)?)
}

impl Saved {
    /// Makes it the truth, and notes that the record is to be spread to the head's hosts.
    pub(crate) fn put(&self, core: &Core, draft: &mut crate::book::Draft<'_>) {
        free::keep_version(core, &self.sectors, draft);
        // What was owed since stays owed.
        if self.included.is_some() && core.book.get(Space::Meta, OWED).ok().flatten() == self.included {
            draft.delete(Space::Meta, OWED);
        }
        let sequence = self.state.sequence;
        let secret = core.identity.secret(Purpose::Catalogue);
        let payload = self.pointer.seal(&secret, sequence, core.book.random());
        self.state.put(draft);
        draft.put(Space::Meta, WAITING, &Waiting { sequence, payload, hosts: self.pointer.hosts.clone() });
    }
}

/// Spreads the newest record, if that is still to be done: to the hosts that hold the head, and in the network's
/// table. One host is enough to find the way back; the others make it likely.
pub(crate) async fn publish(core: &Core, progress: &dyn Progress) -> Result<(), UploadError> {
    let _held = core.publishing.lock().await;
    let records = |fault| Failed::new(Stage::Catalogue, fault);
    let Some(waiting) = core.book.get::<Waiting>(Space::Meta, WAITING).map_err(records)? else {
        return Ok(());
    };
    let net = core.hosts.net();
    let failed = |fault: NetFault| Failed::new(Stage::Catalogue, fault).next(NextStep::Retry);
    let bytes = net.sign_record(waiting.sequence, &waiting.payload).map_err(failed)?;
    let record = OwnerRecordBytes { bytes: bytes.clone() };
    let put = waiting.hosts.iter().map(|node| {
        let record = record.clone();
        core.hosts.call(*node, move |client: HostApiClient, context| -> BoxFuture<'static, _> {
            let record = record.clone();
            Box::pin(async move { client.put_owner_record(context, record).await })
        })
    });
    let spread = timeout(core.config.call, net.publish_record(bytes));
    let (kept, spread) = futures::join!(join_all(put), spread);
    let spread = matches!(spread, Ok(Ok(())));
    if !spread {
        progress.tell(Event::Warning(Warning::RecordNotSpread));
    }
    if !spread && kept.iter().all(Result::is_err) {
        return Err(failed(NetFault::NotKept).money(MoneyEffect::None));
    }
    let mut draft = core.book.draft();
    draft.delete(Space::Meta, WAITING);
    draft.commit().map_err(records)
}
