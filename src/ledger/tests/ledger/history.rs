//! What came and went: statements of accounts, and what happened to one owner or host.

use crate::common::deal::World;
use crate::common::{account, advance, balance, client, network, payer};
use layr_ledger::{
    Cause, Counterparty, EntryKind, EscrowEvent, Involved, LEAST_BALANCE, PaymentMemo, Stage, StatementEntry,
};
use layr_types::{ContractId, NodeKey, Stroops};
use std::collections::BTreeSet;

fn kinds(entries: &[StatementEntry]) -> Vec<EntryKind> {
    entries.iter().map(|entry| entry.kind).collect()
}

#[tokio::test]
async fn sending_creates_the_account_or_pays_it_and_carries_the_memo() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, _) = payer(&client, 1).await;
    let error = client.send(&alice, &account(9), Stroops(1), None).await.unwrap_err();
    assert!(matches!(*error.cause, Cause::BelowReserve { least: LEAST_BALANCE, .. }), "{error}");
    let (quote, creates) = client.quote_send(&account(1), &account(9), Stroops::from_xlm(3)).await.unwrap();
    assert!(creates && quote.total() == Stroops(100));
    assert!(client.send(&alice, &account(9), Stroops::from_xlm(3), None).await.unwrap().created);
    let memo = PaymentMemo::Text("rent, März".to_owned());
    let sent = client.send(&alice, &account(9), Stroops(5), Some(&memo)).await.unwrap();
    assert!(!sent.created);
    assert_eq!(balance(&client, &account(9)).await, Stroops::from_xlm(3) + Stroops(5));
    let long = PaymentMemo::Text("x".repeat(29));
    let error = client.send(&alice, &account(9), Stroops(5), Some(&long)).await.unwrap_err();
    assert_eq!(error.stage, Stage::Prepare);

    let statement = client.escrow(ContractId([0; 32])).statement(&account(9), 0..=u32::MAX).await.unwrap();
    let amounts: Vec<_> = statement.entries.iter().map(|entry| entry.amount).collect();
    assert_eq!(amounts, [Stroops::from_xlm(3), Stroops(5)]);
    assert!(statement.entries.iter().all(|entry| {
        entry.kind == EntryKind::Payment && entry.counterparty == Counterparty::Account(account(1))
    }));
    assert_eq!(statement.entries[1].memo, Some(memo));
    assert_eq!(statement.entries[1].transaction, sent.receipt.hash);
    assert_eq!(statement.entries[1].time, sent.receipt.closed_at);
}

#[tokio::test]
async fn a_statement_adds_up_to_the_balance_and_says_what_each_movement_was_for() {
    let world = World::new().await;
    let deal = world.open(0).await;
    advance(&world.net, 601).await;
    let closing = world.closing(&deal, 0, deal.terms.collateral);
    world.escrow.close(std::slice::from_ref(&closing)).unwrap().submit(&world.owner).await.unwrap();

    let owner = world.escrow.statement(&account(2), 0..=u32::MAX).await.unwrap();
    let here = Counterparty::Contract(world.escrow.contract());
    use EntryKind::{Deposited, Escrowed, Fee, Payment, Settled};
    assert_eq!(kinds(&owner.entries), [Payment, Fee, Escrowed, Fee, Settled]);
    let total: Stroops = owner.entries.iter().map(|entry| entry.amount).sum();
    assert_eq!(total, balance(&world.client, &account(2)).await, "nothing is missing");
    assert_eq!(owner.entries[2].amount, -(deal.terms.escrow + deal.terms.voucher_part));
    assert_eq!(owner.entries[4].amount, closing.split.owner);
    for entry in &owner.entries[1..] {
        assert_eq!(entry.agreements, [deal.id]);
        let with = if entry.kind == Fee { Counterparty::Network } else { here };
        assert_eq!(entry.counterparty, with);
    }

    let host = world.escrow.statement(&account(3), 0..=u32::MAX).await.unwrap();
    assert_eq!(kinds(&host.entries), [Payment, Fee, Fee, Deposited]);
    let total: Stroops = host.entries.iter().map(|entry| entry.amount).sum();
    assert_eq!(total, balance(&world.client, &account(3)).await);

    let opened = owner.entries[2].ledger;
    let part = world.escrow.statement(&account(2), opened..=opened).await.unwrap();
    assert_eq!((part.from, part.to), (opened, opened));
    assert_eq!(kinds(&part.entries), [Fee, Escrowed]);
    let later = world.escrow.statement(&account(2), u32::MAX - 1..=u32::MAX).await.unwrap();
    assert!(later.entries.is_empty());
}

#[tokio::test]
async fn long_histories_come_in_pages_and_in_order() {
    let net = network().await;
    let client = client(&net).await;
    let (alice, _) = payer(&client, 1).await;
    payer(&client, 2).await;
    for amount in 1..=120 {
        client.pay(&alice, &account(2), Stroops(amount)).await.unwrap();
    }
    let escrow = client.escrow(ContractId([0; 32]));
    let statement = escrow.statement(&account(1), 0..=u32::MAX).await.unwrap();
    let paid: Vec<i128> = statement
        .entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Payment && entry.amount < Stroops::ZERO)
        .map(|entry| -entry.amount.0)
        .collect();
    assert_eq!(paid, (1..=120).collect::<Vec<i128>>());
    let total: Stroops = statement.entries.iter().map(|entry| entry.amount).sum();
    assert_eq!(total, balance(&client, &account(1)).await);
}

#[tokio::test]
async fn an_owners_history_holds_its_own_agreements_only() {
    let world = World::new().await;
    let deal = world.open(0).await;
    advance(&world.net, 601).await;
    let closing = world.closing(&deal, 0, deal.terms.collateral);
    world.escrow.close(std::slice::from_ref(&closing)).unwrap().submit(&world.owner).await.unwrap();
    let nobody = NodeKey([0; 32]);
    let who = Involved { account: account(2), host_key: nobody, agreements: BTreeSet::new() };
    let (events, from) = world.escrow.history(&who, 0..=u32::MAX).await.unwrap();
    assert_eq!(events.len(), 2);
    assert!(matches!(events[0].event, EscrowEvent::Opened { id, .. } if id == deal.id));
    assert!(matches!(events[1].event, EscrowEvent::Closed { id, .. } if id == deal.id));
    assert!(events[0].time <= events[1].time && from <= events[0].ledger);

    let stranger = Involved { account: account(7), ..who.clone() };
    assert!(world.escrow.history(&stranger, 0..=u32::MAX).await.unwrap().0.is_empty());
    let knowing = Involved { agreements: BTreeSet::from([deal.id]), ..stranger };
    assert_eq!(world.escrow.history(&knowing, 0..=u32::MAX).await.unwrap().0.len(), 2);
    let host = Involved { account: account(7), host_key: world.host_key(), agreements: BTreeSet::new() };
    assert_eq!(world.escrow.history(&host, 0..=u32::MAX).await.unwrap().0.len(), 4);
}
