//! A small world on this machine: one ledger, some hosts, one owner, each its own process and directory.

use super::process::{Program, Running, not_as_told};
use crate::failure::Failure;
use crate::failures;
use futures::future::try_join_all;
use layr_ledger::LedgerClient;
use layr_market::Terms;
use layr_node::Network;
use layr_types::{AccountKey, ByteCount, NodeKey, UnixSeconds};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What a world is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// How many hosts.
    pub hosts: usize,
    /// What each rents out.
    pub quota: ByteCount,
    /// Whether there is a second owner, too.
    pub second_owner: bool,
}

/// One host.
#[derive(Debug)]
pub struct HostProcess {
    /// Its number, from 1.
    pub number: usize,
    /// Its data directory.
    pub dir: PathBuf,
    /// Its node key.
    pub node: NodeKey,
    /// Its Stellar account.
    pub account: AccountKey,
    /// The process; `None` while it is dead.
    pub process: Option<Running>,
    /// Largest resident size seen in any of its processes, MiB.
    pub peak_rss_mib: u64,
    listen: Vec<String>,
    lane: String,
}

/// The whole.
#[derive(Debug)]
pub struct World {
    /// How processes are started.
    pub program: Program,
    /// The directory everything lies in.
    pub root: PathBuf,
    /// The ledger's RPC address.
    pub rpc_url: String,
    /// The owner's directory.
    pub owner: PathBuf,
    /// The owner's account.
    pub owner_account: AccountKey,
    /// A second owner's directory and account; the directory may be gone.
    pub second: Option<(PathBuf, AccountKey)>,
    /// The hosts.
    pub hosts: Vec<HostProcess>,
    ledger: Running,
    /// CPU seconds of host processes that have ended.
    ended_cpu: f64,
}

impl World {
    /// Starts ledger, hosts and owner below `root`, all funded and found.
    pub async fn start(root: &Path, plan: Plan) -> Result<Self, Failure> {
        let path =
            std::env::current_exe().map_err(|error| Failure::internal("find the layr executable", &error))?;
        let state = root.join("ledger");
        let program = Program { path, network: state.join(crate::compose::NETWORK_FILE) };
        let shown = state.display().to_string();
        let ledger = program
            .start(&root.join("ledger-process"), &["localnet", "--listen", "127.0.0.1:0", "--state", &shown])
            .await?;
        let rpc_url = text(&ledger.ready, "rpc_url")?.to_owned();
        let first = start_host(&program, root, 1, plan, None).await?;
        let entry = first.entry()?;
        let others = (2..=plan.hosts).map(|number| start_host(&program, root, number, plan, Some(&entry)));
        let mut hosts = vec![first];
        hosts.extend(try_join_all(others).await?);
        let owner = root.join("owner");
        let made = program.succeed(&owner, &["init", "--fund", "--bootstrap", &entry]).await?;
        let owner_account = account(text(made.data(), "address")?)?;
        let second = if plan.second_owner {
            let dir = root.join("second-owner");
            let made = program.succeed(&dir, &["init", "--fund", "--bootstrap", &entry]).await?;
            Some((dir, account(text(made.data(), "address")?)?))
        } else {
            None
        };
        Ok(Self {
            second,
            program,
            root: root.to_owned(),
            rpc_url,
            owner,
            owner_account,
            hosts,
            ledger,
            ended_cpu: 0.0,
        })
    }

    /// The second owner's directory.
    pub fn second_owner(&self) -> Result<PathBuf, Failure> {
        let second = self.second.as_ref().map(|(dir, _)| dir.clone());
        second.ok_or_else(|| not_as_told("there is no second owner", ""))
    }

    /// Deletes everything the second owner has: keys, records, phrase.
    pub fn forget_second_owner(&self) -> Result<(), Failure> {
        std::fs::remove_dir_all(self.second_owner()?)
            .map_err(|error| Failure::internal("delete an owner's directory", &error))
    }

