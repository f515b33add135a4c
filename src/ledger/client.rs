//! The handle to one network: configuration, connections, and one lane per paying account.

use crate::beacon::Beacon;
use crate::config::{BeaconConfig, NetworkConfig};
use crate::error::{Cause, LedgerError, Stage};
use crate::fees::Prices;
use crate::http::{Ask, Endpoints, Verdict};
use crate::operation;
use crate::rpc::Rpc;
use crate::rpc_types::Health;
use crate::xdr;
use layr_types::{AccountKey, ContractId, NetworkId, Stroops, UnixSeconds};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stellar_xdr::{
    AccountEntry, AccountEntryExt, Asset, ContractIdPreimage, Hash, HashIdPreimage, HashIdPreimageContractId,
    LedgerEntryData, LedgerKey, LedgerKeyAccount, SequenceNumber,
};

/// How long the network's prices are taken to hold.
const PRICES_LIVE: Duration = Duration::from_secs(600);
/// Most keys an endpoint answers at once.
const KEYS_PER_REQUEST: usize = 200;

/// A network. Cheap to clone; all clones share connections and the per-account lanes.
#[derive(Clone)]
pub struct LedgerClient {
    inner: Arc<Inner>,
}

struct Inner {
    config: NetworkConfig,
    network: NetworkId,
    rpc: Rpc,
    beacon: Beacon,
    friendbot: Option<Endpoints>,
    lanes: Mutex<HashMap<AccountKey, Arc<tokio::sync::Mutex<()>>>>,
    prices: tokio::sync::Mutex<Option<(Instant, Prices)>>,
}

/// The ledger's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerTime {
    /// When the newest ledger closed. Terms are governed by this, never by the machine's clock.
    pub now: UnixSeconds,
    /// The newest ledger's number.
    pub sequence: u32,
}

/// A Stellar account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState {
    /// Lumens held, in stroops.
    pub balance: Stroops,
    /// The sequence number last used.
    pub sequence: i64,
    /// Entries the account keeps besides itself; each adds to what it must not spend.
    pub sub_entries: u32,
    /// Lumens promised to open offers.
    pub selling: Stroops,
}

impl AccountState {
    /// What can be spent at a base reserve of 0.5 XLM: the balance without reserves and open promises.
    #[must_use]
    pub fn spendable(&self) -> Stroops {
        const BASE_RESERVE: i128 = Stroops::PER_XLM / 2;
        let reserved = Stroops((2 + i128::from(self.sub_entries)) * BASE_RESERVE);
        (self.balance - reserved - self.selling).max(Stroops::ZERO)
    }
}

/// A ledger entry as it stands now.
#[derive(Debug, Clone)]
pub(crate) struct LiveEntry {
    pub(crate) data: LedgerEntryData,
    /// The last ledger in which it is alive; `None` for classic entries, which do not die.
    pub(crate) live_until: Option<u32>,
}

impl LiveEntry {
    /// False where the entry lies in the archive (persistent ones) or has lapsed (temporary ones).
    pub(crate) fn is_live(&self, ledger: u32) -> bool {
        self.live_until.is_none_or(|until| until >= ledger)
    }
}

