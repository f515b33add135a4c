//! The command line as a document that runs: help, exit codes, envelopes, settings, keys. No network is needed
//! for any of this.
//!
//! Snapshots lie in `tests/snapshots`; `LAYR_UPDATE_SNAPSHOTS=1 cargo test --release --test cli` writes them anew.

#![allow(clippy::panic, reason = "a failed expectation is how a test speaks")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use support::{Layr, Outcome, keep_secret, scratch};

/// A phrase of 24 words with a wrong checksum.
const WRONG_PHRASE: &str = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon \
    abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon zebra";

/// An empty place for a data directory.
fn nowhere(name: &str) -> PathBuf {
    scratch(name).join("data")
}

/// A data directory with keys, and its phrase.
fn somebody(name: &str) -> (PathBuf, String) {
    let dir = nowhere(name);
    let made = Layr::new(&dir).args(["init"]).data();
    let phrase = made["phrase"].as_str().expect("a phrase").to_owned();
    keep_secret(&phrase);
    (dir, phrase)
}

fn help(path: &[String]) -> Outcome {
    Layr::new(&nowhere("help")).without("LAYR_DIR").args(path).args(["--help"]).run().exits(0)
}

/// Every command and subcommand, found by reading the help as a person would.
fn commands_below(path: &[String]) -> Vec<Vec<String>> {
    let help = help(path).stdout;
    let listed = help.split_once("Commands:\n").map_or("", |(_, rest)| rest);
    let mut found = Vec::new();
    for line in listed.lines().take_while(|line| line.starts_with("  ")) {
        // A name stands two columns in; wrapped descriptions stand further in.
        let name = line.strip_prefix("  ").filter(|line| !line.starts_with(' '));
        let Some(name) = name.and_then(|line| line.split_whitespace().next()).filter(|name| *name != "help")
        else {
            continue;
        };
        let mut command = path.to_vec();
        command.push(name.to_owned());
        found.extend(commands_below(&command));
        found.push(command);
    }
    found
}

/// Compares with a committed file, or writes it.
fn assert_snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    if std::env::var_os("LAYR_UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, text).expect("the snapshots can be written");
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        kept == text,
        "{} has changed; if that is meant, write it anew.\n--- was\n{kept}\n--- is\n{text}",
        path.display()
    );
}

#[test]
fn the_help_is_what_was_agreed() {
    assert_snapshot("help.txt", &help(&[]).stdout);
}

#[test]
fn the_exit_codes_are_what_was_agreed() {
    let listed = Layr::new(&nowhere("exit-codes")).args(["exit-codes"]).run().exits(0);
    assert_snapshot("exit-codes.txt", &listed.stdout);
    let listed = Layr::new(&nowhere("exit-codes")).args(["exit-codes"]).data();
    let codes: Vec<u64> =
        listed.as_array().expect("a list").iter().filter_map(|one| one["code"].as_u64()).collect();
    assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 130]);
}

#[test]
fn every_command_has_help_with_an_example() {
    let commands = commands_below(&[]);
    for known in
        ["init", "upload", "download", "ls", "show", "audit", "agreements", "settle", "recover", "demo"]
    {
        assert!(commands.iter().any(|command| *command == [known]), "{known} is not in {commands:?}");
    }
    for command in commands {
        let shown = help(&command);
        let example = format!("layr {}", command.join(" "));
        let examples = shown.stdout.split_once("Example").map_or("", |(_, rest)| rest);
        assert!(examples.contains(&example), "no example of '{example}': {}", shown.story());
    }
}

#[test]
fn an_unknown_flag_or_command_is_a_usage_error_that_names_it() {
    let (dir, _) = somebody("unknown-flag");
    for args in [&["ls", "--sideways"][..], &["sideways"][..], &["wallet", "sideways"][..]] {
        let done = Layr::new(&dir).args(args).run().exits(2);
        assert!(done.stderr.contains("sideways"), "{}", done.story());
        assert_eq!(done.stdout, "", "{}", done.story());
    }
    Layr::new(&dir).run().exits(2);
    let error = Layr::new(&dir).args(["ls", "--sideways"]).error(2);
    assert!(error["message"].as_str().unwrap_or_default().contains("--sideways"), "{error}");
    let after_the_end_of_flags = Layr::new(&dir).args(["ls", "--sideways", "--", "--json"]).run().exits(2);
    assert_eq!(after_the_end_of_flags.stdout, "");
}

