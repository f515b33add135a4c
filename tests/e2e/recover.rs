//! The phrase alone restores everything; without it, or with a damaged database, errors are clear.

use crate::CALM;
use crate::support::world::damage_database;
use crate::support::write_noise;

/// A valid phrase nobody uses.
const STRANGER: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
    abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art";

#[test]
fn the_phrase_alone_restores_every_file_on_a_second_machine() {
    let owner = CALM.owner("first-machine");
    let (big, small) = (owner.home.join("big"), owner.home.join("folder"));
    write_noise(&big, 5 << 20, 60);
    write_noise(&small.join("a"), 10_000, 61);
    write_noise(&small.join("b"), 20_000, 62);
    owner.upload(&big, "2/4");
    owner.upload(&small, "2/4");
    let listed = owner.layr(["ls"]).data();

    let second = owner.on_a_new_machine(&owner.phrase);
    assert_eq!(second.address, owner.address);
    let recovered = second.layr(["recover"]).data();
    assert_eq!(
        (recovered["files"].as_u64(), recovered["agreements"].as_u64()),
        (Some(3), Some(4)),
        "{recovered}"
    );
    assert_eq!(second.layr(["ls"]).data(), listed);
    second.assert_comes_back("big", &big);
    second.assert_comes_back("folder/b", &small.join("b"));
    assert_eq!(second.layr(["audit"]).data()["hosts"].as_array().map(Vec::len), Some(4));
    let again = second.layr(["recover"]).error(2);
    assert_eq!(again["code"], "recover/not-empty", "{again}");

    let error = owner.on_a_new_machine(STRANGER).layr(["recover"]).error(5);
    assert_eq!(error["code"], "recover/unknown", "{error}");
}

#[test]
fn a_damaged_owner_database_is_told_and_a_new_directory_brings_everything_back() {
    let owner = CALM.owner("damaged-owner");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 63);
    owner.upload(&path, "2/4");

    assert!(!damage_database(&owner.dir).is_empty(), "there is no database to damage");
    let error = owner.layr(["ls"]).error(6);
    assert_eq!(error["code"], "store/corrupt", "{error}");
    assert!(error["next"].as_str().unwrap_or_default().contains("layr recover"), "{error}");

    let second = owner.on_a_new_machine(&owner.phrase);
    assert_eq!(second.layr(["recover"]).data()["files"], 1);
    second.assert_comes_back("film", &path);
}
