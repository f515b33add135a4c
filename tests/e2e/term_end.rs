//! The end of the term: hosts are paid to the stroop what they earned, the owner gets the rest, once.

use crate::support::{World, write_noise};
use serde_json::Value;
use std::collections::HashMap;

fn sum(all: &[Value], key: &str) -> i64 {
    all.iter().map(|one| one[key].as_i64().unwrap_or_else(|| panic!("no {key} in {one}"))).sum()
}

#[test]
fn at_the_end_of_the_term_everybody_is_paid_once() {
    let world = World::start("term-end", 3, "256MiB");
    let owner = world.owner("punctual");
    let path = owner.home.join("film");
    write_noise(&path, 6 << 20, 100);
    let free = |world: &World| -> HashMap<String, i64> {
        world.hosts.iter().map(|host| (host.key.clone(), host.money().escrow_free)).collect()
    };
    let before = free(&world);
    owner.upload(&path, "1/3");
    let agreements = owner.agreements();
    let locked = owner.money();

    let early = owner.layr(["settle"]).data();
    assert!(
        early["agreements"].as_array().expect("agreements").iter().all(|one| one["step"] == "running"),
        "{early}"
    );
    assert_eq!(owner.money(), locked, "nothing is settled before its time");

    world.advance("2592060s");
    let due = owner.layr(["settle", "--dry-run"]).data();
    assert_eq!(owner.money(), locked, "a dry run paid: {due}");
    let done = owner.layr(["settle"]).data();
    let settled = done["agreements"].as_array().expect("agreements");
    assert_eq!(settled.len(), 3, "{done}");
    assert!(settled.iter().all(|one| one["step"] == "closed"), "{done}");
    let collateral: i64 = agreements.iter().filter_map(|one| one["terms"]["collateral"].as_i64()).sum();
    let shares = sum(settled, "to_host") + sum(settled, "to_owner") + sum(settled, "burned");
    assert_eq!(shares, sum(&agreements, "escrow") + collateral, "money in is money out: {done}");
    let paid = done["fees"].as_i64().expect("fees");
    let after = owner.money();
    assert_eq!(after.account - locked.account, sum(settled, "to_owner") - paid, "{done}");

    let now = free(&world);
    for one in settled {
        let key = one["host"].as_str().expect("a key");
        let terms = agreements.iter().find(|known| known["host"] == key).expect("its agreement");
        let stake = terms["terms"]["collateral"].as_i64().expect("collateral");
        let income = one["to_host"].as_i64().expect("a share") - stake;
        assert!(income > 0, "an honest host earned nothing: {one}");
        assert_eq!(now[key] - before[key], income, "host {key} was paid something else");
    }

    let again = owner.layr(["settle"]).data();
    assert_eq!(again["agreements"].as_array().map(Vec::len), Some(0), "{again}");
    assert_eq!(owner.money(), after, "settling twice paid twice");
    assert_eq!(free(&world), now);
}
