//! Beacon rounds are believed for their signature, never for who sent them.

use crate::common::{client, config, http_ok, network, parrot};
use layr_ledger::{Cause, LedgerClient};

#[tokio::test]
async fn the_local_beacon_publishes_rounds_by_the_ledgers_clock() {
    let net = network().await;
    let client = client(&net).await;
    let schedule = client.beacon().schedule();
    let now = client.now().await.unwrap().now;
    let latest = client.beacon().latest().await.unwrap();
    assert_eq!(latest.round, schedule.latest_round(now));
    let round = client.beacon().round(latest.round).await.unwrap();
    assert_eq!(round, latest);

    let next = latest.round + 1;
    let error = client.beacon().round(next).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::BeaconNotYet(round) if round == next), "{error}");
    crate::common::advance(&net, 3).await;
    assert_eq!(client.beacon().round(next).await.unwrap().round, next);
}

#[tokio::test]
async fn another_rounds_signature_is_refused() {
    let net = network().await;
    let honest = client(&net).await;
    let real = honest.beacon().round(1).await.unwrap();
    let hex: String = real.signature.iter().map(|byte| format!("{byte:02x}")).collect();
    for (body, what) in [
        (format!("{{\"round\":2,\"signature\":\"{hex}\"}}"), "signature"),
        (format!("{{\"round\":1,\"signature\":\"{hex}\"}}"), "another round"),
    ] {
        let mut config = config(&net).await;
        let genuine = config.beacon.urls.pop().unwrap();
        config.beacon.urls = vec![parrot(Some(http_ok(&body))).await];
        let error = LedgerClient::new(config.clone()).unwrap().beacon().round(2).await.unwrap_err();
        assert!(matches!(*error.cause, Cause::Unreachable(_)) && error.to_string().contains(what), "{error}");
        config.beacon.urls.push(genuine);
        assert_eq!(LedgerClient::new(config).unwrap().beacon().round(2).await.unwrap().round, 2);
    }
}
