//! `layr node run` and `layr node status`.

use super::interrupt::asked_to_stop;
use crate::args::{Global, NodeCommand, NodeRun};
use crate::compose;
use crate::envelope::{Report, SCHEMA, print};
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use crate::units::show_duration;
use layr_host::{HostStatus, OfferPolicy};
use layr_net::HostProfile;
use layr_node::{HostNode, HostNodeConfig};
use layr_types::ByteCount;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often the host looks at the ledger's clock, and its state is written down for `layr node status`.
const TICK: Duration = Duration::from_secs(2);
/// The snapshot's name in the host's directory.
const SNAPSHOT: &str = "status.json";

/// Runs a node or shows one's state.
pub async fn run(global: &Global, settings: Settings, command: NodeCommand) -> Result<Report, Failure> {
    let dir = settings.dir.join("host");
    match command {
        NodeCommand::Run(args) => {
            let settings = with_flags(settings, &args);
            serve(global, &settings, &args, dir).await
        }
        NodeCommand::Status => status(&dir),
    }
}

/// Flags win over settings.
fn with_flags(mut settings: Settings, args: &NodeRun) -> Settings {
    settings.quota = args.quota.unwrap_or(settings.quota);
    settings.price = args.price.unwrap_or(settings.price);
    settings.collateral = args.collateral.unwrap_or(settings.collateral);
    settings.mdns |= args.mdns;
    if !args.listen.is_empty() {
        settings.listen.clone_from(&args.listen);
    }
    settings.bootstrap.extend(args.bootstrap.iter().cloned());
    settings
}

async fn serve(
    global: &Global,
    settings: &Settings,
    args: &NodeRun,
    dir: PathBuf,
) -> Result<Report, Failure> {
    settings.require_initialised()?;
    if settings.quota < ByteCount::SECTOR {
        return Err(Failure::usage(
            "this node has nothing to do: it rents out no space",
            "Give --quota, for example --quota 500GiB, or set 'quota' in layr.toml.",
        ));
    }
    compose::private_dir(&dir).map_err(|error| Failure::internal("make the host's directory", &error))?;
    let node =
        HostNode::start(config(global, settings, args, dir.clone())?).await.map_err(failures::host_node)?;
    announce(global, settings, &node)?;
    let mut tick = tokio::time::interval(TICK);
    let stop = asked_to_stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            asked = &mut stop => break asked?,
            _ = tick.tick() => snapshot(&node, &dir).await,
        }
    }
    if !global.json && !global.quiet {
        eprintln!("stopping: finishing what is under way");
    }
    snapshot(&node, &dir).await;
    node.stop().await;
    Report::new(&json!({"stopped": true}), "Stopped; nothing acknowledged is lost.")
}

fn config(
    global: &Global,
    settings: &Settings,
    args: &NodeRun,
    dir: PathBuf,
) -> Result<HostNodeConfig, Failure> {
    let lane = match args.lane {
        Some(lane) => lane,
        None => settings.lane.parse().map_err(|error: std::net::AddrParseError| {
            Failure::usage(
                format!("setting 'lane': '{}' is not IP:PORT", settings.lane),
                "Write for example 0.0.0.0:4101.",
            )
            .because(&error)
        })?,
    };
    let offer = OfferPolicy { rate: compose::rate_of(settings.price)?, ..OfferPolicy::default() };
    Ok(HostNodeConfig {
        dir,
        identity: compose::identity(global, settings)?,
        network: compose::network(settings)?,
        quota: settings.quota,
        offer,
        collateral: settings.collateral,
        listen: compose::multiaddrs(&settings.listen)?,
        lane: Some(lane),
        bootstrap: compose::multiaddrs(&settings.bootstrap)?,
        mdns: settings.mdns,
        profile: HostProfile {
            addresses: compose::multiaddrs(&settings.announce)?,
            lane_addresses: Vec::new(),
            region: settings.region.clone(),
            operator: settings.operator.clone(),
        },
        tick: TICK,
    })
}