    /// A host's number.
    pub fn number_of(&self, node: NodeKey) -> Result<usize, Failure> {
        let host = self.hosts.iter().find(|host| host.node == node);
        host.map(|host| host.number).ok_or_else(|| not_as_told("an unknown host", &node.to_string()))
    }

    /// What the ledger holds for an agreement.
    pub async fn slot(&self, terms: &Terms) -> Result<Option<[u8; 32]>, Failure> {
        let network = Network::read(&self.program.network)
            .map_err(|error| Failure::internal("read the network file", &error))?;
        let client = LedgerClient::new(network.ledger.clone()).map_err(failures::ledger)?;
        let escrow = client.escrow(network.escrow);
        escrow.slot(&terms.owner_account, terms.folder, terms.slot).await.map_err(failures::ledger)
    }

    /// Runs an owner's command.
    pub async fn owner(&self, args: &[&str]) -> Result<super::process::Finished, Failure> {
        self.program.succeed(&self.owner, args).await
    }

    /// Moves the ledger's clock forward to `time`.
    pub async fn advance_to(&self, now: UnixSeconds, time: UnixSeconds) -> Result<UnixSeconds, Failure> {
        let seconds = time.since(now).max(1);
        let state = self.root.join("ledger").display().to_string();
        let duration = format!("{seconds}s");
        let moved = self
            .program
            .succeed(&self.owner, &["localnet", "--state", &state, "--advance", &duration])
            .await?;
        moved.data()["now"]
            .as_u64()
            .map(UnixSeconds)
            .ok_or_else(|| not_as_told("the clock did not answer", ""))
    }

    /// CPU seconds of ledger and hosts so far.
    pub fn cpu_seconds(&self) -> f64 {
        let hosts = self.hosts.iter().filter_map(|host| host.process.as_ref());
        self.ended_cpu + self.ledger.cpu_seconds() + hosts.map(Running::cpu_seconds).sum::<f64>()
    }

    /// Kills a host as a power cut would.
    pub async fn kill(&mut self, number: usize) -> Result<(), Failure> {
        let host = self.host_mut(number)?;
        let Some(process) = host.process.take() else { return Ok(()) };
        host.peak_rss_mib = host.peak_rss_mib.max(process.peak_rss_mib());
        let cpu = process.cpu_seconds();
        process.kill().await?;
        self.ended_cpu += cpu;
        Ok(())
    }

    /// Destroys a host: its process is killed and its disk is gone.
    pub async fn destroy(&mut self, number: usize) -> Result<(), Failure> {
        self.kill(number).await?;
        let dir = self.host_mut(number)?.dir.clone();
        std::fs::remove_dir_all(dir).map_err(|error| Failure::internal("delete a host's directory", &error))
    }

    /// Lets this many more hosts join.
    pub async fn join(&mut self, count: usize, plan: Plan) -> Result<(), Failure> {
        let living = self.hosts.iter().find(|host| host.process.is_some());
        let entry = living.ok_or_else(|| not_as_told("no host is left to enter the network through", ""))?;
        let (entry, from) = (entry.entry()?, self.hosts.len() + 1);
        let starting = (from..from + count)
            .map(|number| start_host(&self.program, &self.root, number, plan, Some(&entry)));
        let joined = try_join_all(starting).await?;
        self.hosts.extend(joined);
        Ok(())
    }

    /// Starts a dead host again on the directory it left behind.
    pub async fn restart(&mut self, number: usize) -> Result<(), Failure> {
        let entry =
            self.hosts.iter().find(|host| host.process.is_some()).map(HostProcess::entry).transpose()?;
        let program = self.program.clone();
        let host = self.host_mut(number)?;
        host.process =
            Some(run_host(&program, &host.dir, (&host.listen, &host.lane), entry.as_deref()).await?);
        Ok(())
    }

    /// One host by number.
    pub fn host_mut(&mut self, number: usize) -> Result<&mut HostProcess, Failure> {
        self.hosts
            .iter_mut()
            .find(|host| host.number == number)
            .ok_or_else(|| not_as_told("there is no such host", &number.to_string()))
    }