impl LedgerClient {
    /// Prepares a client; nothing is sent yet.
    ///
    /// # Errors
    /// At [`Stage::Configure`], where an address or the beacon's key cannot be used.
    pub fn new(config: NetworkConfig) -> Result<Self, LedgerError> {
        let rpc = Rpc::new(&config.rpc_urls, config.http, Some(config.passphrase.clone()))?;
        let beacon = Beacon::new(&config.beacon, config.http)?;
        let friendbot = match &config.friendbot_url {
            Some(url) => Some(Endpoints::new(std::slice::from_ref(url), config.http)?),
            None => None,
        };
        let inner = Inner {
            network: config.network_id(),
            config,
            rpc,
            beacon,
            friendbot,
            lanes: Mutex::new(HashMap::new()),
            prices: tokio::sync::Mutex::new(None),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// A client for a network on this machine, which is asked for its passphrase and its beacon's key.
    ///
    /// Only for networks whose operator is oneself: the beacon's key is believed as told.
    ///
    /// # Errors
    /// Where the network does not answer at `url`.
    pub async fn connect_local(url: &str) -> Result<Self, LedgerError> {
        Self::new(NetworkConfig::ask_local(url).await?)
    }

    /// The configuration this client was made with.
    #[must_use]
    pub fn config(&self) -> &NetworkConfig {
        &self.inner.config
    }

    /// The network's name in everything that is signed.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.inner.network
    }

    /// The network's public randomness.
    #[must_use]
    pub fn beacon(&self) -> &Beacon {
        &self.inner.beacon
    }

    /// The contract through which lumens are escrowed; its address follows from the passphrase.
    #[must_use]
    pub fn native_token(&self) -> ContractId {
        derived_contract(&self.inner.network, ContractIdPreimage::Asset(Asset::Native))
    }

    /// The address at which `deployer` deploys with `salt`.
    #[must_use]
    pub fn contract_address(&self, deployer: &AccountKey, salt: [u8; 32]) -> ContractId {
        derived_contract(&self.inner.network, operation::preimage(deployer, salt))
    }

    /// Checks that the endpoints serve the configured network.
    ///
    /// # Errors
    /// [`Cause::WrongNetwork`]; or what reading can meet.
    pub async fn check_network(&self) -> Result<(), LedgerError> {
        let (info, endpoint) = self.inner.rpc.network().await?;
        if info.passphrase == self.inner.config.passphrase {
            return Ok(());
        }
        let wanted = self.inner.config.passphrase.clone();
        let found = crate::rpc::shorten(&info.passphrase);
        Err(LedgerError::new(Stage::Read, Cause::WrongNetwork { endpoint, found, wanted }))
    }

    /// How the endpoint that answers feels.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn health(&self) -> Result<Health, LedgerError> {
        self.inner.rpc.health().await
    }

