//! The ledger dies while an upload locks its money: whatever became of the transaction, it is paid once.

use crate::rough;
use crate::support::{Out, write_noise};
use std::time::Duration;

#[test]
fn a_ledger_that_dies_while_money_is_being_locked_is_paid_once() {
    let mut world = rough();
    let owner = world.owner("patient");
    let path = owner.home.join("film");
    write_noise(&path, 4 << 20, 80);
    let before = owner.money();
    let upload = owner.layr(["upload", "film", "--profile", "2/3"]);

    let mut running = upload.start();
    running.says(Out::Stderr, "locking money");
    world.kill_ledger();
    let ended = running.finish(Duration::from_secs(150)).exits(3);
    assert!(ended.stderr.contains("ledger") && ended.stderr.contains("next: "), "{}", ended.story());

    // Without a ledger nothing that needs it works, and it says so.
    let error = owner.layr(["wallet", "balance"]).error(3);
    assert_eq!(error["code"], "ledger/unreachable", "{error}");

    world.start_ledger();
    let done = upload.clone().data();
    let agreements = owner.agreements();
    let running: Vec<_> = agreements.iter().filter(|one| one["stage"] == "running").collect();
    assert_eq!(running.len(), 3, "one agreement a host: {agreements:?}");
    let escrow: i64 = running.iter().filter_map(|one| one["escrow"].as_i64()).sum();
    let spent = before.account - owner.money().account;
    let fees = spent - escrow;
    assert!(fees >= 0, "more is locked than was spent: {agreements:?}");
    assert_eq!(done["fees"].as_i64(), Some(fees), "money was paid twice, or fees are not told: {done}");
    owner.assert_comes_back("film", &path);

    // The same once more: everything is there already, nothing is paid.
    let paid = owner.money();
    upload.clone().data();
    assert_eq!(owner.money(), paid);
}
