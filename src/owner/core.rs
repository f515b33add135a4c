//! What every verb works with: ports, keys, typed records, and the locks that keep one agreement's revisions in
//! order.

use crate::agreement::Agreement;
use crate::book::{Book, Draft};
use crate::config::OwnerConfig;
use crate::error::{LedgerFault, RecordsFault};
use crate::hosts::Hosts;
use crate::job::JobId;
use crate::patient::Patient;
use crate::ports::{LedgerInfo, OwnerLedger, PendingTx, Space};
use layr_audits::{Containment, Score, Verdict};
use layr_coding::{OwnerSecrets, SegmentMaskKey};
use layr_identity::{Identity, Purpose};
use layr_manifests::CatalogueKey;
use layr_market::{Sha256 as _, SoftwareSha256};
use layr_types::{AgreementId, NodeKey, SegmentId, UnixSeconds};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The latest time the ledger has shown.
const CLOCK: &[u8] = b"ledger clock";
/// How far the ledger's clock moves before that is written down again, seconds.
const CLOCK_STEP: u64 = 60;
/// How far behind its own earlier answers an endpoint may be, seconds: endpoints differ by a few ledgers.
pub(crate) const CLOCK_SLACK: u64 = 120;

/// Shared by all verbs; cheap to clone.
#[derive(Clone)]
pub(crate) struct Core(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) identity: Arc<Identity>,
    pub(crate) ledger: Arc<dyn OwnerLedger>,
    pub(crate) info: LedgerInfo,
    pub(crate) hosts: Hosts,
    pub(crate) book: Book,
    pub(crate) config: OwnerConfig,
    pub(crate) secrets: OwnerSecrets,
    pub(crate) catalogue_key: CatalogueKey,
    /// The latest time the ledger has shown, as far as it was written down.
    clock: AtomicU64,
    /// Held while agreements are planned and opened, so that two uploads never take one slot.
    pub(crate) opening: tokio::sync::Mutex<()>,
    /// Held from when a catalogue is made until it is recorded.
    pub(crate) cataloguing: Arc<tokio::sync::Mutex<()>>,
    /// Shared by whatever stores shards, from when it looks at what is stored already until its records name them;
    /// held alone while what nothing names is given up.
    pub(crate) storing: tokio::sync::RwLock<()>,
    /// Held while the newest catalogue's pointer is spread.
    pub(crate) publishing: tokio::sync::Mutex<()>,
    /// Held for the length of a repair: two would rebuild the same shards.
    pub(crate) repairing: tokio::sync::Mutex<()>,
    /// Held while the tally of reads changes.
    pub(crate) tally: Mutex<()>,
    locks: Locks,
    /// Held while one agreement's reads are paid for.
    purses: Locks,
}

type Locks = Mutex<HashMap<AgreementId, Arc<tokio::sync::Mutex<()>>>>;

impl std::ops::Deref for Core {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What the owner knows of a host from its own experience.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Experience {
    pub(crate) score: Score,
    /// Slowest recent answer to an audit, per leaf, in microseconds; fades.
    pub(crate) leaf_micros: u64,
    /// A host that owes an answer.
    pub(crate) contained: Option<Containment>,
}

/// A transaction on its way, and what it means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TxRecord {
    pub(crate) tx: PendingTx,
    pub(crate) what: TxWhat,
}

/// What a transaction does when it takes effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TxWhat {
    /// Opens these agreements for a job.
    Open { job: JobId, ids: Vec<AgreementId> },
    /// Closes these.
    Close { ids: Vec<AgreementId> },
    /// Publishes this one's newest revision.
    Publish { id: AgreementId },
    /// Expires this one.
    Expire { id: AgreementId },
    /// Publishes this one's revision of this number.
    Show { id: AgreementId, n: u64 },
    /// Challenges this one's host, gives it notice, or brings an answer of its: its slot shows what came of it.
    Move { id: AgreementId },
    /// Settles this one because its host did not answer a challenge.
    Default { id: AgreementId },
    /// Settles this one by its host's proof.
    Prove { id: AgreementId },
    /// Puts a beacon round on the ledger.
    Beacon,
    /// Renews these: the old ones' ids.
    Renew { ids: Vec<AgreementId> },
}

/// Where the mask key of another owner's segment is kept.
fn mask_name(id: &SegmentId) -> Vec<u8> {
    [b"mask ".as_slice(), id.as_bytes()].concat()
}

impl Core {
    pub(crate) fn open(ports: crate::Ports, config: OwnerConfig) -> Result<Self, RecordsFault> {
        let crate::Ports { identity, net, ledger, records } = ports;
        let book = Book::new(records, &identity.secret(Purpose::Journal));
        let info = ledger.info();
        let ledger = Arc::new(Patient::new(ledger, &config));
        let clock = book.get::<UnixSeconds>(Space::Meta, CLOCK)?.unwrap_or_default();
        let secrets = OwnerSecrets::new(&identity.secret(Purpose::Chunk), &identity.secret(Purpose::Mask));
        let catalogue_key = CatalogueKey::new(&identity.secret(Purpose::Catalogue));
        let hosts = Hosts::new(net, info, config.clone());
        let core = Self(Arc::new(Inner {
            identity,
            ledger,
            info,
            hosts,
            book,
            config,
            secrets,
            catalogue_key,
            clock: AtomicU64::new(clock.0),
            opening: tokio::sync::Mutex::new(()),
            cataloguing: Arc::default(),
            storing: tokio::sync::RwLock::new(()),
            publishing: tokio::sync::Mutex::new(()),
            repairing: tokio::sync::Mutex::new(()),
            tally: Mutex::default(),
            locks: Mutex::default(),
            purses: Mutex::default(),
        }));
        core.check_records()?;
        Ok(core)
    }

