//! Which network to speak to: addresses, passphrase, beacon. One client serves all; only this differs.

use crate::http::HttpLimits;
use layr_market::BeaconSchedule;
use layr_types::{NetworkId, Stroops, UnixSeconds};
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Passphrase of the network a development machine runs for itself.
pub const LOCAL_PASSPHRASE: &str = "Standalone Network ; February 2017";
/// Passphrase of Stellar's public test network.
pub const TESTNET_PASSPHRASE: &str = stellar_base::network::TEST_PASSPHRASE;
/// Passphrase of Stellar's main network.
pub const MAINNET_PASSPHRASE: &str = stellar_base::network::PUBLIC_PASSPHRASE;

/// drand "quicknet": chain hash, which is also the path below its public addresses.
const QUICKNET_CHAIN: &str = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
/// drand "quicknet": group public key on G2, compressed.
const QUICKNET_KEY: [u8; 96] = [
    0x83, 0xcf, 0x0f, 0x28, 0x96, 0xad, 0xee, 0x7e, 0xb8, 0xb5, 0xf0, 0x1f, 0xca, 0xd3, 0x91, 0x22, 0x12,
    0xc4, 0x37, 0xe0, 0x07, 0x3e, 0x91, 0x1f, 0xb9, 0x00, 0x22, 0xd3, 0xe7, 0x60, 0x18, 0x3c, 0x8c, 0x4b,
    0x45, 0x0b, 0x6a, 0x0a, 0x6c, 0x3a, 0xc6, 0xa5, 0x77, 0x6a, 0x2d, 0x10, 0x64, 0x51, 0x0d, 0x1f, 0xec,
    0x75, 0x8c, 0x92, 0x1c, 0xc2, 0x2b, 0x0e, 0x17, 0xe6, 0x3a, 0xaf, 0x4b, 0xcb, 0x5e, 0xd6, 0x63, 0x04,
    0xde, 0x9c, 0xf8, 0x09, 0xbd, 0x27, 0x4c, 0xa7, 0x3b, 0xab, 0x4a, 0xf5, 0xa6, 0xe9, 0xc7, 0x6a, 0x4b,
    0xc0, 0x9e, 0x76, 0xea, 0xe8, 0x99, 0x1e, 0xf5, 0xec, 0xe4, 0x5a,
];
/// drand "quicknet": when round 1 was published, and the seconds between rounds.
const QUICKNET_SCHEDULE: BeaconSchedule = BeaconSchedule { genesis: UnixSeconds(1_692_803_367), period: 3 };

/// A public source of randomness in drand's unchained scheme (BLS12-381, signatures on G1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeaconConfig {
    /// Addresses below which `/info` and `/public/{round}` answer; asked in turn.
    pub urls: Vec<String>,
    /// The group's public key on G2, compressed.
    pub public_key: [u8; 96],
    /// When which round is published.
    pub schedule: BeaconSchedule,
}

impl BeaconConfig {
    /// drand's quicknet over its public addresses.
    #[must_use]
    pub fn quicknet() -> Self {
        let hosts = ["https://api.drand.sh", "https://api2.drand.sh", "https://drand.cloudflare.com"];
        Self {
            urls: hosts.iter().map(|host| format!("{host}/{QUICKNET_CHAIN}")).collect(),
            public_key: QUICKNET_KEY,
            schedule: QUICKNET_SCHEDULE,
        }
    }
}

/// How transactions are priced and how long they live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionPolicy {
    /// Seconds of ledger time a transaction stays valid; also the longest an unanswered one keeps its sender waiting.
    pub valid_for: u32,
    /// Most offered for inclusion, fee bumps included, whatever the network's statistics say.
    pub max_inclusion_fee: Stroops,
    /// Ledgers a sent transaction is waited for before a fee bump raises its bid; one takes about 5 s.
    pub bump_after_ledgers: u32,
    /// Added to the simulated resource fee, in percent; what is not used is refunded.
    pub resource_headroom_percent: u32,
    /// Longest pause between two questions about a transaction's fate.
    pub poll_ceiling: Duration,
    /// How long a sent transaction is followed while no endpoint answers, before its fate is reported unknown.
    pub patience: Duration,
}