#[test]
fn a_failure_is_one_envelope_on_standard_output_or_words_on_standard_error() {
    let dir = nowhere("envelope");
    let error = Layr::new(&dir).args(["wallet", "address"]).error(5);
    assert_eq!(error["money_effect"], "none");
    let words = Layr::new(&dir).args(["wallet", "address"]).run().exits(5);
    assert_eq!(words.stdout, "", "{}", words.story());
    for part in ["error: ", "  money: no money moved", "  next: "] {
        assert!(words.stderr.contains(part), "no {part:?}: {}", words.story());
    }
}

#[test]
fn without_init_every_command_says_to_run_it() {
    let dir = nowhere("not-initialised");
    for args in [
        &["ls"][..],
        &["show", "x"],
        &["agreements"],
        &["agreements", "--at-risk"],
        &["agreements", "show", "x"],
        &["agreements", "close", "x"],
        &["agreements", "dispute", "x"],
        &["agreements", "export-proof", "x"],
        &["agreements", "submit-proof", "x"],
        &["audit"],
        &["settle"],
        &["recover"],
        &["wallet", "address"],
        &["wallet", "balance"],
        &["wallet", "send", "x", "1"],
        &["wallet", "history"],
        &["wallet", "statement"],
        &["agreements", "renew"],
        &["agreements", "let-expire", "3fa9"],
        &["upload", env!("CARGO_MANIFEST_PATH")],
        &["download", "x"],
        &["node", "run", "--quota", "1GiB"],
    ] {
        let error = Layr::new(&dir).args(args).error(5);
        let next = error["next"].as_str().unwrap_or_default();
        assert!(next.contains("layr init"), "{args:?}: {error}");
    }
    assert!(!dir.exists(), "a refused command left {} behind", dir.display());
}

#[test]
fn init_makes_a_private_directory_with_a_private_key_file() {
    let (dir, phrase) = somebody("private");
    let mode = |path: &Path| fs::metadata(path).expect("it exists").permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert_eq!(mode(&dir.join("identity.key")), 0o600);
    assert_eq!(phrase.split(' ').count(), 24);
    let sealed = fs::read(dir.join("identity.key")).expect("readable");
    let first = phrase.split(' ').next().unwrap_or_default();
    let settings = fs::read(dir.join("layr.toml")).expect("a settings file");
    for bytes in [sealed, settings] {
        assert!(!String::from_utf8_lossy(&bytes).contains(first), "a word of the phrase lies in a file");
    }
}

#[test]
fn init_shows_the_phrase_even_if_nobody_funds_the_account() {
    let dir = nowhere("unfunded");
    let made = Layr::new(&dir).args(["init", "--fund", "--network", "no-such-network.toml"]).json().run();
    let said = made.exits(2);
    let envelope: serde_json::Value = serde_json::from_str(&said.stdout).expect("one envelope");
    let phrase = envelope["data"]["phrase"].as_str().expect("the phrase of the keys that were made");
    keep_secret(phrase);
    assert_eq!(phrase.split(' ').count(), 24);
    assert_eq!((&envelope["ok"], &envelope["data"]["funded"]), (&false.into(), &false.into()));
    assert_eq!(envelope["notes"][0]["code"], "init/fund");
    Layr::new(&dir).args(["wallet", "address"]).data();
}

#[test]
fn init_never_overwrites_keys() {
    let (dir, phrase) = somebody("overwrite");
    let before = fs::read(dir.join("identity.key")).expect("keys");
    let error = Layr::new(&dir).args(["init"]).error(2);
    assert!(error["message"].as_str().unwrap_or_default().contains("already holds"), "{error}");
    Layr::new(&dir).args(["init", "--restore", "-"]).input(&phrase).error(2);
    assert_eq!(fs::read(dir.join("identity.key")).expect("keys"), before);
}

