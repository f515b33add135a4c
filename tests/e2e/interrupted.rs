//! Owners stopped in mid-upload: the same command goes on, and nothing is paid twice.

use crate::rough;
use crate::support::{Layr, Out, Person, Running, World, until, write_noise};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);
/// The file: 40 segments of 2 MiB, so 160 shards on 4 hosts.
const BYTES: usize = 80 << 20;
const SHARDS: u64 = 160;
/// An upload is in the middle when hosts have written this much of it: more than the 64 MiB of shards that may wait
/// for their acknowledgements, so that some have come.
const MIDDLE: u64 = 80 << 20;

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
    // The command is there to be copied, and the shell reads from it what was typed.
    let line = stopped.stderr.lines().find_map(|line| line.split_once("To go on, run: "));
    let (_, line) = line.unwrap_or_else(|| panic!("no command: {}", stopped.story()));
    assert_eq!(line, format!("{} upload film --profile 2/4", env!("CARGO_BIN_EXE_layr")));
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

#[test]
fn a_file_written_anew_after_an_interruption_is_stored_as_it_is_now_and_nothing_else_is_paid_for() {
    let world = rough();
    let owner = world.owner("rewritten");
    let (path, upload, running) = frozen_in_the_middle(&world, &owner, 52);
    running.signal("INT");
    running.signal("CONT");
    running.finish(PATIENCE).exits(130);

    // The same size, other bytes: hosts still hold shards of the old ones, for which nobody will ever sign.
    write_noise(&path, BYTES, 53);
    let done = upload.data();
    assert_eq!(done["replaced"].as_array().map(Vec::len), Some(0), "no host has failed: {done}");
    owner.assert_comes_back("film", &path);
    let agreements = owner.agreements();
    let sectors: u64 = agreements.iter().filter_map(|one| one["stored"].as_u64()).sum::<u64>() >> 20;
    assert!((SHARDS..=SHARDS + 12).contains(&sectors), "{sectors} sectors are signed for {SHARDS} shards");
    for one in &agreements {
        assert!(one["stored"].as_u64() <= one["capacity"].as_u64(), "{one}");
    }
    let audited = owner.layr(["audit"]).data();
    let verdicts = audited["hosts"].as_array().expect("hosts").iter();
    assert!(verdicts.clone().all(|one| one["verdict"] == "passed"), "{audited}");
}

/// Every stage an upload tells of.
const STAGES: [&str; 8] = [
    "reading sources",
    "finding hosts",
    "agreeing on terms",
    "locking money",
    "sending",
    "signing",
    "auditing",
    "saving the catalogue",
];

#[test]
fn ctrl_c_at_any_stage_loses_nothing_and_pays_nothing_twice() {
    let world = rough();
    let owner = world.owner("every-stage");
    let path = owner.home.join("film");
    write_noise(&path, 4 << 20, 54);
    let before = owner.money();
    let upload = owner.layr(["upload", "film", "--profile", "2/4"]);
    let mut stopped = 0;
    for stage in STAGES {
        let mut running = upload.start();
        // A stage that was completed in an earlier attempt is not told again; the upload then ends before it.
        let reached = running.wait_for_or_end(Out::Stderr, PATIENCE, |text| {
            text.lines().any(|one| one.trim() == stage).then_some(())
        });
        if reached.is_some() && !running.poll() {
            running.signal("INT");
        }
        let ended = running.finish(PATIENCE);
        assert!(matches!(ended.exit, Some(0 | 130)), "{stage}: {}", ended.story());
        stopped += u32::from(ended.exit == Some(130));
    }
    assert!(stopped >= 4, "only {stopped} uploads were stopped in time");
    upload.data();
    let agreements: Vec<Value> =
        owner.agreements().into_iter().filter(|one| one["stage"] == "running").collect();
    assert_eq!(agreements.len(), 4, "one agreement a host: {agreements:?}");
    let escrow: i64 = agreements.iter().filter_map(|one| one["escrow"].as_i64()).sum();
    let fees = before.account - owner.money().account - escrow;
    assert!((1..10_000_000).contains(&fees), "{fees} stroops beyond the escrow: something was paid twice");
    owner.assert_comes_back("film", &path);
}
