//! Hosts are destroyed, the file is gone too, and a repair brings everything back to full health; a node in the
//! owner's role does the same of itself.

use crate::support::{World, write_noise};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

fn healthy(data: &Value) -> bool {
    let health = &data["health"];
    health["survivors"] == health["made"] && health["condition"] == "healthy"
}

#[test]
fn four_of_twelve_hosts_are_destroyed_and_the_file_is_whole_again_without_its_source() {
    let mut world = World::start("repair", 12, "512MiB");
    let owner = world.owner("careful");
    let path = owner.home.join("film");
    write_noise(&path, 24 << 20, 77);
    owner.layr(["upload", "film", "--profile", "4/12"]).data();
    let copy = owner.home.join("kept elsewhere");
    fs::rename(&path, &copy).expect("the file can be moved away");
    // Never the first host: the owner enters the network through it.
    let gone: BTreeSet<String> = (1..5)
        .map(|at| {
            world.destroy(at);
            world.hosts[at].key.clone()
        })
        .collect();
    let fresh = world.join(4, "512MiB");
    let dry = owner.layr(["repair", "film", "--dry-run"]).json().run().exits(10).envelope();
    assert_eq!(dry["data"]["rebuilt"], 0, "{dry}");
    let found: BTreeSet<String> = serde_json::from_value(dry["data"]["gone"].clone()).expect("keys");
    assert_eq!(found, gone, "{dry}");
    let cost = dry["data"]["quote"]["total"].as_u64().expect("a price");
    // Half: a loaded machine may not find every new host at once, and fewer of them cost less.
    let below = format!("{}stroops", cost / 2);
    // What finds room in agreements there are costs nothing and is done; the rest waits for a higher limit.
    let short = owner.layr(["repair", "film", "--max-cost", &below]).json().run().exits(7).envelope();
    let why = short["data"]["shortage"].as_str().unwrap_or_default();
    assert!(why.contains("more than the limit"), "{short}");
    assert_eq!(short["data"]["opened"], Value::Array(Vec::new()), "{short}");

    let done = owner.layr(["repair", "film", "--max-cost", &format!("{cost}stroops")]).data();
    assert_eq!((&done["rebuilt"], &done["unplaced"]), (&done["wanted"], &Value::from(0)), "{done}");
    assert_eq!(done["opened"].as_array().map(Vec::len), Some(4), "{done}");
    let took: BTreeSet<&str> =
        done["hosts"].as_array().expect("hosts").iter().filter_map(Value::as_str).collect();
    let expected: BTreeSet<&str> = world.hosts[fresh..].iter().map(|host| host.key.as_str()).collect();
    assert!(took.is_superset(&expected), "the new hosts have what was lost: {done}");
    let shown = owner.layr(["show", "film"]).data();
    assert!(healthy(&shown), "{shown}");
    let segments = shown["segments"].as_array().expect("segments");
    assert!(segments.iter().all(|one| one["survivors"] == one["profile"][1]), "{shown}");
    assert!(segments.iter().filter(|one| one["survivors"] == 12).count() >= 6, "{shown}");
    owner.assert_comes_back("film", &copy);
    let again = owner.layr(["repair"]).data();
    assert_eq!((&again["wanted"], &again["opened"]), (&Value::from(0), &Value::Array(Vec::new())), "{again}");
}
