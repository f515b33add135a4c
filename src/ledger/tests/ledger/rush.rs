//! A busy network: bids are raised, never past what is allowed, and nothing is paid twice.

use crate::common::deal::World;
use crate::common::{
    Journal, Manner, Proxy, account, advance, balance, client, client_through, config, full_queue, network,
    payer, rush,
};
use layr_ledger::{Cause, LedgerClient, MoneyEffect, Payer, Pending, PendingLog, Receipt, Resolution, Stage};
use layr_types::Stroops;
use std::sync::Arc;
use std::time::Duration;

const ONE: Stroops = Stroops::from_xlm(1);

/// Waits, within reason, until something holds.
async fn eventually<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    for _ in 0..400 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("never: {what}");
}

fn applied(resolution: Resolution) -> Receipt {
    match resolution {
        Resolution::Applied(receipt) => receipt,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_payment_not_taken_in_time_is_wrapped_in_a_fee_bump_and_paid_once() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, journal) = payer(&client, 1).await;
    payer(&client, 2).await;
    let before = (balance(&client, &account(1)).await, balance(&client, &account(2)).await);
    rush(&net, 1_000).await;

    let receipt = client.pay(&alice, &account(2), ONE).await.unwrap();

    let records = journal.all();
    assert!(records.len() >= 2, "the payment and its bump were both written down first");
    assert_eq!((records[0].hash, records[0].bumps.len()), (receipt.hash, 0));
    assert_eq!((records[1].hash, records[1].bumps.len()), (receipt.hash, 1));
    let carried = journal.last().bumps.iter().any(|bump| Some(bump.hash) == receipt.bump);
    assert!(carried, "a bump that was written down carried it: {receipt:?}");
    assert_eq!((records[1].bumps[0].fee, records[1].max_fee), (Stroops(2_000), Stroops(2_000)));
    assert!(receipt.fee <= journal.last().max_fee);
    assert_eq!(balance(&client, &account(2)).await, before.1 + ONE);
    assert_eq!(balance(&client, &account(1)).await, before.0 - ONE - receipt.fee);
    for record in &records {
        let found = applied(client.resume(record).await.unwrap());
        assert_eq!((found.hash, found.fee), (receipt.hash, receipt.fee));
    }
    assert_eq!(balance(&client, &account(2)).await, before.1 + ONE);
}

#[tokio::test]
async fn bids_rise_tenfold_until_the_network_takes_one() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, journal) = payer(&client, 1).await;
    rush(&net, 10_000).await;
    let receipt = client.pay(&alice, &account(1), ONE).await.unwrap();
    let bids: Vec<_> = journal.last().bumps.iter().map(|bump| bump.fee).collect();
    assert_eq!(bids, [Stroops(2_000), Stroops(20_000)]);
    assert_eq!(receipt.bump, Some(journal.last().bumps[1].hash));
}

#[tokio::test]
async fn a_fee_bump_never_exceeds_what_the_payer_allows() {
    let net = network().await;
    let client = client(&net).await;
    let (mut alice, journal) = payer(&client, 1).await;
    payer(&client, 2).await;
    alice.max_fee = Some(Stroops(1_999));
    rush(&net, 1_000).await;
    let paying = client.clone();
    let task = tokio::spawn(async move { paying.pay(&alice, &account(2), ONE).await });
    eventually("written down", || async { !journal.all().is_empty() }).await;
    let sent_at = client.now().await.unwrap().sequence;
    eventually("long waited for", || async { client.now().await.unwrap().sequence > sent_at + 12 }).await;
    assert_eq!(journal.all().len(), 1, "2,000 stroops would have been the next bid");
    rush(&net, 0).await;
    let receipt = task.await.unwrap().unwrap();
    assert_eq!((receipt.bump, receipt.fee), (None, Stroops(100)));
}

/// The endpoint dies after the bump was written down, perhaps sent: whatever the network took, it was taken once.
#[tokio::test]
async fn a_crash_between_a_bump_and_its_answer_is_resolved_by_resuming() {
    let net = network().await;
    let direct = client(&net).await;
    let (alice, _) = payer(&direct, 1).await;
    payer(&direct, 2).await;
    let before = balance(&direct, &account(2)).await;
    let proxy = Arc::new(Proxy::start(&net).await);
    let through = client_through(&net, vec![proxy.url.clone()]).await;
    let kept = Journal::default();
    let (written, door) = (kept.clone(), Arc::clone(&proxy));
    let log = move |pending: &Pending| {
        if !pending.bumps.is_empty() {
            door.set(Manner::Down);
        }
        PendingLog::about_to_send(&written, pending)
    };
    rush(&net, 1_000).await;
    let error = through.pay(&Payer { log: Arc::new(log), ..alice }, &account(2), ONE).await.unwrap_err();
    let pending = kept.last();
    assert_eq!((error.effect, pending.bumps.len()), (MoneyEffect::Unknown(pending.hash), 1), "{error}");
    assert!(error.to_string().contains(&proxy.url), "{error}");
    assert_eq!(balance(&direct, &account(2)).await, before);

    proxy.set(Manner::Honest);
    let receipt = applied(through.resume(&pending).await.unwrap());
    assert_eq!(receipt.bump, Some(pending.bumps[0].hash), "the better bid was sent");
    assert_eq!(balance(&direct, &account(2)).await, before + ONE);
}

