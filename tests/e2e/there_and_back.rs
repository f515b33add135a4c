//! Files go up and come back byte for byte.

use crate::CALM;
use crate::support::{assert_same, noise, until, write_noise};
use serde_json::Value;
use std::fs;
use std::time::Duration;

/// k of the profile these stories use, and so the sectors in a segment.
const K: usize = 2;
const PROFILE: &str = "2/4";
const MIB: usize = 1 << 20;

fn names(listed: &Value) -> Vec<String> {
    let files = listed.as_array().expect("a list");
    files.iter().filter_map(|file| file["name"].as_str()).map(str::to_owned).collect()
}

#[test]
fn files_with_any_name_come_back_byte_for_byte() {
    let owner = CALM.owner("any-name");
    let folder = owner.home.join("shapes");
    let long = format!("{}.bin", "n".repeat(251));
    let files = [
        ("with spaces and ünïcode 文件.bin", noise(MIB + 70_001, 1)),
        ("-leading dash", noise(5_000, 2)),
        (long.as_str(), noise(5_001, 3)),
        ("empty", Vec::new()),
        ("one byte", vec![7]),
        ("text.txt", b"the same words again and again\n".repeat(50_000)),
    ];
    fs::create_dir(&folder).expect("new");
    for (name, bytes) in &files {
        fs::write(folder.join(name), bytes).expect("writable");
    }
    let done = owner.upload(&folder, PROFILE);
    assert_eq!(done["files"].as_array().map(Vec::len), Some(files.len()), "{done}");
    assert_eq!(done["hosts"].as_array().map(Vec::len), Some(4), "{done}");
    let listed = names(&owner.layr(["ls"]).data());
    for (name, _) in &files {
        assert!(listed.contains(&format!("shapes/{name}")), "{name} is not in {listed:?}");
        owner.assert_comes_back(&format!("shapes/{name}"), &folder.join(name));
    }
    let shown = owner.layr(["show", "shapes/text.txt"]).data();
    assert_eq!(
        (shown["health"]["survivors"].as_u64(), shown["health"]["needed"].as_u64()),
        (Some(4), Some(2))
    );
    let audited = owner.layr(["audit"]).data();
    let verdicts: Vec<&Value> =
        audited["hosts"].as_array().expect("hosts").iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["passed"; 4], "{audited}");

    // A name that looks like a flag, at the top level, up and down, in the directory it is typed in.
    fs::copy(folder.join("-leading dash"), owner.home.join("-dash")).expect("copied");
    owner.layr(["upload", "--profile", PROFILE, "--", "-dash"]).data();
    let down = owner.home.join("down");
    fs::create_dir(&down).expect("new");
    owner.layr(["download", "--", "-dash"]).cwd(&down).data();
    assert_same(&owner.home.join("-dash"), &down.join("-dash"));
    let missing = owner.layr(["download", "shapes/nothing"]).error(5);
    assert!(missing["message"].as_str().unwrap_or_default().contains("shapes/nothing"), "{missing}");
}

#[test]
fn a_segment_a_byte_less_and_a_byte_more_come_back() {
    let owner = CALM.owner("segment");
    for (name, len) in [("less", K * MIB - 1), ("exactly", K * MIB), ("more", K * MIB + 1)] {
        let path = owner.home.join(name);
        write_noise(&path, len, 10);
        owner.upload(&path, PROFILE);
        owner.assert_comes_back(name, &path);
    }
    // The three share most of their chunks, and all of them one agreement a host.
    assert_eq!(owner.agreements().len(), 4);
}

#[test]
fn two_hundred_small_files_share_segments() {
    let owner = CALM.owner("small-files");
    let folder = owner.home.join("many");
    for at in 0..200 {
        write_noise(&folder.join(format!("{}/{at}.bin", at % 7)), 3_000 + at, at as u64);
    }
    let done = owner.upload(&folder, PROFILE);
    assert_eq!(done["files"].as_array().map(Vec::len), Some(200));
    assert_eq!(names(&owner.layr(["ls", "many/"]).data()).len(), 200);
    let sectors =
        owner.agreements().iter().filter_map(|one| one["stored"].as_u64()).max().unwrap_or(u64::MAX) >> 20;
    assert!(sectors <= 4, "600 KB of small files take {sectors} sectors on a host");
    for at in [0, 101, 199] {
        let name = format!("many/{}/{at}.bin", at % 7);
        owner.assert_comes_back(&name, &owner.home.join(&name));
    }
}

#[test]
fn ranges_streams_and_files_already_there_are_respected() {
    let owner = CALM.owner("ranges");
    let path = owner.home.join("log");
    write_noise(&path, 5 * MIB + 17, 20);
    owner.upload(&path, PROFILE);
    let bytes = fs::read(&path).expect("readable");
    for (from, to) in [(0, 1), (MIB - 3, MIB + 3), (3 * MIB + 1, 5 * MIB + 17), (9, 9)] {
        let range = format!("{from}..{to}");
        let done = owner.layr(["download", "log", "-o", "-", "--range", &range]).run().exits(0);
        assert!(done.bytes == bytes[from..to], "{range}: {} other bytes", done.bytes.len());
    }
    let whole = owner.layr(["download", "log", "-o", "-"]).run().exits(0);
    assert!(whole.bytes == bytes, "standard output carried {} other bytes", whole.bytes.len());
    owner.layr(["download", "log", "--range", "5..99999999"]).error(2);
    owner.layr(["download", "log", "--range", "9..3"]).error(2);
    owner.layr(["download", "log", "-o", "-"]).error(2);

    let there = owner.home.join("there");
    fs::write(&there, "do not lose me").expect("writable");
    let error = owner.layr(["download", "log", "-o", "there"]).error(2);
    assert!(error["message"].as_str().unwrap_or_default().contains("exists"), "{error}");
    assert_eq!(fs::read(&there).expect("readable"), b"do not lose me");
    owner.layr(["download", "log", "-o", "there", "--force"]).data();
    assert_same(&path, &there);

    // A full disk is an error that says so, not a short file taken for a whole one.
    let full = owner.layr(["download", "log", "-o", "-"]).through("\"$@\" > /dev/full").run().exits(1);
    assert!(full.stderr.to_lowercase().contains("space"), "{}", full.story());
}

#[test]
fn a_second_process_on_a_directory_in_use_is_refused() {
    let host = &CALM.hosts[2];
    let run = host.layr(["node", "run", "--quota", "1GiB", "--lane", "127.0.0.1:0"]);
    let error = run.args(["--listen", "/ip4/127.0.0.1/tcp/0"]).error(2);
    assert_eq!(error["code"], "store/locked", "{error}");
    assert!(error.to_string().contains("another layr process"), "{error}");
    // The one that was there first goes on, and its state can be looked at while it runs.
    let status = until("a snapshot of the host", Duration::from_secs(20), || {
        let shown = host.layr(["node", "status"]).json().run();
        (shown.exit == Some(0)).then(|| shown.data())
    });
    assert_eq!(status["status"]["key"], host.key.as_str(), "{status}");
}
