//! `layr node run`: a host, the watch of an owner's agreements, or both, in the foreground.

use super::snapshot::{self, Roles};
use crate::args::{Global, NodeRun};
use crate::commands::interrupt::asked_to_stop;
use crate::compose;
use crate::envelope::{Report, SCHEMA, print};
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_host::OfferPolicy;
use layr_identity::Identity;
use layr_net::HostProfile;
use layr_node::{HostNode, HostNodeConfig, OwnerWatch, WatchConfig};
use layr_owner::{OwnerConfig, RenewPolicy, RepairWatch, WatchPolicy};
use layr_types::{ByteCount, Stroops};
use serde_json::json;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How often the host looks at the ledger's clock, and the node's state is written down.
const TICK: Duration = Duration::from_secs(2);
/// Locked by the node that runs on a data directory, for as long as it runs.
const LOCK: &str = "node.lock";

/// Runs until stopped.
pub async fn run(global: &Global, settings: Settings, args: &NodeRun) -> Result<Report, Failure> {
    let settings = with_flags(settings, args);
    settings.require_initialised()?;
    if settings.role.hosts() && settings.quota < ByteCount::SECTOR {
        return Err(Failure::usage(
            "this node has nothing to do: it rents out no space",
            "Give --quota, for example --quota 500GiB, or set 'quota' in layr.toml; or look after your own agreements with --role owner.",
        ));
    }
    let _lock = lock(&settings.dir)?;
    let roles = start(global, &settings, args).await?;
    announce(global, &settings, &roles)?;
    let ended = attend(&settings.dir, &roles).await;
    if !global.json && !global.quiet {
        eprintln!("stopping: finishing what is under way");
    }
    snapshot::unlink(&settings.dir);
    snapshot::write(&settings.dir, &roles.snapshot().await);
    roles.stop().await;
    ended?;
    Report::new(&json!({"stopped": true}), "Stopped; nothing acknowledged is lost.")
}

/// Flags win over settings.
fn with_flags(mut settings: Settings, args: &NodeRun) -> Settings {
    settings.role = args.role.unwrap_or(settings.role);
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

/// One node to a data directory, whatever its roles.
fn lock(dir: &Path) -> Result<File, Failure> {
    use rustix::fs::{FlockOperation, flock};
    let cannot = |error: &std::io::Error| Failure::internal("lock the data directory", error);
    let file = File::options().create(true).truncate(false).write(true).open(dir.join(LOCK));
    let file = file.map_err(|error| cannot(&error))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Failure::new(
            exit::USAGE,
            "store/locked",
            format!("another layr process runs a node on {}", dir.display()),
            "Stop it, or name another directory with --dir; 'layr node status' shows what it does.",
        )),
        Err(error) => Err(cannot(&error.into())),
    }
}

async fn start(global: &Global, settings: &Settings, args: &NodeRun) -> Result<Roles, Failure> {
    let identity = Arc::new(compose::identity(global, settings)?);
    let mut roles = Roles::default();
    if settings.role.hosts() {
        let dir = settings.dir.join("host");
        compose::private_dir(&dir).map_err(|error| Failure::internal("make the host's directory", &error))?;
        let config = config(settings, args, (dir, Arc::clone(&identity)))?;
        roles.host = Some(HostNode::start(config).await.map_err(failures::host_node)?);
    }
    if settings.role.owns() {
        let config = WatchConfig {
            owner: compose::owner_config(settings, identity, OwnerConfig::default())?,
            look_every: Duration::from_secs(args.look_every),
            policy: policy(args),
        };
        let quiet = global.json || global.quiet;
        let tell = move |line: &str| {
            if !quiet {
                eprintln!("watch: {line}");
            }
            tracing::info!("watch: {line}");
        };
        roles.watch = Some(OwnerWatch::start(config, tell).map_err(failures::owner_node)?);
    }
    Ok(roles)
}

