//! docs/settlement.md is true: its vectors are the code's, its layouts add up, and every test it names exists.

use super::std::{collections::BTreeSet, fs, path::Path, path::PathBuf, string::String, vec, vec::Vec};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

fn vectors() -> String {
    read("src/market/vectors/v1.txt")
}

#[test]
fn the_documents_vectors_are_the_codes() {
    assert!(
        read("docs/settlement.md").contains(&vectors()),
        "docs/settlement.md repeats src/market/vectors/v1.txt"
    );
}

#[test]
fn the_documents_costs_are_the_readmes() {
    let readme = read("contracts/escrow/README.md");
    let (_, costs) = readme.split_once("## What it costs").expect("the section is there");
    let table: Vec<&str> =
        costs.lines().skip_while(|l| !l.starts_with('|')).take_while(|l| l.starts_with('|')).collect();
    assert!(table.len() > 20);
    assert!(
        read("docs/settlement.md").contains(&table.join("\n")),
        "docs/settlement.md repeats the table of costs"
    );
}

/// A layout of the document: name, size, and rows of offset and size.
type Layout = (String, usize, Vec<(usize, usize)>);

/// All of them.
fn layouts(text: &str) -> Vec<Layout> {
    let mut found = vec![];
    for part in text.split("\n### ").skip(1) {
        let Some((name, rest)) = part.split_once(" (") else { continue };
        let Some((size, rest)) = rest.split_once(" bytes)") else { continue };
        let row = |line: &str| {
            let mut cells = line.split('|').skip(1).map(|cell| cell.trim().parse());
            Some((cells.next()?.ok()?, cells.next()?.ok()?))
        };
        found.push((name.into(), size.parse().expect(name), rest.lines().filter_map(row).collect()));
    }
    found
}

#[test]
fn the_documents_layouts_add_up_and_have_the_vectors_sizes() {
    let text = read("docs/settlement.md");
    let layouts = layouts(&text);
    assert_eq!(layouts.len(), 10);
    for (name, size, rows) in &layouts {
        let end = rows.iter().fold(0, |at, (offset, bytes)| {
            assert_eq!(at, *offset, "{name}");
            at + bytes
        });
        assert_eq!(end, *size, "{name}");
    }
    let short = |name: &str| if name == "Final split" { "final".into() } else { name.to_lowercase() };
    let vectors = vectors();
    let mut compared = 0;
    for line in vectors.lines() {
        let (object, hex) = line.split_once(": ").expect("a vector");
        for (name, size, _) in layouts.iter().filter(|(name, ..)| short(name) == object) {
            assert_eq!(hex.len(), 2 * size, "{name}");
            compared += 1;
        }
    }
    assert_eq!(compared, 9, "all but the audit record stand in the market's vectors");
}

/// Names of functions in every Rust file below a folder.
fn functions(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            functions(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("text");
            let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
            into.extend(names.map(String::from));
        }
    }
}

#[test]
fn every_test_the_document_names_exists_and_every_law_and_attack_has_one() {
    let text = read("docs/settlement.md");
    let mut known = BTreeSet::new();
    for folder in ["src", "contracts", "audits"] {
        functions(&root().join(folder), &mut known);
    }
    let (_, tables) = text.split_once("## The laws").expect("the tables are there");
    let row = |line: &&str| line.split('|').nth(1).is_some_and(|cell| cell.trim().parse::<u32>().is_ok());
    let rows: Vec<&str> = tables.lines().filter(row).collect();
    assert_eq!(rows.len(), 22 + 35);
    for line in rows {
        let words = line.split('`').skip(1).step_by(2);
        let names: Vec<&str> = words.filter(|word| word.matches('_').count() > 3).collect();
        assert!(!names.is_empty() || line.contains("schedules"), "{line}");
        for name in names {
            assert!(known.contains(name), "{name} is named, and nowhere written");
        }
    }
}
