//! A disk fills up, at the owner's or at a host's: it is said so, nothing is promised or paid for nothing, and with
//! room again the same command completes. Needs root to mount small disks; says so where it is not.

use crate::CALM;
use crate::support::{SmallDisk, World, write_noise};
use std::fs;
use std::process::Command;

#[test]
fn an_owners_full_disk_stops_the_upload_and_with_room_again_the_same_command_completes() {
    let owner = CALM.owner("full-owner");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 140);
    let Some(disk) = SmallDisk::mount(&owner.dir.join("owner"), 24) else { return };
    owner.layr(["ls"]).data();
    let before = owner.money();
    disk.fill();
    let upload = owner.layr(["upload", "film", "--profile", "2/4"]);
    let error = upload.clone().error(1);
    let told = error.to_string().to_lowercase();
    assert!(told.contains("full") || told.contains("space"), "{error}");
    assert_eq!(owner.money(), before, "nothing is paid that could not be written down: {error}");
    disk.free();
    upload.data();
    owner.assert_comes_back("film", &path);
    drop(disk);
}

#[test]
fn a_download_onto_a_full_disk_leaves_nothing_that_looks_whole() {
    let owner = CALM.owner("full-target");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 141);
    owner.upload(&path, "2/4");
    let target = owner.home.join("small");
    let Some(disk) = SmallDisk::mount(&target, 2) else { return };
    let into = target.join("film");
    let download = || owner.layr(["download", "film", "-o"]).args([&into]);
    let error = download().error(1);
    let told = error.to_string().to_lowercase();
    assert!(told.contains("full") || told.contains("space"), "{error}");
    assert!(!into.exists(), "half a file lies under the name of a whole one");
    drop(disk);
    download().data();
    crate::support::assert_same(&path, &into);
}

#[test]
fn a_hosts_full_disk_promises_nothing() {
    let mut world = World::start("full-host", 1, "512MiB");
    let host = &mut world.hosts[0];
    host.kill();
    let records = host.dir.join("host");
    let aside = host.dir.join("aside");
    fs::rename(&records, &aside).expect("moved");
    let Some(disk) = SmallDisk::mount(&records, 64) else { return };
    let copied = Command::new("cp").args(["-a"]).arg(aside.join(".")).arg(&records).status();
    assert!(copied.expect("cp runs").success());
    host.start();

    // The quota is 512 MiB and the disk has 64: what cannot be set aside is not promised, and not paid for.
    let owner = world.owner("crowded");
    let path = owner.home.join("film");
    write_noise(&path, 96 << 20, 142);
    let before = owner.money();
    let upload = owner.layr(["upload", "film", "--profile", "1/1"]);
    let error = upload.clone().error(3);
    assert_eq!(error["money_effect"], "none", "{error}");
    assert_eq!(owner.money(), before);
    let status = world.hosts[0].layr(["node", "status"]).data();
    let space = &status["status"]["space"];
    assert_eq!((&space["reserved"], &space["live"]), (&0.into(), &0.into()), "{status}");

    // A larger disk, and it works.
    let grown = Command::new("mount").args(["-o", "remount,size=400m"]).arg(&records).status();
    assert!(grown.expect("mount runs").success());
    upload.data();
    owner.assert_comes_back("film", &path);
    world.hosts[0].kill();
    drop(disk);
}
