//! The swarm's actor: the one task that owns the libp2p swarm.
//!
//! Started by [`crate::Net::start`]. Inboxes: commands from the handle (bounded; the handle waits), events of
//! the swarm, the shutdown token. Out: answers through one-shot channels, and a [`NetStatus`] that anyone may
//! watch. It never waits for anything else, never verifies more than one record per event, and ends when the
//! token is cancelled: connections are closed, listeners dropped, waiting callers learn that the door is shut.

use crate::command::{Command, NetStatus};
use crate::config::NetConfig;
use crate::layout::RecordError;
use crate::lookups::{Lookup, Lookups, Next, Report, TICK};
use crate::swarm::{Door, DoorEvent, ID_PROTOCOL, KAD_PROTOCOL};
use futures::StreamExt;
use libp2p::kad::{self, QueryId, Quorum, Record, RecordKey};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{DialError, Swarm, SwarmEvent};
use libp2p::{Multiaddr, PeerId, identify, mdns, ping};
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Addresses remembered of one peer.
const ADDRESSES_PER_PEER: usize = 8;
/// Peers dialled from one burst of local-network discovery.
const DISCOVERED_AT_ONCE: usize = 16;
/// First and longest pause between attempts to join through the bootstrap nodes.
const JOIN_PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How often a node that has company still calls bootstrap nodes it is not connected to, so that one that was
/// restarted finds its way back.
const REJOIN: Duration = Duration::from_secs(60);
/// How often expired records are thrown out.
const SWEEP: Duration = Duration::from_secs(600);
/// The deadline of a walk through the network.
const JOIN_WALK: Duration = Duration::from_secs(15);

/// See the module's preface.
pub(crate) struct Actor {
    swarm: Swarm<Door>,
    config: NetConfig,
    commands: mpsc::Receiver<Command>,
    status: watch::Sender<NetStatus>,
    stop: CancellationToken,
    lookups: Lookups,
    dirty: bool,
    next_join: Instant,
    join_pause: Duration,
    next_sweep: Instant,
    next_look: Instant,
}

impl Actor {
    pub(crate) fn new(
        swarm: Swarm<Door>,
        config: NetConfig,
        commands: mpsc::Receiver<Command>,
        status: watch::Sender<NetStatus>,
        stop: CancellationToken,
    ) -> Self {
        let now = Instant::now();
        Self {
            swarm,
            config,
            commands,
            status,
            stop,
            lookups: Lookups::default(),
            dirty: true,
            next_join: now,
            join_pause: JOIN_PAUSES.0,
            next_sweep: now + SWEEP,
            next_look: now,
        }
    }

