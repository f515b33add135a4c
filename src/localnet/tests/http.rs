//! The network through its HTTP door: accounts, payments, contract calls, and the shapes clients rely on.

mod common;

use common::*;
use serde_json::{Value, json};
use stellar_xdr::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_faucet_gives_ten_thousand_lumens_once() {
    let net = Net::start().await;
    net.fund(&key(1)).await;
    assert_eq!(net.account(&key(1)).await.balance, 100_000_000_000);
    let (status, answer) = net.get(&format!("/friendbot?addr={}", address(&key(1)))).await;
    assert_eq!(status, 400);
    assert!(answer["detail"].as_str().unwrap().contains("already funded"));
    let (status, _) = net.get("/friendbot?addr=nobody").await;
    assert_eq!(status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_moves_lumens_and_costs_the_base_fee() {
    let net = Net::start().await;
    net.fund(&key(1)).await;
    net.fund(&key(2)).await;
    let tx = transaction(&key(1), net.next_sequence(&key(1)).await, payment(&key(2), 5_000_000));
    let found = net.settle(&sign(tx, &[&key(1)])).await;
    assert_eq!(found["status"], "SUCCESS");
    assert_eq!(result_of(&found).fee_charged, 100);
    assert_eq!(net.account(&key(1)).await.balance, 100_000_000_000 - 5_000_000 - 100);
    assert_eq!(net.account(&key(2)).await.balance, 100_000_000_000 + 5_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_native_contract_transfers_and_emits_an_event() {
    let net = Net::start().await;
    net.fund(&key(1)).await;
    net.fund(&key(2)).await;
    let found = net.run(&key(1), native_transfer(&key(1), &key(2), 7_000)).await;
    assert_eq!(found["status"], "SUCCESS", "{found}");
    assert_eq!(return_value(&found), ScVal::Void);
    assert_eq!(net.account(&key(2)).await.balance, 100_000_000_000 + 7_000);
    let contract = stellar_strkey::Contract(native().0.0).to_string();
    let transfer = symbol("transfer").to_xdr_base64(Limits::none()).unwrap();
    let filter = |topics: Value| json!({ "startLedger": 1, "filters": [{ "type": "contract", "contractIds": [contract.as_str()], "topics": topics }] });
    let events = net.call("getEvents", filter(json!([[transfer, "*", "*", "*"]]))).await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    let event = &events["events"][0];
    assert_eq!(event["txHash"], found["txHash"]);
    let amount = ScVal::from_xdr_base64(event["value"].as_str().unwrap(), Limits::none()).unwrap();
    assert_eq!(amount, amount_value(7_000));
    let open_ended = net.call("getEvents", filter(json!([[transfer, "**"]]))).await;
    assert_eq!(open_ended["events"].as_array().unwrap().len(), 1);
    let too_short = net.call("getEvents", filter(json!([[transfer, "*"]]))).await;
    assert_eq!(too_short["events"].as_array().unwrap().len(), 0);
    let onward = json!({ "filters": [], "pagination": { "cursor": events["cursor"] } });
    assert_eq!(net.call("getEvents", onward).await["events"].as_array().unwrap().len(), 0);
}
