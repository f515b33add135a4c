//! Every way a transaction is refused or fails, by the code the sender is told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use common::*;
use serde_json::json;
use stellar_xdr::*;

fn timed(mut tx: Transaction, min: u64, max: u64) -> Transaction {
    tx.cond = Preconditions::Time(TimeBounds { min_time: TimePoint(min), max_time: TimePoint(max) });
    tx
}

fn declare(tx: &mut Transaction, change: impl FnOnce(&mut SorobanTransactionData)) {
    if let TransactionExt::V1(data) = &mut tx.ext {
        change(data);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_cannot_apply_is_refused_with_its_code_and_costs_nothing() {
    use TransactionResultResult as R;
    let net = Net::start().await;
    let (alice, bob, nobody) = (key(1), key(2), key(9));
    net.fund(&alice).await;
    net.fund(&bob).await;
    let next = net.next_sequence(&alice).await;
    let pay = || transaction(&alice, next, payment(&bob, 1));

    assert_eq!(net.refusal(&sign(pay(), &[])).await, R::TxBadAuth);
    assert_eq!(net.refusal(&sign(pay(), &[&bob])).await, R::TxBadAuth);
    assert_eq!(net.refusal(&sign(pay(), &[&alice, &bob])).await, R::TxBadAuthExtra);
    let mut elsewhere = sign(pay(), &[]);
    if let TransactionEnvelope::Tx(envelope) = &mut elsewhere {
        let other_network = envelope.tx.hash([3; 32]).unwrap();
        envelope.signatures = sign_hash(&other_network, &[&alice]);
    }
    assert_eq!(net.refusal(&elsewhere).await, R::TxBadAuth);

    for wrong in [next - 1, next + 1, 0, i64::MAX] {
        let tx = transaction(&alice, wrong, payment(&bob, 1));
        assert_eq!(net.refusal(&sign(tx, &[&alice])).await, R::TxBadSeq, "sequence {wrong}");
    }
    let tx = transaction(&nobody, 1, payment(&bob, 1));
    assert_eq!(net.refusal(&sign(tx, &[&nobody])).await, R::TxNoAccount);

    let mut cheap = pay();
    cheap.fee = 99;
    assert_eq!(net.refusal(&sign(cheap, &[&alice])).await, R::TxInsufficientFee);
    assert_eq!(net.refusal(&sign(timed(pay(), 0, START - 1), &[&alice])).await, R::TxTooLate);
    assert_eq!(net.refusal(&sign(timed(pay(), START + 100, 0), &[&alice])).await, R::TxTooEarly);
    let mut empty = pay();
    empty.operations = VecM::default();
    assert_eq!(net.refusal(&sign(empty, &[&alice])).await, R::TxMissingOperation);

    let malformed = transaction(&alice, next, payment(&bob, -5));
    assert!(matches!(net.refusal(&sign(malformed, &[&alice])).await, R::TxFailed(_)));
    assert_eq!(net.account(&alice).await.balance, 100_000_000_000);
    assert_eq!(net.next_sequence(&alice).await, next);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_must_afford_the_fee_and_keep_its_reserve() {
    use TransactionResultResult as R;
    let net = Net::start().await;
    let (alice, poor) = (key(1), key(2));
    net.fund(&alice).await;
    let reserve = 10_000_000;
    let tx = transaction(&alice, net.next_sequence(&alice).await, create_account(&poor, reserve - 1));
    let found = net.settle(&sign(tx, &[&alice])).await;
    let low = OperationResult::OpInner(OperationResultTr::CreateAccount(CreateAccountResult::LowReserve));
    assert_eq!(operation_result(&found), low);

    let tx = transaction(&alice, net.next_sequence(&alice).await, create_account(&poor, reserve + 50));
    assert_eq!(net.settle(&sign(tx, &[&alice])).await["status"], "SUCCESS");
    let tx = transaction(&poor, net.next_sequence(&poor).await, payment(&alice, 1));
    assert_eq!(net.refusal(&sign(tx, &[&poor])).await, R::TxInsufficientBalance);

    let tx = transaction(&alice, net.next_sequence(&alice).await, payment(&key(9), 1));
    let found = net.settle(&sign(tx, &[&alice])).await;
    let missing = OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::NoDestination));
    assert_eq!((found["status"].as_str(), operation_result(&found)), (Some("FAILED"), missing));
    let tx = transaction(&alice, net.next_sequence(&alice).await, payment(&poor, 200_000_000_000));
    let found = net.settle(&sign(tx, &[&alice])).await;
    let underfunded = OperationResult::OpInner(OperationResultTr::Payment(PaymentResult::Underfunded));
    assert_eq!(operation_result(&found), underfunded);
    assert_eq!(result_of(&found).fee_charged, 100, "a failed payment still costs its fee");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resent_transaction_is_a_duplicate_and_a_second_one_has_to_wait() {
    let mut config =
        layr_localnet::LocalnetConfig { clock: layr_localnet::Clock::Manual(START), ..Default::default() };
    config.batch_window = std::time::Duration::from_secs(2);
    let net = Net::with(config).await;
    let root = layr_localnet::root_key(&id());
    let first = sign(transaction(&root, 1, create_account(&key(1), 50_000_000)), &[&root]);
    let second = sign(transaction(&root, 2, create_account(&key(2), 50_000_000)), &[&root]);
    let sent = net.send(&first).await;
    assert_eq!(sent["status"], "PENDING");
    assert_eq!(net.send(&first).await["status"], "DUPLICATE");
    assert_eq!(net.send(&second).await["status"], "TRY_AGAIN_LATER");
    assert_eq!(net.wait_for(sent["hash"].as_str().unwrap()).await["status"], "SUCCESS");
    assert_eq!(net.send(&first).await["status"], "DUPLICATE");
    assert_eq!(net.send(&second).await["status"], "PENDING");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_transaction_must_declare_enough_and_stay_within_limits() {
    use TransactionResultResult as R;
    let net = Net::start().await;
    let (alice, bob) = (key(1), key(2));
    net.fund(&alice).await;
    net.fund(&bob).await;
    let next = net.next_sequence(&alice).await;
    let bare = transaction(&alice, next, native_transfer(&alice, &bob, 1));
    assert_eq!(net.refusal(&sign(bare.clone(), &[&alice])).await, R::TxMalformed);
    let good = net.prepared(bare).await;

    let refuse = async |change: fn(&mut SorobanTransactionData)| {
        let mut tx = good.clone();
        declare(&mut tx, change);
        net.refusal(&sign(tx, &[&alice])).await
    };
    assert_eq!(refuse(|data| data.resource_fee = 1).await, R::TxSorobanInvalid);
    assert_eq!(refuse(|data| data.resource_fee = i64::MAX).await, R::TxSorobanInvalid);
    assert_eq!(refuse(|data| data.resource_fee = -1).await, R::TxSorobanInvalid);
    assert_eq!(refuse(|data| data.resources.instructions = 400_000_001).await, R::TxSorobanInvalid);
    assert_eq!(refuse(|data| data.resources.write_bytes = 132_097).await, R::TxSorobanInvalid);
    assert_eq!(refuse(|data| data.resources.disk_read_bytes = 200_001).await, R::TxSorobanInvalid);
    let twice = |data: &mut SorobanTransactionData| {
        let footprint = &mut data.resources.footprint;
        footprint.read_only = footprint.read_write.clone();
    };
    assert_eq!(refuse(twice).await, R::TxSorobanInvalid);
    let archived = |data: &mut SorobanTransactionData| {
        let archived_soroban_entries = vec![77].try_into().unwrap();
        data.ext = SorobanTransactionDataExt::V1(SorobanResourcesExtV0 { archived_soroban_entries });
    };
    assert_eq!(refuse(archived).await, R::TxSorobanInvalid);

    let mut tx = good.clone();
    tx.fee -= 100;
    assert_eq!(net.refusal(&sign(tx, &[&alice])).await, R::TxInsufficientFee);
    assert_eq!(net.settle(&sign(good, &[&alice])).await["status"], "SUCCESS");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contract_call_that_fails_says_how_and_gets_the_refundable_fee_back() {
    use InvokeHostFunctionResult as I;
    let net = Net::start().await;
    let (alice, bob) = (key(1), key(2));
    net.fund(&alice).await;
    net.fund(&bob).await;
    let run = async |change: fn(&mut SorobanTransactionData)| {
        let tx = transaction(&alice, net.next_sequence(&alice).await, native_transfer(&alice, &bob, 1));
        let mut tx = net.prepared(tx).await;
        declare(&mut tx, change);
        net.settle(&sign(tx, &[&alice])).await
    };
    let starved = run(|data| data.resources.instructions = 10_000).await;
    assert_eq!(invoke_result(&starved), I::ResourceLimitExceeded);
    let blind = run(|data| data.resources.disk_read_bytes = 1).await;
    assert_eq!(invoke_result(&blind), I::ResourceLimitExceeded);
    let mute = run(|data| data.resources.write_bytes = 1).await;
    assert_eq!(invoke_result(&mute), I::ResourceLimitExceeded);
    let outside = run(|data| data.resources.footprint.read_only = VecM::default()).await;
    assert_eq!(invoke_result(&outside), I::Trapped);
    assert!(!outside["diagnosticEventsXdr"].as_array().unwrap().is_empty());

    // Someone else's money, with no authorization of theirs.
    let theft = transaction(&alice, net.next_sequence(&alice).await, native_transfer(&bob, &alice, 1));
    let mut theft = net.prepared(theft).await;
    let mut operations = theft.operations.to_vec();
    if let OperationBody::InvokeHostFunction(op) = &mut operations[0].body {
        op.auth = VecM::default();
    }
    theft.operations = operations.try_into().unwrap();
    let before = net.account(&alice).await.balance;
    let bid = i64::from(theft.fee);
    let found = net.settle(&sign(theft, &[&alice])).await;
    assert_eq!(invoke_result(&found), I::Trapped);
    let charged = result_of(&found).fee_charged;
    assert_eq!(net.account(&alice).await.balance, before - charged);
    assert!(charged < bid, "nothing refundable came back: {charged} of {bid}");
    assert_eq!(net.account(&bob).await.balance, 100_000_000_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rent_beyond_the_refundable_fee_fails_the_call() {
    let net = Net::start().await;
    net.fund(&key(1)).await;
    let tx = transaction(&key(1), net.next_sequence(&key(1)).await, upload(wasm::keeper()));
    let mut tx = net.prepared(tx).await;
    declare(&mut tx, |data| data.resource_fee /= 2);
    let found = net.settle(&sign(tx, &[&key(1)])).await;
    assert_eq!(invoke_result(&found), InvokeHostFunctionResult::InsufficientRefundableFee);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_get_an_error_not_a_crash() {
    let net = Net::start().await;
    for (method, params) in [
        ("nonsense", json!({})),
        ("sendTransaction", json!({ "transaction": "AAAA" })),
        ("sendTransaction", json!({ "transaction": "!!" })),
        ("sendTransaction", json!([])),
        ("simulateTransaction", json!({ "transaction": "" })),
        ("simulateTransaction", json!({ "transaction": "AAAA", "authMode": "no" })),
        ("getTransaction", json!({ "hash": "zz" })),
        ("getTransactions", json!({ "startLedger": 4_000_000_000_u32 })),
        ("getTransactions", json!({ "pagination": { "cursor": "x" } })),
        ("getLedgerEntries", json!({ "keys": ["AAAAAA=="] })),
        ("getLedgerEntries", json!({ "keys": vec!["AAAAAA=="; 201] })),
        ("getEvents", json!({})),
        ("getEvents", json!({ "startLedger": 99 })),
        ("getEvents", json!({ "startLedger": 1, "filters": [{ "topics": [["**", "*"]] }] })),
        ("getEvents", json!({ "startLedger": 1, "filters": [{ "contractIds": ["C"] }] })),
        ("getLatestLedger", json!({ "xdrFormat": "json" })),
    ] {
        let answer = net.raw(method, params.clone()).await;
        let tolerated = method == "getLatestLedger";
        assert!(tolerated || answer["error"]["code"].is_i64(), "{method} {params}: {answer}");
    }
    let url = net.running.rpc_url();
    for body in ["", "{", "[]", "[1]", "null", r#"{"method":5}"#] {
        let answer = net.http.post(&url).body(body).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains("error"), "{body}");
    }
    assert_eq!(net.call("getHealth", json!({})).await["status"], "healthy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nesting_as_deep_as_the_decoder_allows_is_survived() {
    let net = Net::start().await;
    net.fund(&key(1)).await;
    for depth in [50, 120, 160, 200, 249, 400, 5_000] {
        let mut value = ScVal::Void;
        for _ in 0..depth {
            value = ScVal::Vec(Some(ScVec(vec![value].try_into().unwrap())));
        }
        let tx =
            transaction(&key(1), net.next_sequence(&key(1)).await, invoke(&native(), "balance", vec![value]));
        let text = sign(tx, &[&key(1)]).to_xdr_base64(Limits::none()).unwrap();
        for method in ["simulateTransaction", "sendTransaction"] {
            net.raw(method, json!({ "transaction": text })).await;
        }
    }
    assert_eq!(net.call("getHealth", json!({})).await["status"], "healthy");
}
