//! Following the contract's events. What others do to an agreement (publish, challenge, answer, give notice,
//! rotate, settle) is told here and believed only where the slot's 32 bytes agree.
//!
//! The place in the stream is written down only once everything told has been dealt with; a crash reads some of it
//! again, which changes nothing.

use crate::agreement::Agreement;
use crate::batch::Batch;
use crate::error::HostError;
use crate::host::Host;
use crate::ports::{Table, Told};
use layr_market::{Revision, Settlement, SlotState};
use layr_types::{AgreementId, UnixSeconds};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Key of the place in the stream of events, in [`Table::Meta`].
const CURSOR_KEY: &[u8] = b"news";
/// Pages read in one round of the watcher; what is left is read in the next.
const PAGES: usize = 64;

/// The newest that events tell of one agreement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rumour {
    pub state: Option<SlotState>,
    pub revision: Option<Revision>,
    pub named: Vec<u8>,
    pub over: Option<Settlement>,
}

#[derive(Debug, Default)]
struct Heard {
    /// Only about agreements that have a seat here.
    of: HashMap<AgreementId, Rumour>,
    cursor: Option<String>,
    started: bool,
}

/// What has been heard since the start.
#[derive(Debug, Default)]
pub(crate) struct Gossip(Mutex<Heard>);

impl Gossip {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What events tell of an agreement.
    pub fn of(&self, id: &AgreementId) -> Rumour {
        self.heard().of.get(id).cloned().unwrap_or_default()
    }

    /// Forgets an agreement that is over.
    pub fn forget(&self, id: &AgreementId) {
        self.heard().of.remove(id);
    }
}

impl Host {
    /// Reads what is new and puts every agreement it is about on the agenda for now.
    pub(crate) async fn listen(&self, now: UnixSeconds) -> Result<(), HostError> {
        let mut cursor = self.news_cursor()?;
        for _ in 0..PAGES {
            let page = self.ports.ledger.news(cursor.clone()).await?;
            for (id, told) in page.told {
                if self.desk().seats.contains_key(&id) {
                    self.gossip.heard().of.entry(id).or_default().take(told);
                    self.update(&id, |agreement| agreement.due = agreement.due.min(now))?;
                }
            }
            cursor = page.cursor.or(cursor);
            self.gossip.heard().cursor.clone_from(&cursor);
            if !page.more {
                break;
            }
        }
        Ok(())
    }

    /// Writes the place down, once everything heard so far has been dealt with.
    pub(crate) fn heard_out(&self) -> Result<(), HostError> {
        let Some(cursor) = self.gossip.heard().cursor.clone() else { return Ok(()) };
        let known = self.records().get(Table::Meta, CURSOR_KEY)?;
        if known.as_deref() == Some(cursor.as_bytes()) {
            return Ok(());
        }
        let mut batch = Batch::new();
        batch.put(Table::Meta, CURSOR_KEY.to_vec(), cursor.into_bytes());
        self.apply(batch)
    }

    fn news_cursor(&self) -> Result<Option<String>, HostError> {
        let mut heard = self.gossip.heard();
        if !heard.started {
            let written = self.records().get(Table::Meta, CURSOR_KEY)?;
            heard.cursor = written.and_then(|bytes| String::from_utf8(bytes).ok());
            heard.started = true;
        }
        Ok(heard.cursor.clone())
    }
}

impl Rumour {
    fn take(&mut self, told: Told) {
        match told {
            Told::State { state, revision, named } => {
                self.state = Some(*state);
                self.revision = revision.map(|revision| *revision).or_else(|| self.revision.take());
                if !named.is_empty() {
                    self.named = named;
                }
            }
            Told::Over { settlement } => self.over = Some(settlement),
        }
    }
}

impl Agreement {
    /// Keeps the list of an open named challenge, if it is the one the state commits to.
    pub(crate) fn learn_leaves(&mut self, named: &[u8]) {
        use layr_market::{Phase, SoftwareSha256, named_leaves_hash};
        let open = self.slot.phase == Phase::Challenged;
        if open
            && !named.is_empty()
            && named_leaves_hash(&SoftwareSha256, named) == self.slot.challenge.leaves_hash
        {
            self.leaves = named.to_vec();
        }
    }
}