fn announce(global: &Global, settings: &Settings, node: &HostNode) -> Result<(), Failure> {
    let addresses: Vec<String> = node.addresses().iter().map(ToString::to_string).collect();
    let lane = node.lane().map(|lane| lane.to_string());
    if global.json {
        let data = json!({
            "node_key": node.key(), "addresses": addresses, "lane": lane, "quota": settings.quota,
            "rate": compose::rate_of(settings.price)?, "deposited": node.deposited(),
        });
        print(&json!({"schema": SCHEMA, "ok": true, "data": data}).to_string());
        return Ok(());
    }
    let mut text = format!(
        "Host {} is up: {} to rent at {} XLM per TiB and 30 days.\n",
        node.key(),
        settings.quota,
        settings.price
    );
    if node.deposited().0 > 0 {
        text.push_str(&format!("Deposited {} XLM as collateral.\n", node.deposited()));
    }
    for address in &addresses {
        text.push_str(&format!("Reach it at {address}\n"));
    }
    text.push_str("Ctrl-C stops it; 'layr node status' in another terminal shows what it earns.");
    print(&text);
    Ok(())
}

/// Writes the state down beside, then renames. A failure here never stops a host.
async fn snapshot(node: &HostNode, dir: &Path) {
    let status = match node.status().await {
        Ok(status) => status,
        Err(error) => {
            tracing::debug!(%error, "no snapshot this time");
            return;
        }
    };
    let beside = dir.join("status.new");
    let written = serde_json::to_vec(&status)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::fs::write(&beside, bytes))
        .and_then(|()| std::fs::rename(&beside, dir.join(SNAPSHOT)));
    if let Err(error) = written {
        tracing::debug!(%error, "the snapshot could not be written");
    }
}

fn status(dir: &Path) -> Result<Report, Failure> {
    let path = dir.join(SNAPSHOT);
    let missing = |error: std::io::Error| {
        Failure::new(
            exit::NOT_FOUND,
            "node/no-status",
            "no host has run in this directory",
            "Start one with 'layr node run --quota SIZE'.",
        )
        .because(&error)
    };
    let age = std::fs::metadata(&path)
        .and_then(|meta| meta.modified())
        .map_err(missing)?
        .elapsed()
        .unwrap_or_default();
    let bytes = std::fs::read(&path).map_err(missing)?;
    let status: HostStatus = serde_json::from_slice(&bytes)
        .map_err(|error| Failure::internal("read the host's last state", &error))?;
    Report::new(&json!({"age_seconds": age.as_secs(), "status": status}), words(&status, age))
}

fn words(status: &HostStatus, age: Duration) -> String {
    let mib = |slots: u64| ByteCount::from_sectors(slots).unwrap_or_default().to_string();
    let space = &status.space;
    let mut text = format!(
        "Host {} as of {} ago\n\nspace     free {}, reserved {}, live {}, trash {}\nearned    {} XLM accrued, {} XLM settled\ncollateral {} XLM locked, {} XLM at risk\nprice     {} XLM per TiB and 30 days{}\n",
        status.key,
        show_duration(age.as_secs()),
        mib(space.free),
        mib(space.reserved),
        mib(space.live),
        mib(space.trash),
        status.accrued,
        status.paid,
        status.locked,
        status.at_risk,
        compose::price_of(status.rate),
        if status.accepting { "" } else { " (takes no new agreements)" },
    );
    if !status.agreements.is_empty() {
        let mut table = Table::new([
            "agreement",
            "owner",
            "stored",
            "of",
            "earned XLM",
            "at risk XLM",
            "audits",
            "ends in",
        ]);
        for one in &status.agreements {
            table.row([
                short(one.id),
                short(one.owner),
                one.stored.to_string(),
                one.capacity.to_string(),
                one.earned.to_string(),
                one.at_risk.to_string(),
                format!("{}+ {}-", one.audits_passed, one.audits_failed),
                show_duration(one.end.since(status.now)),
            ]);
        }
        text.push_str(&format!("\n{}\n", table.render()));
    }
    text
}
