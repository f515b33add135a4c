//! Lumens move once, whatever clients, endpoints and crashes do.

use crate::common::{
    Journal, Manner, Proxy, account, advance, balance, client, config, network, payer, signer,
};
use layr_ledger::{Cause, LedgerClient, MoneyEffect, Payer, Rejection, Resolution, Stage};
use layr_types::Stroops;
use std::sync::Arc;

const ONE: Stroops = Stroops::from_xlm(1);

#[tokio::test]
async fn a_payment_moves_the_amount_and_costs_the_fee() {
    let net = network().await;
    let client = client(&net).await;
    client.check_network().await.unwrap();
    let (alice, journal) = payer(&client, 1).await;
    payer(&client, 2).await;
    let before = (balance(&client, &account(1)).await, balance(&client, &account(2)).await);

    let receipt = client.pay(&alice, &account(2), ONE).await.unwrap();

    assert_eq!(balance(&client, &account(2)).await, before.1 + ONE);
    assert_eq!(balance(&client, &account(1)).await, before.0 - ONE - receipt.fee);
    assert_eq!(receipt.fee, Stroops(100));
    assert_eq!(journal.all().len(), 1);
    assert_eq!(journal.last().hash, receipt.hash);
}

#[tokio::test]
async fn an_account_is_created_with_its_own_lumens() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, _) = payer(&client, 1).await;
    assert_eq!(client.account(&account(9)).await.unwrap(), None);
    client.create_account(&alice, &account(9), Stroops::from_xlm(5)).await.unwrap();
    assert_eq!(balance(&client, &account(9)).await, Stroops::from_xlm(5));
    let spendable = client.account(&account(9)).await.unwrap().unwrap().spendable();
    assert_eq!(spendable, Stroops::from_xlm(4));
}

#[tokio::test]
async fn funding_twice_is_harmless() {
    let net = network().await;
    let client = client(&net).await;
    client.fund(&account(1)).await.unwrap();
    client.fund(&account(1)).await.unwrap();
}

#[tokio::test]
async fn paying_nobody_costs_only_the_fee_and_says_so() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, _) = payer(&client, 1).await;
    let before = balance(&client, &account(1)).await;
    let error = client.pay(&alice, &account(9), ONE).await.unwrap_err();
    assert!(
        matches!(&*error.cause, Cause::Failed(Rejection::Operation(name)) if name == "NoDestination"),
        "{error}"
    );
    assert_eq!(error.effect, MoneyEffect::Fee(Stroops(100)));
    assert_eq!(balance(&client, &account(1)).await, before - Stroops(100));
}

#[tokio::test]
async fn paying_more_than_there_is_or_nothing_is_refused() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, _) = payer(&client, 1).await;
    payer(&client, 2).await;
    let error = client.pay(&alice, &account(2), Stroops::from_xlm(4_000_000)).await.unwrap_err();
    assert!(matches!(&*error.cause, Cause::Failed(Rejection::Operation(_))), "{error}");
    let error = client.pay(&alice, &account(2), Stroops::ZERO).await.unwrap_err();
    assert_eq!((error.stage, error.effect), (Stage::Prepare, MoneyEffect::None));
}

#[tokio::test]
async fn an_unfunded_payer_is_told_so() {
    let net = network().await;
    let client = client(&net).await;
    let error = client.pay(&Payer::unlogged(signer(8)), &account(9), ONE).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::NoAccount(who) if who == account(8)));
    assert_eq!(error.effect, MoneyEffect::None);
}

#[tokio::test]
async fn a_fee_above_the_limit_stops_before_signing() {
    let net = network().await;
    let client = client(&net).await;
    let (mut alice, journal) = payer(&client, 1).await;
    alice.max_fee = Some(Stroops(99));
    let error = client.pay(&alice, &account(1), ONE).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::FeeAboveLimit { quoted: Stroops(100), allowed: Stroops(99) }));
    assert!(journal.all().is_empty());
}

#[tokio::test]
async fn payments_of_one_account_wait_for_each_other() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, journal) = payer(&client, 1).await;
    payer(&client, 2).await;
    let before = balance(&client, &account(2)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (client, alice) = (client.clone(), alice.clone());
        tasks.spawn(async move { client.pay(&alice, &account(2), ONE).await });
    }
    while let Some(paid) = tasks.join_next().await {
        paid.unwrap().unwrap();
    }
    assert_eq!(balance(&client, &account(2)).await, before + Stroops::from_xlm(6));
    assert_eq!(journal.all().len(), 6, "nothing had to be signed twice");
}

#[tokio::test]
async fn programs_that_share_an_account_take_turns() {
    let net = network().await;
    let first = client(&net).await;
    payer(&first, 1).await;
    payer(&first, 2).await;
    let before = balance(&first, &account(2)).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let (other, alice) = (client(&net).await, Payer::unlogged(signer(1)));
        tasks.spawn(async move { other.pay(&alice, &account(2), ONE).await });
    }
    while let Some(paid) = tasks.join_next().await {
        paid.unwrap().unwrap();
    }
    assert_eq!(balance(&first, &account(2)).await, before + Stroops::from_xlm(3));
}