    /// The process of a living host.
    pub fn living(&self, number: usize) -> Result<&Running, Failure> {
        let host = self.hosts.iter().find(|host| host.number == number);
        host.and_then(|host| host.process.as_ref())
            .ok_or_else(|| not_as_told("the host is not running", &number.to_string()))
    }

    /// Largest resident size of any host, MiB.
    pub fn host_peak_rss_mib(&self) -> u64 {
        let living = self.hosts.iter().filter_map(|host| host.process.as_ref()).map(Running::peak_rss_mib);
        self.hosts.iter().map(|host| host.peak_rss_mib).chain(living).max().unwrap_or(0)
    }

    /// Stops everything in order: hosts first, the ledger last.
    pub async fn stop(mut self) -> Result<(), Failure> {
        let processes: Vec<Running> = self.hosts.iter_mut().filter_map(|host| host.process.take()).collect();
        try_join_all(processes.into_iter().map(Running::stop)).await?;
        self.ledger.stop().await
    }
}

impl HostProcess {
    /// What its process has written so far, MiB; 0 while it is dead.
    pub fn written_mib(&self) -> u64 {
        self.process.as_ref().map_or(0, Running::written_mib)
    }

    /// The address others enter the network through.
    fn entry(&self) -> Result<String, Failure> {
        let ready = self.process.as_ref().map(|process| &process.ready);
        let addresses = ready.and_then(|ready| ready["addresses"].as_array());
        let address = addresses
            .and_then(|all| all.iter().filter_map(Value::as_str).find(|text| text.contains("/tcp/")));
        address.map(str::to_owned).ok_or_else(|| not_as_told("a host announced no TCP address", ""))
    }
}

async fn start_host(
    program: &Program,
    root: &Path,
    number: usize,
    plan: Plan,
    entry: Option<&str>,
) -> Result<HostProcess, Failure> {
    let dir = root.join(format!("host-{number:02}"));
    let made = program.succeed(&dir, &["init", "--fund"]).await?;
    let node = text(made.data(), "node_key")?
        .parse()
        .map_err(|_| not_as_told("a node key is not hexadecimal", ""))?;
    let account = account(text(made.data(), "address")?)?;
    std::fs::write(dir.join(QUOTA_FILE), plan.quota.0.to_string())
        .map_err(|error| Failure::internal("write a host's quota", &error))?;
    let anywhere = ["/ip4/127.0.0.1/udp/0/quic-v1".to_owned(), "/ip4/127.0.0.1/tcp/0".to_owned()];
    let process = run_host(program, &dir, (&anywhere, "127.0.0.1:0"), entry).await?;
    let announced = process.ready["addresses"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let listen = announced.filter_map(|address| address.split("/p2p/").next()).map(str::to_owned).collect();
    let lane = text(&process.ready, "lane")?.to_owned();
    Ok(HostProcess { number, dir, node, account, process: Some(process), peak_rss_mib: 0, listen, lane })
}

/// Where a world remembers what a host rents out, for its restart.
const QUOTA_FILE: &str = "quota-of-this-world";

async fn run_host(
    program: &Program,
    dir: &Path,
    (listen, lane): (&[String], &str),
    entry: Option<&str>,
) -> Result<Running, Failure> {
    let quota = std::fs::read_to_string(dir.join(QUOTA_FILE))
        .map_err(|error| Failure::internal("read a host's quota", &error))?;
    let mut args = vec!["node", "run", "--quota", &quota, "--lane", lane];
    args.extend(listen.iter().flat_map(|address| ["--listen", address.as_str()]));
    if let Some(entry) = entry {
        args.extend(["--bootstrap", entry]);
    }
    program.start(dir, &args).await
}

/// A text field of a command's answer.
pub fn text<'a>(data: &'a Value, key: &str) -> Result<&'a str, Failure> {
    data[key].as_str().ok_or_else(|| not_as_told(&format!("an answer lacks '{key}'"), &data.to_string()))
}

fn account(address: &str) -> Result<AccountKey, Failure> {
    layr_identity::parse_account_address(address)
        .map_err(|error| Failure::internal("read an address", &error))
}