    /// The first record is a mark of this identity and ledger; one of another does not open.
    fn check_records(&self) -> Result<(), RecordsFault> {
        const MARK: &[u8] = b"mark";
        let context = self.info.context;
        match self.book.get::<layr_market::Context>(Space::Meta, MARK)? {
            Some(found) if found == context => Ok(()),
            Some(_) => Err(RecordsFault::Damaged { space: Space::Meta }),
            None => self.book.put(Space::Meta, MARK, &context),
        }
    }

    /// This owner's key.
    pub(crate) fn key(&self) -> NodeKey {
        self.identity.node_key()
    }

    /// The ledger's clock, which never runs backwards: an endpoint that is behind says nothing worth acting on.
    pub(crate) async fn now(&self) -> Result<UnixSeconds, LedgerFault> {
        let (shown, known) = (self.ledger.now().await?, self.last_known());
        if shown.plus(CLOCK_SLACK) < known {
            return Err(LedgerFault::Stale { shown, known });
        }
        if known.plus(CLOCK_STEP) < shown {
            self.book.put(Space::Meta, CLOCK, &shown).map_err(LedgerFault::Journal)?;
            self.clock.fetch_max(shown.0, Ordering::AcqRel);
        }
        Ok(shown)
    }

    /// The latest time the ledger is known to have shown: what records are as of while it cannot be reached.
    pub(crate) fn last_known(&self) -> UnixSeconds {
        UnixSeconds(self.clock.load(Ordering::Acquire))
    }

    /// The lock of one agreement's revisions.
    pub(crate) fn lock_of(&self, id: AgreementId) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(locks.entry(id).or_default())
    }

    /// The lock under which one agreement's reads are paid for.
    pub(crate) fn purse_of(&self, id: AgreementId) -> Arc<tokio::sync::Mutex<()>> {
        let mut purses = self.purses.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(purses.entry(id).or_default())
    }

    /// One agreement.
    pub(crate) fn agreement(&self, id: &AgreementId) -> Result<Option<Agreement>, RecordsFault> {
        self.book.get(Space::Agreements, id.as_bytes())
    }

    /// All agreements.
    pub(crate) fn agreements(&self) -> Result<Vec<Agreement>, RecordsFault> {
        Ok(self.book.scan(Space::Agreements, &[])?.into_iter().map(|(_, agreement)| agreement).collect())
    }

    /// What is known of a host.
    pub(crate) fn experience(&self, node: &NodeKey) -> Result<Experience, RecordsFault> {
        Ok(self.book.get(Space::Hosts, node.as_bytes())?.unwrap_or_default())
    }

    /// Takes a verdict into the host's score.
    pub(crate) fn remember(
        &self,
        node: &NodeKey,
        verdict: Verdict,
        now: UnixSeconds,
    ) -> Result<(), RecordsFault> {
        let mut experience = self.experience(node)?;
        experience.score.observe(verdict, now);
        self.book.put(Space::Hosts, node.as_bytes(), &experience)
    }

    /// The key that masks a segment's shards: the one a delegate was given, or this owner's own.
    pub(crate) fn mask_key(&self, id: &SegmentId) -> Result<SegmentMaskKey, RecordsFault> {
        let given: Option<[u8; 32]> = self.book.get(Space::Meta, &mask_name(id))?;
        Ok(given.map_or_else(|| self.secrets.mask().segment(id), SegmentMaskKey::from_bytes))
    }

    /// Whether a segment is another owner's, repaired for that one.
    pub(crate) fn is_delegated(&self, id: &SegmentId) -> Result<bool, RecordsFault> {
        Ok(self.book.get::<[u8; 32]>(Space::Meta, &mask_name(id))?.is_some())
    }

    /// Keeps the key of another owner's segment.
    pub(crate) fn keep_mask_key(&self, draft: &mut Draft<'_>, id: &SegmentId, key: &[u8; 32]) {
        if self.secrets.mask().segment(id).as_bytes() != key {
            draft.put(Space::Meta, &mask_name(id), key);
        }
    }

    /// Signs as the owner's node key.
    pub(crate) fn sign(&self, digest: &[u8; 32]) -> layr_types::Signature {
        self.identity.sign_as_node(digest)
    }

    /// A short hash that names something for the length of this program's run.
    pub(crate) fn tag(parts: &[&[u8]]) -> [u8; 32] {
        SoftwareSha256.sha256(parts)
    }
}

impl Draft<'_> {
    /// Sets an agreement.
    pub(crate) fn agreement(&mut self, agreement: &Agreement) {
        self.put(Space::Agreements, agreement.id.as_bytes(), agreement);
    }
}
