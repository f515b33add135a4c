//! The owner's view of the network, over the network door. Remembers verified host records so that reaching a
//! host again needs no look-up, and gives every caller one shared connection per host.

use futures::future::{BoxFuture, FutureExt as _};
use layr_net::{Net, OwnerRecordKey, VerifiedHostRecord, VerifiedOwnerRecord};
use layr_owner::{HostNet, Lane, NetFault};
use layr_placement::HostCard;
use layr_protocol::HostApiClient;
use layr_types::{NetworkId, NodeKey};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tarpc::client::Config;
use zeroize::Zeroizing;

/// Most host records remembered.
const MAX_KNOWN: usize = 4_096;
/// Calls that may wait on one connection.
const MAX_CALLS: usize = 64;

/// The network as one owner uses it.
#[derive(Clone)]
pub struct OwnerNet {
    net: Net,
    network: NetworkId,
    record_seed: Zeroizing<[u8; 32]>,
    known: Arc<Mutex<HashMap<NodeKey, VerifiedHostRecord>>>,
}

impl OwnerNet {
    /// Joins a door and the seed the owner's mutable record is signed with.
    #[must_use]
    pub fn new(net: Net, network: NetworkId, record_seed: Zeroizing<[u8; 32]>) -> Self {
        Self { net, network, record_seed, known: Arc::default() }
    }

    /// Every host record remembered, as the bytes their hosts signed.
    #[must_use]
    pub fn remembered(&self) -> Vec<Vec<u8>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|record| record.bytes().to_vec()).collect()
    }

    /// Remembers records of an earlier run, already checked.
    pub fn recall(&self, records: &[VerifiedHostRecord]) {
        records.iter().for_each(|record| self.remember(record));
    }

    fn remember(&self, record: &VerifiedHostRecord) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(record.record().node, record.clone());
    }

    /// A host's record: remembered, or looked up.
    async fn record_of(&self, node: NodeKey) -> Result<VerifiedHostRecord, NetFault> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&node).cloned();
        if let Some(record) = known {
            return Ok(record);
        }
        let record = self.net.find_host(node).await.map_err(|error| NetFault::Unreachable(error.into()))?;
        self.remember(&record);
        Ok(record)
    }

    /// A host that could not be reached may have moved: look it up again next time.
    fn forget(&self, node: &NodeKey) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(node);
        self.net.forget_host(node);
    }
}

/// What placement wants to know of a record.
fn card(record: &VerifiedHostRecord) -> HostCard {
    let record = record.record();
    let from_lanes = record.lane_addresses.iter().map(|address| address.ip());
    let from_addresses = record.addresses.iter().filter_map(ip_of);
    let mut addresses: Vec<IpAddr> = from_lanes.chain(from_addresses).collect();
    addresses.sort_unstable();
    addresses.dedup();
    HostCard {
        node: record.node,
        addresses,
        region: record.region.clone(),
        operator: record.operator.clone(),
    }
}

fn ip_of(address: &layr_net::Multiaddr) -> Option<IpAddr> {
    use layr_net::Protocol;
    address.iter().find_map(|part| match part {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(IpAddr::V6(ip)),
        _ => None,
    })
}

impl HostNet for OwnerNet {
    fn closest_hosts(&self, point: [u8; 32], limit: usize) -> BoxFuture<'_, Result<Vec<HostCard>, NetFault>> {
        async move {
            let found = self.net.closest_hosts(point, limit).await.map_err(|error| match error {
                layr_net::LookupError::NoPeers => NetFault::Isolated,
                other => NetFault::Unreachable(other.into()),
            })?;
            found.iter().for_each(|record| self.remember(record));
            Ok(found.iter().map(card).collect())
        }
        .boxed()
    }

    fn rpc(&self, node: NodeKey) -> BoxFuture<'_, Result<HostApiClient, NetFault>> {
        async move {
            let record = self.record_of(node).await?;
            let connected = self.net.rpc_connect(node, &record.record().addresses).await;
            let transport = connected.map_err(|error| {
                self.forget(&node);
                NetFault::Unreachable(error.into())
            })?;
            let mut config = Config::default();
            config.max_in_flight_requests = MAX_CALLS;
            config.pending_request_buffer = MAX_CALLS;
            Ok(HostApiClient::new(config, transport).spawn())
        }
        .boxed()
    }

    fn lane(&self, node: NodeKey) -> BoxFuture<'_, Result<Lane, NetFault>> {
        async move {
            let record = self.record_of(node).await?;
            let card = record.record();
            let connected = self.net.lane_connect(node, &card.lane_addresses, &card.addresses).await;
            let lane = connected.map_err(|error| {
                self.forget(&node);
                NetFault::Unreachable(error.into())
            })?;
            Ok(Box::new(lane) as Lane)
        }
        .boxed()
    }

    fn record_key(&self) -> NodeKey {
        NodeKey(OwnerRecordKey::of(&self.record_seed).0)
    }

    fn sign_record(&self, sequence: u64, payload: &[u8]) -> Result<Vec<u8>, NetFault> {
        VerifiedOwnerRecord::sign(&self.record_seed, &self.network, sequence, payload)
            .map(|record| record.bytes().to_vec())
            .map_err(|error| NetFault::Record(error.into()))
    }

    fn read_record(&self, bytes: &[u8]) -> Result<(u64, Vec<u8>), NetFault> {
        let record = VerifiedOwnerRecord::check(bytes, &self.network)
            .map_err(|error| NetFault::Record(error.into()))?;
        if NodeKey(record.owner().0) != self.record_key() {
            return Err(NetFault::Record("the record is another owner's".into()));
        }
        Ok((record.sequence(), record.payload().to_vec()))
    }

    fn publish_record(&self, bytes: Vec<u8>) -> BoxFuture<'_, Result<(), NetFault>> {
        async move {
            let record = VerifiedOwnerRecord::check(&bytes, &self.network)
                .map_err(|error| NetFault::Record(error.into()))?;
            match self.net.put_owner_record(&record).await {
                Ok(0) | Err(_) => Err(NetFault::NotKept),
                Ok(_) => Ok(()),
            }
        }
        .boxed()
    }

    fn find_record(&self) -> BoxFuture<'_, Result<Option<Vec<u8>>, NetFault>> {
        async move {
            let found = self.net.get_owner_record(&OwnerRecordKey::of(&self.record_seed)).await;
            let found = found.map_err(|error| NetFault::Unreachable(error.into()))?;
            Ok(found.map(|record| record.bytes().to_vec()))
        }
        .boxed()
    }
}
