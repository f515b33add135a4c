//! What the door holds at most, and that closing it leaves nothing behind.

use crate::support::{Node, PATIENCE, client_config, eventually, host, soon, start, until};
use layr_net::{HostProfile, LookupError, Multiaddr};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use tokio::runtime::{Builder, Handle};

/// Resident memory of this process in KiB, from Linux's account; 0 elsewhere.
fn resident() -> u64 {
    let account = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = account.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}

const ALONE: &str = "LAYR_NET_TEST_ALONE";
const SAYS: &str = "the host says ";

/// The host of the test below, alone in a process: says where it is, and later what the connections cost it.
async fn lonely_host() {
    let there = host(91, &[]).await;
    let before = resident();
    let addresses: Vec<String> = there.net.dialable().iter().map(ToString::to_string).collect();
    println!("{SAYS}{}", addresses.join(" "));
    until(&there.net, "a hundred connections", |status| status.connected == 100).await;
    println!("{SAYS}{}", resident().saturating_sub(before));
}

#[test]
fn a_hundred_idle_connections_cost_a_host_little_memory() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if std::env::var_os(ALONE).is_some() {
        return runtime.block_on(lonely_host());
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limits::a_hundred_idle_connections_cost_a_host_little_memory", "--nocapture"])
        .env(ALONE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said =
        BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).filter_map(|line| {
            let (_, said) = line.split_once(SAYS)?;
            Some(said.to_owned())
        });
    let addresses: Vec<Multiaddr> =
        said.next().unwrap().split(' ').map(|address| address.parse().unwrap()).collect();
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for seed in 100..200 {
            clients.push(start(client_config(seed, &addresses)).await);
        }
        clients
    });
    let grown: u64 = said.next().unwrap().parse().unwrap();
    println!("a hundred connections cost the host {grown} KiB");
    assert!(grown < 100 * 256, "a hundred connections cost the host {grown} KiB");
    drop(clients);
    assert!(child.wait().unwrap().success());
}

#[test]
fn closing_the_door_ends_every_task_it_started() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let alive = || Handle::current().metrics().num_alive_tasks();
        let before = alive();
        let Node { net: there, inbound } = host(92, &[]).await;
        let here = start(client_config(93, &there.dialable())).await;
        there.publish_host(HostProfile::default()).await.unwrap();
        here.net.joined(PATIENCE).await.unwrap();
        let lane = here.net.lane_connect(there.node(), &[there.status().lane.unwrap()], &[]).await.unwrap();
        assert!(alive() > before);
        soon("closing the host", there.shutdown()).await;
        soon("closing the client", here.net.shutdown()).await;
        assert_eq!(there.closest_hosts([0; 32], 1).await.map(|_| ()), Err(LookupError::NoPeers));
        drop((lane, inbound));
        eventually("the end of every task", || async { (alive() == before).then_some(()) }).await;
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_handle_closes_the_door() {
    let Node { net, mut inbound } = host(94, &[]).await;
    let lane = net.status().lane.unwrap();
    drop(net);
    assert!(soon("the end of the inbox", inbound.rpc.recv()).await.is_none());
    eventually("the lane's port closing", || async {
        tokio::net::TcpStream::connect(lane).await.is_err().then_some(())
    })
    .await;
}
