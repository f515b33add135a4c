//! `layr network`: is the network these settings name fit to be used, and, on a test network, putting the escrow
//! contract there and writing the network file that names it.
//!
//! Checking sends nothing and pays nothing. Deploying is safe to repeat: the contract's address follows from the
//! deployer's account and the code, so a second run finds what the first one made. The deployer has no power over
//! the contract afterwards.

use super::localnet::ESCROW_WASM;
use crate::args::{Global, NetworkCommand, NetworkDeploy};
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_identity::contract_address;
use layr_ledger::{CallQuote, Deployment, DeploymentQuote, EscrowConfig, LedgerClient, Payer, Receipt};
use layr_node::Network;
use layr_types::{AccountKey, ContractId, Stroops, TxHash};
use serde::Serialize;
use serde_json::json;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Makes a deployer's contract address its own, and another one for other code.
const SALT_LABEL: &str = "layr 2026 escrow deployment";
/// Seconds of a ledger, for turning durations into lifetimes.
const LEDGER_SECONDS: u64 = 5;

/// What a network looked like.
#[derive(Debug, Serialize)]
struct Checked {
    network: String,
    rpc: Vec<String>,
    ledger: u32,
    ledger_time: u64,
    /// Seconds this machine's clock is ahead of the ledger's; negative when it is behind.
    clock_ahead: i64,
    friendbot: Option<String>,
    explorer: Option<String>,
    /// Newest round of the beacon, verified; `None` where no source of it answered.
    beacon_round: Option<u64>,
    escrow: Option<Contract>,
}

/// The contract the network file names.
#[derive(Debug, Serialize)]
struct Contract {
    address: String,
    /// It runs the code this program was built with and believes the network's beacon.
    genuine: bool,
    /// Last ledger in which it can be called without being restored first.
    live_until: Option<u32>,
}

#[derive(Debug, Serialize)]
struct Deployed {
    network_file: String,
    escrow: String,
    token: String,
    reused: bool,
    fees: Stroops,
    transactions: Vec<TxHash>,
    links: Vec<String>,
}

/// What deploying would do.
#[derive(Debug, Serialize)]
struct WouldDeploy {
    network_file: String,
    escrow: String,
    cost: DeploymentQuote,
}

/// Checks, deploys, or prolongs the contract's life.
pub async fn run(global: &Global, settings: &Settings, command: NetworkCommand) -> Result<Report, Failure> {
    match command {
        NetworkCommand::Check => check(settings).await,
        NetworkCommand::Deploy(args) => deploy(global, settings, &args).await,
        NetworkCommand::Extend { life } => extend(global, settings, life).await,
    }
}

/// Connects and makes sure that it is the network meant.
async fn reached(settings: &Settings) -> Result<LedgerClient, Failure> {
    let client = compose::ledger(settings)?;
    client.check_network().await.map_err(|error| match *error.cause {
        layr_ledger::Cause::Unreachable(_) => Failure::new(
            exit::NETWORK,
            "network/unreachable",
            format!("the network '{}' cannot be reached", client.config().name),
            "Nothing was sent and nothing was paid. Check this machine's connection, or name another RPC address in a network file (docs/networks.md).",
        )
        .because(&error),
        _ => failures::ledger(error),
    })?;
    Ok(client)
}

async fn check(settings: &Settings) -> Result<Report, Failure> {
    let client = reached(settings).await?;
    let time = client.now().await.map_err(failures::ledger)?;
    let here = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let config = client.config();
    let escrow = match named(settings) {
        Some(network) => Some(contract(&client, &network.escrow).await),
        None => None,
    };
    let checked = Checked {
        network: config.name.clone(),
        rpc: config.rpc_urls.clone(),
        ledger: time.sequence,
        ledger_time: time.now.0,
        clock_ahead: difference(here, time.now.0),
        friendbot: config.friendbot_url.clone(),
        explorer: config.explorer_url.clone(),
        beacon_round: client.beacon().latest().await.ok().map(|round| round.round),
        escrow,
    };
    Report::new(&checked, words(&checked))
}

/// The network file in use, where there is one that can be read.
fn named(settings: &Settings) -> Option<Network> {
    compose::network(settings).ok()
}

async fn contract(client: &LedgerClient, address: &ContractId) -> Contract {
    let genuine = client.escrow(*address).check_genuine(&code()).await.is_ok();
    let live_until = client.contract_live_until(address).await.ok();
    Contract { address: contract_address(address), genuine, live_until }
}

fn code() -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(ESCROW_WASM).into()
}

