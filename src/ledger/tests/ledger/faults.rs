//! Endpoints that misbehave in ways only a network of strangers does: noticed, passed over, named.

use crate::common::{
    Manner, Proxy, account, advance, advance_ledgers, client, client_through, config, http_ok, named_network,
    network, parrot, payer,
};
use layr_ledger::{Cause, Fault, LedgerClient, LedgerError, MoneyEffect};
use layr_types::Stroops;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn faults(error: &LedgerError) -> Vec<&Fault> {
    match &*error.cause {
        Cause::Unreachable(faults) => faults.iter().map(|failed| &failed.fault).collect(),
        other => panic!("{other}"),
    }
}

fn five_ledgers_behind(answer: &mut Value) {
    if let Some(latest) = answer["result"]["latestLedger"].as_u64() {
        answer["result"]["latestLedger"] = json!(latest - 5);
    }
}

fn for_somebody_else(answer: &mut Value) {
    answer["id"] = json!(answer["id"].as_u64().unwrap_or_default() + 1);
}

fn limited(retry_after: u32) -> Vec<u8> {
    format!(
        "HTTP/1.1 429 Too Many Requests\r\nretry-after: {retry_after}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test]
async fn an_endpoint_that_lags_behind_is_noticed_and_another_asked() {
    let net = network().await;
    let (lagging, good) = (Proxy::start(&net).await, Proxy::start(&net).await);
    let client = client_through(&net, vec![lagging.url.clone(), good.url.clone()]).await;
    advance_ledgers(&net, 10).await;
    let before = client.now().await.unwrap();
    assert_eq!(good.asked(), 0);
    lagging.set(Manner::Rewrite(five_ledgers_behind));
    let after = client.now().await.unwrap();
    assert!(after.sequence >= before.sequence && after.now >= before.now, "{before:?} {after:?}");
    assert!(good.asked() > 0);
}

#[tokio::test]
async fn time_does_not_go_back_while_only_a_laggard_answers() {
    let net = network().await;
    let proxy = Proxy::start(&net).await;
    let mut config = config(&net).await;
    config.rpc_urls = vec![proxy.url.clone()];
    config.http.timeout = Duration::from_millis(300);
    let client = LedgerClient::new(config).unwrap();
    advance_ledgers(&net, 1_000).await;
    let before = client.now().await.unwrap();
    proxy.set(Manner::Rewrite(|answer| {
        if let Some(latest) = answer["result"]["latestLedger"].as_u64() {
            answer["result"]["latestLedger"] = json!(latest - 900);
        }
    }));
    let error = client.now().await.unwrap_err();
    assert!(faults(&error).iter().all(|fault| matches!(fault, Fault::Stale { .. })), "{error}");
    assert!(error.to_string().contains("lies behind"), "{error}");
    assert!(error.is_transient());
    proxy.set(Manner::Honest);
    assert!(client.now().await.unwrap().sequence >= before.sequence);
}

#[tokio::test]
async fn an_answer_to_another_question_is_not_taken() {
    let net = network().await;
    let (confused, good) = (Proxy::start(&net).await, Proxy::start(&net).await);
    confused.set(Manner::Rewrite(for_somebody_else));
    let alone = client_through(&net, vec![confused.url.clone()]).await;
    let error = alone.now().await.unwrap_err();
    assert!(faults(&error).iter().all(|fault| **fault == Fault::WrongId), "{error}");
    let both = client_through(&net, vec![confused.url.clone(), good.url.clone()]).await;
    both.now().await.unwrap();
}

#[tokio::test]
async fn a_rate_limited_endpoint_is_left_alone_while_another_answers() {
    let net = network().await;
    let (limiting, good) = (Proxy::start(&net).await, Proxy::start(&net).await);
    limiting.set(Manner::Say(limited(60)));
    let client = client_through(&net, vec![limiting.url.clone(), good.url.clone()]).await;
    for _ in 0..3 {
        client.now().await.unwrap();
    }
    assert_eq!(limiting.asked(), 1);
}

#[tokio::test]
async fn a_short_rate_limit_is_waited_for_and_a_long_one_is_told() {
    let net = network().await;
    let proxy = Proxy::start(&net).await;
    proxy.set(Manner::Say(limited(3_600)));
    let error = client_through(&net, vec![proxy.url.clone()]).await.now().await.unwrap_err();
    assert!(error.to_string().contains("fewer requests for 3600 s"), "{error}");
    assert_eq!(proxy.asked(), 1, "it was not asked again");

    proxy.set(Manner::SayOnce(limited(1)));
    let client = client_through(&net, vec![proxy.url.clone()]).await;
    let began = Instant::now();
    client.now().await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(900));
    assert_eq!(proxy.asked(), 4, "after the wait: what network it serves, and the question");
}

#[tokio::test]
async fn an_endpoint_that_hangs_costs_its_time_out_once() {
    let net = network().await;
    let mut config = config(&net).await;
    config.http.timeout = Duration::from_millis(400);
    config.rpc_urls.insert(0, parrot(None).await);
    let client = LedgerClient::new(config).unwrap();
    let began = Instant::now();
    client.now().await.unwrap();
    let first = began.elapsed();
    assert!(first >= Duration::from_millis(400), "{first:?}");
    for _ in 0..5 {
        client.now().await.unwrap();
    }
    assert!(began.elapsed() < first + Duration::from_millis(400), "it was not asked again");
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_told() {
    let net = network().await;
    let client = client_through(&net, vec!["http://endpoint.layr.invalid:8000".to_owned()]).await;
    let error = client.now().await.unwrap_err();
    assert!(faults(&error).iter().all(|fault| **fault == Fault::Name), "{error}");
    assert!(error.to_string().contains("endpoint.layr.invalid"), "{error}");
    assert_eq!(error.effect, MoneyEffect::None);
}

#[tokio::test]
async fn an_endpoint_of_another_network_is_passed_over_and_given_nothing() {
    let net = network().await;
    let other = named_network("Another Network".to_owned()).await;
    let (alice, journal) = payer(&client(&net).await, 1).await;
    let both = client_through(&net, vec![other.rpc_url(), net.rpc_url()]).await;
    both.pay(&alice, &account(1), Stroops(7)).await.unwrap();
    let written = journal.all().len();

    let alone = client_through(&net, vec![other.rpc_url()]).await;
    let error = alone.pay(&alice, &account(1), Stroops(7)).await.unwrap_err();
    assert!(
        matches!(&*error.cause, Cause::WrongNetwork { found, .. } if found == "Another Network"),
        "{error}"
    );
    assert_eq!((error.effect, journal.all().len()), (MoneyEffect::None, written));
}

/// The ledger's clock runs years ahead of this machine's, and nobody minds.
#[tokio::test]
async fn the_machines_clock_decides_nothing() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, journal) = payer(&client, 1).await;
    advance(&net, 20 * 365 * 86_400).await;
    let now = client.now().await.unwrap().now;
    let receipt = client.pay(&alice, &account(1), Stroops(7)).await.unwrap();
    let pending = journal.last();
    assert_eq!((receipt.closed_at, pending.signed_at), (now, now));
    assert_eq!(pending.valid_until, now.plus(120));
}

#[tokio::test]
async fn every_endpoint_that_failed_is_named_with_its_fault() {
    let net = network().await;
    let (down, limiting) = (Proxy::start(&net).await, Proxy::start(&net).await);
    down.set(Manner::Down);
    limiting.set(Manner::Say(limited(3_600)));
    let rubbish = parrot(Some(http_ok("<html>"))).await;
    let urls = vec![down.url.clone(), limiting.url.clone(), rubbish.clone()];
    let error = client_through(&net, urls).await.now().await.unwrap_err().to_string();
    for part in
        [&down.url, &limiting.url, &rubbish, "broke", "fewer requests", "cannot be read", "nothing was spent"]
    {
        assert!(error.contains(part), "{part}: {error}");
    }
}
