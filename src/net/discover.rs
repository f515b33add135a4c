//! Finding hosts and reading owners' notes: look-ups in the network that end in verified records.
//!
//! Kademlia tells which hosts are near a point and answering; each is then asked for its own card, which is
//! newest at its source and proves that it is alive, and only where that fails is the network asked for the
//! copy it keeps. Cards are remembered for a short while, because one upload looks up many points. Every look-up
//! has a deadline; whatever was found by then is the answer.

use crate::command::Command;
use crate::error::{LookupError, PublishError};
use crate::host_record::{HostRecord, VerifiedHostRecord};
use crate::inbound::RECORD_PROTOCOL;
use crate::key;
use crate::net::{Net, Shared};
use crate::owner_record::{OwnerRecordKey, VerifiedOwnerRecord};
use crate::publisher::read_card;
use futures::future::{Either, select};
use futures::stream::{self, StreamExt};
use layr_types::NodeKey;
use libp2p::kad::{K_VALUE, RecordKey};
use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

/// Hosts asked for their cards at the same time.
const ASKED_AT_ONCE: usize = 20;
/// Peers looked up beyond the hosts wanted: some near a point may have no card (a mere bootstrap node).
const SPARE: usize = 4;
/// Answers to a look-up of a record after which the newest of them is believed.
const ENOUGH_ANSWERS: usize = 5;
/// A host gets this long to show its own card before the network is asked for a copy.
const HEAD_START: Duration = Duration::from_millis(400);
/// How long a card is remembered.
const REMEMBERED: Duration = Duration::from_secs(30);
/// Cards remembered.
const CARDS: usize = 1024;

/// Cards read lately.
#[derive(Default)]
pub(crate) struct Cards(Mutex<HashMap<NodeKey, (Instant, VerifiedHostRecord)>>);

impl Cards {
    fn recall(&self, node: &NodeKey) -> Option<VerifiedHostRecord> {
        let cards = self.lock();
        cards.get(node).filter(|(read, _)| read.elapsed() < REMEMBERED).map(|(_, card)| card.clone())
    }

    fn remember(&self, card: &VerifiedHostRecord) {
        let mut cards = self.lock();
        if cards.len() >= CARDS {
            cards.retain(|_, (read, _)| read.elapsed() < REMEMBERED);
        }
        if cards.len() < CARDS {
            cards.insert(card.node(), (Instant::now(), card.clone()));
        }
    }

