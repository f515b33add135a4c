//! The story, step by step.

use super::balances::Balances;
use super::damage;
use super::process::not_as_told;
use super::report::{HostVerdict, Told};
use super::vanished;
use super::verify;
use super::world::{Plan, World};
use crate::failure::Failure;
use layr_types::{ByteCount, UnixSeconds};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

const HOSTS: usize = 12;
const PROFILE: &str = "4/12";
/// Throws its sectors away.
const DROPPER: usize = 3;
/// Its disk flips bits.
const FLIPPER: usize = 6;
/// Hangs for a while, then comes back with everything.
const SLEEPER: usize = 9;
/// Honest hosts whose machines lose power before the download.
const UNLUCKY: [usize; 5] = [1, 4, 7, 10, 12];
/// The name the file is stored under.
const NAME: &str = "demo-file";

/// Says what happens, on standard error, unless nobody listens.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// Nobody listens.
    pub quiet: bool,
}

impl Talk {
    /// A new chapter.
    pub fn chapter(self, text: &str) {
        if !self.quiet {
            eprintln!("\n— {text}");
        }
    }

    /// What happens in it.
    pub fn say(self, text: &str) {
        if !self.quiet {
            eprintln!("  {text}");
        }
    }
}

/// Everything from the first process to the last.
pub async fn tell(talk: &Talk, root: &Path, file: &Path, size: u64) -> Result<Told, Failure> {
    let began = Instant::now();
    talk.chapter(
        "A world: one ledger with the real escrow contract, twelve hosts, two owners, each its own process",
    );
    let plan = Plan { hosts: HOSTS, quota: ByteCount(size / 2 + (512 << 20)), second_owner: true };
    let mut world = World::start(root, plan).await?;
    talk.say(&format!("ledger at {}, every account funded by friendbot", world.rpc_url));
    let mut told = Told::new(size, super::sha256(file)?);
    told.before = Some(Balances::read(&world).await?);

    upload(talk, &world, file, &mut told).await?;
    faults(talk, &mut world, &mut told).await?;
    download(talk, &mut world, root, &mut told).await?;
    let now = settle(talk, &mut world, &mut told).await?;
    let (vanished, _) = vanished::tell(talk, &mut world, now).await?;
    told.vanished = Some(vanished);

    told.after = Some(Balances::read(&world).await?);
    told.host_peak_rss_mib = world.host_peak_rss_mib();
    world.stop().await?;
    told.conserve()?;
    told.seconds = began.elapsed().as_secs_f64();
    Ok(told)
}

async fn upload(talk: &Talk, world: &World, file: &Path, told: &mut Told) -> Result<(), Failure> {
    talk.chapter("The owner uploads: any 4 of 12 hosts are enough");
    let path = super::shown(file);
    let done = world.owner(&["upload", &path, "--as", NAME, "--profile", PROFILE]).await?;
    let data = done.data();
    told.owner_peak_rss_mib = told.owner_peak_rss_mib.max(done.peak_rss_mib);
    told.upload_mib_s = crate::bench::mib(told.file_bytes) / number(data, "send_seconds")?.max(0.001);
    talk.say(&format!(
        "{} on {} hosts chosen through Kademlia, at {:.0} MiB/s; acknowledged, co-signed, audited",
        ByteCount(told.file_bytes),
        data["hosts"].as_array().map_or(0, Vec::len),
        told.upload_mib_s
    ));
    let verdicts = audit(world).await?;
    told.record("after the upload", &verdicts, world);
    expect(&verdicts, world, |_| "passed")?;
    talk.say("a second audit: all twelve pass");
    Ok(())
}

async fn faults(talk: &Talk, world: &mut World, told: &mut Told) -> Result<(), Failure> {
    talk.chapter("One host silently drops its sectors, one disk flips bits, one machine hangs");
    let lost = damage::drop_sectors(&world.host_mut(DROPPER)?.dir)?;
    let flipped = damage::flip_bits(&world.host_mut(FLIPPER)?.dir)?;
    world.living(SLEEPER)?.pause()?;
    talk.say(&format!(
        "host {DROPPER} lost {}, host {FLIPPER} has {flipped} bits flipped, host {SLEEPER} is stopped",
        ByteCount(lost)
    ));
    let verdicts = audit(world).await?;
    told.record("with three faults", &verdicts, world);
    expect(&verdicts, world, |number| match number {
        DROPPER => "missing",
        FLIPPER => "corrupt",
        SLEEPER => "offline|late",
        _ => "passed",
    })?;
    for number in [DROPPER, FLIPPER, SLEEPER] {
        let key = world.host_mut(number)?.node.to_string();
        talk.say(&format!("audit: host {number} {}", verdicts.get(&key).map_or("", String::as_str)));
    }
    Ok(())
}

