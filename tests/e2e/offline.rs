//! Without a ledger an owner's own records can still be looked at, and say as of when they are.

use crate::rough;
use crate::support::write_noise;

#[test]
fn files_and_agreements_are_shown_from_the_records_while_the_ledger_is_gone() {
    let mut world = rough();
    let owner = world.owner("off-line");
    let path = owner.home.join("film");
    write_noise(&path, 2 << 20, 120);
    owner.upload(&path, "2/4");
    let shown = |args: &[&str]| owner.layr(args.iter().copied()).json().run().exits(0).envelope();
    let commands: [&[&str]; 3] = [&["ls"], &["show", "film"], &["agreements"]];
    for args in commands {
        let before = shown(args);
        assert!(before["notes"].is_null(), "the ledger was there: {before}");
    }
    let known = shown(&["agreements"])["data"].take();

    world.kill_ledger();
    for args in commands {
        let envelope = shown(args);
        assert_eq!(envelope["ok"], true);
        assert_eq!(envelope["notes"][0]["code"], "ledger/not-asked", "{envelope}");
        let words = owner.layr(args.iter().copied()).run().exits(0);
        assert!(words.stderr.contains("note: the ledger could not be reached"), "{}", words.story());
        assert!(words.stderr.contains("as of 20") && words.stderr.contains("UTC"), "{}", words.story());
        assert!(!words.stdout.contains("unknown"), "{}", words.story());
    }
    let listed = shown(&["agreements"])["data"].take();
    let ids = |all: &serde_json::Value| {
        let all = all.as_array().expect("a list").iter();
        all.map(|one| (one["id"].clone(), one["stage"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&listed), ids(&known));
    let missing = owner.layr(["show", "nothing"]).error(5);
    assert_eq!(missing["code"], "view/no-such-file", "{missing}");

    world.start_ledger();
    assert!(shown(&["ls"])["notes"].is_null());
}
