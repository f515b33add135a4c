//! The account: payments made once, and statements that add up.

use crate::CALM;
use crate::support::write_noise;
use serde_json::Value;

fn sum(entries: &[Value], kinds: &[&str]) -> i64 {
    let wanted = |entry: &&Value| kinds.is_empty() || kinds.iter().any(|kind| entry["kind"] == *kind);
    entries.iter().filter(wanted).filter_map(|entry| entry["amount"].as_i64()).sum()
}

#[test]
fn a_payment_is_quoted_limited_made_once_and_told() {
    let owner = CALM.owner("payer");
    let friend = CALM.owner_without_money("friend");
    let before = owner.money().account;
    let send = |args: &[&str]| owner.layr(["wallet", "send", &friend.address]).args(args);

    for args in [&["0"][..], &["-1"], &["lots"], &["1", "--memo", "a memo that is longer than it may be"]] {
        send(args).error(2);
    }
    owner.layr(["wallet", "send", "GNONSENSE", "1"]).error(2);
    owner.layr(["wallet", "send", &owner.address, "1"]).error(2);
    let quote = send(&["2.5", "--dry-run"]).data();
    assert_eq!((&quote["amount"], &quote["creates_account"]), (&25_000_000.into(), &true.into()), "{quote}");
    let error = send(&["2.5", "--max-cost", "2.5"]).error(4);
    assert_eq!(error["money_effect"], "none", "{error}");
    let error = send(&["99999"]).error(4);
    assert_eq!((&error["code"], &error["money_effect"]), (&"ledger/funds".into(), &"none".into()), "{error}");
    assert_eq!(owner.money().account, before, "nothing was sent");

    let sent = send(&["2.5", "--memo", "for the disk"]).data();
    assert_eq!(friend.money().account, 25_000_000, "{sent}");
    let fee = sent["fee"].as_i64().expect("a fee");
    assert_eq!(before - owner.money().account, 25_000_000 + fee, "{sent}");
    send(&["3stroops"]).data();
    assert_eq!(friend.money().account, 25_000_003);

    let told = friend.layr(["wallet", "history"]).data();
    let entries = told["entries"].as_array().expect("entries");
    let amounts: Vec<i64> = entries.iter().filter_map(|entry| entry["amount"].as_i64()).collect();
    assert_eq!(amounts, [3, 25_000_000], "the newest first: {told}");
    assert_eq!(entries[1]["memo"]["text"], "for the disk", "{told}");
    let words = friend.layr(["wallet", "history", "--limit", "1"]).run().exits(0);
    assert!(words.stdout.contains("1 earlier"), "{}", words.story());
}

#[test]
fn a_statement_adds_up_to_the_balance_and_says_what_everything_was_for() {
    let owner = CALM.owner("book-keeper");
    let path = owner.home.join("film");
    write_noise(&path, 2 << 20, 160);
    let done = owner.upload(&path, "2/4");
    let statement = owner.layr(["wallet", "statement"]).data();
    let entries = statement["entries"].as_array().expect("entries");
    assert_eq!(sum(entries, &[]), owner.money().account, "{statement}");
    assert_eq!(sum(entries, &["escrowed"]), -done["escrow"].as_i64().expect("escrow"), "{statement}");
    assert_eq!(sum(entries, &["fee"]), -done["fees"].as_i64().expect("fees"), "{statement}");
    let escrowed = entries.iter().find(|entry| entry["kind"] == "escrowed").expect("one");
    assert_eq!(escrowed["agreements"].as_array().map(Vec::len), Some(4), "{escrowed}");

    let csv = owner.layr(["wallet", "statement", "--csv"]).run().exits(0);
    let mut lines = csv.stdout.lines();
    assert_eq!(lines.next(), Some("time,ledger,kind,amount_xlm,counterparty,transaction,agreements,memo"));
    assert_eq!(lines.clone().count(), entries.len(), "{}", csv.story());
    assert!(lines.all(|line| line.split(',').count() == 8 && line.contains("Z,")), "{}", csv.story());
    let words = owner.layr(["wallet", "statement"]).run().exits(0);
    assert!(
        words.stdout.contains("in all") && words.stdout.contains("Complete from ledger"),
        "{}",
        words.story()
    );
}