async fn download(talk: &Talk, world: &mut World, root: &Path, told: &mut Told) -> Result<(), Failure> {
    talk.chapter("Eight of twelve hosts die; the owner downloads");
    world.living(SLEEPER)?.resume()?;
    for number in UNLUCKY.into_iter().chain([DROPPER, FLIPPER, SLEEPER]) {
        world.kill(number).await?;
    }
    let back = root.join("back");
    let target = super::shown(&back);
    let done = world.owner(&["download", NAME, "-o", &target]).await?;
    told.owner_peak_rss_mib = told.owner_peak_rss_mib.max(done.peak_rss_mib);
    told.download_mib_s = crate::bench::mib(told.file_bytes) / number(done.data(), "seconds")?.max(0.001);
    told.sha256_out = super::sha256(&back)?;
    if told.sha256_out != told.sha256_in {
        return Err(not_as_told("the file that came back is not the one that went up", &told.sha256_out));
    }
    talk.say(&format!(
        "byte for byte the same, at {:.0} MiB/s, from the four that are left",
        told.download_mib_s
    ));
    Ok(())
}

async fn settle(talk: &Talk, world: &mut World, told: &mut Told) -> Result<UnixSeconds, Failure> {
    talk.chapter("The machines that lost power come back; the 30-day term ends; everybody settles");
    for number in UNLUCKY.into_iter().chain([FLIPPER, SLEEPER]) {
        world.restart(number).await?;
    }
    let verdicts = audit(world).await?;
    told.record("before the end", &verdicts, world);
    expect(&verdicts, world, |number| match number {
        DROPPER => "offline",
        FLIPPER => "corrupt",
        _ => "passed",
    })?;
    talk.say("nothing acknowledged was lost in the power cuts: all but the two cheaters pass");
    let agreements = verify::agreements(world, &world.owner).await?;
    let end = agreements.iter().map(|agreement| agreement.terms.end).max().unwrap_or_default();
    let mut now =
        UnixSeconds(agreements.iter().map(|agreement| agreement.terms.start.0).min().unwrap_or_default());
    now = world.advance_to(now, end.plus(60)).await?;
    verify::settle_by_consent(world, &agreements).await?;
    talk.say("ten honest hosts and the owner sign what settle() says; one transaction pays them all");
    now = verify::settle_by_proof(world, &agreements, now).await?;
    talk.say(&format!("the two cheaters could not prove what they claim (ledger time {now})"));
    told.settlements = verify::compare(world, &agreements, told.before.as_ref()).await?;
    let cheaters = [DROPPER, FLIPPER].map(|number| world.hosts[number - 1].node);
    verify::honest_were_paid_and_cheaters_were_not(&told.settlements, &cheaters)?;
    Ok(now)
}

/// Verdict by host key.
async fn audit(world: &World) -> Result<BTreeMap<String, String>, Failure> {
    let done = world.program.run(&world.owner, &["audit"]).await?;
    let hosts = done.data()["hosts"].as_array();
    let hosts = hosts.ok_or_else(|| not_as_told("the audit gave no verdicts", &done.envelope.to_string()))?;
    let text = |host: &Value, key: &str| host[key].as_str().unwrap_or_default().to_owned();
    Ok(hosts.iter().map(|host| (text(host, "node"), text(host, "verdict"))).collect())
}

/// Checks every host's verdict; alternatives are separated by `|`.
fn expect(
    verdicts: &BTreeMap<String, String>,
    world: &World,
    told: impl Fn(usize) -> &'static str,
) -> Result<(), Failure> {
    for host in &world.hosts {
        let (found, wanted) = (verdicts.get(&host.node.to_string()), told(host.number));
        if !found.is_some_and(|found| wanted.split('|').any(|one| one == found)) {
            let detail = format!("host {}: expected {wanted}, found {found:?}", host.number);
            return Err(not_as_told("an audit did not find what was done", &detail));
        }
    }
    Ok(())
}

fn number(data: &Value, key: &str) -> Result<f64, Failure> {
    data[key].as_f64().ok_or_else(|| not_as_told(&format!("an answer lacks '{key}'"), &data.to_string()))
}

impl Told {
    fn record(&mut self, when: &'static str, verdicts: &BTreeMap<String, String>, world: &World) {
        for host in &world.hosts {
            let verdict = verdicts.get(&host.node.to_string()).cloned().unwrap_or_default();
            self.verdicts.push(HostVerdict {
                when,
                host: format!("host {}", host.number),
                node: host.node,
                verdict,
            });
        }
    }
}
