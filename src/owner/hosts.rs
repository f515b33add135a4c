//! Hosts as this owner talks to them: connections kept, deadlines kept, answers checked.

use crate::config::OwnerConfig;
use crate::error::{HostFault, Misbehaviour, NetFault};
use crate::lane::LaneClient;
use crate::ports::{HostNet, LedgerInfo};
use futures::future::BoxFuture;
use layr_identity::verify;
use layr_market::SoftwareSha256;
use layr_protocol::limits::PROTOCOL_VERSION;
use layr_protocol::{Hello, HostApiClient, Refusal, SignedOffer};
use layr_types::NodeKey;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tarpc::client::RpcError;
use tarpc::context;
use tokio::time::timeout;

/// Every host this owner talks to. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hosts(Arc<Inner>);

struct Inner {
    net: Arc<dyn HostNet>,
    info: LedgerInfo,
    config: OwnerConfig,
    clients: Mutex<HashMap<NodeKey, HostApiClient>>,
    /// What each host said when greeted lets be read without paying, in percent of an agreement's capacity.
    free_reads: Mutex<HashMap<NodeKey, u32>>,
}

/// What a call returns: the transport's outcome around the host's.
pub(crate) type Answered<T> = Result<Result<T, Refusal>, RpcError>;

impl Hosts {
    pub(crate) fn new(net: Arc<dyn HostNet>, info: LedgerInfo, config: OwnerConfig) -> Self {
        Self(Arc::new(Inner { net, info, config, clients: Mutex::default(), free_reads: Mutex::default() }))
    }

    pub(crate) fn net(&self) -> &dyn HostNet {
        &*self.0.net
    }

    /// Calls a host within the usual deadline. A broken connection is made anew once.
    pub(crate) async fn call<T, F>(&self, node: NodeKey, ask: F) -> Result<T, HostFault>
    where
        F: Fn(HostApiClient, context::Context) -> BoxFuture<'static, Answered<T>>,
    {
        self.call_within(node, self.0.config.call, ask).await
    }

    /// Calls a host within `limit`.
    pub(crate) async fn call_within<T, F>(
        &self,
        node: NodeKey,
        limit: Duration,
        ask: F,
    ) -> Result<T, HostFault>
    where
        F: Fn(HostApiClient, context::Context) -> BoxFuture<'static, Answered<T>>,
    {
        for attempt in 0.. {
            let (client, fresh) = self.client(node).await?;
            let mut context = context::current();
            context.deadline = Instant::now() + limit;
            match timeout(limit, ask(client, context)).await {
                Err(_) | Ok(Err(RpcError::DeadlineExceeded)) => {
                    self.forget(node);
                    return Err(HostFault::Late { after: limit });
                }
                Ok(Ok(answer)) => return answer.map_err(HostFault::Refused),
                Ok(Err(error)) => {
                    self.forget(node);
                    if fresh || attempt > 0 {
                        return Err(HostFault::Broken(error.into()));
                    }
                }
            }
        }
        Err(HostFault::Net(NetFault::Isolated))
    }

    /// A client that has said hello, and whether it is new.
    async fn client(&self, node: NodeKey) -> Result<(HostApiClient, bool), HostFault> {
        if let Some(client) = self.clients().get(&node) {
            return Ok((client.clone(), false));
        }
        let after = self.0.config.connect;
        let client = timeout(after, self.0.net.rpc(node)).await.map_err(|_| unreachable_within(after))??;
        let hello = Hello { version: PROTOCOL_VERSION, context: self.0.info.context };
        let mut context = context::current();
        context.deadline = Instant::now() + after;
        let late = || HostFault::Late { after };
        let welcome = timeout(after, client.hello(context, hello)).await.map_err(|_| late())?;
        let welcome = welcome.map_err(|error| match error {
            RpcError::DeadlineExceeded => late(),
            broken => HostFault::Broken(broken.into()),
        })??;
        if welcome.version != PROTOCOL_VERSION {
            return Err(Refusal::Version { host: welcome.version }.into());
        }
        self.clients().insert(node, client.clone());
        let mut free = self.0.free_reads.lock().unwrap_or_else(PoisonError::into_inner);
        free.insert(node, welcome.free_reads_percent);
        Ok((client, true))
    }

    /// What a host that was talked to lets be read without paying, in percent of an agreement's capacity.
    pub(crate) fn free_reads(&self, node: &NodeKey) -> u32 {
        let free = self.0.free_reads.lock().unwrap_or_else(PoisonError::into_inner);
        free.get(node).copied().unwrap_or_default()
    }

    fn clients(&self) -> std::sync::MutexGuard<'_, HashMap<NodeKey, HostApiClient>> {
        self.0.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the connection, so that the next call makes a new one.
    pub(crate) fn forget(&self, node: NodeKey) {
        self.clients().remove(&node);
    }

    /// A lane in which nothing may stand still for longer than `stall`.
    pub(crate) async fn lane(&self, node: NodeKey, stall: Duration) -> Result<LaneClient, HostFault> {
        let after = self.0.config.connect;
        let lane = timeout(after, self.0.net.lane(node)).await.map_err(|_| unreachable_within(after))??;
        Ok(LaneClient::start(lane, stall))
    }

    /// The host's prices, as it signed them.
    pub(crate) async fn offer(&self, node: NodeKey) -> Result<SignedOffer, HostFault> {
        let signed =
            self.call(node, |client, context| Box::pin(async move { client.offer(context).await })).await?;
        let digest = signed.offer.digest(&SoftwareSha256, &self.0.info.context);
        if signed.offer.host_key != node || !verify(&node, &digest, &signed.signature) {
            return Err(HostFault::Misbehaved(Misbehaviour::Offer));
        }
        Ok(signed)
    }
}

/// A host to which no connection could be made in time: not late with an answer, but not there.
fn unreachable_within(after: Duration) -> HostFault {
    NetFault::Unreachable(format!("no connection within {} ms", after.as_millis()).into()).into()
}