#[test]
fn a_phrase_restores_the_same_keys_on_another_machine() {
    let (dir, phrase) = somebody("first-machine");
    let second = nowhere("second-machine");
    let file = second.with_file_name("phrase.txt");
    fs::write(&file, format!("{}\n", phrase.replace(' ', "\n"))).expect("writable");
    let made = Layr::new(&second).args(["init", "--restore"]).args([&file]).data();
    assert_eq!(made["restored"], true);
    assert!(made["phrase"].is_null(), "a restored phrase is not shown again");
    let address = |dir: &Path| Layr::new(dir).args(["wallet", "address"]).data()["address"].take();
    assert_eq!(address(&second), address(&dir));
    assert_eq!(address(&dir), made["address"]);
}

#[test]
fn a_wrong_passphrase_is_a_key_error() {
    let (dir, _) = somebody("passphrase");
    let error = Layr::new(&dir).args(["wallet", "address"]).env("LAYR_PASSPHRASE", "guess").error(8);
    assert!(!error.to_string().contains("guess"), "{error}");
    let file = dir.with_file_name("passphrase.txt");
    fs::write(&file, "another guess\n").expect("writable");
    Layr::new(&dir).args(["wallet", "address", "--passphrase-file"]).args([&file]).error(8);
}

#[test]
fn without_a_terminal_a_missing_passphrase_is_a_usage_error() {
    let (dir, _) = somebody("no-terminal");
    let error = Layr::new(&dir).args(["wallet", "address"]).without("LAYR_PASSPHRASE").error(2);
    assert!(error["next"].as_str().unwrap_or_default().contains("LAYR_PASSPHRASE"), "{error}");
}

#[test]
fn a_damaged_key_file_is_told_from_a_wrong_passphrase() {
    let (dir, _) = somebody("damaged-keys");
    let file = dir.join("identity.key");
    let whole = fs::read(&file).expect("keys");
    for damage in [&whole[..whole.len() / 2], b"", b"not a key file at all"] {
        fs::write(&file, damage).expect("writable");
        let done = Layr::new(&dir).args(["wallet", "address"]).json().run();
        assert!(matches!(done.exit, Some(6 | 8)), "{}", done.story());
        assert_eq!(done.envelope()["ok"], false);
    }
}

#[test]
fn an_invalid_phrase_is_a_key_error_that_never_repeats_its_words() {
    let dir = nowhere("invalid-phrase");
    let file = dir.with_file_name("phrase.txt");
    for phrase in [WRONG_PHRASE, "abandon zebra", "", "abandon notawordatall zebra"] {
        fs::write(&file, phrase).expect("writable");
        for done in [
            Layr::new(&dir).args(["init", "--restore"]).args([&file]).run().exits(8),
            Layr::new(&dir).args(["-vvv", "init", "--restore", "-"]).input(phrase).json().run().exits(8),
        ] {
            for word in ["abandon", "zebra", "notawordatall"] {
                assert!(!format!("{}{}", done.stdout, done.stderr).contains(word), "{}", done.story());
            }
        }
    }
    assert!(!dir.join("identity.key").exists());
    Layr::new(&dir).args(["init", "--restore", "/no/such/file"]).error(2);
}

#[test]
fn no_output_ever_holds_key_material() {
    let (dir, _) = somebody("secrets");
    // The harness searches everything printed; here are the commands that come closest to the keys, at their
    // most talkative.
    Layr::new(&dir).args(["-vvv", "wallet", "address"]).run().exits(0);
    Layr::new(&dir).args(["-vvv", "--log-json", "wallet", "address"]).run().exits(0);
    Layr::new(&dir).args(["-vvv", "wallet", "balance"]).run();
    Layr::new(&dir).args(["-vvv", "wallet", "address"]).env("LAYR_PASSPHRASE", "wrong").run().exits(8);
    Layr::new(&dir).args(["-vvv", "init"]).run().exits(2);
}

#[test]
fn an_unknown_setting_is_an_error_that_names_the_key_and_the_file() {
    let (dir, _) = somebody("unknown-key");
    let file = dir.join("layr.toml");
    let text = fs::read_to_string(&file).expect("settings");
    fs::write(&file, format!("{text}\nquotaa = \"5GiB\"\n")).expect("writable");
    let error = Layr::new(&dir).args(["wallet", "address"]).error(2).to_string();
    assert!(error.contains("quotaa") && error.contains("layr.toml"), "{error}");
    fs::write(&file, "quota = [").expect("writable");
    let error = Layr::new(&dir).args(["wallet", "address"]).error(2).to_string();
    assert!(error.contains("layr.toml"), "{error}");
}