    pub(crate) async fn run(mut self) {
        if self.config.bootstrap.is_empty() && !self.config.mdns {
            self.status.send_modify(|status| status.joined = true);
        }
        let stop = self.stop.clone();
        loop {
            let alarm = self.next_alarm();
            tokio::select! {
                () = stop.cancelled() => return self.close(),
                event = self.swarm.select_next_some() => self.on_event(event),
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return self.close(),
                },
                () = sleep_until(alarm) => self.on_alarm(Instant::now()),
            }
            self.show();
        }
    }

    fn close(mut self) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
    }

    fn next_alarm(&self) -> Instant {
        let next = self.next_sweep.min(self.next_join);
        if self.lookups.under_way() { next.min(self.next_look) } else { next }
    }

    fn alone(&self) -> bool {
        self.status.borrow().routable == 0
    }

    fn on_alarm(&mut self, now: Instant) {
        if now >= self.next_look {
            self.next_look = now + TICK;
            let kad = &mut self.swarm.behaviour_mut().kad;
            let settled = |id: &QueryId| {
                kad.query(id).map_or(0, |query| query.stats().num_successes() + query.stats().num_failures())
            };
            for id in self.lookups.overdue(now, settled) {
                if let Some(mut query) = kad.query_mut(&id) {
                    query.finish();
                }
            }
        }
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.swarm.behaviour_mut().kad.store_mut().sweep();
        }
        if now >= self.next_join {
            self.next_join = now + if self.alone() { self.join_pause } else { REJOIN };
            self.join_pause = (self.join_pause * 2).min(JOIN_PAUSES.1);
            self.introduce(self.config.bootstrap.clone());
        }
    }

    fn introduce(&mut self, addresses: Vec<Multiaddr>) {
        for address in addresses {
            let own = address.iter().any(|part| part == Protocol::P2p(*self.swarm.local_peer_id()));
            let known = address.iter().find_map(|part| match part {
                Protocol::P2p(peer) => Some(peer),
                _ => None,
            });
            if own || known.is_some_and(|peer| self.swarm.is_connected(&peer)) {
                continue;
            }
            let opts = known.map_or_else(
                || DialOpts::unknown_peer_id().address(address.clone()).build(),
                |peer| DialOpts::peer_id(peer).addresses(vec![address.clone()]).build(),
            );
            self.swarm.behaviour_mut().streams.insist(opts.connection_id());
            if let Err(error) = self.swarm.dial(opts) {
                tracing::debug!(%address, %error, "cannot dial");
            }
        }
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Open { peer, addresses, request } => {
                self.swarm.behaviour_mut().streams.open(peer, addresses, request);
            }
            Command::Closest { point, limit, until, reply } => {
                let wanted = NonZeroUsize::new(limit).unwrap_or(NonZeroUsize::MIN);
                let id = self.swarm.behaviour_mut().kad.get_n_closest_peers(point.to_vec(), wanted);
                self.lookups.begin(id, Lookup::Closest { limit, reply }, until);
            }
            Command::Get { key, enough, until, reply } => {
                let id = self.swarm.behaviour_mut().kad.get_record(key.clone());
                let lookup = Lookup::Get { key, enough, found: Vec::new(), answers: 0, reply };
                self.lookups.begin(id, lookup, until);
            }
            Command::Put { key, value, until, reply } => self.put(Record::new(key, value), until, reply),
            Command::Keep { key, value, reply } => {
                let _ = reply.send(self.keep(key, value));
            }
            Command::OwnerRecords { reply } => {
                let _ = reply.send(self.swarm.behaviour_mut().kad.store_mut().owner_records());
            }
            Command::Introduce { addresses } => self.introduce(addresses),
        }
    }

    fn keep(&mut self, key: RecordKey, value: Vec<u8>) -> Result<(), RecordError> {
        self.dirty = true;
        self.swarm.behaviour_mut().kad.store_mut().offer(Record::new(key, value))
    }

    fn put(&mut self, record: Record, until: Instant, reply: oneshot::Sender<Result<usize, RecordError>>) {
        if let Err(refused) = self.keep(record.key.clone(), record.value.clone()) {
            let _ = reply.send(Err(refused));
            return;
        }
        match self.swarm.behaviour_mut().kad.put_record(record, Quorum::All) {
            Ok(id) => self.lookups.begin(id, Lookup::Put { wanted: kad::K_VALUE.get(), reply }, until),
            Err(_) => {
                let _ = reply.send(Err(RecordError::Full));
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<DoorEvent>) {
        match event {
            SwarmEvent::Behaviour(DoorEvent::Kad(event)) => self.on_kad(event),
            SwarmEvent::Behaviour(DoorEvent::Identify(identify::Event::Received {
                peer_id, info, ..
            })) => {
                self.on_identified(peer_id, info);
            }
            SwarmEvent::Behaviour(DoorEvent::Ping(ping::Event {
                connection,
                result: Err(ping::Failure::Timeout),
                peer,
            })) => {
                tracing::debug!(%peer, "a peer does not answer; closing the connection");
                self.swarm.close_connection(connection);
            }
            SwarmEvent::Behaviour(DoorEvent::Mdns(mdns::Event::Discovered(seen))) => {
                let near = seen.into_iter().take(DISCOVERED_AT_ONCE);
                self.introduce(
                    near.map(|(peer, address)| address.with_p2p(peer).unwrap_or_else(|same| same)).collect(),
                );
            }
            SwarmEvent::ConnectionEstablished { .. }
            | SwarmEvent::ConnectionClosed { .. }
            | SwarmEvent::NewListenAddr { .. }
            | SwarmEvent::ExpiredListenAddr { .. } => self.dirty = true,
            // A host that cannot be reached must not slow down every look-up to come.
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error: DialError::Transport(_),
                ..
            } if !self.swarm.is_connected(&peer) => {
                self.swarm.behaviour_mut().kad.remove_peer(&peer);
                self.dirty = true;
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener reports an error"),
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                tracing::warn!(?addresses, %error, "a listener closed");
            }
            _ => {}
        }
    }

    /// Hosts of our kind enter the routing table, with a bounded number of usable addresses.
    fn on_identified(&mut self, peer: PeerId, info: identify::Info) {
        if info.protocol_version != ID_PROTOCOL || !info.protocols.contains(&KAD_PROTOCOL) {
            return;
        }
        let own = |address: Multiaddr| address.with_p2p(peer).ok();
        let listed = info.listen_addrs.into_iter().filter(usable).filter_map(own);
        let said: HashSet<Multiaddr> = listed.take(ADDRESSES_PER_PEER).collect();
        let kad = &mut self.swarm.behaviour_mut().kad;
        let known: HashSet<Multiaddr> = kad
            .kbucket(peer)
            .and_then(|bucket| {
                bucket
                    .iter()
                    .find(|entry| *entry.node.key.preimage() == peer)
                    .map(|entry| entry.node.value.iter().cloned().collect())
            })
            .unwrap_or_default();
        if said == known {
            return;
        }
        // What the peer says now replaces what it said before.
        kad.remove_peer(&peer);
        for address in said {
            kad.add_address(&peer, address);
        }
        self.dirty = true;
    }

    fn on_kad(&mut self, event: kad::Event) {
        match event {
            kad::Event::OutboundQueryProgressed { id, result, step, .. } => {
                let now = (self.config.clock)();
                let report = Report { id, result, last: step.last, network: &self.config.network, now };
                match self.lookups.progress(report) {
                    Next::Continue | Next::Done => {}
                    Next::Finish => {
                        if let Some(mut query) = self.swarm.behaviour_mut().kad.query_mut(&id) {
                            query.finish();
                        }
                    }
                    Next::Joined => {
                        self.status.send_if_modified(|status| !std::mem::replace(&mut status.joined, true));
                    }
                }
            }
            kad::Event::RoutingUpdated { .. } | kad::Event::InboundRequest { .. } => self.dirty = true,
            _ => {}
        }
    }

    fn walk(&mut self) {
        self.join_pause = JOIN_PAUSES.0;
        self.next_join = Instant::now() + REJOIN;
        if let Ok(id) = self.swarm.behaviour_mut().kad.bootstrap() {
            self.lookups.begin(id, Lookup::Join, Instant::now() + JOIN_WALK);
        }
    }

    /// Shows the door as it is now to whoever watches, and walks the network once the first host is known.
    fn show(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let alone = self.alone();
        let kad = &mut self.swarm.behaviour_mut().kad;
        let routable = kad.kbuckets().map(|bucket| bucket.num_entries()).sum();
        let (records, records_refused) = (kad.store_mut().len(), kad.store_mut().refused());
        let connected = self.swarm.connected_peers().count();
        let listen: Vec<Multiaddr> = self.swarm.listeners().cloned().collect();
        self.status.send_if_modified(|status| {
            let now = NetStatus { listen, connected, routable, records, records_refused, ..status.clone() };
            let changed = now != *status;
            *status = now;
            changed
        });
        if alone && routable > 0 {
            self.walk();
        }
    }
}

/// Addresses we could dial: an IP or a name, then TCP or QUIC, of reasonable length, and no relay.
fn usable(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let place = matches!(
        parts.next(),
        Some(Protocol::Ip4(_) | Protocol::Ip6(_) | Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_))
    );
    let transport = matches!(
        (parts.next(), parts.next()),
        (Some(Protocol::Tcp(_)), _) | (Some(Protocol::Udp(_)), Some(Protocol::QuicV1))
    );
    place && transport && address.len() <= crate::host_record::MAX_ADDRESS_BYTES
}
