//! Files that cannot be uploaded: said clearly, before money moves where that is possible.

use crate::CALM;
use crate::support::{Out, write_noise};
use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

#[test]
fn what_is_no_readable_file_is_refused_by_name_and_nothing_is_paid() {
    let owner = CALM.owner("no-file");
    let before = owner.money();
    fifo(&owner.home.join("a pipe"));
    fs::create_dir(owner.home.join("nothing inside")).expect("new");
    fs::write(owner.home.join("one"), "1").expect("writable");
    fs::create_dir(owner.home.join("again")).expect("new");
    fs::write(owner.home.join("again/one"), "2").expect("writable");
    for (args, named) in [
        (&["not-there"][..], "not-there"),
        (&["a pipe"], "a pipe"),
        (&["/dev/null"], "/dev/null"),
        (&["nothing inside"], "nothing to upload"),
        (&["one", "again/one"], "one"),
        (&["one", "--as", "../escape"], "one"),
        (&["one", "--as", ""], "one"),
    ] {
        let error = owner.layr(["upload", "--profile", "2/4"]).args(args).error(2);
        assert!(error.to_string().contains(named), "{args:?}: {error}");
        assert_eq!(error["money_effect"], "none");
    }
    let foreign = OsStr::from_bytes(b"not \xff text");
    fs::write(owner.home.join(foreign), "x").expect("writable");
    owner.layr(["upload", "--profile", "2/4"]).args([foreign]).error(2);
    assert_eq!(owner.money(), before);
    assert!(owner.agreements().is_empty());
}

#[test]
fn special_files_in_a_directory_are_left_out_and_counted() {
    let owner = CALM.owner("special-files");
    let folder = owner.home.join("mixed");
    write_noise(&folder.join("real"), 1_000, 40);
    fifo(&folder.join("pipe"));
    std::os::unix::fs::symlink("real", folder.join("link")).expect("a link");
    let done = owner.layr(["upload", "mixed", "--profile", "2/4"]).run().exits(0);
    assert!(done.stderr.contains("2 entries were left out"), "{}", done.story());
    assert_eq!(owner.layr(["ls"]).data().as_array().map(Vec::len), Some(1));
    owner.assert_comes_back("mixed/real", &folder.join("real"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error_and_the_next_upload_pays_nothing_twice() {
    let owner = CALM.owner("changing");
    let path = owner.home.join("growing");
    write_noise(&path, 48 << 20, 41);
    let upload = owner.layr(["upload", "growing", "--profile", "2/4"]);
    let mut running = upload.start();
    running.says(Out::Stderr, "sending");
    let mut file = fs::OpenOptions::new().append(true).open(&path).expect("writable");
    file.write_all(b"one more line\n").expect("written");
    drop(file);
    let done = running.finish(Duration::from_secs(120)).exits(2);
    assert!(done.stderr.contains("changed while"), "{}", done.story());
    assert!(done.stderr.contains("growing"), "{}", done.story());
    let paid = owner.money();
    upload.clone().data();
    assert_eq!(owner.money(), paid, "the agreements made for the first attempt were enough");
    assert_eq!(owner.agreements().len(), 4);
    owner.assert_comes_back("growing", &path);
}

#[test]
fn a_file_that_outgrows_what_was_agreed_for_it_is_agreed_on_anew() {
    let owner = CALM.owner("outgrown");
    let path = owner.home.join("log");
    write_noise(&path, 32 << 20, 42);
    let upload = owner.layr(["upload", "log", "--profile", "2/4"]);
    let mut running = upload.start();
    running.says(Out::Stderr, "sending");
    running.signal("INT");
    running.finish(Duration::from_secs(60)).exits(130);
    let (first, before) = (owner.agreements(), owner.money());
    assert_eq!(first.len(), 4);
    write_noise(&path, 64 << 20, 43);
    let done = upload.data();
    let opened = done["opened"].as_array().map(Vec::len);
    assert_eq!((opened, owner.agreements().len()), (Some(4), 8), "{done}");
    let spent = before.account - owner.money().account;
    let escrow: i64 = done["escrow"].as_i64().expect("an amount");
    assert!(spent >= escrow, "{spent} stroops were spent: {done}");
    owner.assert_comes_back("log", &path);
}
