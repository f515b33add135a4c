//! Calls over a stream, and what hostile frames do not do.

use crate::support::{Node, client, eventually, host, host_config, soon};
use futures::StreamExt;
use layr_net::{ConnectError, MAX_FRAME_BYTES, Multiaddr, Net, RPC_PROTOCOL, RpcInbound, rpc_transport};
use layr_types::NodeKey;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

#[tarpc::service]
trait Echo {
    async fn echo(text: String) -> String;
    async fn caller() -> [u8; 32];
}

#[derive(Clone)]
struct EchoServer(NodeKey);

impl Echo for EchoServer {
    async fn echo(self, _: Context, text: String) -> String {
        text
    }

    async fn caller(self, _: Context) -> [u8; 32] {
        self.0.0
    }
}

/// Serves every stream for calls that arrives.
fn serve(mut calls: mpsc::Receiver<RpcInbound>) {
    tokio::spawn(async move {
        while let Some(RpcInbound { peer, stream }) = calls.recv().await {
            let channel = BaseChannel::with_defaults(rpc_transport(stream));
            tokio::spawn(channel.execute(EchoServer(peer).serve()).for_each_concurrent(8, |answer| answer));
        }
    });
}

async fn caller(net: &Net, node: NodeKey, addresses: &[Multiaddr]) -> EchoClient {
    let transport = net.rpc_connect(node, addresses).await.unwrap();
    EchoClient::new(tarpc::client::Config::default(), transport).spawn()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_there_and_back_and_the_host_knows_who_calls() {
    let Node { net: there, inbound } = host(51, &[]).await;
    serve(inbound.rpc);
    let here = client(52, &[]).await;
    let calls = caller(&here.net, there.node(), &there.dialable()).await;
    let text = "t".repeat(100_000);
    assert_eq!(soon("the echo", calls.echo(Context::current(), text.clone())).await.unwrap(), text);
    assert_eq!(soon("the name", calls.caller(Context::current())).await.unwrap(), here.net.node().0);
    assert_eq!(there.load().rpc, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_streams_opened_at_once_all_arrive() {
    let Node { net: there, inbound } = host(53, &[]).await;
    serve(inbound.rpc);
    let here = client(54, &[]).await;
    let addresses = there.dialable();
    let opened = futures::future::join_all((0..8).map(|_| caller(&here.net, there.node(), &addresses))).await;
    for calls in &opened {
        assert_eq!(soon("the echo", calls.echo(Context::current(), "x".into())).await.unwrap(), "x");
    }
    assert_eq!(there.load().rpc, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_oversized_call_fails_alone_and_the_next_stream_works() {
    let Node { net: there, inbound } = host(55, &[]).await;
    serve(inbound.rpc);
    let here = client(56, &[]).await;
    let addresses = there.dialable();
    let spoiled = caller(&here.net, there.node(), &addresses).await;
    let witness = caller(&here.net, there.node(), &addresses).await;
    let too_long = "x".repeat(MAX_FRAME_BYTES + 1);
    assert!(soon("the refusal", spoiled.echo(Context::current(), too_long)).await.is_err());
    assert_eq!(soon("the echo", witness.echo(Context::current(), "x".into())).await.unwrap(), "x");
}

/// A call as it travels: length and postcard.
async fn recorded_call() -> Vec<u8> {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let calls = EchoClient::new(tarpc::client::Config::default(), rpc_transport(near)).spawn();
    let asking = tokio::spawn(async move { calls.echo(Context::current(), "hello".into()).await });
    let mut call = vec![0; 4];
    far.read_exact(&mut call).await.unwrap();
    let length = u32::from_be_bytes(call[..4].try_into().unwrap());
    call.resize(4 + usize::try_from(length).unwrap(), 0);
    far.read_exact(&mut call[4..]).await.unwrap();
    asking.abort();
    call
}

/// Writes raw bytes on a stream for calls, closes it, and reads what comes until the host hangs up.
async fn shove(net: &Net, node: NodeKey, addresses: &[Multiaddr], bytes: &[u8]) {
    let mut raw = net.rpc_stream(node, addresses).await.unwrap();
    // The host may hang up before everything is written.
    let _ = raw.write_all(bytes).await;
    let _ = raw.shutdown().await;
    let mut answer = Vec::new();
    let _ = soon("being hung up on", raw.read_to_end(&mut answer)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_truncated_and_flipped_frames_disturb_neither_the_host_nor_other_peers() {
    let Node { net: there, inbound } = host(57, &[]).await;
    serve(inbound.rpc);
    let (good, bad) = (client(58, &[]).await, client(59, &[]).await);
    let addresses = there.dialable();
    let calls = caller(&good.net, there.node(), &addresses).await;
    let call = recorded_call().await;
    let flipped = (0..call.len() * 8).step_by(7).map(|bit| {
        let mut bytes = call.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    });
    let truncated = (0..call.len()).step_by(5).map(|end| call[..end].to_vec());
    let garbage = [vec![0xff; 3000], vec![0; 64], [&[0, 0, 0, 2][..], b"\xff\xfe"].concat()];
    for bytes in flipped.chain(truncated).chain(garbage) {
        shove(&bad.net, there.node(), &addresses, &bytes).await;
    }
    assert_eq!(soon("the echo", calls.echo(Context::current(), "x".into())).await.unwrap(), "x");
    let recovered = caller(&bad.net, there.node(), &addresses).await;
    assert_eq!(soon("the echo", recovered.echo(Context::current(), "y".into())).await.unwrap(), "y");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_length_over_the_limit_ends_that_stream_only() {
    let Node { net: there, inbound } = host(64, &[]).await;
    serve(inbound.rpc);
    let here = client(65, &[]).await;
    let addresses = there.dialable();
    let witness = caller(&here.net, there.node(), &addresses).await;
    let mut raw = here.net.rpc_stream(there.node(), &addresses).await.unwrap();
    raw.write_u32(u32::try_from(MAX_FRAME_BYTES + 1).unwrap()).await.unwrap();
    raw.flush().await.unwrap();
    let mut answer = Vec::new();
    let _ = soon("being hung up on", raw.read_to_end(&mut answer)).await;
    assert!(answer.is_empty());
    assert_eq!(soon("the echo", witness.echo(Context::current(), "x".into())).await.unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_opens_too_many_streams_loses_the_excess_only() {
    let Node { net: there, inbound } = host(66, &[]).await;
    serve(inbound.rpc);
    let here = client(67, &[]).await;
    let addresses = there.dialable();
    let mut kept = Vec::new();
    for _ in 0..8 {
        let calls = caller(&here.net, there.node(), &addresses).await;
        assert_eq!(soon("the echo", calls.echo(Context::current(), "x".into())).await.unwrap(), "x");
        kept.push(calls);
    }
    let ninth = caller(&here.net, there.node(), &addresses).await;
    assert!(soon("the refusal", ninth.echo(Context::current(), "x".into())).await.is_err());
    assert_eq!(soon("the echo", kept[0].echo(Context::current(), "x".into())).await.unwrap(), "x");
    assert_eq!(there.load().rpc_refused, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_takes_no_calls_and_says_so() {
    let there = host(60, &[]).await;
    let here = client(61, &there.net.dialable()).await;
    crate::support::until(&there.net, "the client's connection", |status| status.connected == 1).await;
    let refused = there.net.rpc_connect::<u8, u8>(here.net.node(), &[]).await;
    match refused.map(|_| ()) {
        Err(ConnectError::Unsupported { protocol, .. }) => assert_eq!(protocol, RPC_PROTOCOL),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_say_which_address_failed_and_that_another_node_answered() {
    let there = host(62, &[]).await;
    let here = client(63, &[]).await;
    let stranger = NodeKey(
        layr_net::node_key(&"12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf".parse().unwrap())
            .unwrap()
            .0,
    );

    let nowhere = here.net.rpc_connect::<u8, u8>(stranger, &[]).await.map(|_| ());
    assert!(matches!(nowhere, Err(ConnectError::NoAddress { .. })), "{nowhere:?}");

    let tcp = there.net.status().listen.into_iter().filter(|address| address.to_string().contains("/tcp/"));
    let mistaken = here.net.rpc_connect::<u8, u8>(stranger, &tcp.collect::<Vec<_>>()).await.map(|_| ());
    match mistaken {
        Err(ConnectError::WrongIdentity { found, .. }) => assert_eq!(found, Some(there.net.node())),
        other => panic!("{other:?}"),
    }

    let closed: Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    match here.net.rpc_connect::<u8, u8>(stranger, &[closed]).await.map(|_| ()) {
        Err(error @ ConnectError::Unreachable { .. }) => {
            assert!(error.to_string().contains("/ip4/127.0.0.1/tcp/1"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_at_which_another_node_answers_does_not_hide_the_right_one() {
    let (other, Node { net: there, inbound }) = (host(68, &[]).await, host(69, &[]).await);
    serve(inbound.rpc);
    let here = client(70, &[]).await;
    let addresses = [other.net.status().listen, there.status().listen].concat();
    let calls = caller(&here.net, there.node(), &addresses).await;
    assert_eq!(soon("the echo", calls.echo(Context::current(), "x".into())).await.unwrap(), "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_was_restarted_is_called_again_at_once() {
    let Node { net: there, inbound } = host(83, &[]).await;
    serve(inbound.rpc);
    let here = client(84, &[]).await;
    let addresses = there.status().listen;
    let before = caller(&here.net, there.node(), &addresses).await;
    assert_eq!(soon("the echo", before.echo(Context::current(), "x".into())).await.unwrap(), "x");
    soon("closing", there.shutdown()).await;
    let mut config = host_config(83, &[]);
    config.listen.clone_from(&addresses);
    let Node { net: again, inbound } = eventually("the ports coming free", || {
        let config = config.clone();
        async { Net::start(config).await.ok().map(|(net, inbound)| Node { net, inbound }) }
    })
    .await;
    serve(inbound.rpc);
    let calls = caller(&here.net, again.node(), &addresses).await;
    assert_eq!(soon("the echo", calls.echo(Context::current(), "y".into())).await.unwrap(), "y");
}
