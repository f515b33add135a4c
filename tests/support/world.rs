//! A small world: one ledger process, some host processes, each with a directory and sockets of its own.

use super::command::Layr;
use super::guard::{keep_secret, scratch};
use super::person::{self, Money, Person, text};
use super::process::Running;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::thread;

/// A ledger and hosts.
#[derive(Debug)]
pub struct World {
    /// Where everything lies.
    pub root: PathBuf,
    /// The hosts.
    pub hosts: Vec<Host>,
    state: PathBuf,
    /// Where the ledger listens; the same after a restart.
    listen: String,
    /// The address people enter the network through: the first host's.
    entry: String,
    ledger: Option<Running>,
}

/// One host.
#[derive(Debug)]
pub struct Host {
    /// Its data directory.
    pub dir: PathBuf,
    /// Its node key.
    pub key: String,
    /// Its process; `None` while it is dead.
    pub running: Option<Running>,
    network: PathBuf,
    quota: String,
    listen: Vec<String>,
    lane: String,
    bootstrap: Option<String>,
}

impl World {
    /// Starts a ledger and `hosts` hosts that rent out `quota` each.
    pub fn start(name: &str, hosts: usize, quota: &str) -> Self {
        let root = scratch(name);
        let state = root.join("ledger");
        let listen = "127.0.0.1:0".to_owned();
        let mut world = Self { root, hosts: Vec::new(), state, listen, entry: String::new(), ledger: None };
        world.start_ledger();
        let (first, entry) = world.new_host(1, quota);
        world.entry = entry;
        world.hosts.push(first);
        let others: Vec<Host> = thread::scope(|scope| {
            let world = &world;
            let starting: Vec<_> =
                (2..=hosts).map(|number| scope.spawn(move || world.new_host(number, quota).0)).collect();
            starting.into_iter().map(|host| host.join().expect("a host started")).collect()
        });
        world.hosts.extend(others);
        world
    }

    /// The network file everybody reads.
    pub fn network(&self) -> PathBuf {
        self.state.join("network.toml")
    }

    /// Starts the ledger, or starts it again where it listened before.
    pub fn start_ledger(&mut self) {
        let command = Layr::new(&self.root.join("nobody"))
            .args(["localnet", "--listen", &self.listen, "--state"])
            .args([&self.state])
            .json();
        let mut ledger = command.start();
        let ready = ledger.ready();
        let url = text(&ready, "rpc_url");
        let address = url.trim_start_matches("http://").split('/').next().unwrap_or_default();
        address.clone_into(&mut self.listen);
        self.ledger = Some(ledger);
    }

    /// Starts whatever does not run, so that one failed story does not fail the next.
    pub fn mend(&mut self) {
        if self.ledger.is_none() {
            self.start_ledger();
        }
        for host in self.hosts.iter_mut().filter(|host| host.running.is_none()) {
            host.start();
        }
    }

    /// The ledger loses power.
    pub fn kill_ledger(&mut self) {
        self.ledger.take().expect("the ledger runs").kill();
    }

    /// Moves the ledger's clock forward.
    pub fn advance(&self, duration: &str) -> u64 {
        let command =
            Layr::new(&self.root.join("nobody")).args(["localnet", "--advance", duration, "--state"]);
        command.args([&self.state]).data()["now"].as_u64().expect("a time")
    }

    /// A new owner with money.
    pub fn owner(&self, name: &str) -> Person {
        Person::new(name, (&self.network(), &self.entry), true)
    }

    /// A new owner whose account does not exist yet.
    pub fn owner_without_money(&self, name: &str) -> Person {
        Person::new(name, (&self.network(), &self.entry), false)
    }

    /// Starts a host; gives it with the address it can be reached at.
    fn new_host(&self, number: usize, quota: &str) -> (Host, String) {
        let dir = self.root.join(format!("host-{number}"));
        let network = self.network();
        let made = Layr::new(&dir).env("LAYR_NETWORK", &network).args(["init", "--fund"]).data();
        keep_secret(&text(&made, "phrase"));
        let listen = ["/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"].map(str::to_owned).to_vec();
        let mut host = Host {
            dir,
            key: text(&made, "node_key"),
            running: None,
            network,
            quota: quota.to_owned(),
            listen,
            lane: "127.0.0.1:0".to_owned(),
            bootstrap: Some(self.entry.clone()).filter(|entry| !entry.is_empty()),
        };
        let ready = host.start();
        let addresses = ready["addresses"].as_array().expect("addresses");
        let addresses: Vec<&str> = addresses.iter().filter_map(Value::as_str).collect();
        let bare = |address: &&str| address.split("/p2p/").next().unwrap_or_default().to_owned();
        host.listen = addresses.iter().map(bare).collect();
        host.lane = text(&ready, "lane");
        let tcp = addresses.iter().find(|address| address.contains("/tcp/")).expect("a TCP address");
        (host, (*tcp).to_owned())
    }
}

impl Host {
    /// Starts it on its directory and, after the first time, its ports.
    pub fn start(&mut self) -> Value {
        let mut running = self.run().start();
        let ready = running.ready();
        self.running = Some(running);
        ready
    }

    /// The command that runs it.
    pub fn run(&self) -> Layr {
        let mut run = self.layr(["node", "run", "--quota", &self.quota, "--lane", &self.lane]).json();
        for address in &self.listen {
            run = run.args(["--listen", address]);
        }
        match &self.bootstrap {
            Some(entry) => run.args(["--bootstrap", entry]),
            None => run,
        }
    }

    /// A command on its directory.
    pub fn layr<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Layr {
        Layr::new(&self.dir).env("LAYR_NETWORK", &self.network).args(args)
    }

    /// The machine loses power.
    pub fn kill(&mut self) {
        self.running.take().expect("the host runs").kill();
    }

    /// Its process.
    pub fn process(&self) -> &Running {
        self.running.as_ref().expect("the host runs")
    }

    /// What it owns.
    pub fn money(&self) -> Money {
        person::money(&self.layr(["wallet", "balance"]).data())
    }
}

/// Overwrites with noise, in a database somewhere below `dir`, what lists its tables; gives the files as they were.
pub fn damage_database(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut damaged = Vec::new();
    let entries = std::fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            damaged.extend(damage_database(&path));
        } else if name.starts_with("MANIFEST-") {
            let bytes = std::fs::read(&path).expect("readable");
            std::fs::write(&path, super::noise(bytes.len(), 1)).expect("writable");
            damaged.push((path, bytes));
        }
    }
    damaged
}