    /// The ledger's clock.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn now(&self) -> Result<LedgerTime, LedgerError> {
        // getLatestLedger would send the whole ledger along, megabytes on a busy network. The answer to any
        // question about a transaction carries the time too, and nobody's transaction has this hash.
        let (found, _) = self.inner.rpc.transaction(&layr_types::TxHash::default()).await?;
        Ok(LedgerTime { now: UnixSeconds(found.latest_ledger_close_time), sequence: found.latest_ledger })
    }

    /// An account, or `None` where it does not exist on this network.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn account(&self, account: &AccountKey) -> Result<Option<AccountState>, LedgerError> {
        Ok(self.account_at(account).await?.0)
    }

    pub(crate) async fn account_at(
        &self,
        account: &AccountKey,
    ) -> Result<(Option<AccountState>, u32), LedgerError> {
        let key = LedgerKey::Account(LedgerKeyAccount { account_id: xdr::account_id(account) });
        let (entries, ledger) = self.entries(std::slice::from_ref(&key)).await?;
        let state = entries.into_iter().flatten().find_map(|entry| match entry.data {
            LedgerEntryData::Account(entry) => Some(account_state(&entry)),
            _ => None,
        });
        Ok((state, ledger))
    }

    /// The entries under `keys`, in their order, archived ones included, `None` for missing ones; and the newest
    /// ledger.
    pub(crate) async fn entries(
        &self,
        keys: &[LedgerKey],
    ) -> Result<(Vec<Option<LiveEntry>>, u32), LedgerError> {
        let encoded = keys.iter().map(xdr::encode).collect::<Result<Vec<_>, _>>()?;
        let mut found: HashMap<String, LiveEntry> = HashMap::new();
        let mut ledger = 0;
        for part in encoded.chunks(KEYS_PER_REQUEST) {
            let answer = self.inner.rpc.ledger_entries(part).await?;
            ledger = answer.latest_ledger;
            for entry in answer.entries.into_iter().flatten() {
                let Some(data) = xdr::decode::<LedgerEntryData>(&entry.xdr) else {
                    let cause =
                        Cause::Malformed { endpoint: "the network".to_owned(), what: "a ledger entry" };
                    return Err(LedgerError::new(Stage::Read, cause));
                };
                found.insert(entry.key, LiveEntry { data, live_until: entry.live_until_ledger_seq });
            }
        }
        Ok((encoded.iter().map(|key| found.get(key).cloned()).collect(), ledger))
    }

    /// Asks the test faucet to create and fund an account. Harmless where it was funded before.
    ///
    /// # Errors
    /// [`Cause::NoFaucet`] on networks with real money; what asking can meet.
    pub async fn fund(&self, account: &AccountKey) -> Result<(), LedgerError> {
        let Some(friendbot) = &self.inner.friendbot else {
            return Err(LedgerError::new(Stage::Fund, Cause::NoFaucet));
        };
        let path = format!("?addr={}", layr_identity::account_address(account));
        let asked = friendbot.ask(&Ask::Get(path), |_| Ok::<(), Verdict>(())).await;
        match asked {
            Ok(_) => Ok(()),
            // Faucets refuse accounts they have funded before.
            Err(_) if matches!(self.account(account).await, Ok(Some(_))) => Ok(()),
            Err(unanswered) => Err(LedgerError::new(Stage::Fund, unanswered.cause)),
        }
    }

    pub(crate) fn rpc(&self) -> &Rpc {
        &self.inner.rpc
    }

    /// The lock under which one account's transactions follow each other: the network takes one at a time.
    pub(crate) fn lane(&self, account: &AccountKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.inner.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(*account).or_default())
    }

    pub(crate) async fn prices(&self) -> Result<Prices, LedgerError> {
        let mut known = self.inner.prices.lock().await;
        if let Some((since, prices)) = *known
            && since.elapsed() < PRICES_LIVE
        {
            return Ok(prices);
        }
        let prices = Prices::read(&self.inner.rpc).await?;
        *known = Some((Instant::now(), prices));
        Ok(prices)
    }
}

impl core::fmt::Debug for LedgerClient {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("LedgerClient").field("network", &self.inner.config.name).finish_non_exhaustive()
    }
}

impl NetworkConfig {
    /// Asks a network on this machine for its passphrase and its beacon's key and clock.
    ///
    /// # Errors
    /// Where it does not answer at `url`.
    pub async fn ask_local(url: &str) -> Result<Self, LedgerError> {
        let http = crate::http::HttpLimits::default();
        let base = url.trim_end_matches('/').to_owned();
        let (network, _) = Rpc::new(std::slice::from_ref(&base), http, None)?.network().await?;
        let info = crate::beacon::ask_info(&format!("{base}/beacon"), http).await?;
        let BeaconConfig { public_key, schedule, .. } = info;
        let mut config = Self::local(&base, public_key, schedule);
        config.passphrase = network.passphrase;
        Ok(config)
    }
}

fn account_state(entry: &AccountEntry) -> AccountState {
    let SequenceNumber(sequence) = entry.seq_num;
    let selling = match &entry.ext {
        AccountEntryExt::V1(ext) => ext.liabilities.selling,
        AccountEntryExt::V0 => 0,
    };
    AccountState {
        balance: Stroops(i128::from(entry.balance)),
        sequence,
        sub_entries: entry.num_sub_entries,
        selling: Stroops(i128::from(selling)),
    }
}

fn derived_contract(network: &NetworkId, contract_id_preimage: ContractIdPreimage) -> ContractId {
    let preimage = HashIdPreimage::ContractId(HashIdPreimageContractId {
        network_id: Hash(network.0),
        contract_id_preimage,
    });
    let bytes = xdr::encode_bytes(&preimage).expect("a preimage of fixed-size parts always encodes");
    ContractId(Sha256::digest(bytes).into())
}