#[tokio::test]
async fn a_contract_call_not_taken_in_time_is_bumped_too() {
    let world = World::new().await;
    let deal = world.draft(0).await;
    let before = balance(&world.client, &account(2)).await;
    rush(&world.net, 1_000).await;
    let call = world.escrow.open(&account(2), &[world.opening(&deal)]).unwrap();
    let opened = call.submit(&world.owner).await.unwrap();
    assert!(opened.receipt.bump.is_some());
    let locked = deal.terms.escrow + deal.terms.voucher_part;
    assert_eq!(balance(&world.client, &account(2)).await, before - locked - opened.receipt.fee);
    let last = world.owner_log.last();
    assert!(opened.receipt.fee <= last.max_fee && !last.bumps.is_empty());
}

#[tokio::test]
async fn a_full_queue_is_outbid_within_the_limits() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, journal) = payer(&client, 1).await;
    full_queue(&net, 5_000).await;
    client.pay(&alice, &account(1), ONE).await.unwrap();
    let bids: Vec<_> = journal.all().iter().map(|pending| pending.max_fee).collect();
    assert_eq!(bids, [Stroops(100), Stroops(5_000)]);

    full_queue(&net, 200_000).await;
    let error = client.pay(&alice, &account(1), ONE).await.unwrap_err();
    assert!(
        matches!(*error.cause, Cause::FeeAboveLimit { quoted: Stroops(200_000), allowed: Stroops(100_000) }),
        "{error}"
    );
    assert_eq!(error.effect, MoneyEffect::None);

    full_queue(&net, 5_000).await;
    let poor = Payer { max_fee: Some(Stroops(1_000)), ..alice };
    let error = client.pay(&poor, &account(1), ONE).await.unwrap_err();
    assert!(
        matches!(*error.cause, Cause::FeeAboveLimit { quoted: Stroops(5_000), allowed: Stroops(1_000) }),
        "{error}"
    );
    assert_eq!((error.stage, error.effect), (Stage::Prepare, MoneyEffect::None));
}

#[tokio::test]
async fn a_payment_whose_time_ran_out_in_the_queue_is_built_anew_and_paid_once() {
    let net = network().await;
    let mut config = config(&net).await;
    config.transactions.valid_for = 30;
    let client = LedgerClient::new(config).unwrap();
    let (alice, journal) = payer(&client, 1).await;
    payer(&client, 2).await;
    let before = balance(&client, &account(2)).await;
    rush(&net, 10_000_000).await;
    let paying = client.clone();
    let task = tokio::spawn(async move { paying.pay(&alice, &account(2), ONE).await });
    eventually("written down", || async { !journal.all().is_empty() }).await;
    let first = journal.all()[0].hash;
    advance(&net, 60).await;
    eventually("built anew", || async { journal.all().iter().any(|pending| pending.hash != first) }).await;
    rush(&net, 0).await;
    let receipt = task.await.unwrap().unwrap();
    assert_ne!(receipt.hash, first);
    assert_eq!(balance(&client, &account(2)).await, before + ONE);
    assert_eq!(client.resume(&journal.all()[0]).await.unwrap(), Resolution::Expired);
    assert_eq!(balance(&client, &account(2)).await, before + ONE);
}

/// The network asks the second program to try again later; then its sequence number is gone, and it takes the next.
#[tokio::test]
async fn a_program_waits_for_anothers_transaction_of_the_same_account() {
    let net = network().await;
    let (first, second) = (client(&net).await, client(&net).await);
    let (alice, journal) = payer(&first, 1).await;
    payer(&first, 2).await;
    let before = balance(&first, &account(2)).await;
    let patient = Payer { max_fee: Some(Stroops(150)), ..alice };
    rush(&net, 200).await;
    let waiting = tokio::spawn({
        let patient = patient.clone();
        async move { first.pay(&patient, &account(2), ONE).await }
    });
    eventually("written down", || async { !journal.all().is_empty() }).await;
    let other = Journal::default();
    let log: Arc<dyn PendingLog> = Arc::new(other.clone());
    let later = tokio::spawn({
        let payer = Payer { log, max_fee: Some(Stroops(150)), ..patient };
        let second = second.clone();
        async move { second.pay(&payer, &account(2), ONE).await }
    });
    eventually("both wait", || async { !other.all().is_empty() }).await;
    rush(&net, 0).await;
    waiting.await.unwrap().unwrap();
    later.await.unwrap().unwrap();
    assert_eq!(balance(&second, &account(2)).await, before + ONE + ONE);
}

#[tokio::test]
async fn the_same_transaction_sent_by_two_programs_is_applied_once() {
    let net = network().await;
    let (first, second) = (client(&net).await, client(&net).await);
    let (alice, _) = payer(&first, 1).await;
    payer(&first, 2).await;
    let before = balance(&first, &account(2)).await;
    let kept = Journal::default();
    let written = kept.clone();
    let hold = move |pending: &Pending| {
        PendingLog::about_to_send(&written, pending)?;
        Err("held back".into())
    };
    first.pay(&Payer { log: Arc::new(hold), ..alice }, &account(2), ONE).await.unwrap_err();
    let pending = kept.last();
    let (one, two) = tokio::join!(first.resume(&pending), second.resume(&pending));
    assert_eq!(applied(one.unwrap()), applied(two.unwrap()));
    assert_eq!(balance(&first, &account(2)).await, before + ONE);
}