#[tokio::test]
async fn a_journal_that_fails_stops_the_payment() {
    let net = network().await;
    let client = client(&net).await;
    let (mut alice, _) = payer(&client, 1).await;
    let before = balance(&client, &account(1)).await;
    alice.log = Arc::new(|_: &layr_ledger::Pending| Err("disk full".into()));
    let error = client.pay(&alice, &account(1), ONE).await.unwrap_err();
    assert_eq!((error.stage, error.effect), (Stage::Journal, MoneyEffect::None));
    assert_eq!(balance(&client, &account(1)).await, before);
}

/// The answer to a sent payment is lost and the endpoint dies. The payment went through; resuming finds it.
#[tokio::test]
async fn a_lost_answer_is_unknown_until_resumed_and_never_paid_twice() {
    let net = network().await;
    let direct = client(&net).await;
    let (alice, journal) = payer(&direct, 1).await;
    payer(&direct, 2).await;
    let before = balance(&direct, &account(2)).await;

    let proxy = Proxy::start(&net).await;
    let mut through = config(&net).await;
    through.rpc_urls = vec![proxy.url.clone()];
    let through = LedgerClient::new(through).unwrap();
    proxy.set(Manner::DropAnswers("sendTransaction"));
    let error = through.pay(&alice, &account(2), ONE).await.unwrap_err();
    let pending = journal.last();
    assert_eq!(error.effect, MoneyEffect::Unknown(pending.hash), "{error}");
    assert!(error.to_string().contains(&proxy.url), "{error}");

    let still_down = through.resume(&pending).await.unwrap_err();
    assert_eq!(still_down.effect, MoneyEffect::Unknown(pending.hash));

    proxy.set(Manner::Honest);
    for _ in 0..2 {
        let resolution = through.resume(&pending).await.unwrap();
        assert!(matches!(resolution, Resolution::Applied(receipt) if receipt.hash == pending.hash));
    }
    assert_eq!(balance(&direct, &account(2)).await, before + ONE);
    assert_eq!(journal.all().len(), 1);
}

/// The endpoint dies before the payment reaches the network, as in a crash right after the journal's write.
#[tokio::test]
async fn a_payment_written_down_but_never_sent_is_completed_by_resuming() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, journal) = payer(&client, 1).await;
    payer(&client, 2).await;
    let before = balance(&client, &account(2)).await;
    let kept = Journal::default();
    let (written, stopping) = (kept.clone(), alice.clone());
    let crash = move |pending: &layr_ledger::Pending| {
        layr_ledger::PendingLog::about_to_send(&written, pending)?;
        Err("the power went out".into())
    };
    let crashing = Payer { log: Arc::new(crash), ..stopping };
    client.pay(&crashing, &account(2), ONE).await.unwrap_err();
    assert_eq!(balance(&client, &account(2)).await, before);

    assert!(matches!(client.resume(&kept.last()).await.unwrap(), Resolution::Applied(_)));
    assert!(matches!(client.resume(&kept.last()).await.unwrap(), Resolution::Applied(_)));
    assert_eq!(balance(&client, &account(2)).await, before + ONE);
    assert!(journal.all().is_empty());
}

#[tokio::test]
async fn a_pending_payment_whose_time_is_over_resolves_to_nothing_spent() {
    let net = network().await;
    let client = client(&net).await;
    let pending = unsent_payment(&client).await;
    let before = balance(&client, &account(2)).await;
    advance(&net, 3_600).await;
    assert_eq!(client.resume(&pending).await.unwrap(), Resolution::Expired);
    assert_eq!(balance(&client, &account(2)).await, before);
}

#[tokio::test]
async fn a_pending_payment_whose_sequence_number_was_used_is_dead_at_once() {
    let net = network().await;
    let client = client(&net).await;
    let pending = unsent_payment(&client).await;
    let alice = Payer::unlogged(signer(1));
    client.pay(&alice, &account(2), Stroops(7)).await.unwrap();
    let before = balance(&client, &account(2)).await;
    assert_eq!(client.resume(&pending).await.unwrap(), Resolution::Expired);
    assert_eq!(balance(&client, &account(2)).await, before);
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over() {
    let net = network().await;
    let mut config = config(&net).await;
    let proxy = Proxy::start(&net).await;
    proxy.set(Manner::Down);
    config.rpc_urls.insert(0, proxy.url.clone());
    let client = LedgerClient::new(config).unwrap();
    let (alice, _) = payer(&client, 1).await;
    client.pay(&alice, &account(1), ONE).await.unwrap();
}

/// A signed payment of 1 XLM from account 1 to account 2, kept back.
async fn unsent_payment(client: &LedgerClient) -> layr_ledger::Pending {
    payer(client, 2).await;
    let (alice, _) = payer(client, 1).await;
    let kept = Journal::default();
    let written = kept.clone();
    let hold = move |pending: &layr_ledger::Pending| {
        layr_ledger::PendingLog::about_to_send(&written, pending)?;
        Err("held back".into())
    };
    let holding = Payer { log: Arc::new(hold), ..alice };
    client.pay(&holding, &account(2), ONE).await.unwrap_err();
    kept.last()
}
