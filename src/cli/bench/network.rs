//! `layr bench network`: upload and download through real host processes on this machine.

use super::pipeline::mib;
use super::source::Noise;
use crate::args::Global;
use crate::commands::or_interrupted;
use crate::demo::{Plan, World, not_as_told};
use crate::envelope::Report;
use crate::failure::Failure;
use futures::future::try_join;
use layr_types::ByteCount;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

/// What to measure.
#[derive(Debug, Clone)]
pub struct NetworkBench {
    /// How many hosts.
    pub hosts: u16,
    /// Bytes to upload.
    pub size: ByteCount,
    /// k/n.
    pub profile: String,
    /// Hosts stopped before the download.
    pub dead: u16,
    /// Hosts that hang from the middle of the upload on.
    pub hung: u16,
    /// Whether they are destroyed and made good, and that is measured too.
    pub repair: bool,
}

/// Longest wait for hosts to store something.
const PATIENCE: Duration = Duration::from_secs(60);
/// A host that has written this much stores some of the file, MiB.
const SOME: u64 = 4;

#[derive(Debug, Serialize)]
struct Measured {
    hosts: u16,
    dead: u16,
    hung: u16,
    profile: String,
    bytes: u64,
    upload_seconds: f64,
    upload_mib_s: f64,
    upload_total_seconds: f64,
    upload_cpu_seconds: f64,
    repair: Option<Repaired>,
    download_seconds: f64,
    download_mib_s: f64,
    owner_peak_rss_mib: u64,
    host_peak_rss_mib: u64,
}

/// The repair, from its command's begin to full health: audit, agreements, reading, rebuilding, sending,
/// signatures, first audits and catalogue.
#[derive(Debug, Serialize)]
struct Repaired {
    seconds: f64,
    shards: u64,
    shard_mib_s: f64,
    content_mib_s: f64,
    /// Reading, rebuilding, sending, signing and proving alone.
    rebuild_seconds: f64,
    owner_peak_rss_mib: u64,
}

/// Starts a world, uploads, stops some hosts, downloads, compares.
pub async fn run(global: &Global, bench: NetworkBench) -> Result<Report, Failure> {
    let dir = tempfile::Builder::new()
        .prefix("layr-bench-")
        .tempdir()
        .map_err(|error| Failure::internal("make a temporary directory", &error))?;
    let measured = or_interrupted(measure(global, dir.path(), bench)).await?;
    let words = format!(
        "{} at {} on {} hosts{}: up {:.0} MiB/s ({:.1} s, {:.1} s with agreements, signatures and audit; {:.1} CPU-seconds in ledger and hosts), down {:.0} MiB/s with {} hosts dead; peak memory: owner {} MiB, host {} MiB",
        ByteCount(measured.bytes),
        measured.profile,
        measured.hosts,
        if measured.hung == 0 {
            String::new()
        } else {
            format!(", {} of them hung in mid-upload", measured.hung)
        },
        measured.upload_mib_s,
        measured.upload_seconds,
        measured.upload_total_seconds,
        measured.upload_cpu_seconds,
        measured.download_mib_s,
        measured.dead,
        measured.owner_peak_rss_mib,
        measured.host_peak_rss_mib,
    );
    let words = match &measured.repair {
        None => words,
        Some(repair) => format!(
            "{words}\nrepair: {} shards in {:.1} s from begin to full health: {:.0} MiB/s of rebuilt shards, {:.0} MiB/s of the file; peak memory {} MiB",
            repair.shards,
            repair.seconds,
            repair.shard_mib_s,
            repair.content_mib_s,
            repair.owner_peak_rss_mib
        ),
    };
    Report::new(&measured, words)
}

