//! The network through its HTTP door: accounts, payments, contract calls, and the shapes clients rely on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use common::*;
use ed25519_dalek::SigningKey;
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
    let filter = |topics: Value| json!({ "startLedger": found["ledger"], "filters": [{ "type": "contract", "contractIds": [contract.as_str()], "topics": topics }] });
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_of_many_accounts_share_a_ledger() {
    let mut config =
        layr_localnet::LocalnetConfig { clock: layr_localnet::Clock::Manual(START), ..Default::default() };
    config.batch_window = std::time::Duration::from_millis(300);
    let net = Net::with(config).await;
    for number in 1..5 {
        net.fund(&key(number)).await;
    }
    let mut hashes = Vec::new();
    for number in 1..5 {
        let source = key(number);
        let tx = transaction(&source, net.next_sequence(&source).await, payment(&key(1), 1));
        hashes.push(net.send(&sign(tx, &[&source])).await["hash"].as_str().unwrap().to_owned());
    }
    let mut ledgers = Vec::new();
    for hash in &hashes {
        ledgers.push(net.wait_for(hash).await["ledger"].as_u64().unwrap());
    }
    ledgers.dedup();
    assert!(ledgers.len() < hashes.len(), "no ledger was shared: {ledgers:?}");
    let listed =
        net.call("getTransactions", json!({ "startLedger": ledgers[0], "pagination": { "limit": 3 } })).await;
    let page = listed["transactions"].as_array().unwrap();
    assert_eq!(page.len(), 3);
    let onward = net
        .call("getTransactions", json!({ "pagination": { "cursor": listed["cursor"], "limit": 100 } }))
        .await;
    let rest = onward["transactions"].as_array().unwrap();
    let all: Vec<_> =
        page.iter().chain(rest).map(|found| found["txHash"].as_str().unwrap().to_owned()).collect();
    assert_eq!(all.iter().filter(|hash| hashes.contains(hash)).count(), hashes.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fee_bump_makes_another_account_pay() {
    let net = Net::start().await;
    let (alice, sponsor) = (key(1), key(2));
    net.fund(&alice).await;
    net.fund(&sponsor).await;
    let mut tx = transaction(&alice, net.next_sequence(&alice).await, payment(&sponsor, 1_000));
    tx.fee = 0;
    let TransactionEnvelope::Tx(inner) = sign(tx, &[&alice]) else {
        unreachable!("sign makes current envelopes")
    };
    let bump = FeeBumpTransaction {
        fee_source: muxed(&sponsor),
        fee: 400,
        inner_tx: FeeBumpTransactionInnerTx::Tx(inner),
        ext: FeeBumpTransactionExt::V0,
    };
    let signed_by = |key| {
        let signatures = sign_hash(&bump.hash(id()).unwrap(), &[key]);
        TransactionEnvelope::TxFeeBump(FeeBumpTransactionEnvelope { tx: bump.clone(), signatures })
    };
    assert_eq!(net.refusal(&signed_by(&alice)).await, TransactionResultResult::TxBadAuth);
    let found = net.settle(&signed_by(&sponsor)).await;
    assert_eq!((found["status"].as_str(), found["feeBump"].as_bool()), (Some("SUCCESS"), Some(true)));
    assert!(matches!(result_of(&found).result, TransactionResultResult::TxFeeBumpInnerSuccess(_)));
    assert_eq!(net.account(&alice).await.balance, 100_000_000_000 - 1_000);
    assert_eq!(net.account(&sponsor).await.balance, 100_000_000_000 + 1_000 - 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_signed_authorization_is_enforced() {
    let net = Net::start().await;
    let (alice, bob) = (key(1), key(2));
    net.fund(&alice).await;
    net.fund(&bob).await;
    let tx = transaction(&alice, net.next_sequence(&alice).await, native_transfer(&bob, &alice, 500));
    let prepared = net.prepared(tx.clone()).await;
    let OperationBody::InvokeHostFunction(op) = &prepared.operations[0].body else {
        unreachable!("a contract call")
    };
    let mut entry = op.auth[0].clone();
    let SorobanCredentials::Address(credentials) = &mut entry.credentials else {
        panic!("bob's credentials")
    };
    credentials.signature_expiration_ledger = 1_000;
    let image = HashIdPreimage::SorobanAuthorization(HashIdPreimageSorobanAuthorization {
        network_id: Hash(id()),
        nonce: credentials.nonce,
        signature_expiration_ledger: 1_000,
        invocation: entry.root_invocation.clone(),
    });
    use sha2::Digest;
    let payload: [u8; 32] = sha2::Sha256::digest(image.to_xdr(Limits::none()).unwrap()).into();
    let sign_as = |key: &SigningKey| {
        use ed25519_dalek::Signer;
        let bytes = |bytes: &[u8]| ScVal::Bytes(ScBytes(bytes.to_vec().try_into().unwrap()));
        let map = vec![
            ScMapEntry { key: symbol("public_key"), val: bytes(&bob.verifying_key().to_bytes()) },
            ScMapEntry { key: symbol("signature"), val: bytes(&key.sign(&payload).to_bytes()) },
        ];
        let map = ScVal::Map(Some(ScMap(map.try_into().unwrap())));
        ScVal::Vec(Some(ScVec(vec![map].try_into().unwrap())))
    };
    for (signer, works) in [(&alice, false), (&bob, true)] {
        let mut signed = entry.clone();
        let SorobanCredentials::Address(credentials) = &mut signed.credentials else {
            unreachable!("as above")
        };
        credentials.signature = sign_as(signer);
        let mut tx = tx.clone();
        let mut operations = tx.operations.to_vec();
        let OperationBody::InvokeHostFunction(op) = &mut operations[0].body else {
            unreachable!("a contract call")
        };
        op.auth = vec![signed].try_into().unwrap();
        tx.operations = operations.try_into().unwrap();
        if !works {
            let simulated = net.simulate(&tx).await;
            assert!(simulated["error"].as_str().unwrap().contains("Error("), "{simulated}");
            continue;
        }
        let tx = net.prepared(tx).await;
        let found = net.settle(&sign(tx, &[&alice])).await;
        assert_eq!(found["status"], "SUCCESS", "{found}");
    }
    assert_eq!(net.account(&bob).await.balance, 100_000_000_000 - 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn network_settings_are_readable_as_ledger_entries() {
    let net = Net::start().await;
    let key = LedgerKey::ConfigSetting(LedgerKeyConfigSetting {
        config_setting_id: ConfigSettingId::ContractComputeV0,
    });
    let Some((LedgerEntryData::ConfigSetting(ConfigSettingEntry::ContractComputeV0(compute)), _)) =
        net.entry(&key).await
    else {
        panic!("no compute settings")
    };
    assert_eq!(compute.tx_max_instructions, 400_000_000);
    let network = net.call("getNetwork", json!({})).await;
    assert_eq!(network["passphrase"], layr_localnet::STANDALONE_PASSPHRASE);
    assert_eq!(network["protocolVersion"], 30);
    let unset = json!({ "startLedger": 1, "endLedger": null, "filters": [{ "type": null, "topics": null }], "pagination": { "cursor": null } });
    assert!(net.call("getEvents", unset).await["events"].is_array(), "null is as good as absent");
    let latest = net.call("getLatestLedger", json!({})).await;
    let header =
        LedgerHeader::from_xdr_base64(latest["headerXdr"].as_str().unwrap(), Limits::none()).unwrap();
    assert_eq!(u64::from(header.ledger_seq), latest["sequence"].as_u64().unwrap());
    LedgerCloseMeta::from_xdr_base64(latest["metadataXdr"].as_str().unwrap(), Limits::none()).unwrap();
    let fees = net.call("getFeeStats", json!({})).await;
    assert_eq!(fees["sorobanInclusionFee"]["p90"], "100");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_network_keeps_closing_ledgers_and_stops_when_told() {
    let idle_tick = std::time::Duration::from_millis(20);
    let net = Net::with(layr_localnet::LocalnetConfig { idle_tick, ..Default::default() }).await;
    let start = net.call("getLatestLedger", json!({})).await["sequence"].as_u64().unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while net.call("getLatestLedger", json!({})).await["sequence"].as_u64().unwrap() < start + 3 {
        assert!(std::time::Instant::now() < deadline, "no ledger closed by itself");
        tokio::time::sleep(idle_tick).await;
    }
    let url = net.running.rpc_url();
    net.running.shutdown().await;
    assert!(net.http.post(url).body("{}").send().await.is_err());
}

async fn rush(net: &Net, body: Value) {
    let url = format!("{}/dev/congestion", net.running.rpc_url());
    let answer = net.http.post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{answer:?}");
}

fn bump(inner: &TransactionEnvelope, payer: &SigningKey, fee: i64) -> TransactionEnvelope {
    let TransactionEnvelope::Tx(inner) = inner.clone() else { unreachable!("sign makes current envelopes") };
    let tx = FeeBumpTransaction {
        fee_source: muxed(payer),
        fee,
        inner_tx: FeeBumpTransactionInnerTx::Tx(inner),
        ext: FeeBumpTransactionExt::V0,
    };
    let signatures = sign_hash(&tx.hash(id()).unwrap(), &[payer]);
    TransactionEnvelope::TxFeeBump(FeeBumpTransactionEnvelope { tx, signatures })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_rush_only_a_fee_bump_of_ten_times_the_bid_takes_the_waiting_ones_place() {
    let net = Net::start().await;
    let (alice, bob) = (key(1), key(2));
    net.fund(&alice).await;
    net.fund(&bob).await;
    rush(&net, json!({ "inclusion_fee": 1_000 })).await;
    let tx = transaction(&alice, net.next_sequence(&alice).await, payment(&bob, 7));
    let slow = sign(tx, &[&alice]);
    assert_eq!(net.send(&slow).await["status"], "PENDING");
    assert_eq!(net.send(&slow).await["status"], "DUPLICATE");

    let low = bump(&slow, &alice, 1_999);
    assert_eq!(net.refusal(&low).await, TransactionResultResult::TxInsufficientFee);
    let found = net.settle(&bump(&slow, &alice, 2_000)).await;
    assert!(matches!(result_of(&found).result, TransactionResultResult::TxFeeBumpInnerSuccess(_)));
    let inner = hex::encode(slow.hash(id()).unwrap());
    let by_inner = net.call("getTransaction", json!({ "hash": inner })).await;
    assert_eq!((&by_inner["status"], &by_inner["ledger"]), (&found["status"], &found["ledger"]));
    assert_eq!(net.account(&bob).await.balance, 100_000_000_000 + 7, "it was paid once");

    rush(&net, json!({ "inclusion_fee": 1_000, "queue_full": true })).await;
    let tx = transaction(&alice, net.next_sequence(&alice).await, payment(&bob, 7));
    let slow = sign(tx, &[&alice]);
    let refused = net.send(&slow).await;
    let result =
        TransactionResult::from_xdr_base64(refused["errorResultXdr"].as_str().unwrap(), Limits::none())
            .unwrap();
    assert_eq!((result.fee_charged, result.result), (1_000, TransactionResultResult::TxInsufficientFee));
    rush(&net, json!({})).await;
    assert_eq!(net.settle(&slow).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_movement_of_lumens_is_an_event_of_their_contract() {
    let net = Net::start().await;
    let (alice, bob) = (key(1), key(2));
    net.fund(&alice).await;
    net.fund(&bob).await;
    let mut tx = transaction(&alice, net.next_sequence(&alice).await, payment(&bob, 7));
    tx.memo = Memo::Text("rent".try_into().unwrap());
    let paid = net.settle(&sign(tx, &[&alice])).await;
    let filters = json!([{ "type": "contract", "contractIds": [stellar_strkey::Contract(native().0.0).to_string().as_str()] }]);
    let answer = net.call("getEvents", json!({ "startLedger": paid["ledger"], "filters": filters })).await;
    let events = answer["events"].as_array().unwrap();
    let topics: Vec<ScVal> = events
        .iter()
        .filter(|event| event["txHash"] == paid["txHash"])
        .map(|event| ScVal::from_xdr_base64(event["topic"][0].as_str().unwrap(), Limits::none()).unwrap())
        .collect();
    let symbol = |text: &str| ScVal::Symbol(ScSymbol(text.try_into().unwrap()));
    assert_eq!(topics, [symbol("fee"), symbol("transfer")]);
    let ids: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    let moved = ScVal::from_xdr_base64(events[1]["value"].as_str().unwrap(), Limits::none()).unwrap();
    let ScVal::Map(Some(fields)) = moved else { panic!("an amount with a memo") };
    assert_eq!(fields.0[0].val, ScVal::I128(Int128Parts { hi: 0, lo: 7 }));
}
