//! Hosts die: in mid-upload others take over, after a power cut everything acknowledged is there, and a damaged
//! database is told, not guessed around.

use crate::rough;
use crate::support::world::damage_database;
use crate::support::{Out, until, write_noise};
use serde_json::Value;
use std::fs;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn another_host_takes_over_from_one_that_dies_in_mid_upload() {
    let mut world = rough();
    let owner = world.owner("unlucky");
    let path = owner.home.join("film");
    write_noise(&path, 48 << 20, 90);
    let already: Vec<u64> = world.hosts.iter().map(|host| host.process().written()).collect();
    let mut running = owner.layr(["upload", "film", "--profile", "2/4"]).json().start();
    // Never the first host: the others enter the network through it.
    let victim = until("a host to store some of it", PATIENCE, || {
        assert!(!running.poll(), "the upload ended before a host could be killed");
        (1..world.hosts.len()).find(|at| world.hosts[*at].process().written() > already[*at] + (4 << 20))
    });
    world.hosts[victim].kill();
    let done = running.finish(Duration::from_secs(150)).data();
    let key = Value::from(world.hosts[victim].key.as_str());
    assert_eq!(done["replaced"], Value::from(vec![key.clone()]), "{done}");
    let hosts = done["hosts"].as_array().expect("hosts");
    assert!(hosts.len() == 4 && !hosts.contains(&key), "{done}");
    owner.assert_comes_back("film", &path);
    let shown = owner.layr(["show", "film"]).data();
    let health = &shown["health"];
    assert_eq!(health["survivors"], health["made"], "every shard has a living host: {shown}");
    world.hosts[victim].start();
}

#[test]
fn a_power_cut_right_after_the_upload_loses_nothing() {
    let mut world = rough();
    let owner = world.owner("lucky");
    let path = owner.home.join("second");
    write_noise(&path, 8 << 20, 91);
    let mut running = owner.layr(["upload", "second", "--profile", "2/4"]).start();
    running.says(Out::Stderr, "saving the catalogue");
    let dead: Vec<usize> = (1..world.hosts.len()).collect();
    for at in &dead {
        world.hosts[*at].kill();
    }
    let _either_way = running.finish(Duration::from_secs(150));
    for at in &dead {
        let ready = world.hosts[*at].start();
        assert_eq!(ready["deposited"], 0, "collateral that is locked is deposited already: {ready}");
    }
    let audited = owner.layr(["audit", "second"]).data();
    let passed = |one: &Value| one["verdict"] == "passed" && one["good"] == one["asked"];
    assert!(audited["hosts"].as_array().expect("hosts").iter().all(passed), "{audited}");
    owner.assert_comes_back("second", &path);
}

#[test]
fn a_damaged_host_database_is_told() {
    let mut world = rough();
    let host = world.hosts.last_mut().expect("six hosts");
    host.kill();
    let whole = damage_database(&host.dir);
    assert!(!whole.is_empty(), "there is no database to damage");
    let error = host.run().run().error(6);
    assert_eq!(error["code"], "store/corrupt", "{error}");
    assert!(error.to_string().contains("damaged"), "{error}");
    // Nothing was changed by trying: with the file put back, the host runs.
    for (file, bytes) in whole {
        fs::write(&file, bytes).expect("writable");
    }
    host.start();
}
