//! Every party's money at one moment, read from the ledger itself.

use super::process::not_as_told;
use super::world::World;
use crate::failure::Failure;
use crate::failures;
use layr_ledger::LedgerClient;
use layr_node::Network;
use layr_types::{AccountKey, NodeKey, Stroops};
use serde::Serialize;

/// One party at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Party {
    /// `owner` or `host 1` …
    pub name: String,
    /// In its account.
    pub account: Stroops,
    /// Free in escrow under its key (hosts only).
    pub escrow_free: Stroops,
    #[serde(skip)]
    key: Option<NodeKey>,
}

impl Party {
    /// Everything it can lay hands on.
    pub fn total(&self) -> Stroops {
        self.account + self.escrow_free
    }

    /// The host's key.
    pub const fn key(&self) -> Option<NodeKey> {
        self.key
    }
}

/// The whole world's money at one moment.
#[derive(Debug, Clone, Serialize)]
pub struct Balances {
    /// Owners first, then hosts.
    pub parties: Vec<Party>,
    /// Held by the escrow contract: the hosts' free balances and everything locked.
    pub escrow: Stroops,
    /// Burned so far.
    pub burned: Stroops,
    /// Taken by the ledger in fees and rent since it began.
    pub fees: Stroops,
}

impl Balances {
    /// Reads them.
    pub async fn read(world: &World) -> Result<Self, Failure> {
        let network = Network::read(&world.program.network)
            .map_err(|error| Failure::internal("read the network file", &error))?;
        let client = LedgerClient::new(network.ledger.clone()).map_err(failures::ledger)?;
        let escrow = client.escrow(network.escrow);
        let mut parties = vec![Party {
            name: "owner".to_owned(),
            account: account(&client, &world.owner_account).await?,
            escrow_free: escrow
                .credit(&world.owner_account, &network.token)
                .await
                .map_err(failures::ledger)?,
            key: None,
        }];
        if let Some((_, second)) = &world.second {
            parties.push(Party {
                name: "second owner".to_owned(),
                account: account(&client, second).await?,
                escrow_free: escrow.credit(second, &network.token).await.map_err(failures::ledger)?,
                key: None,
            });
        }
        for host in &world.hosts {
            parties.push(Party {
                name: format!("host {}", host.number),
                account: account(&client, &host.account).await?,
                escrow_free: escrow.balance(&host.node, &network.token).await.map_err(failures::ledger)?,
                key: Some(host.node),
            });
        }
        let held =
            client.contract_balance(&network.token, &network.escrow).await.map_err(failures::ledger)?;
        let burned = client
            .contract_balance(&network.token, &layr_ledger::burn_address())
            .await
            .map_err(failures::ledger)?;
        let fees = client.fee_pool().await.map_err(failures::ledger)?;
        Ok(Self { parties, escrow: held, burned, fees })
    }

    /// Accounts, escrow, burned and fees together: what never changes while nobody else trades.
    pub fn sum(&self) -> Stroops {
        let accounts: Stroops = self.parties.iter().map(|party| party.account).sum();
        accounts + self.escrow + self.burned + self.fees
    }

    /// An owner, by its place.
    pub fn owner(&self, place: usize) -> Result<&Party, Failure> {
        let owner = self.parties.get(place).filter(|party| party.key.is_none());
        owner.ok_or_else(|| not_as_told("an owner is missing from the balances", &place.to_string()))
    }

    /// One host.
    pub fn host(&self, node: NodeKey) -> Result<&Party, Failure> {
        self.parties
            .iter()
            .find(|party| party.key == Some(node))
            .ok_or_else(|| not_as_told("a host is missing from the balances", &node.to_string()))
    }
}

async fn account(client: &LedgerClient, key: &AccountKey) -> Result<Stroops, Failure> {
    let state = client.account(key).await.map_err(failures::ledger)?;
    Ok(state.map_or(Stroops::ZERO, |state| state.balance))
}
