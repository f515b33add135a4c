//! The world a schedule is played in, and what can be done to it.

use crate::clock::{self, Clocks};
use crate::lan::{Bridge, Lan};
use crate::schedule::{Dice, Event, HOSTS, Ill, OWNERS, SMALL_DISKS};
use crate::support::{Host, Out, Person, Running, Site, SmallDisk, World, scratch};
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

/// What each host rents out.
const QUOTA: &str = "256MiB";
/// A disk that can be filled: quota and records.
const DISK_MIB: u64 = 320;
const SECTOR: u64 = 1 << 20;

/// What this machine allows to go wrong.
#[derive(Debug)]
pub struct Means {
    lan: Option<Lan>,
    clocks: Option<Clocks>,
}

impl Means {
    /// Looks what is possible here; what is not is left out, and said.
    pub fn find() -> Self {
        Self { lan: Lan::lay(HOSTS), clocks: Clocks::build() }
    }
}

/// A world on stage.
#[derive(Debug)]
pub struct Stage<'a> {
    /// The ledger and the hosts.
    pub world: World,
    /// The owners.
    pub people: Vec<Person>,
    means: &'a Means,
    disks: Vec<(usize, SmallDisk)>,
    ills: Vec<(usize, Ill)>,
    watch: Option<Running>,
    ledger_down: bool,
    dice: Dice,
    _bridge: Option<Bridge>,
}

impl<'a> Stage<'a> {
    /// Sets it up.
    pub fn set(seed: u64, means: &'a Means) -> Self {
        // A run that failed has left cables as they were.
        means.lan.iter().for_each(|lan| (1..=HOSTS).for_each(|number| lan.mend(number)));
        let mut world = World::ledger(scratch(&format!("chaos-{seed}")));
        let disks = SMALL_DISKS.iter().filter_map(|host| {
            let at = world.root.join(format!("host-{}", host + 1));
            SmallDisk::mount(&at, DISK_MIB).map(|disk| (*host, disk))
        });
        let disks = disks.collect();
        let bridge = means.lan.as_ref().map(|lan| Bridge::build(lan, &world));
        let network = bridge.as_ref().map_or_else(|| world.network(), |(_, file)| file.clone());
        let site = |world: &World, number: usize| {
            let mut site = match &means.lan {
                Some(lan) => lan.site(number, network.clone()),
                None => Site {
                    ip: "127.0.0.1".to_owned(),
                    network: network.clone(),
                    through: None,
                    env: Vec::new(),
                },
            };
            if let Some(clocks) = &means.clocks {
                site.env.extend(clocks.env(&clock_file(world, number - 1)));
            }
            site
        };
        world = world.with_hosts(HOSTS, QUOTA, &site);
        let entries: Vec<String> = world.hosts.iter().map(|host| host.entry.clone()).collect();
        for host in &mut world.hosts {
            host.bootstrap = entries.iter().filter(|entry| **entry != host.entry).cloned().collect();
        }
        let everywhere = entries.join(" ");
        let people = (0..OWNERS)
            .map(|number| Person::new(&format!("owner-{number}"), (&world.network(), &everywhere), true))
            .collect();
        let (ills, watch, dice) = (Vec::new(), None, Dice::new(!seed));
        let bridge = bridge.map(|(bridge, _)| bridge);
        let mut stage =
            Self { world, people, means, disks, ills, watch, ledger_down: false, dice, _bridge: bridge };
        stage.start_watch();
        stage
    }

    /// Whether the ledger is dead.
    pub const fn without_ledger(&self) -> bool {
        self.ledger_down
    }

    /// Lets an event strike. An owner's commands are the caller's.
    pub fn strike(&mut self, event: Event) {
        match event {
            Event::Falls(host, ill) => self.fall(host, ill),
            Event::Flips(host, bits) => self.flip(host, bits),
            Event::KillsOwner(_) => {}
            Event::KillsWatch => drop(self.watch.take().map(|mut watch| watch.kill())),
            Event::KillsLedger => {
                self.world.kill_ledger();
                self.ledger_down = true;
            }
            Event::Jumps(_) if self.ledger_down => {}
            Event::Jumps(hours) => drop(self.world.advance(&format!("{hours}h"))),
        }
    }

