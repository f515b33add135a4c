//! A host's card on the network: signed, served, spread, and renewed before it expires.
//!
//! Two tasks. The server answers each stream on the record protocol with the newest card (length and bytes)
//! and closes it; it is how others read a card at its source. The publisher, one per [`Net::publish_host`],
//! signs the card anew every `republish`, hands it to the nodes closest to its key, and tries again soon
//! where nobody kept it. Both end with the shutdown token. Neither holds the door open.

use crate::command::NetStatus;
use crate::error::PublishError;
use crate::host_record::{
    HostRecord, MAX_ADDRESSES, MAX_HOST_RECORD_BYTES, MAX_LANE_ADDRESSES, MAX_LIFETIME, VerifiedHostRecord,
};
use crate::layout::RecordError;
use crate::net::{Net, Shared};
use crate::stream::PeerStream;
use libp2p::Multiaddr;
use libp2p::kad::RecordKey;
use libp2p::multiaddr::Protocol;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::io::{self, AsyncReadExt, AsyncWriteExt};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// A peer gets this long to take in a card.
const SERVING: Duration = Duration::from_secs(3);
/// First and longest pause after a card nobody kept.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// Pause before a grown network is given the card again.
const GROWTH_PAUSE: Duration = Duration::from_secs(2);
/// A card outlives this many renewals that failed.
const LIVES: u64 = 24;

/// The signed card served to whoever asks.
pub(crate) type Card = Arc<VerifiedHostRecord>;

/// What a host says of itself beyond what the door knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostProfile {
    /// Addresses to publish instead of those listened on (a forwarded port, a name), at most 8.
    pub addresses: Vec<Multiaddr>,
    /// Lane addresses to publish instead of the one listened on, at most 4.
    pub lane_addresses: Vec<SocketAddr>,
    /// Declared region, at most 64 bytes.
    pub region: String,
    /// Declared operator, at most 64 bytes.
    pub operator: String,
}

impl Net {
    /// Signs this host's card, serves it from now on, and keeps it spread and renewed until the door closes or
    /// another profile is published. Returns the first card without waiting for copies elsewhere.
    ///
    /// # Errors
    /// [`PublishError::Record`] where the profile does not fit a record; [`PublishError::Stopped`].
    pub async fn publish_host(&self, profile: HostProfile) -> Result<VerifiedHostRecord, PublishError> {
        let card = self.0.renew(&profile)?;
        self.0.keep(self.0.key_of(&card), card.bytes().to_vec()).await?;
        let publisher = Publisher { door: Arc::downgrade(&self.0), profile, card: Arc::clone(&card) };
        self.0.tasks.spawn(publisher.run(self.0.stop.clone()));
        Ok((*card).clone())
    }
}

impl Shared {
    /// Signs a card newer than the one before and serves it.
    fn renew(&self, profile: &HostProfile) -> Result<Card, RecordError> {
        let now = (self.config.clock)();
        let before = self.card.borrow().as_ref().map_or(0, |card| card.record().sequence);
        let lifetime = self.config.republish.as_secs().saturating_mul(LIVES).clamp(60, MAX_LIFETIME);
        let record = HostRecord {
            network: self.config.network,
            node: self.node,
            sequence: before.saturating_add(1).max(now.0),
            issued: now,
            expires: now.plus(lifetime),
            addresses: self.published_addresses(profile),
            lane_addresses: self.published_lanes(profile),
            region: profile.region.clone(),
            operator: profile.operator.clone(),
        };
        let card = Arc::new(record.sign(&self.identity)?);
        self.card.send_replace(Some(Arc::clone(&card)));
        Ok(card)
    }

    fn published_addresses(&self, profile: &HostProfile) -> Vec<Multiaddr> {
        if !profile.addresses.is_empty() {
            return profile.addresses.clone();
        }
        let listened = self.status.borrow().listen.clone();
        let reachable =
            beyond_this_machine(listened, |address| ip(address).is_some_and(|ip| ip.is_loopback()));
        reachable.into_iter().take(MAX_ADDRESSES).collect()
    }

