//! Agreements one by one: shown by any beginning of their id, ended early by consent, challenged on the ledger.

use crate::CALM;
use crate::support::{World, write_noise};
use serde_json::Value;

fn ids(owner: &crate::support::Person) -> Vec<String> {
    owner.agreements().iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect()
}

/// The shortest beginning of an id that no other has.
fn prefix(id: &str, all: &[String]) -> String {
    let alone = |len: &usize| all.iter().filter(|other| other.starts_with(&id[..*len])).count() == 1;
    id[..(1..=64).find(alone).expect("ids differ")].to_owned()
}

#[test]
fn an_agreement_is_shown_by_any_beginning_of_its_id_and_the_timeline_says_what_depends_on_it() {
    let owner = CALM.owner("by-prefix");
    let path = owner.home.join("film");
    write_noise(&path, 2 << 20, 150);
    owner.upload(&path, "2/4");
    let all = ids(&owner);
    for id in &all {
        let short = prefix(id, &all);
        let shown = owner.layr(["agreements", "show", &short]).data();
        assert_eq!(shown["id"], id.as_str(), "{short}: {shown}");
        let words = owner.layr(["agreements", "show", &short.to_uppercase()]).run().exits(0);
        for part in ["stage", "in escrow", "collateral", "next", "at stake", "UTC"] {
            assert!(words.stdout.contains(part), "no {part:?}: {}", words.story());
        }
    }
    let error = owner.layr(["agreements", "show", "xyz"]).error(5);
    assert_eq!(error["code"], "agreements/unknown", "{error}");
    let error = owner.layr(["agreements", "show", ""]).error(2);
    assert!(error["message"].as_str().unwrap_or_default().contains("4 agreements"), "{error}");
    for listing in [&["agreements"][..], &["agreements", "list"]] {
        assert_eq!(owner.layr(listing).data().as_array().map(Vec::len), Some(4));
    }

    let due = owner.layr(["agreements", "--at-risk"]).data();
    let due = due.as_array().expect("a timeline");
    assert_eq!(due.len(), 4);
    let locked: i64 = due.iter().filter_map(|one| one["locked"].as_i64()).sum();
    let escrow: i64 = owner.agreements().iter().filter_map(|one| one["escrow"].as_i64()).sum();
    assert!(
        locked >= escrow && due.iter().all(|one| one["stake"].as_i64() <= one["locked"].as_i64()),
        "{due:?}"
    );
    let words = owner.layr(["agreements", "--at-risk"]).run().exits(0);
    assert!(words.stdout.contains("XLM are locked"), "{}", words.story());

    // Nothing of what may be done by hand is sent in a dry run, and a limit is kept.
    let before = owner.money();
    let would = owner.layr(["agreements", "close", &all[0], "--dry-run"]).data();
    assert_eq!(would["step"], "waiting", "the offer it was opened from still binds its host: {would}");
    owner.layr(["agreements", "dispute", "xyz", "--dry-run"]).error(5);
    let nonsense = owner.home.join("nonsense");
    std::fs::write(&nonsense, "{\"format\":\"layr-proof/1\"}").expect("writable");
    owner.layr(["agreements", "submit-proof", "nonsense", "--dry-run"]).error(2);
    owner.layr(["agreements", "submit-proof", "not-there"]).error(2);

    // A proof is exported by the host that runs, and only when the ledger waits for one.
    let error = owner.layr(["agreements", "export-proof", &all[0]]).error(5);
    assert_eq!(error["code"], "node/not-running", "{error}");
    let key = owner.agreements()[0]["host"].as_str().expect("a key").to_owned();
    let host = CALM.hosts.iter().find(|host| host.key == key).expect("one of ours");
    let error = host.layr(["agreements", "export-proof", &all[0]]).error(2);
    assert_eq!(error["code"], "agreements/no-proof", "{error}");
    host.layr(["agreements", "export-proof", "xyz"]).error(5);
    assert_eq!(owner.money(), before);
}

#[test]
fn one_agreement_ends_early_by_consent_and_the_others_go_on() {
    let world = World::start("early-end", 3, "256MiB");
    let owner = world.owner("leaver");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 151);
    owner.upload(&path, "1/3");
    world.advance("5h");
    let all = ids(&owner);
    let before = owner.money();
    let would = owner.layr(["agreements", "close", &all[0], "--dry-run"]).data();
    assert_eq!(would["step"], "would-close", "{would}");
    assert_eq!(owner.money(), before);

    let done = owner.layr(["agreements", "close", &all[0]]).data();
    assert_eq!(done["step"], "closed", "{done}");
    let came: i64 = done["to_owner"].as_i64().expect("an amount");
    assert_eq!(owner.money().account - before.account, came - done["fees"].as_i64().expect("fees"), "{done}");
    let left = ids(&owner);
    assert_eq!(left.len(), 2, "the others go on");
    assert!(!left.contains(&all[0]));
    let shown = owner.layr(["agreements", "show", &all[0]]).data();
    assert_eq!(
        (&shown["stage"], &shown["refunded"]),
        (&Value::from("settled"), &done["to_owner"]),
        "{shown}"
    );
    let error = owner.layr(["agreements", "close", &all[0]]).error(2);
    assert_eq!(error["code"], "agreements/not-open", "{error}");
    owner.assert_comes_back("film", &path);
}