async fn measure(global: &Global, root: &Path, bench: NetworkBench) -> Result<Measured, Failure> {
    let say = |text: &str| {
        if !global.json && !global.quiet {
            eprintln!("{text}");
        }
    };
    let file = root.join("noise");
    write_noise(&file, bench.size)?;
    say("starting the ledger and the hosts");
    let plan = Plan {
        hosts: usize::from(bench.hosts),
        quota: ByteCount(bench.size.0 + (512 << 20)),
        second_owner: false,
    };
    let mut world = World::start(root, plan).await?;
    say("uploading");
    let cpu_before = world.cpu_seconds();
    let shown = crate::demo::shown(&file);
    let upload = ["upload", &shown, "--profile", &bench.profile];
    let (up, hung) = try_join(world.owner(&upload), hang(&world, usize::from(bench.hung))).await?;
    let cpu = world.cpu_seconds() - cpu_before;
    let digest = crate::demo::sha256(&file)?;
    for number in hung {
        world.kill(number).await?;
    }
    let dead = bench.dead.saturating_sub(bench.hung).min(bench.hosts.saturating_sub(1));
    let repaired = lose(&mut world, (usize::from(dead), plan), &file, &bench).await?;
    say("downloading");
    let back = root.join("back");
    let down = world.owner(&["download", "noise", "-o", &crate::demo::shown(&back)]).await?;
    if digest != crate::demo::sha256(&back)? {
        return Err(not_as_told("the file that came back is not the one that went up", ""));
    }
    let (up_seconds, down_seconds) = (seconds(up.data(), "send_seconds")?, seconds(down.data(), "seconds")?);
    let measured = Measured {
        hosts: bench.hosts,
        dead: bench.dead.max(bench.hung),
        hung: bench.hung,
        profile: bench.profile,
        bytes: bench.size.0,
        upload_seconds: up_seconds,
        upload_mib_s: mib(bench.size.0) / up_seconds,
        upload_total_seconds: seconds(up.data(), "seconds")?,
        upload_cpu_seconds: cpu,
        repair: repaired,
        download_seconds: down_seconds,
        download_mib_s: mib(bench.size.0) / down_seconds,
        owner_peak_rss_mib: up.peak_rss_mib.max(down.peak_rss_mib),
        host_peak_rss_mib: world.host_peak_rss_mib(),
    };
    world.stop().await?;
    Ok(measured)
}

/// Freezes so many hosts in mid-upload, as soon as they store some of the file; says which.
async fn hang(world: &World, hung: usize) -> Result<Vec<usize>, Failure> {
    let before: Vec<u64> = world.hosts.iter().map(|host| host.written_mib()).collect();
    let end = Instant::now() + PATIENCE;
    let mut frozen = Vec::new();
    while frozen.len() < hung {
        for (host, before) in world.hosts.iter().zip(&before) {
            let stores = host.written_mib() >= before + SOME;
            if stores && frozen.len() < hung && !frozen.contains(&host.number) {
                world.living(host.number)?.pause()?;
                frozen.push(host.number);
            }
        }
        if Instant::now() > end {
            return Err(not_as_told("too few hosts store anything of the file to let them hang", ""));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(frozen)
}

/// Lets hosts die, and makes that good where it is to be measured.
async fn lose(
    world: &mut World,
    (dead, plan): (usize, Plan),
    file: &Path,
    bench: &NetworkBench,
) -> Result<Option<Repaired>, Failure> {
    if bench.repair {
        return repair(world, (dead, plan), file, bench.size).await.map(Some);
    }
    for number in 1..=dead {
        world.kill(number).await?;
    }
    Ok(None)
}

/// Destroys hosts and the file, lets as many hosts join, and repairs.
async fn repair(
    world: &mut World,
    (dead, plan): (usize, Plan),
    file: &Path,
    size: ByteCount,
) -> Result<Repaired, Failure> {
    for number in 1..=dead {
        world.destroy(number).await?;
    }
    world.join(dead, plan).await?;
    std::fs::remove_file(file).map_err(|error| Failure::internal("delete the file", &error))?;
    let done = world.owner(&["repair", "noise"]).await?;
    let data = done.data();
    let whole = ["degraded", "at_risk", "lost"].iter().all(|what| data["after"][what] == 0);
    let shards = data["rebuilt"].as_u64().filter(|shards| *shards > 0 && whole);
    let shards =
        shards.ok_or_else(|| not_as_told("the file is not whole after its repair", &data.to_string()))?;
    let took = seconds(data, "seconds")?;
    Ok(Repaired {
        seconds: took,
        shards,
        shard_mib_s: mib(shards << 20) / took,
        content_mib_s: mib(size.0) / took,
        rebuild_seconds: seconds(data, "rebuild_seconds")?,
        owner_peak_rss_mib: done.peak_rss_mib,
    })
}

fn write_noise(file: &Path, size: ByteCount) -> Result<(), Failure> {
    let written =
        std::fs::File::create(file).and_then(|mut out| std::io::copy(&mut Noise::new(size.0), &mut out));
    written.map(|_| ()).map_err(|error| Failure::internal("write the file to upload", &error))
}

fn seconds(data: &Value, key: &str) -> Result<f64, Failure> {
    let found = data[key].as_f64().filter(|seconds| *seconds > 0.0);
    found.ok_or_else(|| not_as_told(&format!("an answer lacks '{key}'"), &data.to_string()))
}