    fn forget(&self, node: &NodeKey) {
        self.lock().remove(node);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<NodeKey, (Instant, VerifiedHostRecord)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Net {
    /// The hosts closest to `point` that answer and have a valid card, closest first; at most `limit`, and at
    /// most 20 of one look-up. This node is never among them.
    ///
    /// # Errors
    /// [`LookupError::NoPeers`] where no other node is known; [`LookupError::Stopped`].
    pub async fn closest_hosts(
        &self,
        point: [u8; 32],
        limit: usize,
    ) -> Result<Vec<VerifiedHostRecord>, LookupError> {
        if self.status().routable == 0 {
            return Err(LookupError::NoPeers);
        }
        let until = self.until();
        let (reply, answer) = oneshot::channel();
        let wanted = limit.saturating_add(SPARE).min(K_VALUE.get());
        let command = Command::Closest { point, limit: wanted, until, reply };
        self.0.commands.send(command).await.map_err(|_| LookupError::Stopped)?;
        let peers = answer.await.map_err(|_| LookupError::Stopped)?;
        let nodes = peers.iter().filter_map(key::node_key).filter(|node| *node != self.0.node);
        let cards = stream::iter(nodes.map(|node| self.card_of(node, until))).buffered(ASKED_AT_ONCE);
        Ok(cards.filter_map(|card| async { card }).take(limit).collect().await)
    }

    /// A host's card: from the host itself if it can be reached, else the newest copy the network keeps.
    ///
    /// # Errors
    /// [`LookupError::TimedOut`] where neither is found in time; [`LookupError::Stopped`].
    pub async fn find_host(&self, node: NodeKey) -> Result<VerifiedHostRecord, LookupError> {
        let after = self.0.config.timeouts.lookup;
        let found = self.card_of(node, self.until()).await;
        if self.0.stop.is_cancelled() {
            return Err(LookupError::Stopped);
        }
        found.ok_or(LookupError::TimedOut { after })
    }

    /// Forgets what was read of a host, so that the next look-up asks it anew: call it when the host did not
    /// answer where its card said.
    pub fn forget_host(&self, node: &NodeKey) {
        self.0.cards.forget(node);
    }

    /// Gives an owner's note to the nodes closest to its key; answers with the number of copies made.
    ///
    /// # Errors
    /// [`PublishError`]: the note is stale by what this node already holds, nobody is known, or nobody kept it.
    pub async fn put_owner_record(&self, record: &VerifiedOwnerRecord) -> Result<usize, PublishError> {
        if self.status().routable == 0 {
            return Err(PublishError::NoPeers);
        }
        let key = VerifiedOwnerRecord::key(&self.0.config.network, &record.owner());
        match self.0.put(RecordKey::from(key.to_vec()), record.bytes().to_vec()).await? {
            0 => Err(PublishError::NoCopies),
            copies => Ok(copies),
        }
    }

    /// The newest note of an owner that the network (or this node) keeps; `None` where none was found.
    ///
    /// # Errors
    /// [`LookupError::Stopped`].
    pub async fn get_owner_record(
        &self,
        owner: &OwnerRecordKey,
    ) -> Result<Option<VerifiedOwnerRecord>, LookupError> {
        let network = self.0.config.network;
        let found = self.0.get(VerifiedOwnerRecord::key(&network, owner), self.until()).await?;
        let valid = found.iter().filter_map(|bytes| VerifiedOwnerRecord::check(bytes, &network).ok());
        Ok(valid.max_by_key(VerifiedOwnerRecord::sequence))
    }

    /// The owners' notes this node keeps for the network, so that the node can save them over a restart.
    ///
    /// # Errors
    /// [`LookupError::Stopped`].
    pub async fn kept_owner_records(&self) -> Result<Vec<Vec<u8>>, LookupError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.0.commands.send(Command::OwnerRecords { reply }).await;
        sent.map_err(|_| LookupError::Stopped)?;
        answer.await.map_err(|_| LookupError::Stopped)
    }

    /// Puts a note back on this node's shelf after a restart, or one received by other means. It is checked
    /// like any other.
    ///
    /// # Errors
    /// [`PublishError::Record`] says why it was refused; [`PublishError::Stopped`].
    pub async fn keep_owner_record(&self, bytes: &[u8]) -> Result<(), PublishError> {
        let network = self.0.config.network;
        let record = VerifiedOwnerRecord::check(bytes, &network)?;
        let key = RecordKey::from(VerifiedOwnerRecord::key(&network, &record.owner()).to_vec());
        self.0.keep(key, bytes.to_vec()).await
    }

    fn until(&self) -> Instant {
        Instant::now() + self.0.config.timeouts.lookup
    }

    async fn card_of(&self, node: NodeKey, until: Instant) -> Option<VerifiedHostRecord> {
        if let Some(card) = self.0.cards.recall(&node) {
            return Some(card);
        }
        let found = self.fresh_card(node, until).await;
        if let Some(card) = &found {
            self.0.cards.remember(card);
        }
        found
    }

    /// From the host itself; where it does not answer at once, from whoever is first, the host or the network.
    async fn fresh_card(&self, node: NodeKey, until: Instant) -> Option<VerifiedHostRecord> {
        let mut source = pin!(self.card_from_source(node));
        if let Ok(card) = timeout(HEAD_START, &mut source).await {
            return match card {
                Some(card) => Some(card),
                None => timeout_at(until, self.card_from_network(node, until)).await.ok().flatten(),
            };
        }
        let network = pin!(self.card_from_network(node, until));
        match timeout_at(until, select(source, network)).await.ok()? {
            Either::Left((Some(card), _)) | Either::Right((Some(card), _)) => Some(card),
            Either::Left((None, network)) => timeout_at(until, network).await.ok().flatten(),
            Either::Right((None, source)) => timeout_at(until, source).await.ok().flatten(),
        }
    }

    async fn card_from_source(&self, node: NodeKey) -> Option<VerifiedHostRecord> {
        let read = async { read_card(self.open(node, &[], RECORD_PROTOCOL).await.ok()?).await.ok() };
        let bytes = timeout(self.0.config.timeouts.record, read).await.ok().flatten()?;
        let card = VerifiedHostRecord::check(&bytes, &self.0.config.network, (self.0.config.clock)()).ok()?;
        (card.node() == node).then_some(card)
    }

    async fn card_from_network(&self, node: NodeKey, until: Instant) -> Option<VerifiedHostRecord> {
        let network = self.0.config.network;
        let found = self.0.get(HostRecord::key(&network, &node), until).await.ok()?;
        let now = (self.0.config.clock)();
        let valid = found.iter().filter_map(|bytes| VerifiedHostRecord::check(bytes, &network, now).ok());
        valid.max_by_key(|card| card.record().sequence)
    }
}

impl Shared {
    /// Valid records under a key, from here and from the nodes closest to it.
    async fn get(&self, key: [u8; 32], until: Instant) -> Result<Vec<Vec<u8>>, LookupError> {
        let (reply, answer) = oneshot::channel();
        let command =
            Command::Get { key: RecordKey::from(key.to_vec()), enough: ENOUGH_ANSWERS, until, reply };
        self.commands.send(command).await.map_err(|_| LookupError::Stopped)?;
        answer.await.map_err(|_| LookupError::Stopped)
    }

    /// Keeps a record here and gives it to the nodes closest to its key; answers with the copies made there.
    pub(crate) async fn put(&self, key: RecordKey, value: Vec<u8>) -> Result<usize, PublishError> {
        let (reply, answer) = oneshot::channel();
        let until = Instant::now() + self.config.timeouts.lookup;
        let command = Command::Put { key, value, until, reply };
        self.commands.send(command).await.map_err(|_| PublishError::Stopped)?;
        Ok(answer.await.map_err(|_| PublishError::Stopped)??)
    }

    /// Keeps a record on this node's own shelf.
    pub(crate) async fn keep(&self, key: RecordKey, value: Vec<u8>) -> Result<(), PublishError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Keep { key, value, reply }).await.map_err(|_| PublishError::Stopped)?;
        Ok(answer.await.map_err(|_| PublishError::Stopped)??)
    }
}
