//! How many bytes per second, and how much processor time, the lane and the streams that stand in for it cost.
//!
//! Run with `cargo bench -p layr-net`. Both ends live in this process, each on a runtime of its own, on
//! loopback; the figures compare the paths with each other and are no claim about a network. `LAYR_BENCH_MIB`
//! sets how much is sent (256).

use layr_net::{LanePath, Multiaddr, Net, NetConfig};
use layr_types::NetworkId;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

const NETWORK: NetworkId = NetworkId([0; 32]);
const MIB: usize = 1 << 20;

fn main() {
    let mib = std::env::var("LAYR_BENCH_MIB").ok().and_then(|text| text.parse().ok()).unwrap_or(256);
    println!("{mib} MiB each, both ends in one process: MB/s · CPU seconds per GB, both ends together");
    let everywhere = "127.0.0.1:0".parse().expect("a socket address");
    for (name, listen, lane) in [
        ("lane: TLS 1.3 over TCP", "/ip4/127.0.0.1/tcp/0", Some(everywhere)),
        ("libp2p stream: QUIC", "/ip4/127.0.0.1/udp/0/quic-v1", None),
        ("libp2p stream: TCP, noise, yamux", "/ip4/127.0.0.1/tcp/0", None),
    ] {
        let (rate, cost) = measure(listen.parse().expect("a multiaddr"), lane, mib);
        println!("{name:34} {rate:6.0} · {cost:.2}");
    }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Sends `mib` MiB from a client to a host; MB/s and CPU seconds per GB.
fn measure(listen: Multiaddr, lane: Option<SocketAddr>, mib: usize) -> (f64, f64) {
    let (here, there) = (runtime(), runtime());
    let mut config = NetConfig::host(Zeroizing::new([1; 32]), NETWORK);
    (config.listen, config.lane_listen) = (vec![listen], lane);
    let (host, mut inbound) = there.block_on(Net::start(config)).expect("the host starts");
    there.spawn(async move {
        while let Some(mut arrived) = inbound.lanes.recv().await {
            let mut buffer = vec![0; MIB];
            for _ in 0..mib {
                arrived.stream.read_exact(&mut buffer).await.expect("the bytes arrive");
            }
            arrived.stream.write_u8(1).await.expect("the end is told");
            arrived.stream.flush().await.expect("the end is told");
        }
    });
    let result = here.block_on(async {
        let config = NetConfig::client(Zeroizing::new([2; 32]), NETWORK);
        let (client, _inbound) = Net::start(config).await.expect("the client starts");
        let lanes: Vec<SocketAddr> = host.status().lane.into_iter().collect();
        let mut stream = client.lane_connect(host.node(), &lanes, &host.dialable()).await.expect("a lane");
        let path = if lane.is_some() { LanePath::Direct } else { LanePath::Libp2p };
        assert_eq!(stream.path(), path, "the lane takes the path to be measured");
        let block = vec![0x5a; MIB];
        let (began, spent) = (Instant::now(), cpu_seconds());
        for _ in 0..mib {
            stream.write_all(&block).await.expect("the bytes leave");
        }
        stream.flush().await.expect("the bytes leave");
        stream.read_u8().await.expect("the end is told");
        #[allow(clippy::cast_precision_loss, reason = "a figure for people")]
        let megabytes = (mib * MIB) as f64 / 1e6;
        let figures =
            (megabytes / began.elapsed().as_secs_f64(), (cpu_seconds() - spent) / (megabytes / 1e3));
        client.shutdown().await;
        figures
    });
    there.block_on(host.shutdown());
    result
}

/// User and system time of this process, from Linux's account; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let account = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = account.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u32 = fields.skip(11).take(2).filter_map(|field| field.parse::<u32>().ok()).sum();
    f64::from(ticks) / 100.0
}
