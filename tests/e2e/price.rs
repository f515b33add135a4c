//! Money: the price is known before anything is paid, limits hold, and too few hosts cost nothing.

use crate::support::{World, write_noise};
use crate::{CALM, CALM_HOSTS};
use serde_json::Value;

fn amount(data: &Value, key: &str) -> i64 {
    data[key].as_i64().unwrap_or_else(|| panic!("no {key} in {data}"))
}

#[test]
fn a_dry_run_pays_nothing_and_bounds_what_the_upload_takes() {
    let owner = CALM.owner("dry-run");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 30);
    let before = owner.money();
    let upload = |more: &[&str]| owner.layr(["upload", "film", "--profile", "2/4"]).args(more);

    let quote = upload(&["--dry-run"]).data();
    let total = amount(&quote, "total");
    assert_eq!(quote["hosts"].as_array().map(Vec::len), Some(4), "{quote}");
    assert_eq!(
        total,
        amount(&quote, "escrow") + amount(&quote, "ledger_fees") + amount(&quote, "rent"),
        "{quote}"
    );
    let words = upload(&["--dry-run"]).run().exits(0);
    assert!(words.stdout.contains("Nothing was paid"), "{}", words.story());

    let low = format!("{}stroops", amount(&quote, "escrow") / 2);
    let error = upload(&["--max-cost", &low]).error(4);
    assert_eq!(
        (error["code"].as_str(), error["money_effect"].as_str()),
        (Some("upload/over-budget"), Some("none"))
    );
    assert_eq!(owner.money(), before, "a dry run or a refused upload paid");
    assert!(owner.agreements().iter().all(|one| one["stage"] == "proposed"), "something was opened");

    let done = upload(&["--max-cost", &format!("{total}stroops")]).data();
    let spent = before.account - owner.money().account;
    assert_eq!(
        spent,
        amount(&done, "escrow") + amount(&done, "fees"),
        "the report says what was spent: {done}"
    );
    assert!(spent <= total, "{spent} stroops spent, {total} quoted");
    owner.assert_comes_back("film", &path);

    // What fits the agreements there are costs nothing more.
    let second = owner.home.join("second");
    write_noise(&second, 1 << 20, 31);
    let quote = owner.layr(["upload", "second", "--profile", "2/4", "--dry-run"]).data();
    assert_eq!((amount(&quote, "total"), quote["reused"].as_array().map(Vec::len)), (0, Some(4)), "{quote}");
    let before = owner.money();
    owner.upload(&second, "2/4");
    assert_eq!(owner.money(), before);
}

#[test]
fn too_few_hosts_cost_nothing_and_the_error_names_how_many_and_the_flag() {
    let owner = CALM.owner("too-few");
    let path = owner.home.join("film");
    write_noise(&path, 2 << 20, 32);
    let before = owner.money();
    let wanted = CALM_HOSTS + 2;
    let profile = format!("2/{wanted}");
    let upload = || owner.layr(["upload", "film", "--profile", &profile]);

    let error = upload().error(3);
    assert_eq!(
        (error["code"].as_str(), error["money_effect"].as_str()),
        (Some("upload/too-few-hosts"), Some("none"))
    );
    let message = error["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(&format!("{wanted} hosts are needed")) && message.contains("2 missing"),
        "{message}"
    );
    assert!(error["next"].as_str().unwrap_or_default().contains("--allow-shared-hosts"), "{error}");
    assert_eq!(owner.money(), before);

    upload().args(["--allow-shared-hosts"]).data();
    owner.assert_comes_back("film", &path);
    assert!(owner.agreements().len() <= CALM_HOSTS);
}

#[test]
fn an_account_without_money_is_a_payment_error_before_anything_is_promised() {
    let owner = CALM.owner_without_money("pauper");
    write_noise(&owner.home.join("film"), 1 << 20, 33);
    let error = owner.layr(["upload", "film", "--profile", "2/4"]).error(4);
    assert_eq!(
        (error["code"].as_str(), error["money_effect"].as_str()),
        (Some("ledger/funds"), Some("none"))
    );
    assert!(owner.agreements().is_empty(), "something was agreed");
    owner.layr(["upload", "film", "--profile", "2/4", "--dry-run"]).data();

    owner.layr(["wallet", "fund"]).data();
    owner.layr(["upload", "film", "--profile", "2/4"]).data();
}

#[test]
fn reads_are_paid_up_to_what_was_set_aside_and_then_the_error_says_so() {
    let mut world = World::start("paid-reads", 2, "256MiB");
    for host in &mut world.hosts {
        host.kill();
        host.conditions = vec!["--read-price", "100xlm", "--free-reads", "10"];
        host.start();
    }
    let owner = world.owner("reader");
    let path = owner.home.join("film");
    write_noise(&path, 20 << 20, 32);
    let upload = owner.layr(["upload", "film", "--profile", "1/2"]);
    let reads = amount(&upload.clone().args(["--dry-run"]).data(), "reads");
    assert!(reads > 0, "what paid reads may cost is a line of the quote");
    upload.data();
    owner.assert_comes_back("film", &path);

    // One full download is set aside; somewhere in the next ones it is used up.
    let refused = (0..4).find_map(|_| {
        let tried = owner.layr(["download", "film", "-o", "again", "--force"]).json().run();
        (tried.envelope()["ok"] == false).then_some(tried)
    });
    let error = refused.expect("reads are not for nothing").error(4);
    assert_eq!(error["code"], "download/unpaid-reads", "{error}");
    assert!(error["next"].as_str().is_some_and(|next| next.contains("renew")), "{error}");
    assert!(error["causes"][0].as_str().is_some_and(|cause| cause.contains("XLM")), "{error}");

    world.advance("31d");
    let before = owner.money();
    let done = owner.layr(["settle"]).data();
    let agreements = done["agreements"].as_array().expect("agreements");
    assert!(agreements.len() == 2 && agreements.iter().all(|one| one["step"] == "closed"), "{done}");
    let back = owner.money().account - before.account;
    assert_eq!(back, amount(&done, "refunded") - amount(&done, "fees"), "{done}");
    // Hosts got the base fees (0.02 XLM each), what storage earned, and at least most of what was set aside.
    assert!(amount(&done, "paid") > 400_000 + reads / 2, "{done}");
}
