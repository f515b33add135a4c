//! Owners stopped in mid-upload: the same command goes on, and nothing is paid twice.

use crate::rough;
use crate::support::{Layr, Out, Person, Running, World, until, write_noise};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// The file: 24 segments of 2 MiB, so 96 shards on 4 hosts.
const BYTES: usize = 48 << 20;
const SHARDS: u64 = 96;
/// An upload is in the middle when hosts have written this much of it.
const MIDDLE: u64 = 16 << 20;

fn written(world: &World) -> u64 {
    world.hosts.iter().map(|host| host.process().written()).sum()
}

/// An upload, frozen in the middle of sending.
fn frozen_in_the_middle(world: &World, owner: &Person, seed: u64) -> (PathBuf, Layr, Running) {
    let path = owner.home.join("film");
    write_noise(&path, BYTES, seed);
    let upload = owner.layr(["upload", "film", "--profile", "2/4"]);
    let mut running = upload.start();
    running.says(Out::Stderr, "sending");
    let before = written(world);
    until("hosts to store some of it", PATIENCE, || {
        assert!(!running.poll(), "the upload ended before it could be stopped");
        (written(world) >= before + MIDDLE).then_some(())
    });
    running.signal("STOP");
    (path, upload, running)
}

/// The same command completes, opens nothing new, sends only what was not acknowledged.
fn goes_on(owner: &Person, upload: &Layr, path: &Path) -> Value {
    let opened = owner.agreements();
    assert_eq!(opened.len(), 4, "one agreement a host");
    let paid = owner.money();
    let done = upload.clone().data();
    assert_eq!(owner.money(), paid, "money was paid once, before the interruption");
    let now = owner.agreements();
    let ids = |all: &[Value]| all.iter().map(|one| one["id"].to_string()).collect::<Vec<_>>();
    assert_eq!(ids(&now), ids(&opened), "no agreement was opened twice");
    for one in &now {
        assert!(one["stored"].as_u64() <= one["capacity"].as_u64(), "{one}");
    }
    owner.assert_comes_back("film", path);
    assert_eq!(owner.layr(["audit"]).data()["hosts"].as_array().map(Vec::len), Some(4));
    done
}

#[test]
fn ctrl_c_in_mid_upload_says_how_to_go_on_and_the_same_command_does() {
    let world = rough();
    let owner = world.owner("ctrl-c");
    let (path, upload, running) = frozen_in_the_middle(&world, &owner, 50);

    let error = owner.layr(["ls"]).error(2);
    assert_eq!(error["code"], "store/locked", "two processes on one directory: {error}");

    running.signal("INT");
    running.signal("CONT");
    let stopped = running.finish(PATIENCE).exits(130);
    assert!(stopped.stderr.contains("nothing that was acknowledged is lost"), "{}", stopped.story());
    assert!(stopped.stderr.contains("To go on, run"), "{}", stopped.story());
    assert_eq!(owner.layr(["ls"]).data().as_array().map(Vec::len), Some(0), "half a file is not listed");

    let done = goes_on(&owner, &upload, &path);
    let sent = done["sent"].as_u64().unwrap_or(u64::MAX) >> 20;
    assert!(sent < SHARDS, "{sent} of {SHARDS} shards were sent again");
}

#[test]
fn a_killed_owner_goes_on_where_it_stopped() {
    let world = rough();
    let owner = world.owner("killed-owner");
    let (path, upload, mut running) = frozen_in_the_middle(&world, &owner, 51);
    running.kill();
    goes_on(&owner, &upload, &path);
}
