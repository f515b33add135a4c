//! Deleting: what is given back serves the next file, and everything else stays.

use crate::support::{Person, World, until, write_noise};
use serde_json::Value;
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Sectors all hosts of the world hold.
fn live(world: &World) -> u64 {
    let live = |status: Value| status["status"]["space"]["live"].as_u64().expect("a number");
    world.hosts.iter().map(|host| live(host.layr(["node", "status"]).data())).sum()
}

fn ids(owner: &Person) -> Vec<Value> {
    let mut ids: Vec<Value> = owner.agreements().into_iter().map(|mut one| one["id"].take()).collect();
    ids.sort_by_key(Value::to_string);
    ids
}

#[test]
fn a_deleted_files_room_and_money_serve_the_next_file_without_a_new_agreement() {
    let world = World::start("deleted", 3, "64MiB");
    let owner = world.owner("tidy");
    // Sixteen sectors are the least an agreement has: two of these fit, three do not.
    for (name, seed) in [("first", 150), ("second", 151), ("third", 152)] {
        write_noise(&owner.home.join(name), 5_000_000, seed);
    }
    owner.upload(&owner.home.join("first"), "1/3");
    owner.upload(&owner.home.join("second"), "1/3");
    let (agreements, money, full) = (ids(&owner), owner.money(), live(&world));

    // Nothing happens without a yes, nor in a dry run.
    let error = owner.layr(["rm", "first"]).error(2);
    assert!(error["message"].as_str().is_some_and(|text| text.contains("no terminal")), "{error}");
    let would = owner.layr(["rm", "first", "--dry-run"]).data();
    let segments = would["segments"].as_u64().expect("a number");
    assert_eq!(would["files"][0]["name"], "first", "{would}");
    assert!((4..=6).contains(&segments) && full >= 2 * 3 * segments, "{full} sectors: {would}");
    assert!(would["money"].as_i64() > Some(0), "{would}");
    owner.layr(["rm", "no such file", "--yes"]).error(5);
    assert_eq!((owner.layr(["ls"]).data().as_array().map(Vec::len), live(&world)), (Some(2), full));

    let done = owner.layr(["rm", "first", "--yes"]).data();
    assert_eq!((&done["left"], &done["segments"]), (&0.into(), &would["segments"]), "{done}");
    assert!(done["freed"].as_u64() >= Some(3 * segments * MIB), "{done}");
    let less = until("hosts to drop the sectors", Duration::from_secs(30), || {
        Some(live(&world)).filter(|live| live + 3 * segments <= full + 3)
    });
    owner.layr(["download", "first", "-o", "gone"]).error(5);

    owner.upload(&owner.home.join("third"), "1/3");
    assert_eq!(ids(&owner), agreements, "no new agreement");
    assert_eq!(owner.money().account, money.account, "and nothing was paid");
    until("hosts to hold the third file", Duration::from_secs(30), || {
        Some(live(&world)).filter(|live| *live >= less + 3 * segments)
    });
    for name in ["second", "third"] {
        owner.assert_comes_back(name, &owner.home.join(name));
    }
    owner.layr(["audit"]).data();
}
