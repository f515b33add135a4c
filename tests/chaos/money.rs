//! All the money there is, read from the ledger itself.

use crate::support::World;
use layr_ledger::LedgerClient;
use layr_node::Network;
use layr_types::{AccountKey, NodeKey, Stroops};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Everybody's accounts.
#[derive(Debug)]
pub struct Money {
    runtime: Runtime,
    client: LedgerClient,
    network: Network,
    owners: Vec<AccountKey>,
    hosts: Vec<(AccountKey, NodeKey)>,
}

/// All money at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// In accounts.
    pub accounts: Stroops,
    /// Held by the escrow contract.
    pub escrow: Stroops,
    /// Of that, free: it belongs to somebody and no agreement locks it.
    pub free: Stroops,
    /// Burned.
    pub burned: Stroops,
    /// Taken by the ledger.
    pub fees: Stroops,
}

impl Sums {
    /// What never changes while nobody else trades.
    pub fn all(&self) -> Stroops {
        self.accounts + self.escrow + self.burned + self.fees
    }
}

impl Money {
    /// The money of a world with these owners' addresses.
    pub fn of(world: &World, owners: &[&str]) -> Self {
        let network = Network::read(&world.network()).expect("a network file");
        let client = LedgerClient::new(network.ledger.clone()).expect("a ledger");
        let account = |address: &str| layr_identity::parse_account_address(address).expect("an address");
        let hosts = world.hosts.iter();
        let hosts = hosts.map(|host| (account(&host.address), host.key.parse().expect("a node key")));
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime"),
            client,
            hosts: hosts.collect(),
            owners: owners.iter().map(|address| account(address)).collect(),
            network,
        }
    }

    /// Reads it all, until two readings agree: hosts may still be sending transactions of their own.
    pub fn read(&self) -> Sums {
        let end = Instant::now() + Duration::from_secs(30);
        let mut last = self.runtime.block_on(self.once());
        loop {
            let now = self.runtime.block_on(self.once());
            if now == last {
                return now;
            }
            assert!(Instant::now() < end, "money does not come to rest: {last:?}, then {now:?}");
            last = now;
        }
    }

    async fn once(&self) -> Sums {
        let Self { client, network, .. } = self;
        let escrow = client.escrow(network.escrow);
        let (mut accounts, mut free) = (Stroops::ZERO, Stroops::ZERO);
        for owner in &self.owners {
            accounts += self.account(owner).await;
            free += escrow.credit(owner, &network.token).await.expect("a credit");
        }
        for (account, node) in &self.hosts {
            accounts += self.account(account).await;
            free += escrow.balance(node, &network.token).await.expect("a balance");
        }
        let held = client.contract_balance(&network.token, &network.escrow).await.expect("a balance");
        let burned = client.contract_balance(&network.token, &layr_ledger::burn_address()).await;
        let fees = client.fee_pool().await.expect("a fee pool");
        Sums { accounts, escrow: held, free, burned: burned.expect("a balance"), fees }
    }

    async fn account(&self, key: &AccountKey) -> Stroops {
        let state = self.client.account(key).await.expect("an account");
        state.map_or(Stroops::ZERO, |state| state.balance)
    }
}
