//! What is stored already: chunks an encoder may skip because they lie safely enough, for long enough.

use crate::agreement::Agreement;
use crate::book::Book;
use crate::core::Core;
use crate::error::RecordsFault;
use crate::ports::Space;
use layr_audits::Verdict;
use layr_coding::{ChunkIndex, ChunkRecord, Profile};
use layr_manifests::SegmentRecord;
use layr_types::{AgreementId, ChunkId, SegmentId, UnixSeconds};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// Chunks of earlier uploads, looked up one by one.
pub(crate) struct StoredIndex {
    book: Book,
    sound: HashSet<AgreementId>,
    profile: Profile,
    judged: Mutex<HashMap<SegmentId, bool>>,
}

impl StoredIndex {
    /// Chunks whose every shard lies under an agreement that runs at least until `until` and whose host has not
    /// failed its newest audit, coded to survive as many losses as `profile`.
    pub(crate) fn new(
        core: &Core,
        profile: Profile,
        now: UnixSeconds,
        until: UnixSeconds,
    ) -> Result<Self, RecordsFault> {
        let sound = |agreement: &Agreement| {
            let passed = agreement.audited.is_some_and(|(verdict, _)| verdict == Verdict::Passed);
            agreement.runs(now) && agreement.terms.end >= until && passed
        };
        let sound = core.agreements()?.into_iter().filter(sound).map(|agreement| agreement.id).collect();
        Ok(Self { book: core.book.clone(), sound, profile, judged: Mutex::new(HashMap::new()) })
    }

    fn is_sound(&self, id: &SegmentId) -> bool {
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        *judged.entry(*id).or_insert_with(|| self.judge(id).unwrap_or(false))
    }

    /// A record that cannot be read makes the chunk be stored again, which is always right.
    fn judge(&self, id: &SegmentId) -> Result<bool, RecordsFault> {
        let Some(segment) = segment(&self.book, id)? else { return Ok(false) };
        let placed = segment.shards.iter().filter(|shard| self.sound.contains(&shard.agreement)).count();
        let whole = placed >= usize::from(segment.profile.n());
        Ok(whole && segment.profile.spare() >= self.profile.spare())
    }
}

impl ChunkIndex for StoredIndex {
    fn find(&self, id: &ChunkId) -> Option<ChunkRecord> {
        if self.sound.is_empty() {
            return None;
        }
        let record: ChunkRecord = self.book.get(Space::Chunks, id.as_bytes()).ok().flatten()?;
        record.spans.iter().all(|span| self.is_sound(&span.segment)).then_some(record)
    }
}

/// One segment's record.
pub(crate) fn segment(book: &Book, id: &SegmentId) -> Result<Option<SegmentRecord>, RecordsFault> {
    let damaged = |_| RecordsFault::Damaged { space: Space::Segments };
    let bytes: Option<Vec<u8>> = book.get(Space::Segments, id.as_bytes())?;
    bytes.map(|bytes| SegmentRecord::decode(&bytes).map_err(damaged)).transpose()
}
