//! Networks as a person meets them: checked before they are used, deployed to, and the demonstration on the test
//! network, told in full on a ledger of this machine.

#![allow(clippy::panic, reason = "a failed expectation is how a test speaks")]

mod support;

use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use support::{Layr, Outcome, Running, keep_secret, scratch};

/// A local ledger and where its network file lies.
struct Ledger {
    running: Running,
    file: PathBuf,
    ready: Value,
}

impl Ledger {
    fn start(root: &Path) -> Self {
        let state = root.join("ledger");
        let command =
            Layr::new(&root.join("nobody")).args(["localnet", "--listen", "127.0.0.1:0", "--state"]);
        let mut running = command.args([&state]).json().start();
        let ready = running.ready();
        Self { running, file: state.join("network.toml"), ready }
    }

    /// A network file like this ledger's, with one value replaced.
    fn file_with(&self, name: &str, old: &str, new: &str) -> PathBuf {
        let text = std::fs::read_to_string(&self.file).expect("a network file");
        assert!(text.contains(old), "no {old} in {text}");
        let path = self.file.with_file_name(name);
        std::fs::write(&path, text.replace(old, new)).expect("writable");
        path
    }

    fn text(&self, key: &str) -> &str {
        self.ready[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.ready))
    }
}

fn layr<'a>(dir: &Path, network: &Path, args: impl IntoIterator<Item = &'a str>) -> Layr {
    Layr::new(dir).env("LAYR_NETWORK", network).args(args)
}

/// The demonstration on `network`, with its keys and records below `home`.
fn demonstration(home: &Path, network: &str) -> Outcome {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/testnet-demo");
    std::fs::create_dir_all(home).expect("writable");
    let line = format!("LAYR_BIN=\"$1\" exec '{}'", script.display());
    Layr::new(&home.join("unused"))
        .env("LAYR_NETWORK", network)
        .env("LAYR_TESTNET_HOME", home)
        .through(&line)
        .run()
}

/// An address of this machine where nobody listens.
fn nobodys_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

fn left_in(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).expect("readable").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn the_test_network_demonstration_runs_whole_on_a_local_ledger() {
    let home = scratch("testnet-demo");
    let told = demonstration(&home, "local").exits(0);
    for said in [
        "all 3 hosts proved that they have the data",
        "brought back byte for byte",
        "3 agreements closed",
        "host 3 takes 2 XLM out of escrow",
    ] {
        assert!(told.stdout.contains(said), "did not say '{said}': {}", told.story());
    }
    let hashes = told.stdout.lines().filter_map(|line| line.split_once(": "));
    let settled = hashes.filter(|(what, hash)| what.trim() == "settlement" && hash.len() == 64).count();
    assert_eq!(settled, 1, "one transaction settles all: {}", told.story());
    assert_eq!(left_in(&home), Vec::<String>::new(), "something was left behind");
}

#[test]
fn a_network_out_of_reach_is_said_to_be_and_nothing_is_done() {
    let home = scratch("out-of-reach");
    let ledger = Ledger::start(&home);
    let file = ledger.file_with("away.toml", ledger.text("rpc_url"), &nobodys_address());
    let error = layr(&home.join("somebody"), &file, ["network", "check"]).error(3);
    assert_eq!(
        (error["code"].as_str(), error["money_effect"].as_str()),
        (Some("network/unreachable"), Some("none"))
    );

    let runs = home.join("runs");
    let told = demonstration(&runs, &file.display().to_string());
    assert_eq!(told.exit, Some(3), "{}", told.story());
    let all = format!("{}{}", told.stdout, told.stderr);
    assert!(all.contains("cannot be reached"), "{}", told.story());
    assert!(all.contains("nothing was done"), "{}", told.story());
    assert_eq!(left_in(&runs), Vec::<String>::new(), "keys were made for nothing");

    let told = demonstration(&runs, "mainnet").exits(1);
    assert!(told.stderr.contains("where money is real"), "{}", told.story());
    let told = demonstration(&runs, "elsewhere").exits(1);
    assert!(told.stderr.contains("no file 'elsewhere'"), "{}", told.story());
    ledger.running.stop();
}

#[test]
fn the_contract_is_deployed_once_and_found_again() {
    let root = scratch("deploy");
    let ledger = Ledger::start(&root);
    let dir = root.join("deployer");
    let made = layr(&dir, &ledger.file, ["init", "--fund"]).data();
    keep_secret(made["phrase"].as_str().expect("a phrase"));

    let first = layr(&dir, &ledger.file, ["network", "deploy"]).data();
    assert_eq!(first["reused"], false, "{first}");
    assert_eq!(first["transactions"].as_array().map(Vec::len), Some(1), "the code is there already: {first}");
    assert_ne!(first["escrow"], ledger.ready["escrow"], "each deployer has a contract of its own");
    let again = layr(&dir, &ledger.file, ["network", "deploy"]).data();
    assert_eq!((&again["reused"], &again["fees"]), (&true.into(), &0.into()), "{again}");
    assert_eq!(again["escrow"], first["escrow"]);

    let file = PathBuf::from(first["network_file"].as_str().expect("a file"));
    std::fs::remove_file(&file).expect("it was written");
    let found = layr(&dir, &ledger.file, ["network", "deploy"]).data();
    assert_eq!(
        (&found["reused"], &found["escrow"]),
        (&true.into(), &first["escrow"]),
        "without the file too"
    );

    let checked = layr(&dir, &file, ["network", "check"]).data();
    assert_eq!(checked["escrow"]["genuine"], true, "{checked}");
    assert!(checked["beacon_round"].as_u64().is_some_and(|round| round > 0), "{checked}");
    assert!(checked["clock_ahead"].as_i64().is_some_and(|ahead| ahead.abs() < 60), "{checked}");
    let live_until = checked["escrow"]["live_until"].as_u64().expect("a ledger");
    let extended = layr(&dir, &file, ["network", "extend", "--life", "150d"]).data();
    assert!(extended["live_until"].as_u64().is_some_and(|until| until > live_until), "{extended}");
    ledger.running.stop();
}

#[test]
fn another_network_and_another_contract_are_told_apart_before_anything_is_sent() {
    let root = scratch("strangers");
    let ledger = Ledger::start(&root);
    let dir = root.join("somebody");
    let other = ledger.file_with("other.toml", ledger.text("passphrase"), "Some Other Network");
    for command in ["check", "deploy"] {
        let error = layr(&dir, &other, ["network", command]).error(2);
        assert_eq!(error["code"], "ledger/wrong-network", "{error}");
    }
    let text = std::fs::read_to_string(&ledger.file).expect("a network file");
    let token = text.lines().find_map(|line| line.strip_prefix("token = ")).expect("a token");
    let trap = ledger.file_with("trap.toml", ledger.text("escrow"), token.trim_matches('"'));
    let checked = layr(&dir, &trap, ["network", "check"]).data();
    assert_eq!(checked["escrow"]["genuine"], false, "{checked}");
    ledger.running.stop();
}
