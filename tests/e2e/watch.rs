//! A node in the owner's role looks after agreements while nobody is there: audits, settlement at the end of the
//! term, and commands on the same directory go on working.

use crate::support::{Person, Running, World, until, write_noise};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

/// Starts a node that looks at the ledger's clock every second.
fn watch(owner: &Person) -> Running {
    let mut node = owner.layr(["node", "run", "--role", "owner", "--look-every", "1s"]).json().start();
    assert_eq!(node.ready()["role"], "owner");
    node
}

fn state(owner: &Person) -> Value {
    owner.layr(["node", "status"]).data()["owner"].take()
}

/// Waits until the watch's state is as told.
fn seen(owner: &Person, what: &str, as_told: impl Fn(&Value) -> bool) -> Value {
    until(what, PATIENCE, || Some(state(owner)).filter(|state| as_told(state)))
}

#[test]
fn a_watching_node_audits_daily_and_settles_at_the_end_without_anybody_there() {
    let mut world = World::start("watched", 3, "256MiB");
    let owner = world.owner("sleeper");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 130);
    owner.upload(&path, "1/3");
    let locked = owner.money();
    let node = watch(&owner);

    // Everything was audited at the upload: nothing is due before a day has passed.
    let calm = seen(&owner, "a first round", |state| state["rounds"].as_u64() > Some(0));
    assert_eq!(
        (calm["due"].as_array().map(Vec::len), &calm["last_audit"]),
        (Some(3), &Value::Null),
        "{calm}"
    );
    let audits = |owner: &Person| owner.agreements()[0]["audits_good"].as_u64().expect("audits");
    let before = audits(&owner);
    world.advance("27h");
    let first = seen(&owner, "a day's audit", |state| state["last_audit"]["passed"] == 3);
    // Between two rounds the records are free: commands work, and see what the watch did.
    assert!(audits(&owner) > before, "the watch's audit is in the history both signed: {first}");
    owner.assert_comes_back("film", &path);

    // Another day later hosts are asked again; one of them has died.
    world.hosts[2].kill();
    world.advance("27h");
    let second = seen(&owner, "the next day's audit", |state| state["last_audit"]["passed"] == 2);
    let failed = second["last_audit"]["failed"][0][0].as_str();
    assert_eq!(failed, Some(world.hosts[2].key.as_str()), "{second}");
    world.hosts[2].start();

    // The term ends: everybody is settled with, once.
    world.advance("2592060s");
    // What could not be done is tried again ten minutes later, by the ledger's clock: after a round that left
    // something, those pass.
    let mut rounds = 0;
    let over = until("all to be settled", PATIENCE, || {
        let now = state(&owner);
        if now["settled"] == 3 {
            return Some(now);
        }
        let completed = now["rounds"].as_u64().unwrap_or(0);
        if completed > std::mem::replace(&mut rounds, completed) {
            world.advance("11m");
        }
        None
    });
    assert_eq!(over["due"].as_array().map(Vec::len), Some(0), "{over}");
    let refunded = over["refunded"].as_i64().expect("an amount");
    let fees = over["fees"].as_i64().expect("an amount");
    let ended = owner.layr(["agreements"]).data();
    assert_eq!(owner.money().account - locked.account, refunded - fees, "{over}\n{ended}");
    assert!(owner.layr(["settle"]).data()["agreements"].as_array().is_some_and(Vec::is_empty));

    let error = owner.layr(["node", "run", "--role", "owner"]).error(2);
    assert_eq!(error["code"], "store/locked", "one node to a directory: {error}");
    node.stop();
    let after = owner.layr(["node", "status"]).data();
    assert_eq!(
        (&after["running"], &after["owner"]["settled"]),
        (&Value::from(false), &Value::from(3)),
        "{after}"
    );
}

#[test]
fn one_node_hosts_and_watches_and_what_an_interrupted_command_sent_is_followed() {
    let mut world = World::start("both-roles", 3, "256MiB");
    let owner = world.owner("busy");
    let path = owner.home.join("film");
    write_noise(&path, 2 << 20, 131);
    let before = owner.money();
    let upload = owner.layr(["upload", "film", "--profile", "1/3"]);
    let mut running = upload.start();
    running.says(crate::support::Out::Stderr, "locking money");
    world.kill_ledger();
    running.finish(Duration::from_secs(150)).exits(3);

    let run = owner.layr(["node", "run", "--role", "both", "--quota", "64MiB", "--look-every", "1s"]);
    let run = run.args(["--lane", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0"]).json();
    let error = run.run().error(3);
    assert_eq!(error["code"], "ledger/unreachable", "a host needs the ledger to start: {error}");
    world.start_ledger();
    let mut node = run.start();
    assert_eq!(node.ready()["role"], "both");
    let status = until("both roles to report", PATIENCE, || {
        let shown = owner.layr(["node", "status"]).data();
        (shown["owner"]["rounds"].as_u64() > Some(0)).then_some(shown)
    });
    assert_eq!(status["running"], true, "{status}");
    let key = &status["status"]["key"];
    assert!(key.as_str().is_some_and(|key| key.len() == 64), "{status}");
    assert_eq!(status["owner"]["unfinished"][0]["files"][0], "film", "{status}");

    // The watch has found out what became of the transaction; the command goes on beside the running node.
    let done = upload.data();
    let escrow: i64 = owner
        .agreements()
        .iter()
        .filter(|one| one["stage"] == "running")
        .filter_map(|one| one["escrow"].as_i64())
        .sum();
    assert!(escrow > 0, "{done}");
    let after = owner.money();
    assert!(before.account - after.account >= escrow, "{done}");
    assert!(before.account - after.account < 2 * escrow + 200_000_000 + 50_000_000, "paid twice: {done}");
    owner.assert_comes_back("film", &path);
    node.stop();
}
