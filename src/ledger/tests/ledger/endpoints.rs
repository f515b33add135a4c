//! Endpoints are strangers: whatever they answer, the client neither hangs, nor fills memory, nor believes it.

use crate::common::{QUICK, client, config, http_ok, network, parrot};
use layr_ledger::{Cause, Fault, LedgerClient, LedgerError, NetworkConfig, Stage};
use std::time::{Duration, Instant};

async fn ask(url: String) -> LedgerError {
    let mut config = NetworkConfig::testnet();
    config.rpc_urls = vec![url];
    config.http = layr_ledger::HttpLimits { timeout: Duration::from_millis(300), ..QUICK };
    LedgerClient::new(config).unwrap().now().await.unwrap_err()
}

fn fault(error: &LedgerError) -> &Fault {
    match &*error.cause {
        Cause::Unreachable(faults) => &faults[0].fault,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn garbage_is_garbage() {
    let html = "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>";
    let cut = "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"passphrase\":\"Test SDF";
    let wrong_type = "{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"passphrase\":7}}";
    let empty = ["", "hello", "{}", "[1,2]", "{\"result\":{}}", "{\"result\":{\"sequence\":-1}}"];
    for body in empty.into_iter().chain([html, cut, wrong_type]) {
        let error = ask(parrot(Some(http_ok(body))).await).await;
        assert_eq!(fault(&error), &Fault::Garbage, "{body}");
    }
    let error = ask(parrot(Some(b"not even HTTP\r\n\r\n".to_vec())).await).await;
    assert!(matches!(fault(&error), Fault::Broken), "{error}");
}

#[tokio::test]
async fn deep_nesting_does_not_exhaust_the_stack() {
    let error = ask(parrot(Some(http_ok(&"[".repeat(200_000)))).await).await;
    assert_eq!(fault(&error), &Fault::Garbage);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let body = format!("{{\"result\":\"{}\"}}", "x".repeat(QUICK.max_body));
    let error = ask(parrot(Some(http_ok(&body))).await).await;
    assert_eq!(fault(&error), &Fault::TooLarge(QUICK.max_body));
}

#[tokio::test]
async fn silence_ends_with_the_time_out() {
    let began = Instant::now();
    let error = ask(parrot(None).await).await;
    assert_eq!(fault(&error), &Fault::Timeout);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn nobody_listening_is_said_with_the_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = ask(url.clone()).await;
    assert_eq!(fault(&error), &Fault::Connect);
    assert!(error.to_string().contains(&url), "{error}");
    assert!(error.to_string().contains("nothing was spent"), "{error}");
}

#[tokio::test]
async fn an_http_error_and_a_refusal_are_told_apart() {
    let busy = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec();
    assert_eq!(fault(&ask(parrot(Some(busy)).await).await), &Fault::Status(503));
    let refusal = "{\"error\":{\"code\":-32601,\"message\":\"method\\nnot found\"}}";
    let error = ask(parrot(Some(http_ok(refusal))).await).await;
    assert!(
        matches!(&*error.cause, Cause::Refused { code: -32_601, message, .. } if message == "method not found"),
        "{error}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let moved = b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let error = ask(parrot(Some(moved.to_vec())).await).await;
    assert_eq!(fault(&error), &Fault::Status(302));
}

#[tokio::test]
async fn bad_endpoints_before_a_good_one_only_cost_time() {
    let net = network().await;
    let mut config = config(&net).await;
    let bad = [
        parrot(Some(http_ok("rubbish"))).await,
        parrot(Some(http_ok("{\"error\":{\"code\":-32603,\"message\":\"internal\"}}"))).await,
    ];
    for url in bad {
        config.rpc_urls.insert(0, url);
    }
    let client = LedgerClient::new(config).unwrap();
    assert_eq!(client.now().await.unwrap().now.0, crate::common::START);
}

#[tokio::test]
async fn another_network_is_recognised() {
    let net = network().await;
    let mut config = config(&net).await;
    config.passphrase = "Another Network".to_owned();
    let error = LedgerClient::new(config).unwrap().check_network().await.unwrap_err();
    assert!(matches!(&*error.cause, Cause::WrongNetwork { wanted, .. } if wanted == "Another Network"));
}

#[tokio::test]
async fn addresses_that_cannot_be_used_are_named() {
    for url in ["", "localhost:8000", "ftp://example.org", "not a url"] {
        let mut config = NetworkConfig::testnet();
        config.rpc_urls = vec![url.to_owned()];
        let error = LedgerClient::new(config).unwrap_err();
        assert_eq!(error.stage, Stage::Configure);
        assert!(matches!(*error.cause, Cause::BadUrl { .. }), "{error}");
    }
}

#[tokio::test]
async fn ledger_time_moves_with_the_ledger_not_with_the_machine() {
    let net = network().await;
    let client = client(&net).await;
    let before = client.now().await.unwrap();
    crate::common::advance(&net, 30 * 86_400).await;
    let after = client.now().await.unwrap();
    assert_eq!(after.now.0, before.now.0 + 30 * 86_400);
    assert!(after.sequence > before.sequence);
}

#[tokio::test]
async fn a_network_with_real_money_has_no_faucet() {
    let client = LedgerClient::new(NetworkConfig::mainnet()).unwrap();
    let error = client.fund(&crate::common::account(1)).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::NoFaucet));
}
