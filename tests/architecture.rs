//! The house rules, kept by the machine: who may import whom, which rooms stay dry, how large a file may grow,
//! and that the documents name only paths that exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The complete import table: a room, and the rooms it may import. Anything not listed is forbidden.
const MAY_IMPORT: [(&str, &str); 19] = [
    ("types", ""),
    ("merkle", "types"),
    ("identity", "types"),
    ("coding", "types merkle"),
    ("market", "types"),
    ("placement", "types market"),
    ("manifests", "types coding market"),
    ("audits", "types merkle market"),
    ("protocol", "types merkle market audits"),
    ("owner", "types merkle identity coding placement market manifests audits protocol"),
    ("host", "types merkle identity market audits protocol"),
    ("store", "types merkle market manifests audits protocol host owner"),
    ("net", "types protocol"),
    ("ledger", "types market merkle identity"),
    ("localnet", "types"),
    (
        "node",
        "types merkle identity market manifests audits protocol placement coding store net ledger owner host",
    ),
    ("sim", "types market placement audits"),
    (
        "cli",
        "types merkle identity coding placement market manifests audits protocol store net ledger localnet owner host node sim",
    ),
    ("layr", "cli"),
];

/// Rooms without sockets, files, clocks or runtimes.
const DRY: [&str; 10] = [
    "types",
    "merkle",
    "identity",
    "coding",
    "market",
    "placement",
    "manifests",
    "audits",
    "protocol",
    "sim",
];
/// Crates a dry room must not depend on.
const WET: [&str; 7] = ["tokio", "libp2p", "rocksdb", "reqwest", "axum", "soroban-env-host", "stellar-xdr"];
/// Words a dry room's code must not contain outside tests.
const WORLD: [&str; 5] = ["SystemTime::now", "Instant::now", "std::fs", "std::net::Tcp", "thread_rng"];
const MAX_FILE_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn metadata() -> serde_json::Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// Every room with its ordinary (not development) dependencies.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().expect("packages");
    let name = |value: &serde_json::Value| value["name"].as_str().expect("a name").to_owned();
    let normal = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("dependencies");
        all.iter().filter(|dependency| dependency["kind"].is_null()).map(name).collect()
    };
    packages.iter().map(|package| (name(package), normal(package))).collect()
}

fn room(package: &str) -> &str {
    package.strip_prefix("layr-").unwrap_or(package)
}

#[test]
fn rooms_import_upstream_only() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_IMPORT.iter().map(|(room, list)| (*room, list.split_whitespace().collect())).collect();
    let mut wrong = String::new();
    for (package, dependencies) in imports() {
        let Some(allowed) = allowed.get(room(&package)) else {
            let _ = writeln!(wrong, "{package} is not in the import table");
            continue;
        };
        for dependency in dependencies.iter().filter_map(|name| name.strip_prefix("layr-")) {
            if !allowed.contains(dependency) {
                let _ = writeln!(wrong, "{} must not import {dependency}", room(&package));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn dry_rooms_stay_dry() {
    let mut wrong = String::new();
    let imports = imports();
    for dry in DRY {
        let dependencies = &imports[&format!("layr-{dry}")];
        for wet in WET.iter().filter(|wet| dependencies.contains(**wet)) {
            let _ = writeln!(wrong, "{dry} depends on {wet}");
        }
    }
    for file in sources().iter().filter(|file| is_dry(file)) {
        let text = std::fs::read_to_string(file).expect("readable");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in WORLD.iter().filter(|word| code.contains(**word)) {
            let _ = writeln!(wrong, "{} names {word}", file.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn is_dry(file: &Path) -> bool {
    let relative = file.strip_prefix(root()).expect("below the root");
    let parts: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
    let room = if parts[0] == "src" { parts[1] } else { parts[0] };
    DRY.contains(&room) && !parts.iter().any(|part| matches!(*part, "tests" | "benches" | "tests.rs"))
}

/// Every Rust file of the workspace and the contract, build output left out.
fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec!["src", "manifests", "audits", "contracts", "tests"]
        .into_iter()
        .map(|f| root().join(f))
        .collect::<Vec<_>>();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Hosts that lie (`src/owner/tests/stories/lies.rs`), twins and other switches of tests are in no program: neither
/// does a room outside its tests speak of them, nor does an ordinary dependency switch them on.
#[test]
fn the_fault_switch_is_in_test_builds_only() {
    let mut wrong = String::new();
    let mut liars = 0;
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("readable");
        let shown = file.strip_prefix(root()).expect("below the root");
        let in_tests = shown.iter().any(|part| part == "tests");
        let lies =
            ["mod lies;", "pub struct Face ", "feature = \"lies\""].iter().any(|words| text.contains(words));
        liars += usize::from(lies && in_tests);
        if lies && !in_tests {
            let _ = writeln!(wrong, "{} is a program's and names lies", shown.display());
        }
    }
    assert!(liars > 0, "the liars have moved: this test looks in vain");
    let metadata = metadata();
    for package in metadata["packages"].as_array().expect("packages") {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let features = dependency["features"].as_array().expect("features");
            if dependency["kind"].is_null() && features.iter().any(|feature| feature == "testing") {
                let _ = writeln!(wrong, "{} switches on {}'s tests", package["name"], dependency["name"]);
            }
        }
        if package["features"]["default"].as_array().is_some_and(|all| all.iter().any(|one| one == "testing"))
        {
            let _ = writeln!(wrong, "{} is built for tests by default", package["name"]);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_file_opens_with_a_preface_and_stays_small() {
    let mut wrong = String::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("readable");
        let shown = file.strip_prefix(root()).expect("below the root").display();
        if !text.starts_with("//!") {
            let _ = writeln!(wrong, "{shown} has no preface");
        }
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            let _ = writeln!(wrong, "{shown} has {lines} lines; {MAX_FILE_LINES} is the most");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn nothing_unfinished_is_called_done() {
    let marks =
        [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("unimple", "mented!"), concat!("to", "do!(")];
    let mut wrong = String::new();
    for file in sources() {
        let text = std::fs::read_to_string(&file).expect("readable");
        for mark in marks.iter().filter(|mark| text.contains(**mark)) {
            let _ = writeln!(wrong, "{} contains {mark}", file.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_documented_import_table_is_the_enforced_one() {
    let document =
        std::fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    for (room, imports) in MAY_IMPORT {
        let imports = if imports.is_empty() { "–" } else { imports };
        let line = format!("| {room} | {imports} |");
        assert!(document.contains(&line), "docs/architecture.md lacks the line\n{line}");
    }
}

#[test]
fn documents_name_only_paths_that_exist() {
    let mut wrong = String::new();
    for document in [
        "README.md",
        "CONTRIBUTING.md",
        "docs/architecture.md",
        "docs/dependencies.md",
        "docs/performance.md",
    ] {
        let text = std::fs::read_to_string(root().join(document)).expect(document);
        for name in text.split('`').skip(1).step_by(2) {
            let path = name.trim_start_matches("./");
            let top = path.split('/').next().unwrap_or_default();
            let looks_like_a_path = path.contains('/')
                && ["src", "manifests", "audits", "contracts", "tests", "docs", "scripts", ".ci"]
                    .contains(&top)
                && !path.contains(['*', ' ', '<', '{', '…']);
            if looks_like_a_path && !root().join(path).exists() {
                let _ = writeln!(wrong, "{document} names {name}, which does not exist");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