    fn fall(&mut self, host: usize, ill: Ill) {
        match (ill, &self.means.lan) {
            (Ill::Dead, _) => self.world.hosts[host].kill(),
            (Ill::Paused, _) => self.world.hosts[host].process().signal("STOP"),
            (Ill::FullDisk, _) => {
                self.disks.iter().filter(|(at, _)| *at == host).for_each(|(_, disk)| disk.fill())
            }
            (Ill::Cut, Some(lan)) => lan.cut(host + 1),
            (Ill::Lossy, Some(lan)) => lan.narrow(host + 1),
            (Ill::Cut | Ill::Lossy, None) => return,
            (Ill::WrongClock(seconds), _) => clock::set(&clock_file(&self.world, host), seconds),
        }
        self.ills.push((host, ill));
    }

    /// Flips bits in every sector's place, written or not.
    fn flip(&mut self, host: usize, bits: u64) {
        for file in slot_files(&self.world.hosts[host]) {
            let open = fs::OpenOptions::new().read(true).write(true).open(&file).expect("a slot file");
            let sectors = open.metadata().expect("its length").len() / SECTOR;
            for at in
                (0..sectors).flat_map(|sector| vec![sector * SECTOR; usize::try_from(bits).expect("few")])
            {
                let (byte, bit) = (at + self.dice.below(SECTOR), self.dice.below(8));
                let mut one = [0];
                open.read_exact_at(&mut one, byte).expect("within the file");
                one[0] ^= 1 << bit;
                open.write_all_at(&one, byte).expect("within the file");
            }
        }
    }

    /// Ends what lasts a round, and what these hosts suffer from.
    pub fn heal(&mut self, hosts: &[usize]) {
        if std::mem::take(&mut self.ledger_down) {
            self.world.start_ledger();
        }
        self.start_watch();
        let (well, ills) = self.ills.drain(..).partition::<Vec<_>, _>(|(host, _)| hosts.contains(host));
        self.ills = ills;
        for (host, ill) in well {
            match (ill, &self.means.lan) {
                (Ill::Dead, _) => drop(self.world.hosts[host].start()),
                (Ill::Paused, _) => self.world.hosts[host].process().signal("CONT"),
                (Ill::FullDisk, _) => self.give_room(host),
                (Ill::Cut | Ill::Lossy, Some(lan)) => lan.mend(host + 1),
                (Ill::Cut | Ill::Lossy, None) => {}
                (Ill::WrongClock(_), _) => clock::set(&clock_file(&self.world, host), 0),
            }
        }
    }

    /// After a failed write a node asks to be started again.
    fn give_room(&mut self, host: usize) {
        self.disks.iter().filter(|(at, _)| *at == host).for_each(|(_, disk)| disk.free());
        self.world.hosts[host].kill();
        self.world.hosts[host].start();
    }

    /// Ends everything that is wrong.
    pub fn heal_all(&mut self) {
        self.heal(&(0..HOSTS).collect::<Vec<_>>());
    }

    /// A node looks after the last owner's agreements while it types commands.
    fn start_watch(&mut self) {
        if self.watch.is_none() {
            let owner = &self.people[OWNERS - 1];
            let run = owner.layr(["node", "run", "--role", "owner", "--look-every", "1s"]);
            let mut watch = run.json().start();
            assert_eq!(watch.ready()["role"], "owner");
            self.watch = Some(watch);
        }
    }

    /// The watch goes home.
    pub fn stop_watch(&mut self) {
        if let Some(watch) = self.watch.take() {
            calm(&watch, "the watch");
            watch.stop();
        }
    }

    /// Fails if a host has ended by itself or panicked.
    pub fn assert_hosts_live(&mut self) {
        for (at, host) in self.world.hosts.iter_mut().enumerate() {
            let Some(process) = &mut host.running else { continue };
            calm(process, &format!("host {at}"));
            let full = self.ills.contains(&(at, Ill::FullDisk));
            assert!(
                full || !process.poll(),
                "host {at} has ended by itself:\n{}",
                process.output(Out::Stderr)
            );
        }
    }
}

fn calm(process: &Running, whose: &str) {
    let told = process.output(Out::Stderr);
    assert!(!told.contains("panicked at"), "{whose} panicked:\n{told}");
}

fn clock_file(world: &World, host: usize) -> PathBuf {
    world.root.join(format!("clock-{host}"))
}

fn slot_files(host: &Host) -> Vec<PathBuf> {
    let sectors = host.dir.join("host").join("sectors");
    let Ok(entries) = fs::read_dir(&sectors) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "slots"));
    files.sort();
    files
}