impl Default for TransactionPolicy {
    /// 120 s, 0.01 XLM, 3 ledgers, 15 %, 1 s, 60 s.
    fn default() -> Self {
        Self {
            valid_for: 120,
            max_inclusion_fee: Stroops(100_000),
            bump_after_ledgers: 3,
            resource_headroom_percent: 15,
            poll_ceiling: Duration::from_secs(1),
            patience: Duration::from_secs(60),
        }
    }
}

/// One Stellar network and how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkConfig {
    /// A short name for people: `local`, `testnet`, `mainnet`, or one's own.
    pub name: String,
    /// JSON-RPC addresses, asked in turn.
    pub rpc_urls: Vec<String>,
    /// The network's passphrase; its hash is in everything that is signed.
    pub passphrase: String,
    /// The test money faucet, where there is one.
    pub friendbot_url: Option<String>,
    /// Public randomness.
    pub beacon: BeaconConfig,
    /// Where a person can look at transactions: `{explorer}/tx/{hash}`.
    pub explorer_url: Option<String>,
    /// Time-outs and retries.
    pub http: HttpLimits,
    /// Fees and lifetimes.
    pub transactions: TransactionPolicy,
}

impl NetworkConfig {
    /// A network on this machine whose RPC, faucet and beacon answer below one address.
    ///
    /// Its beacon has a key of its own, which [`crate::LedgerClient::connect_local`] asks for.
    #[must_use]
    pub fn local(url: &str, beacon_key: [u8; 96], schedule: BeaconSchedule) -> Self {
        let base = url.trim_end_matches('/');
        Self {
            name: "local".to_owned(),
            rpc_urls: vec![base.to_owned()],
            passphrase: LOCAL_PASSPHRASE.to_owned(),
            friendbot_url: Some(format!("{base}/friendbot")),
            beacon: BeaconConfig { urls: vec![format!("{base}/beacon")], public_key: beacon_key, schedule },
            explorer_url: None,
            http: HttpLimits::default(),
            transactions: TransactionPolicy::default(),
        }
    }

    /// Stellar's public test network: free money, reset a few times a year.
    #[must_use]
    pub fn testnet() -> Self {
        Self {
            name: "testnet".to_owned(),
            rpc_urls: vec!["https://soroban-testnet.stellar.org".to_owned()],
            passphrase: TESTNET_PASSPHRASE.to_owned(),
            friendbot_url: Some("https://friendbot.stellar.org".to_owned()),
            beacon: BeaconConfig::quicknet(),
            explorer_url: Some("https://stellar.expert/explorer/testnet".to_owned()),
            http: HttpLimits::default(),
            transactions: TransactionPolicy::default(),
        }
    }

    /// Stellar's main network: real money. No endpoint is run by the foundation, so several public ones.
    #[must_use]
    pub fn mainnet() -> Self {
        Self {
            name: "mainnet".to_owned(),
            rpc_urls: vec![
                "https://mainnet.sorobanrpc.com".to_owned(),
                "https://rpc.lightsail.network/".to_owned(),
                "https://soroban-rpc.mainnet.stellar.gateway.fm".to_owned(),
            ],
            passphrase: MAINNET_PASSPHRASE.to_owned(),
            friendbot_url: None,
            beacon: BeaconConfig::quicknet(),
            explorer_url: Some("https://stellar.expert/explorer/public".to_owned()),
            http: HttpLimits::default(),
            transactions: TransactionPolicy::default(),
        }
    }

    /// SHA-256 of the passphrase: the network's name in everything that is signed.
    #[must_use]
    pub fn network_id(&self) -> NetworkId {
        NetworkId(Sha256::digest(self.passphrase.as_bytes()).into())
    }

    /// Where a person can look at a transaction.
    #[must_use]
    pub fn explorer_link(&self, hash: &layr_types::TxHash) -> Option<String> {
        self.explorer_url.as_ref().map(|base| format!("{}/tx/{hash}", base.trim_end_matches('/')))
    }
}