#[test]
fn a_bad_unit_is_a_usage_error_wherever_it_is_written() {
    let (dir, _) = somebody("bad-units");
    for args in [
        &["node", "run", "--quota", "5 bananas"][..],
        &["node", "run", "--price", "free"],
        &["upload", "x", "--term", "30"],
        &["upload", "x", "--max-cost", "-1"],
        &["localnet", "--advance", "soon"],
        &["audit", "--samples", "0"],
    ] {
        let done = Layr::new(&dir).args(args).run().exits(2);
        assert!(done.stderr.contains(args.last().expect("a value")), "{}", done.story());
    }
    for (key, value) in [("LAYR_QUOTA", "much"), ("LAYR_TERM", "long"), ("LAYR_PRICE", "low")] {
        let error = Layr::new(&dir).args(["wallet", "address"]).env(key, value).error(2).to_string();
        assert!(error.contains(value) && error.contains(&key["LAYR_".len()..].to_lowercase()), "{error}");
    }
}

#[test]
fn variables_win_over_the_file_and_flags_over_both() {
    let (dir, _) = somebody("precedence");
    let file = dir.join("layr.toml");
    let text = fs::read_to_string(&file).expect("settings");
    fs::write(&file, text.replace("profile = \"10/30\"", "profile = \"from-file\"")).expect("writable");
    let upload = |args: &[&str]| Layr::new(&dir).args(["upload", env!("CARGO_MANIFEST_PATH")]).args(args);
    let used = |command: Layr| command.error(2)["message"].as_str().unwrap_or_default().to_owned();
    assert!(used(upload(&[])).contains("from-file"));
    assert!(used(upload(&[]).env("LAYR_PROFILE", "from-variable")).contains("from-variable"));
    let flag = upload(&["--profile", "from-flag"]).env("LAYR_PROFILE", "from-variable");
    assert!(used(flag).contains("from-flag"));
}

#[test]
fn a_network_that_is_not_there_is_said_so_before_anything_else() {
    let (dir, _) = somebody("no-network");
    let error = Layr::new(&dir).args(["wallet", "balance"]).error(2);
    assert!(error["next"].as_str().unwrap_or_default().contains("layr localnet"), "{error}");
    let error = Layr::new(&dir).args(["wallet", "balance", "--network", "/no/such/network.toml"]).error(2);
    assert!(error.to_string().contains("/no/such/network.toml"), "{error}");
    let file = dir.with_file_name("network.toml");
    fs::write(&file, "this is not a network").expect("writable");
    Layr::new(&dir).args(["wallet", "balance", "--network"]).args([&file]).error(2);
}

#[test]
fn durability_needs_no_network_and_the_same_seed_gives_the_same_figures() {
    let dir = nowhere("durability");
    let ask = |more: &[&str]| Layr::new(&dir).args(["durability", "--profile", "3/6"]).args(more);
    let formula = ask(&["--segments", "1000"]).data();
    assert!(formula["chance"].as_f64().is_some_and(|chance| chance > 0.0 && chance < 1.0), "{formula}");
    let small = ["--simulate", "--segment-years", "100", "--hosts", "100", "--life", "30d", "--seed", "4"];
    let once = ask(&small).data();
    assert_eq!(once, ask(&small).args(["--threads", "3"]).data());
    assert_eq!((&once["money_conserved"], once["tally"]["silent_losses"].as_u64()), (&true.into(), Some(0)));
    let found = ask(&["--find", "--agreements", "50", "--sectors", "4", "--lost", "50"]).data();
    assert_eq!(found["found"]["within"], 50, "{found}");
    let refused = ask(&["--repair-at", "2"]).error(2);
    assert!(refused.to_string().contains("repair must start"), "{refused}");
    ask(&["--table", env!("CARGO_MANIFEST_PATH")]).error(2);
    ask(&["--table", "/no/such/document.md"]).error(5);
}
