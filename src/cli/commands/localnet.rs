//! `layr localnet`: a Stellar network of one's own, with the escrow contract deployed and a network file
//! written, so that everything else only has to be pointed at it.

use super::interrupt::asked_to_stop;
use crate::args::{Global, Localnet as Args};
use crate::compose::{self, NETWORK_FILE};
use crate::envelope::{Report, SCHEMA, print};
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_identity::{Signer, contract_address};
use layr_ledger::{EscrowConfig, LedgerClient, Payer};
use layr_localnet::{Localnet, LocalnetConfig, RunningLocalnet};
use layr_node::Network;
use layr_types::{AccountKey, Stroops, UnixSeconds};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The escrow contract every local network starts with.
pub(super) const ESCROW_WASM: &[u8] =
    include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/escrow/escrow.wasm"));
/// Label of the account that deploys it; it has no power over the contract afterwards.
const DEPLOYER_LABEL: &str = "layr 2026 localnet deployer";

#[derive(Debug, Serialize)]
struct Ready {
    rpc_url: String,
    friendbot_url: String,
    beacon_url: String,
    passphrase: String,
    escrow: String,
    network_file: String,
}

/// Runs a network, or moves a running one's clock.
pub async fn run(global: &Global, settings: &Settings, args: Args) -> Result<Report, Failure> {
    let state = args.state.clone().unwrap_or_else(|| compose::localnet_dir(settings));
    match args.advance {
        Some(seconds) => advance(&state, seconds).await,
        None => serve(global, &args, &state).await,
    }
}

async fn serve(global: &Global, args: &Args, state: &Path) -> Result<Report, Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(Failure::usage(
            "a local network listens on the loopback only",
            "Whoever reaches it can print money and move its clock: choose an address like 127.0.0.1:8000.",
        ));
    }
    compose::private_dir(state).map_err(|error| Failure::internal("make the state directory", &error))?;
    let config = LocalnetConfig {
        directory: Some(state.to_owned()),
        listen: args.listen,
        ..LocalnetConfig::default()
    };
    let running = Localnet::start(config).await.map_err(|error| {
        Failure::new(
            exit::USAGE,
            "localnet/start",
            "the local network does not start",
            "Another one may use this directory or port: choose others with --state and --listen.",
        )
        .because(&error)
    })?;
    let ready = furnish(&running, state).await?;
    announce(global, &ready)?;
    asked_to_stop().await?;
    running.shutdown().await;
    Report::new(&json!({"stopped": true}), "Stopped; the state is kept.")
}

/// Deploys the contract where it is missing and writes the network file.
async fn furnish(running: &RunningLocalnet, state: &Path) -> Result<Ready, Failure> {
    let client = LedgerClient::connect_local(&running.rpc_url()).await.map_err(failures::ledger)?;
    let seed = Zeroizing::new(blake3::derive_key(DEPLOYER_LABEL, running.passphrase().as_bytes()));
    let payer = Payer::unlogged(Signer::from_seed(&seed));
    client.fund(&AccountKey(seed_account(&seed))).await.map_err(failures::ledger)?;
    let config = EscrowConfig {
        beacon: client.beacon().schedule(),
        beacon_key: client.beacon().uncompressed_key(),
        min_bond: Stroops::ZERO,
        tokens: vec![client.native_token()],
    };
    let salt = blake3::derive_key(DEPLOYER_LABEL, b"escrow");
    let deployed =
        client.ensure_deployed(&payer, ESCROW_WASM, salt, &config).await.map_err(failures::ledger)?;
    let network = Network {
        escrow: deployed.escrow.contract(),
        token: client.native_token(),
        ledger: client.config().clone(),
    };
    let path = state.join(NETWORK_FILE);
    let text = network.render().map_err(|error| Failure::internal("write the network file", &error))?;
    replace(&path, &text).map_err(|error| Failure::internal("write the network file", &error))?;
    Ok(Ready {
        rpc_url: running.rpc_url(),
        friendbot_url: running.friendbot_url(),
        beacon_url: running.beacon_url(),
        passphrase: running.passphrase(),
        escrow: contract_address(&network.escrow),
        network_file: path.display().to_string(),
    })
}

fn seed_account(seed: &Zeroizing<[u8; 32]>) -> [u8; 32] {
    Signer::from_seed(seed).public()
}

/// Writes beside, then renames: a reader never sees half a file.
pub(super) fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

fn announce(global: &Global, ready: &Ready) -> Result<(), Failure> {
    if global.json {
        let data = serde_json::to_value(ready).map_err(|error| Failure::internal("write JSON", &error))?;
        print(&json!({"schema": SCHEMA, "ok": true, "data": data}).to_string());
        return Ok(());
    }
    print(&format!(
        "Local Stellar network ready (RPC {}).\nEscrow contract  {}\nNetwork file     {}\nFriendbot        {}?addr=G…\nBeacon           {}\nCtrl-C stops it; its state is kept. 'layr localnet --advance 30d' moves its clock.",
        ready.rpc_url, ready.escrow, ready.network_file, ready.friendbot_url, ready.beacon_url
    ));
    Ok(())
}

async fn advance(state: &Path, seconds: u64) -> Result<Report, Failure> {
    let path: PathBuf = state.join(NETWORK_FILE);
    let network = Network::read(&path).map_err(|error| {
        Failure::usage("no local network has run here", "Start one with 'layr localnet'.").because(&error)
    })?;
    let url = network.ledger.rpc_urls.first().cloned().unwrap_or_default();
    let unreachable = |error: reqwest::Error| {
        Failure::new(
            exit::NETWORK,
            "localnet/advance",
            "the local network does not answer",
            "Start it with 'layr localnet'.",
        )
        .because(&error)
    };
    let response = reqwest::Client::new()
        .post(format!("{}/dev/advance", url.trim_end_matches('/')))
        .json(&json!({"seconds": seconds}))
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)
        .map_err(unreachable)?;
    let answer: Value = response.json().await.map_err(unreachable)?;
    let now = answer["close_time"].clone();
    let shown = UnixSeconds(now.as_u64().unwrap_or_default());
    Report::new(
        &json!({"now": now, "ledger": answer["ledger"]}),
        format!("The local ledger's clock now shows {shown}."),
    )
}
