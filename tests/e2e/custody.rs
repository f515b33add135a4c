//! A file's custody: audited, certified, and the certificate checked by a stranger with nothing but the beacon's
//! public key.

use crate::rough;
use crate::support::{Layr, Person, World, scratch, write_noise};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A stranger's command: an empty directory, no keys, no settings, and no network to be reached.
fn stranger(home: &Path) -> Layr {
    let nowhere = "http://127.0.0.1:9/";
    Layr::new(&home.join("data")).env("HTTP_PROXY", nowhere).env("HTTPS_PROXY", nowhere).cwd(home)
}

#[test]
fn a_file_is_audited_certified_and_the_certificate_checked_offline_by_a_stranger() {
    let mut world = rough();
    let owner = world.owner("custodian");
    let path = owner.home.join("film");
    write_noise(&path, 3 << 20, 140);
    owner.upload(&path, "2/4");
    owner.assert_comes_back("film", &path);

    let node = targets(&owner);
    scores(&owner, &node);
    certificate(&mut world, &owner);
    world.mend();
}

/// By file, by prefix, by agreement, by host; with as many leaves as a confidence takes. Gives a host's key.
fn targets(owner: &Person) -> String {
    let found = owner.layr(["audit", "film"]).data();
    let hosts = found["hosts"].as_array().expect("hosts").clone();
    assert_eq!(hosts.len(), 4, "{found}");
    assert!(hosts.iter().all(|host| host["verdict"] == "passed" && host["recorded"] == true), "{found}");
    assert_eq!(found["files"][0][1]["survivors"], 4, "{found}");
    let agreement = hosts[0]["agreement"].as_str().expect("an id");
    let node = hosts[0]["node"].as_str().expect("a key");
    let count = |target: &str, confidence: &str| {
        let args = ["audit", target, "--confidence", confidence, "--loss", "1%"];
        let found = owner.layr(args).data();
        let hosts = found["hosts"].as_array().expect("hosts").clone();
        (hosts.len(), hosts[0]["asked"].as_u64().expect("leaves"))
    };
    assert_eq!(count(agreement, "99.9"), (1, 688));
    assert_eq!(count(&agreement[..8], "50%"), (1, 69));
    assert_eq!(count(&node[..12], "50"), (1, 69));
    assert_eq!(count("fi", "20"), (4, 23));
    assert_eq!(owner.layr(["audit", "nothing-such"]).error(5)["code"], "audit/not-found");

    node.to_owned()
}

/// What is thought of each host, and what that is made of.
fn scores(owner: &Person, node: &str) {
    let scores = owner.layr(["audit", "--hosts"]).data();
    let score = scores.as_array().expect("scores").iter().find(|score| score["node"] == node).expect("one");
    let good = score["available"]["good"].as_f64().expect("a number");
    let bad = score["available"]["bad"].as_f64().expect("a number");
    let mean = score["available_mean"].as_f64().expect("a number");
    assert!(good > 4.0 && bad <= 1.0 && (mean - good / (good + bad)).abs() < 1e-9, "{score}");
    let words = owner.layr(["audit", "--hosts"]).run().exits(0);
    assert!(words.stdout.contains("good/bad"), "{}", words.story());
}

/// The certificate, checked where there is nothing: no keys, no settings, no ledger.
fn certificate(world: &mut World, owner: &Person) {
    let home = scratch("stranger");
    let certificate = home.join("cert.json");
    let export = owner.layr(["audit", "export", "film", "-o"]).args([&certificate]);
    let exported = export.clone().data();
    let key = exported["beacon_key"].as_str().expect("a key").to_owned();
    assert_eq!(exported["verified"]["agreements"].as_array().map(Vec::len), Some(4), "{exported}");
    world.kill_ledger();
    let verify = |file: &str, key: &str| stranger(&home).args(["audit", "verify", file, "--beacon-key", key]);
    let checked = verify("cert.json", &key).data();
    let verified = &checked["verified"];
    assert_eq!(verified["file"][0], "film");
    assert_eq!(verified["segments"][0], verified["segments"][1], "every segment's shards: {checked}");
    for agreement in verified["agreements"].as_array().expect("agreements") {
        assert_eq!(agreement["bad"], 0, "{agreement}");
        assert!(agreement["good"].as_u64() >= Some(3), "{agreement}");
        assert!(
            agreement["proved"][0].as_u64() >= Some(20),
            "the newest whole answer was checked here: {agreement}"
        );
        assert!(agreement["receipts"].as_u64() >= Some(2), "{agreement}");
    }
    let words = verify("cert.json", &key).run().exits(0);
    assert!(words.stdout.starts_with("Everything in cert.json holds."), "{}", words.story());
    assert!(!home.join("data").exists(), "a stranger's check leaves nothing behind");

    tampered(&home, &key);
    let other = stranger(&home).args(["audit", "verify", "cert.json"]).error(6);
    assert!(other.to_string().contains("did not sign round"), "another beacon: {other}");
    assert_eq!(verify("nothing.json", &key).error(5)["code"], "audit/no-certificate");
    assert_eq!(verify("cert.json", "12").error(2)["code"], "usage");
}

/// Whatever is changed in it, it no longer holds.
fn tampered(home: &Path, key: &str) {
    let text = fs::read_to_string(home.join("cert.json")).expect("the certificate");
    let whole: Value = serde_json::from_str(&text).expect("JSON");
    let mut tampered = 0;
    for pointer in [
        "/issued",
        "/file/name",
        "/file/hash",
        "/agreements/0/terms",
        "/agreements/0/newest/revision",
        "/agreements/0/newest/host",
        "/agreements/0/records/0",
        "/agreements/0/receipts/0/signature",
        "/agreements/0/proof/proofs",
        "/agreements/0/sectors/0",
        "/rounds/0/signature",
        "/rounds/0/round",
        "/signature",
    ] {
        let mut forged = whole.clone();
        let place = forged.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        *place = match &*place {
            Value::Number(number) => (number.as_u64().expect("a number") + 1).into(),
            Value::String(text) => flipped(text).into(),
            other => panic!("{other}"),
        };
        fs::write(home.join("forged.json"), forged.to_string()).expect("written");
        let verify = ["audit", "verify", "forged.json", "--beacon-key", key];
        let refused = stranger(home).args(verify).error(6);
        assert_eq!(refused["code"], "audit/bad-certificate", "{pointer}: {refused}");
        tampered += 1;
    }
    assert_eq!(tampered, 13);
}

/// The text with its last hexadecimal digit changed.
fn flipped(text: &str) -> String {
    let mut text = text.to_owned();
    let last = text.pop().expect("a digit");
    text.push(if last == '0' { '1' } else { '0' });
    text
}