fn difference(here: u64, there: u64) -> i64 {
    let ahead = here >= there;
    let apart = i64::try_from(here.abs_diff(there)).unwrap_or(i64::MAX);
    if ahead { apart } else { apart.saturating_neg() }
}

fn words(checked: &Checked) -> String {
    let clock = match checked.clock_ahead {
        0 => "this machine's clock agrees".to_owned(),
        ahead if ahead > 0 => format!("this machine's clock is {ahead} s ahead"),
        behind => format!("this machine's clock is {} s behind", behind.unsigned_abs()),
    };
    let beacon = checked.beacon_round.map_or_else(
        || "no source answers (only disputes need it)".to_owned(),
        |round| format!("round {round}, verified"),
    );
    let escrow = match &checked.escrow {
        None => "none known: 'layr network deploy' puts one on a test network".to_owned(),
        Some(Contract { address, genuine: false, .. }) => {
            format!("{address} is not the contract this program was built with: do not use it")
        }
        Some(Contract { address, live_until, .. }) => {
            let life = live_until.map_or_else(String::new, |until| format!(", alive until ledger {until}"));
            format!("{address}, genuine{life}")
        }
    };
    format!(
        "Network    {} at ledger {} ({clock})\nFriendbot  {}\nBeacon     {beacon}\nContract   {escrow}",
        checked.network,
        checked.ledger,
        checked.friendbot.as_deref().unwrap_or("none: this network's money is real"),
    )
}

async fn deploy(global: &Global, settings: &Settings, args: &NetworkDeploy) -> Result<Report, Failure> {
    let client = reached(settings).await?;
    let path = settings.dir.join(format!("{}.toml", client.config().name));
    if let Some(standing) = standing(&client, &path).await? {
        return report(&client, &standing, &path, &[]);
    }
    if client.config().friendbot_url.is_none() && !args.real_money && !args.dry_run {
        return Err(Failure::usage(
            format!("deploying on '{}' costs real money, about 20 XLM", client.config().name),
            "Add --real-money if that is what you want.",
        ));
    }
    let mut payer = Payer::unlogged(compose::identity(global, settings)?.account_signer());
    payer.max_fee = args.max_cost;
    let config = EscrowConfig {
        beacon: client.beacon().schedule(),
        beacon_key: client.beacon().uncompressed_key(),
        min_bond: Stroops::ZERO,
        tokens: vec![client.native_token()],
    };
    let salt = blake3::derive_key(SALT_LABEL, &code());
    if args.dry_run {
        return would_deploy(&client, &path, (&payer.account(), salt, &config)).await;
    }
    let Deployment { escrow, receipts } =
        client.ensure_deployed(&payer, ESCROW_WASM, salt, &config).await.map_err(failures::ledger)?;
    escrow.check_genuine(&code()).await.map_err(failures::ledger)?;
    let network =
        Network { escrow: escrow.contract(), token: client.native_token(), ledger: client.config().clone() };
    write(&settings.dir, &path, &network)?;
    report(&client, &network, &path, &receipts)
}

async fn would_deploy(
    client: &LedgerClient,
    path: &Path,
    (deployer, salt, config): (&AccountKey, [u8; 32], &EscrowConfig),
) -> Result<Report, Failure> {
    let cost = client.quote_deployment(deployer, ESCROW_WASM, salt, config).await;
    let cost = cost.map_err(failures::ledger)?;
    let line = |quote: CallQuote| {
        let rent = quote.rent + quote.restore;
        format!("at most {} XLM ({} XLM of it rent)", quote.total(), rent)
    };
    let contract = match (cost.code, cost.contract) {
        (_, Some(quote)) => line(quote),
        (Some(_), None) => "can only be priced once the code is there; less than 1 XLM as a rule".to_owned(),
        (None, None) => "nothing: it is there".to_owned(),
    };
    let would = WouldDeploy {
        network_file: path.display().to_string(),
        escrow: contract_address(&client.contract_address(deployer, salt)),
        cost,
    };
    let words = format!(
        "Would deploy  {}\nNetwork file  {}\nThe code      {}\nThe contract  {contract}\nNothing was sent and nothing was paid.",
        would.escrow,
        would.network_file,
        cost.code.map_or_else(|| "nothing: it is there".to_owned(), line),
    );
    Report::new(&would, words)
}

