//! Lanes: direct, by stand-in, and refused.

use crate::support::{Node, client, host, host_config, soon, start};
use layr_net::{LanePath, LaneStream, Stage};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Sends a mebibyte there and the last byte back.
async fn exchange(near: &mut LaneStream, far: &mut LaneStream) {
    let sent: Vec<u8> = (0..1 << 20).map(|at: u32| at.to_le_bytes()[at as usize % 4]).collect();
    let mut arrived = vec![0; sent.len()];
    let there = async {
        near.write_all(&sent).await.unwrap();
        near.flush().await.unwrap();
    };
    let (_, read) = soon("a mebibyte", futures::future::join(there, far.read_exact(&mut arrived))).await;
    read.unwrap();
    assert_eq!(arrived, sent);
    far.write_u8(sent[sent.len() - 1]).await.unwrap();
    far.flush().await.unwrap();
    assert_eq!(soon("the answer", near.read_u8()).await.unwrap(), sent[sent.len() - 1]);
}

/// An address nobody listens on.
async fn closed() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_is_direct_where_it_can_be_and_both_ends_know_each_other() {
    let Node { net: there, mut inbound } = host(71, &[]).await;
    let here = client(72, &[]).await;
    let lanes = [closed().await, there.status().lane.unwrap()];
    let mut near = here.net.lane_connect(there.node(), &lanes, &[]).await.unwrap();
    let mut far = soon("the lane", inbound.lanes.recv()).await.unwrap();
    assert_eq!((near.path(), far.stream.path()), (LanePath::Direct, LanePath::Direct));
    assert_eq!(far.peer, here.net.node());
    exchange(&mut near, &mut far.stream).await;
    near.shutdown().await.unwrap();
    assert_eq!(soon("the end", far.stream.read(&mut [0; 8])).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_lanes_port_is_closed_a_libp2p_stream_stands_in() {
    let Node { net: there, mut inbound } = host(73, &[]).await;
    let here = client(74, &[]).await;
    let mut near = here.net.lane_connect(there.node(), &[closed().await], &there.dialable()).await.unwrap();
    // A stream is negotiated with its first bytes.
    near.flush().await.unwrap();
    let mut far = soon("the lane", inbound.lanes.recv()).await.unwrap();
    assert_eq!((near.path(), far.stream.path()), (LanePath::Libp2p, LanePath::Libp2p));
    assert_eq!(far.peer, here.net.node());
    exchange(&mut near, &mut far.stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lane_to_another_node_than_the_expected_one_is_refused_and_named() {
    let (there, other) = (host(75, &[]).await, host(76, &[]).await);
    let here = client(77, &[]).await;
    let lanes = [other.net.status().lane.unwrap()];
    let refused = here.net.lane_connect(there.net.node(), &lanes, &[]).await.unwrap_err();
    let [attempt] = &refused.direct[..] else { panic!("{refused}") };
    assert_eq!((attempt.stage, &attempt.address), (Stage::Identity, &lanes[0].to_string()));
    assert!(attempt.cause.contains(&other.net.node().to_string()), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_a_node_key_or_without_tls_gets_no_lane_and_harms_nobody() {
    let Node { net: there, mut inbound } = host(78, &[]).await;
    let lane = there.status().lane.unwrap();
    let mut garbage = TcpStream::connect(lane).await.unwrap();
    garbage.write_all(&[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]).await.unwrap();
    garbage.shutdown().await.unwrap();
    let mut rest = Vec::new();
    let _ = soon("being hung up on", garbage.read_to_end(&mut rest)).await;
    let here = client(79, &[]).await;
    let mut near = here.net.lane_connect(there.node(), &[lane], &[]).await.unwrap();
    let mut far = soon("the lane", inbound.lanes.recv()).await.unwrap();
    assert_eq!(far.peer, here.net.node());
    exchange(&mut near, &mut far.stream).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_peer_cannot_take_more_lanes_than_its_share() {
    let mut config = host_config(80, &[]);
    config.limits.lanes.per_key = 2;
    let Node { net: there, mut inbound } = start(config).await;
    let here = client(81, &[]).await;
    let lanes = [there.status().lane.unwrap()];
    let mut held = Vec::new();
    for _ in 0..2 {
        let near = here.net.lane_connect(there.node(), &lanes, &[]).await.unwrap();
        held.push((near, soon("the lane", inbound.lanes.recv()).await.unwrap()));
    }
    let mut third = here.net.lane_connect(there.node(), &lanes, &[]).await.unwrap();
    let cut_off = soon("being cut off", third.read(&mut [0; 1])).await;
    assert!(matches!(cut_off, Ok(0) | Err(_)), "{cut_off:?}");
    assert_eq!((there.load().lanes, there.load().lanes_refused), (2, 1));
    held.pop();
    let again = here.net.lane_connect(there.node(), &lanes, &[]).await.unwrap();
    assert_eq!(soon("the freed place", inbound.lanes.recv()).await.unwrap().peer, here.net.node());
    drop(again);
}
