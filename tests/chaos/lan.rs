//! A network that can be cut: each host in a network namespace of its own, all on one bridge, with a cable each.
//!
//! A cut cable loses every packet without a word. A narrow one drops what does not fit its queue, so that packets
//! are lost wherever bytes are moved. Only root may lay cables; where that is not allowed the schedule's network
//! faults are left out, and it is said so.

use crate::support::{Site, World, undo};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The network.
#[derive(Debug)]
pub struct Lan {
    /// Its addresses are `10.net.host.2`.
    net: u32,
    /// Begins every name, so that two runs on one machine do not meet.
    tag: String,
}

impl Lan {
    /// Lays it for so many hosts; `None`, with the reason printed, where that is not allowed.
    pub fn lay(hosts: usize) -> Option<Self> {
        let own = std::process::id();
        let lan = Self { net: 64 + own % 128, tag: format!("ly{:x}", own % 0xFFFF) };
        let Self { net, tag } = &lan;
        let mut undone = format!("ip link del {tag}b");
        for host in 1..=hosts {
            undone.push_str(&format!("; ip netns del {tag}n{host}"));
        }
        undo(&undone);
        let mut lines =
            format!("set -e\nip link add {tag}b type bridge\nip addr add 10.{net}.0.1/16 dev {tag}b\n");
        lines.push_str(&format!("ip link set {tag}b up\n"));
        for host in 1..=hosts {
            lines.push_str(&format!(
                "ip netns add {tag}n{host}\n\
                 ip link add {tag}v{host} type veth peer name cable netns {tag}n{host}\n\
                 ip link set {tag}v{host} master {tag}b\n\
                 ip link set {tag}v{host} up\n\
                 ip -n {tag}n{host} addr add 10.{net}.{host}.2/16 dev cable\n\
                 ip -n {tag}n{host} link set cable up\n\
                 ip -n {tag}n{host} link set lo up\n"
            ));
        }
        match shell(&lines) {
            Ok(()) => Some(lan),
            Err(error) => {
                eprintln!("network faults are left out: no cables can be laid here: {error}");
                None
            }
        }
    }

    /// Where a host lives that reads this network file.
    pub fn site(&self, number: usize, network: PathBuf) -> Site {
        let Self { net, tag } = self;
        Site {
            ip: format!("10.{net}.{number}.2"),
            network,
            through: Some(format!("exec ip netns exec {tag}n{number} \"$@\"")),
            env: vec![("NO_PROXY", "*".into())],
        }
    }

    /// Cuts a host's cable.
    pub fn cut(&self, number: usize) {
        self.run(&format!("ip link set {}v{number} down", self.tag));
    }

    /// Mends a host's cable, whatever was wrong with it.
    pub fn mend(&self, number: usize) {
        let tag = &self.tag;
        self.run(&format!(
            "ip link set {tag}v{number} up; tc qdisc del dev {tag}v{number} root 2>&-; \
             tc -n {tag}n{number} qdisc del dev cable root 2>&-; true"
        ));
    }

    /// Makes a host's cable narrow both ways: 16 Mbit/s, and room for four packets to wait.
    pub fn narrow(&self, number: usize) {
        let tag = &self.tag;
        let queue = "root tbf rate 16mbit burst 3000 limit 6000";
        self.run(&format!(
            "tc qdisc replace dev {tag}v{number} {queue} && tc -n {tag}n{number} qdisc replace dev cable {queue}"
        ));
    }

    #[track_caller]
    fn run(&self, line: &str) {
        shell(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

fn shell(lines: &str) -> io::Result<()> {
    let done = Command::new("sh").args(["-c", lines]).output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()))
}

/// Carries connections from the hosts' network to the ledger, which listens on the loopback only.
#[derive(Debug)]
pub struct Bridge {
    at: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Bridge {
    /// Leads to the ledger of this world; gives it with the network file hosts read.
    pub fn build(lan: &Lan, world: &World) -> (Self, PathBuf) {
        let listener =
            TcpListener::bind((format!("10.{}.0.1", lan.net), 0)).expect("the bridge's own address");
        let at = listener.local_addr().expect("it listens");
        let text = std::fs::read_to_string(world.network()).expect("a network file");
        let file = world.root.join("network-of-hosts.toml");
        std::fs::write(&file, text.replace(world.listen(), &at.to_string())).expect("writable");
        let over = Arc::new(AtomicBool::new(false));
        let (ledger, ended) = (world.listen().to_owned(), Arc::clone(&over));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(far) = TcpStream::connect(&ledger) {
                    carry(&near, &far);
                }
            }
        });
        (Self { at, over }, file)
    }
}

fn carry(near: &TcpStream, far: &TcpStream) {
    for (from, to) in [(near, far), (far, near)] {
        let (mut from, mut to) = (from.try_clone().expect("open"), to.try_clone().expect("open"));
        thread::spawn(move || {
            let _ended = io::copy(&mut from, &mut to);
            let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _woken = TcpStream::connect(self.at);
    }
}