/// What the watch does of itself, and how much it may cost.
fn policy(args: &NodeRun) -> WatchPolicy {
    let budget = args.renew_budget;
    let renew = (budget > Stroops::ZERO).then(|| RenewPolicy { budget, ..RenewPolicy::default() });
    let repair = args.repair_budget.map(|budget| RepairWatch { budget, ..RepairWatch::default() });
    WatchPolicy {
        audit_every: Some(args.audit_every),
        challenge: args.max_bond > Stroops::ZERO,
        max_bond: args.max_bond,
        renew,
        repair,
        ..WatchPolicy::default()
    }
}

/// Answers whoever asks how the node stands, and writes it down, until the process is asked to stop.
async fn attend(dir: &Path, roles: &Roles) -> Result<(), Failure> {
    let keep = async {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            snapshot::write(dir, &roles.snapshot().await);
        }
    };
    tokio::select! {
        asked = asked_to_stop() => asked,
        () = keep => Ok(()),
        () = snapshot::serve(dir, roles) => Ok(()),
    }
}

fn config(
    settings: &Settings,
    args: &NodeRun,
    (dir, identity): (PathBuf, Arc<Identity>),
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
    let usual = OfferPolicy::default();
    let offer = OfferPolicy {
        rate: compose::rate_of(settings.price)?,
        min_term: seconds(args.min_term, usual.min_term)?,
        offer_life: seconds(args.offer_life, usual.offer_life)?,
        egress_rate: args.read_price.map_or(Ok(usual.egress_rate), read_rate)?,
        free_reads_percent: args.free_reads.unwrap_or(usual.free_reads_percent),
        ..usual
    };
    Ok(HostNodeConfig {
        dir,
        identity,
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

/// A duration that was given, or the usual one.
fn seconds(given: Option<u64>, usual: u32) -> Result<u32, Failure> {
    let given = given.map(u32::try_from).transpose();
    given.map(|given| given.unwrap_or(usual)).map_err(|error| {
        Failure::usage("a duration is too long", "Name one below a hundred years.").because(&error)
    })
}

fn announce(global: &Global, settings: &Settings, roles: &Roles) -> Result<(), Failure> {
    let mut data = json!({"role": settings.role});
    let mut text = String::new();
    if let Some(host) = &roles.host {
        let addresses: Vec<String> = host.addresses().iter().map(ToString::to_string).collect();
        data = json!({
            "role": settings.role, "node_key": host.key(), "addresses": addresses,
            "lane": host.lane().map(|lane| lane.to_string()), "quota": settings.quota,
            "rate": compose::rate_of(settings.price)?, "deposited": host.deposited(),
        });
        text.push_str(&host_words(settings, host, &addresses));
    }
    if let Some(watch) = &roles.watch {
        data["node_key"] = json!(watch.key());
        let state = watch.state();
        let since =
            state.as_of.map_or_else(String::new, |_| format!(" ({} open at the last look)", state.due.len()));
        text.push_str(&format!(
            "Watching owner {}'s agreements{since}: audits, settlement, whatever was under way.\n",
            watch.key()
        ));
    }
    if global.json {
        print(&json!({"schema": SCHEMA, "ok": true, "data": data}).to_string());
        return Ok(());
    }
    text.push_str("Ctrl-C stops it; 'layr node status' in another terminal shows how it stands.");
    print(&text);
    Ok(())
}

fn host_words(settings: &Settings, host: &HostNode, addresses: &[String]) -> String {
    let mut text = format!(
        "Host {} is up: {} to rent at {} XLM per TiB and 30 days.\n",
        host.key(),
        settings.quota,
        settings.price
    );
    if host.deposited().0 > 0 {
        text.push_str(&format!("Deposited {} XLM as collateral.\n", host.deposited()));
    }
    for address in addresses {
        text.push_str(&format!("Reach it at {address}\n"));
    }
    text
}

/// A price per TiB read as an offer says it: whole stroops per GiB, rounded up.
fn read_rate(price: Stroops) -> Result<u64, Failure> {
    u64::try_from(price.0.max(0).saturating_add(1_023) / 1_024)
        .map_err(|error| Failure::usage("--read-price is too high", "Ask for less.").because(&error))
}