/// What the network file in the data directory names, if it still stands. Test networks are wiped: a contract
/// that is gone is deployed again; other code at its place is somebody's choice and stays.
async fn standing(client: &LedgerClient, path: &Path) -> Result<Option<Network>, Failure> {
    if !path.is_file() {
        return Ok(None);
    }
    let unusable = |error: &(dyn std::error::Error + 'static)| {
        Failure::usage(
            format!("{} names another contract", path.display()),
            "Move the file away to deploy this program's own contract.",
        )
        .because(error)
    };
    let network = Network::read(path).map_err(|error| unusable(&error))?;
    if client.code_of(&network.escrow).await.map_err(failures::ledger)?.is_none() {
        return Ok(None);
    }
    let escrow = client.escrow(network.escrow);
    escrow.check_genuine(&code()).await.map_err(|error| unusable(&error))?;
    Ok(Some(network))
}

fn write(dir: &Path, path: &Path, network: &Network) -> Result<(), Failure> {
    let text = network.render().map_err(|error| Failure::internal("write the network file", &error))?;
    compose::private_dir(dir)
        .and_then(|()| super::localnet::replace(path, &text))
        .map_err(|error| Failure::internal("write the network file", &error))
}

fn report(
    client: &LedgerClient,
    network: &Network,
    path: &Path,
    receipts: &[Receipt],
) -> Result<Report, Failure> {
    let links = receipts.iter().filter_map(|receipt| client.config().explorer_link(&receipt.hash));
    let deployed = Deployed {
        network_file: path.display().to_string(),
        escrow: contract_address(&network.escrow),
        token: contract_address(&network.token),
        reused: receipts.is_empty(),
        fees: receipts.iter().fold(Stroops::ZERO, |sum, receipt| sum + receipt.fee),
        transactions: receipts.iter().map(|receipt| receipt.hash).collect(),
        links: links.collect(),
    };
    let what = if deployed.reused { "Already there" } else { "Deployed" };
    let mut words = format!(
        "{what}: {}\nNetwork file  {}\nFees          {} XLM",
        deployed.escrow, deployed.network_file, deployed.fees
    );
    for link in &deployed.links {
        words.push_str(&format!("\n{link}"));
    }
    Report::new(&deployed, words)
}

async fn extend(global: &Global, settings: &Settings, life: u64) -> Result<Report, Failure> {
    let client = reached(settings).await?;
    let escrow = compose::network(settings)?.escrow;
    let ledgers = u32::try_from(life / LEDGER_SECONDS)
        .map_err(|error| Failure::usage("nothing lives that long", "Name at most 180d.").because(&error))?;
    let payer = Payer::unlogged(compose::identity(global, settings)?.account_signer());
    let receipt = client.keep_contract_alive(&payer, &escrow, ledgers).await.map_err(failures::ledger)?;
    let until = client.contract_live_until(&escrow).await.map_err(failures::ledger)?;
    Report::new(
        &json!({"live_until": until, "fee": receipt.fee, "tx": receipt.hash}),
        format!("The contract and its code live until ledger {until} (fee and rent {} XLM).", receipt.fee),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_ledger::NetworkConfig;

    /// What drand's quicknet began with; the one part of its chain hash that nothing here needs.
    const QUICKNET_SEED: &str = "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e";

    #[test]
    fn clocks_are_compared_both_ways_and_never_overflow() {
        assert_eq!((difference(10, 7), difference(7, 10), difference(7, 7)), (3, -3, 0));
        assert_eq!((difference(u64::MAX, 0), difference(0, u64::MAX)), (i64::MAX, -i64::MAX));
    }

    #[test]
    fn the_public_beacon_is_the_one_its_address_names() {
        use sha2::Digest as _;
        let beacon = NetworkConfig::testnet().beacon;
        let mut chain = sha2::Sha256::new();
        chain.update(beacon.schedule.period.to_be_bytes());
        chain.update(beacon.schedule.genesis.0.to_be_bytes());
        chain.update(beacon.public_key);
        chain.update(hex::decode(QUICKNET_SEED).expect("hexadecimal"));
        chain.update("quicknet");
        let hash = hex::encode(chain.finalize());
        assert!(beacon.urls.iter().all(|url| url.ends_with(&hash)), "{hash}: {:?}", beacon.urls);
    }

    #[test]
    fn the_network_file_in_the_documentation_is_the_test_network() {
        let text = include_str!("../../../docs/networks.md");
        let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        let client = LedgerClient::new(NetworkConfig::testnet()).expect("known addresses");
        let native = contract_address(&client.native_token());
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let example = example.expect("an example").replace("C…", &native);
        std::fs::write(file.path(), example).expect("writable");
        let read = Network::read(file.path()).expect("a network file");
        assert_eq!((&read.ledger, read.token), (client.config(), client.native_token()));
    }
}