#[test]
fn agreements_are_renewed_in_one_go_without_moving_a_byte() {
    let world = World::start("renewed", 3, "256MiB");
    let owner = world.owner("stayer");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 152);
    owner.upload(&path, "1/3");
    world.advance("20d");
    let old = ids(&owner);
    let before = owner.money();
    let would = owner.layr(["agreements", "renew", "--dry-run", "--term", "60d"]).data();
    assert_eq!(would["renewed"].as_array().map(Vec::len), Some(3), "{would}");
    assert_eq!(owner.money(), before, "a dry run paid");
    let error = owner.layr(["agreements", "renew", "--term", "60d", "--max-cost", "1stroops"]).error(4);
    assert_eq!(error["code"], "agreements/over-budget", "{error}");
    assert_eq!((owner.money(), ids(&owner)), (before, old.clone()));

    let done = owner.layr(["agreements", "renew", "--term", "60d"]).data();
    assert_eq!(done["renewed"].as_array().map(Vec::len), Some(3), "{done}");
    let spent = before.account - owner.money().account;
    assert_eq!(spent, done["net"].as_i64().expect("net") + done["fees"].as_i64().expect("fees"), "{done}");
    let new = ids(&owner);
    assert!(new.len() == 3 && new.iter().all(|id| !old.contains(id)), "{new:?}");
    let audited = owner.layr(["audit"]).data();
    let verdicts = audited["hosts"].as_array().expect("hosts");
    assert!(verdicts.len() == 3 && verdicts.iter().all(|one| one["verdict"] == "passed"), "{audited}");

    // The old term's end passes, and the file is still there.
    world.advance("15d");
    owner.assert_comes_back("film", &path);
    assert_eq!(owner.layr(["settle"]).data()["refunded"], 0);
}

#[test]
fn a_host_that_is_there_answers_a_challenge_and_keeps_the_bond() {
    let world = World::start("challenged", 3, "256MiB");
    let owner = world.owner("doubter");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 153);
    owner.upload(&path, "1/3");
    world.advance("5h");
    let agreement = owner.agreements().remove(0);
    let (id, key) = (crate::support::text(&agreement, "id"), crate::support::text(&agreement, "host"));
    let host = world.hosts.iter().find(|host| host.key == key).expect("one of ours");
    let before = (owner.money(), host.money());
    let would = owner.layr(["agreements", "dispute", &id, "--dry-run"]).data();
    let error = owner.layr(["agreements", "dispute", &id, "--max-cost", "1stroops"]).error(4);
    assert_eq!(error["code"], "agreements/over-budget", "{error}");
    assert_eq!(owner.money(), before.0, "nothing was sent: {would}");

    let done = owner.layr(["agreements", "dispute", &id, "--file", "film"]).data();
    let bond = done["bond"].as_i64().expect("a bond");
    let spent = before.0.account - owner.money().account;
    assert_eq!(spent, bond + done["fees"].as_i64().expect("fees"), "{done}");
    // The host shows the leaves on the ledger, where anybody can read them; the bond is its.
    crate::support::until("the host to answer", std::time::Duration::from_secs(90), || {
        (host.money().escrow_free == before.1.escrow_free + bond).then_some(())
    });
    let shown = owner.layr(["agreements", "show", &id]).data();
    assert_eq!(shown["stage"], "running", "{shown}");
}

#[test]
fn a_host_that_cannot_pay_for_its_answer_is_saved_by_a_stranger_who_brings_it() {
    let world = World::start("stranded", 2, "256MiB");
    let (owner, stranger) = (world.owner("doubter"), world.owner("passer-by"));
    let path = owner.home.join("film");
    write_noise(&path, 2 << 20, 154);
    owner.upload(&path, "1/2");
    let agreement = owner.agreements().remove(0);
    let (id, key) = (crate::support::text(&agreement, "id"), crate::support::text(&agreement, "host"));
    let host = world.hosts.iter().find(|host| host.key == key).expect("one of ours");

    // The host's account is emptied but for what a payment costs: nothing is left for the fees of an answer.
    let to = crate::support::text(&stranger.layr(["wallet", "address"]).data(), "address");
    let spendable = host.layr(["wallet", "balance"]).data()["spendable"].as_i64().expect("an amount");
    host.layr(["wallet", "send", &to, &format!("{}stroops", spendable - 200)]).data();
    let before = host.money();
    let done = owner.layr(["agreements", "dispute", &id, "--leaf", "0", "--leaf", "1500"]).data();
    let bond = done["bond"].as_i64().expect("a bond");

    let file = stranger.home.join("proof.json");
    let shown = file.to_str().expect("a path");
    crate::support::until("the host to know of the challenge", std::time::Duration::from_secs(90), || {
        let tried = host.layr(["agreements", "export-proof", &id, "-o", shown]).json().run();
        (tried.envelope()["ok"] == true).then_some(())
    });
    let would = stranger.layr(["agreements", "submit-proof", shown, "--dry-run"]).data();
    assert_eq!((&would["answer"], &would["tx"]), (&true.into(), &Value::Null), "{would}");
    assert_eq!(owner.layr(["agreements", "show", &id]).data()["stage"], "challenged");
    stranger.layr(["agreements", "submit-proof", shown]).data();
    assert_eq!(owner.layr(["agreements", "show", &id]).data()["stage"], "running");
    let after = host.money();
    assert_eq!((after.account, after.escrow_free), (before.account, before.escrow_free + bond));
    // It was asked once, and is answered once.
    let again = stranger.layr(["agreements", "submit-proof", shown]).json().run().envelope();
    assert_eq!(again["ok"], false, "{again}");
    assert_eq!(host.money(), after);
}
