//! Nodes on loopback, and waiting with a deadline.

use layr_net::{Inbound, Multiaddr, Net, NetConfig, NetStatus};
use layr_types::NetworkId;
use std::future::Future;
use std::time::Duration;
use zeroize::Zeroizing;

/// The ledger network of all tests.
pub const NETWORK: NetworkId = NetworkId([42; 32]);
/// Longer than anything here takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A node and the inboxes of its door.
pub struct Node {
    pub net: Net,
    pub inbound: Inbound,
}

/// The configuration of a host on loopback that joins through `bootstrap`.
pub fn host_config(seed: u8, bootstrap: &[Multiaddr]) -> NetConfig {
    let mut config = NetConfig::host(Zeroizing::new([seed; 32]), NETWORK);
    config.listen =
        ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"].map(|text| text.parse().unwrap()).to_vec();
    config.lane_listen = Some("127.0.0.1:0".parse().unwrap());
    config.bootstrap = bootstrap.to_vec();
    config
}

/// The configuration of a client that joins through `bootstrap`.
pub fn client_config(seed: u8, bootstrap: &[Multiaddr]) -> NetConfig {
    let mut config = NetConfig::client(Zeroizing::new([seed; 32]), NETWORK);
    config.bootstrap = bootstrap.to_vec();
    config
}

/// Starts a node.
pub async fn start(config: NetConfig) -> Node {
    let (net, inbound) = Net::start(config).await.unwrap();
    Node { net, inbound }
}

/// A host on loopback that joins through `bootstrap`.
pub async fn host(seed: u8, bootstrap: &[Multiaddr]) -> Node {
    start(host_config(seed, bootstrap)).await
}

/// A client that joins through `bootstrap`.
pub async fn client(seed: u8, bootstrap: &[Multiaddr]) -> Node {
    start(client_config(seed, bootstrap)).await
}

/// Waits for something to happen, and fails where it does not.
pub async fn soon<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what} did not happen within {PATIENCE:?}"),
    }
}

/// Waits until a door looks as wanted.
pub async fn until(net: &Net, what: &str, wanted: impl FnMut(&NetStatus) -> bool) {
    assert!(net.wait_for(wanted, PATIENCE).await, "{what} did not happen; the door shows {:?}", net.status());
}

/// Tries again, yielding in between, until the answer is `Some`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    soon(what, async {
        loop {
            if let Some(outcome) = attempt().await {
                return outcome;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}
