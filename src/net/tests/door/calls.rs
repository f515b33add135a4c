//! Calls over a stream, and what hostile frames do not do.

use crate::support::{Node, client, host, soon};
use futures::StreamExt;
use layr_net::{ConnectError, MAX_FRAME_BYTES, Multiaddr, Net, RPC_PROTOCOL, RpcInbound, rpc_transport};
use layr_types::NodeKey;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
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

/// Writes raw bytes on a stream for calls and waits until the host hangs up or answers nothing sensible.
async fn shove(net: &Net, node: NodeKey, addresses: &[Multiaddr], bytes: &[u8]) {
    let raw = net
        .rpc_connect::<tarpc::Response<String>, tarpc::ClientMessage<Vec<u8>>>(node, addresses)
        .await
        .unwrap();
    // The transport hides its stream; hostile bytes go out as a service the host does not know.
    let message = tarpc::ClientMessage::Request(tarpc::Request {
        context: Context::current(),
        id: u64::MAX,
        message: bytes.to_vec(),
    });
    let mut raw = Box::pin(raw);
    let _ = futures::SinkExt::send(&mut raw, message).await;
    let _ = soon("an answer or the end", raw.next()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_one_stream_disturbs_neither_the_host_nor_other_peers() {
    let Node { net: there, inbound } = host(57, &[]).await;
    serve(inbound.rpc);
    let (good, bad) = (client(58, &[]).await, client(59, &[]).await);
    let addresses = there.dialable();
    let calls = caller(&good.net, there.node(), &addresses).await;
    for garbage in [&[0xff; 300][..], &[0x07, 0xff, 0xff, 0xff, 0xff, 0x0f], b"\x02\xff\xfe"] {
        shove(&bad.net, there.node(), &addresses, garbage).await;
        assert_eq!(soon("the echo", calls.echo(Context::current(), "x".into())).await.unwrap(), "x");
    }
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
