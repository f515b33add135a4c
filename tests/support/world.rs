//! A small world: one ledger process, some host processes, each with a directory and sockets of its own.

use super::command::Layr;
use super::guard::{keep_secret, scratch};
use super::person::{self, Money, Person, text};
use super::process::Running;
use serde_json::Value;
use std::ffi::OsString;
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
    /// Its Stellar address.
    pub address: String,
    site: Site,
    quota: String,
    listen: Vec<String>,
    lane: String,
    /// The address others enter the network through.
    pub entry: String,
    /// The addresses it enters the network through itself.
    pub bootstrap: Vec<String>,
    /// Flags of its own, from its next start on.
    pub conditions: Vec<&'static str>,
}

/// Where a host's processes live.
#[derive(Debug, Clone)]
pub struct Site {
    /// The address it listens on.
    pub ip: String,
    /// The network file it reads.
    pub network: PathBuf,
    /// A shell line in which `"$@"` stands for its commands; `None` runs them as they are.
    pub through: Option<String>,
    /// Variables its commands are given.
    pub env: Vec<(&'static str, OsString)>,
}

impl World {
    /// Starts a ledger and `hosts` hosts that rent out `quota` each.
    pub fn start(name: &str, hosts: usize, quota: &str) -> Self {
        Self::ledger(scratch(name)).with_hosts(hosts, quota, &|world, _| world.here())
    }

    /// Plainly on this machine.
    fn here(&self) -> Site {
        Site { ip: "127.0.0.1".to_owned(), network: self.network(), through: None, env: Vec::new() }
    }

    /// Starts a ledger alone.
    pub fn ledger(root: PathBuf) -> Self {
        let state = root.join("ledger");
        let listen = "127.0.0.1:0".to_owned();
        let mut world = Self { root, hosts: Vec::new(), state, listen, entry: String::new(), ledger: None };
        world.start_ledger();
        world
    }

    /// Starts hosts that rent out `quota` each; the first is the one others enter the network through.
    pub fn with_hosts(
        mut self,
        hosts: usize,
        quota: &str,
        site: &(dyn Fn(&Self, usize) -> Site + Sync),
    ) -> Self {
        let first = self.new_host(1, quota, site(&self, 1));
        first.entry.clone_into(&mut self.entry);
        self.hosts.push(first);
        let others: Vec<Host> = thread::scope(|scope| {
            let world = &self;
            let starting: Vec<_> = (2..=hosts)
                .map(|number| scope.spawn(move || world.new_host(number, quota, site(world, number))))
                .collect();
            starting.into_iter().map(|host| host.join().expect("a host started")).collect()
        });
        self.hosts.extend(others);
        self
    }

    /// The network file everybody reads.
    pub fn network(&self) -> PathBuf {
        self.state.join("network.toml")
    }

    /// Where the ledger listens.
    pub fn listen(&self) -> &str {
        &self.listen
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

    /// This many more hosts join; gives the first one's place among the hosts.
    pub fn join(&mut self, count: usize, quota: &str) -> usize {
        let from = self.hosts.len();
        let joined: Vec<Host> = thread::scope(|scope| {
            let world = &*self;
            let starting: Vec<_> = (from + 1..=from + count)
                .map(|number| scope.spawn(move || world.new_host(number, quota, world.here())))
                .collect();
            starting.into_iter().map(|host| host.join().expect("a host joined")).collect()
        });
        self.hosts.extend(joined);
        from
    }

    /// A host burns down: its process is killed, its disk is gone.
    pub fn destroy(&mut self, at: usize) {
        self.hosts[at].kill();
        std::fs::remove_dir_all(&self.hosts[at].dir).expect("the host's directory can be deleted");
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

    /// Starts a host for the first time.
    fn new_host(&self, number: usize, quota: &str, site: Site) -> Host {
        let dir = self.root.join(format!("host-{number}"));
        let made = site.layr(&dir, ["init", "--fund"]).data();
        keep_secret(&text(&made, "phrase"));
        let listen = ["udp/0/quic-v1", "tcp/0"].map(|port| format!("/ip4/{}/{port}", site.ip)).to_vec();
        let mut host = Host {
            dir,
            key: text(&made, "node_key"),
            address: text(&made, "address"),
            running: None,
            lane: format!("{}:0", site.ip),
            site,
            quota: quota.to_owned(),
            listen,
            entry: String::new(),
            bootstrap: Some(self.entry.clone()).filter(|entry| !entry.is_empty()).into_iter().collect(),
            conditions: Vec::new(),
        };
        let ready = host.start();
        let addresses = ready["addresses"].as_array().expect("addresses");
        let addresses: Vec<&str> = addresses.iter().filter_map(Value::as_str).collect();
        let bare = |address: &&str| address.split("/p2p/").next().unwrap_or_default().to_owned();
        host.listen = addresses.iter().map(bare).collect();
        host.lane = text(&ready, "lane");
        let tcp = addresses.iter().find(|address| address.contains("/tcp/")).expect("a TCP address");
        host.entry = (*tcp).to_owned();
        host
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
        for entry in &self.bootstrap {
            run = run.args(["--bootstrap", entry]);
        }
        run.args(self.conditions.iter().copied())
    }

    /// A command on its directory.
    pub fn layr<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Layr {
        self.site.layr(&self.dir, args)
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

impl Site {
    /// A command that runs there.
    pub fn layr<'a>(&self, dir: &Path, args: impl IntoIterator<Item = &'a str>) -> Layr {
        let mut layr = Layr::new(dir).env("LAYR_NETWORK", &self.network).args(args);
        for (key, value) in &self.env {
            layr = layr.env(key, value);
        }
        match &self.through {
            Some(line) => layr.through(line),
            None => layr,
        }
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