    fn published_lanes(&self, profile: &HostProfile) -> Vec<SocketAddr> {
        if !profile.lane_addresses.is_empty() {
            return profile.lane_addresses.clone();
        }
        let Some(lane) = self.status.borrow().lane else { return Vec::new() };
        if !lane.ip().is_unspecified() {
            return vec![lane];
        }
        let ips: BTreeSet<IpAddr> = self.status.borrow().listen.iter().filter_map(ip).collect();
        let same_family = ips.into_iter().filter(|ip| ip.is_ipv4() || lane.is_ipv6()).collect();
        let reachable = beyond_this_machine(same_family, IpAddr::is_loopback);
        reachable.into_iter().map(|ip| SocketAddr::new(ip, lane.port())).take(MAX_LANE_ADDRESSES).collect()
    }

    fn key_of(&self, card: &Card) -> RecordKey {
        RecordKey::from(HostRecord::key(&self.config.network, &card.node()).to_vec())
    }
}

struct Publisher {
    door: Weak<Shared>,
    profile: HostProfile,
    card: Card,
}

impl Publisher {
    async fn run(mut self, stop: CancellationToken) {
        let Some(mut status) = self.door.upgrade().map(|door| door.status.clone()) else { return };
        let (mut pause, mut renew_at) = (RETRY.0, None);
        loop {
            let Some(door) = self.door.upgrade() else { return };
            if door
                .card
                .borrow()
                .as_ref()
                .is_some_and(|newest| newest.record().sequence > self.card.record().sequence)
            {
                return;
            }
            let now = Instant::now();
            let due = *renew_at.get_or_insert(now + door.config.republish);
            if now >= due {
                renew_at = None;
                match door.renew(&self.profile) {
                    Ok(card) => self.card = card,
                    Err(error) => tracing::warn!(%error, "cannot renew the host record"),
                }
            }
            let company = status.borrow().routable;
            let copies = door.put(door.key_of(&self.card), self.card.bytes().to_vec()).await.unwrap_or(0);
            drop(door);
            tracing::debug!(copies, "spread the host record");
            let wake = if copies == 0 { now + pause } else { due.max(now + RETRY.0) };
            pause = if copies == 0 { (pause * 2).min(RETRY.1) } else { RETRY.0 };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(wake) => {}
                open = company_grows(&mut status, company) => if !open { return },
            }
        }
    }
}

/// True once more hosts are known than before; false where the door has closed.
async fn company_grows(status: &mut watch::Receiver<NetStatus>, before: usize) -> bool {
    sleep(GROWTH_PAUSE).await;
    status.wait_for(|status| status.routable > before).await.is_ok()
}

/// Answers streams on the record protocol. See the module's preface.
pub(crate) struct RecordServer {
    pub(crate) asked: mpsc::Receiver<PeerStream>,
    pub(crate) card: watch::Receiver<Option<Card>>,
    pub(crate) stop: CancellationToken,
}

impl RecordServer {
    pub(crate) async fn run(mut self) {
        let mut serving = JoinSet::new();
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                Some(_) = serving.join_next() => {}
                asked = self.asked.recv() => match asked {
                    Some(stream) => {
                        let card = self.card.borrow().clone();
                        serving.spawn(timeout(SERVING, serve(stream, card)));
                    }
                    None => return,
                },
            }
        }
    }
}

async fn serve(mut stream: PeerStream, card: Option<Card>) -> io::Result<()> {
    let bytes = card.as_ref().map_or(&[][..], |card| card.bytes());
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    stream.write_u16(length).await?;
    stream.write_all(bytes).await?;
    stream.shutdown().await
}

/// Reads what [`serve`] writes; nothing longer than a record is read.
pub(crate) async fn read_card(mut stream: PeerStream) -> io::Result<Vec<u8>> {
    let length = usize::from(stream.read_u16().await?);
    if length > MAX_HOST_RECORD_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

/// Drops what only this machine can reach, unless there is nothing else: on another machine the same address
/// may be answered by another node.
fn beyond_this_machine<T>(all: Vec<T>, local: impl Fn(&T) -> bool) -> Vec<T> {
    let only_local = all.iter().all(&local);
    all.into_iter().filter(|one| only_local || !local(one)).collect()
}

fn ip(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}
