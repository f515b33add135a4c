//! From settings and key file to running parts: the only file of this room that names the node.

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::passphrase;
use crate::settings::Settings;
use layr_coding::Profile;
use layr_identity::{Identity, KEY_FILE_BYTES, KeyFileError, open_key_file};
use layr_ledger::{LedgerClient, NetworkConfig};
use layr_net::Multiaddr;
use layr_node::{Network, OwnerNode, OwnerNodeConfig};
use layr_owner::OwnerConfig;
use layr_types::{ContractId, Stroops};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The sealed key file's name in the data directory.
pub const KEY_FILE: &str = "identity.key";
/// The network file's name in a local ledger's state directory.
pub const NETWORK_FILE: &str = "network.toml";
/// The local ledger's state directory in the data directory.
pub const LOCALNET_DIR: &str = "localnet";
/// How long a command waits to enter the network.
const JOIN: Duration = Duration::from_secs(15);
/// How long a command waits for the round of a node's watch on the same directory.
const WATCH_ROUND: Duration = Duration::from_secs(90);
/// How often it looks whether that is over.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Seconds of 30 days, over which prices are quoted to people.
const GIB_DAYS_PER_TIB_MONTH: i128 = 1024 * 30;

/// The identity of this data directory.
pub fn identity(global: &Global, settings: &Settings) -> Result<Identity, Failure> {
    settings.require_initialised()?;
    let path = settings.dir.join(KEY_FILE);
    let mut bytes = Vec::new();
    let limit = u64::try_from(KEY_FILE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(&path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| Failure::internal(&format!("read {}", path.display()), &error))?;
    let passphrase = passphrase::existing(global)?;
    open_key_file(&bytes, &passphrase).map_err(|error| {
        let (code, next) = match error {
            KeyFileError::WrongPassphrase => {
                ("identity/passphrase", "Try again; if the passphrase is lost, 'layr init --restore' with the recovery phrase in another directory makes a new key file.")
            }
            _ => ("identity/key-file", "Move the file away and run 'layr init --restore' with the recovery phrase; files and money are not lost."),
        };
        Failure::new(exit::KEY, code, format!("cannot open the keys in {}", path.display()), next).because(&error)
    })
}

/// Ledger, contract and asset these settings name.
pub fn network(settings: &Settings) -> Result<Network, Failure> {
    let path = match settings.network.as_str() {
        "testnet" | "mainnet" => return public_network(settings),
        "local" => localnet_dir(settings).join(NETWORK_FILE),
        path => PathBuf::from(path),
    };
    Network::read(&path).map_err(|error| {
        let next = if settings.network == "local" {
            "Start the local ledger with 'layr localnet', or name another with --network."
        } else {
            "Check the path given with --network or in layr.toml: local, testnet, mainnet, or a network file."
        };
        Failure::new(exit::USAGE, "network/file", "the network cannot be used", next).because(&error)
    })
}

/// Where the local ledger of these settings keeps its state.
pub fn localnet_dir(settings: &Settings) -> PathBuf {
    settings.dir.join(LOCALNET_DIR)
}

/// The public networks: their addresses are known, the escrow contract is named by `<network>.toml`.
fn public_network(settings: &Settings) -> Result<Network, Failure> {
    let path = settings.dir.join(format!("{}.toml", settings.network));
    if path.is_file() {
        return Network::read(&path).map_err(|error| {
            Failure::usage("the network cannot be used", "Correct the file.").because(&error)
        });
    }
    Err(Failure::new(
        exit::USAGE,
        "network/no-contract",
        format!("no escrow contract is known on {}", settings.network),
        format!("Write {} with the contract to use (docs/networks.md shows one).", path.display()),
    ))
}

/// A client of the ledger alone: works on public networks before any contract is known.
pub fn ledger(settings: &Settings) -> Result<LedgerClient, Failure> {
    let config = match settings.network.as_str() {
        "testnet" => NetworkConfig::testnet(),
        "mainnet" => NetworkConfig::mainnet(),
        _ => network(settings)?.ledger,
    };
    LedgerClient::new(config).map_err(failures::ledger)
}

/// An owner with all its ports, working by the defaults.
pub async fn owner(global: &Global, settings: &Settings) -> Result<OwnerNode, Failure> {
    owner_with(global, settings, (OwnerConfig::default(), None)).await
}

/// What an owner of these settings is started with; its directory is there afterwards.
pub fn owner_config(
    settings: &Settings,
    identity: Arc<Identity>,
    owner: OwnerConfig,
) -> Result<OwnerNodeConfig, Failure> {
    let config = OwnerNodeConfig {
        dir: settings.dir.join("owner"),
        identity,
        network: network(settings)?,
        bootstrap: multiaddrs(&settings.bootstrap)?,
        mdns: settings.mdns,
        owner,
        max_fees: None,
    };
    private_dir(&config.dir).map_err(|error| Failure::internal("make the data directory", &error))?;
    Ok(config)
}

async fn owner_with(
    global: &Global,
    settings: &Settings,
    owner: (OwnerConfig, Option<Stroops>),
) -> Result<OwnerNode, Failure> {
    let (owner, max_fees) = owner;
    let config = owner_config(settings, Arc::new(identity(global, settings)?), owner)?;
    let config = OwnerNodeConfig { max_fees, ..config };
    let until = Instant::now() + WATCH_ROUND;
    let mut told = global.quiet || global.json;
    loop {
        match OwnerNode::start(config.clone()).await {
            // A node's watch has the records open for a moment: its round ends by itself.
            Err(error)
                if error.is_in_use()
                    && Instant::now() < until
                    && config.dir.join(layr_node::WATCH_ROUND_FILE).exists() =>
            {
                if !std::mem::replace(&mut told, true) {
                    eprintln!("waiting for the node of this directory to finish its round");
                }
                sleep(LOOK_AGAIN).await;
            }
            started => return started.map_err(failures::owner_node),
        }
    }
}

/// An owner that has entered the network, working by the defaults.
pub async fn joined_owner(global: &Global, settings: &Settings) -> Result<OwnerNode, Failure> {
    joined_owner_with(global, settings, (OwnerConfig::default(), None)).await
}

/// An owner that has entered the network; spends at most so much on ledger fees, where that is given.
pub async fn joined_owner_with(
    global: &Global,
    settings: &Settings,
    owner: (OwnerConfig, Option<Stroops>),
) -> Result<OwnerNode, Failure> {
    settings.require_initialised()?;
    let met = settings.dir.join("owner").join(layr_node::HOSTS_MET_FILE).exists();
    if settings.bootstrap.is_empty() && !settings.mdns && !met {
        return Err(Failure::usage(
            "no node to enter the network through is known",
            format!(
                "Add one to 'bootstrap' in {}; a host prints its addresses when it starts.",
                settings.dir.join(crate::settings::FILE_NAME).display()
            ),
        ));
    }
    let node = owner_with(global, settings, owner).await?;
    node.join(JOIN).await.map_err(failures::owner_node)?;
    Ok(node)
}

/// Addresses as people write them.
pub fn multiaddrs(texts: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    let parse = |text: &String| {
        text.parse().map_err(|error: layr_net::MultiaddrError| {
            Failure::usage(
                format!("'{text}' is not an address"),
                "Write for example /ip4/203.0.113.7/udp/4100/quic-v1/p2p/12D3….",
            )
            .because(&error)
        })
    };
    texts.iter().map(parse).collect()
}

/// `k/n` as people write it.
pub fn parse_profile(text: &str) -> Result<Profile, Failure> {
    let next = "Write k/n with 1 ≤ k ≤ n, for example 10/30 or 4/12: any k of n hosts are enough.";
    let parts =
        text.split_once('/').and_then(|(k, n)| Some((k.trim().parse().ok()?, n.trim().parse().ok()?)));
    let (k, n) = parts.ok_or_else(|| Failure::usage(format!("'{text}' is not a profile"), next))?;
    Profile::new(k, n)
        .map_err(|error| Failure::usage(format!("'{text}' is not a profile"), next).because(&error))
}

/// A price per TiB and 30 days as stroops per GiB-day, rounded up.
pub fn rate_of(price: Stroops) -> Result<u64, Failure> {
    let rate = price.0.max(0) / GIB_DAYS_PER_TIB_MONTH + i128::from(price.0 % GIB_DAYS_PER_TIB_MONTH != 0);
    u64::try_from(rate)
        .map_err(|error| Failure::usage("the price is too large", "Choose a lower one.").because(&error))
}

/// Stroops per GiB-day as a price per TiB and 30 days.
pub fn price_of(rate: u64) -> Stroops {
    Stroops(i128::from(rate) * GIB_DAYS_PER_TIB_MONTH)
}

/// Makes a directory only this user can enter.
pub fn private_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The asset all amounts are in: lumens unless the network file says otherwise.
pub fn asset_name(client: &LedgerClient, token: ContractId) -> &'static str {
    if client.native_token() == token { "XLM" } else { "units" }
}
