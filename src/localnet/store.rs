//! A network's directory: reading it back, adding ledgers, and compacting what grew too long.

use std::path::Path;
use std::sync::Arc;

use stellar_xdr::{LedgerCloseMetaV2, Limits, WriteXdr};

use crate::engine::Past;
use crate::error::{EngineError, JournalError};
use crate::journal::{Frame, Journal};
use crate::record::{self, BIRTH, Birth, ENTRIES, FORMAT, LEDGER, PAST, RESUME};
use crate::state::State;

/// Journals below this size are never compacted.
const COMPACTION_FLOOR_BYTES: u64 = 32 << 20;
/// Bytes of entries gathered into one checkpoint frame.
const CHUNK_BYTES: usize = 1 << 20;

/// The open directory.
pub(crate) struct Store {
    journal: Journal,
    /// Length after the last compaction; growth is measured from it.
    settled: u64,
    retention: usize,
    /// Encoded metadata of remembered ledgers that carried transactions.
    past: std::collections::VecDeque<Vec<u8>>,
}

impl Store {
    /// Opens `directory` and reads back the network in it, if there is one.
    ///
    /// # Errors
    /// When the directory is in use, or what is in it is damaged, newer, or another network's.
    #[allow(clippy::type_complexity, reason = "the pair is taken apart at the one place it is used")]
    pub(crate) fn open(
        directory: &Path,
        passphrase: &str,
        retention: usize,
    ) -> Result<(Self, Option<(Birth, Past)>), EngineError> {
        let mut reading = Reading { retention, ..Reading::default() };
        let journal = Journal::open(directory, |path, frame| reading.take(path, frame))?;
        if let Some(birth) = reading.birth.as_ref().filter(|birth| birth.passphrase != passphrase) {
            return Err(EngineError::Journal(JournalError::Passphrase {
                path: directory.to_owned(),
                found: birth.passphrase.clone(),
                wanted: passphrase.to_owned(),
            }));
        }
        let settled = journal.length();
        let store = Self { journal, settled, retention, past: reading.metas };
        Ok((store, reading.birth.map(|birth| (birth, reading.past))))
    }

    /// Writes the birth and genesis of a new network, in one step.
    pub(crate) fn begin(&mut self, birth: &Birth, first: &LedgerCloseMetaV2) -> Result<(), EngineError> {
        let frames = vec![(BIRTH, birth.encode()), (LEDGER, record::encode_ledger(0, first)?)];
        self.journal.rewrite(frames.into_iter())?;
        Ok(())
    }

    /// Makes a closed ledger durable.
    pub(crate) fn append(&mut self, offset: i64, meta: &LedgerCloseMetaV2) -> Result<(), EngineError> {
        let body = record::encode_ledger(offset, meta)?;
        self.journal.append(LEDGER, &body)?;
        if !meta.tx_processing.is_empty() {
            self.past.push_back(body[8..].to_vec());
        }
        while self.past.len() > self.retention {
            self.past.pop_front();
        }
        Ok(())
    }

    /// Whether the journal has grown to more than twice what a compaction left, and is worth the trouble.
    pub(crate) fn compaction_due(&self) -> bool {
        self.journal.length() > self.settled.saturating_mul(2).max(COMPACTION_FLOOR_BYTES)
    }

    /// Waits until the journal has doubled again before trying anew.
    pub(crate) fn postpone_compaction(&mut self) {
        self.settled = self.journal.length();
    }

    /// Rewrites the journal as a checkpoint of `state` and the remembered ledgers that carried transactions.
    pub(crate) fn compact(
        &mut self,
        birth: &Birth,
        state: &Arc<State>,
        latest: &LedgerCloseMetaV2,
        offset: i64,
    ) -> Result<(), EngineError> {
        let mut frames = vec![(BIRTH, birth.encode())];
        let mut chunk = Vec::new();
        for (_, entry) in state.iter() {
            chunk.extend(entry.to_xdr(Limits::none())?);
            if chunk.len() >= CHUNK_BYTES {
                frames.push((ENTRIES, std::mem::take(&mut chunk)));
            }
        }
        frames.push((ENTRIES, chunk));
        frames.extend(self.past.iter().map(|meta| (PAST, meta.clone())));
        frames.push((RESUME, record::encode_ledger(offset, latest)?));
        self.journal.rewrite(frames.into_iter())?;
        self.settled = self.journal.length();
        Ok(())
    }
}

/// The journal as read so far.
#[derive(Default)]
struct Reading {
    birth: Option<Birth>,
    past: Past,
    metas: std::collections::VecDeque<Vec<u8>>,
    retention: usize,
}

impl Reading {
    fn take(&mut self, path: &Path, frame: Frame) -> Result<(), JournalError> {
        let offset = frame.offset;
        self.accept(path, frame)?.ok_or_else(|| JournalError::Inconsistent { path: path.to_owned(), offset })
    }

    /// `None` when the frame does not follow from the ones before it.
    fn accept(&mut self, path: &Path, frame: Frame) -> Result<Option<()>, JournalError> {
        if frame.kind == BIRTH {
            let birth = Birth::decode(&frame.body).filter(|_| self.birth.is_none());
            if let Some(newer) = birth.as_ref().filter(|birth| birth.version > FORMAT) {
                return Err(JournalError::Version { path: path.to_owned(), found: newer.version });
            }
            self.birth = birth;
            return Ok(self.birth.as_ref().map(|_| ()));
        }
        if self.birth.is_none() {
            return Ok(None);
        }
        Ok(match frame.kind {
            LEDGER => self.ledger(&frame.body),
            ENTRIES if self.past.latest.is_none() => record::decode_entries(&frame.body)
                .map(|entries| entries.into_iter().for_each(|entry| self.past.state.put(entry))),
            PAST if self.past.latest.is_none() => {
                record::decode_past(&frame.body).map(|meta| self.remember(&meta, frame.body))
            }
            RESUME if self.past.latest.is_none() => self.resume(&frame.body),
            _ => None,
        })
    }

    fn ledger(&mut self, body: &[u8]) -> Option<()> {
        let (offset, meta) = record::decode_ledger(body)?;
        let parent = self.past.latest.as_ref().map_or([0; 32], |parent| parent.ledger_header.hash.0);
        if meta.ledger_header.header.previous_ledger_hash.0 != parent {
            return None;
        }
        if !meta.tx_processing.is_empty() {
            self.metas.push_back(body[8..].to_vec());
        }
        self.past.replay(meta, offset, self.retention);
        Some(())
    }

    fn remember(&mut self, meta: &LedgerCloseMetaV2, body: Vec<u8>) {
        self.past.history.add(meta, self.retention);
        self.metas.push_back(body);
    }

    /// Ends a checkpoint: the entries read so far are the state after this ledger.
    fn resume(&mut self, body: &[u8]) -> Option<()> {
        let (offset, meta) = record::decode_ledger(body)?;
        self.past.offset = offset;
        if meta.tx_processing.is_empty() {
            self.past.history.add(&meta, self.retention);
        }
        self.past.latest = Some(meta);
        Some(())
    }
}
