//! Makes the rows of the durability table again. Each row is written as soon as it is there, so that an interrupted
//! run keeps what it has done.

use super::simulate::played;
use super::threads;
use crate::args::{Durability, Global};
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use layr_sim::table::{Row, regenerate, rows};
use serde::Serialize;
use std::fs;
use std::path::Path;

#[derive(Debug, Serialize)]
struct Made {
    document: String,
    /// Rows made again, as they stand there now.
    rows: Vec<String>,
    /// Rows that were more than `--up-to`.
    left: usize,
}

/// Makes them.
pub fn run(global: &Global, args: &Durability, document: &Path) -> Result<Report, Failure> {
    let read = || fs::read_to_string(document).map_err(|error| unreadable(document, &error));
    let text = read()?;
    let (todo, left): (Vec<Row>, Vec<Row>) =
        rows(&text).into_iter().partition(|row| row.segment_years <= args.up_to);
    let mut made = Made { document: document.display().to_string(), rows: Vec::new(), left: left.len() };
    for row in &todo {
        let (scenario, worlds) = row.sized();
        let tally = played(global, (&scenario, row.seed, worlds), threads(args))?;
        let line = row.line(&tally);
        let text = regenerate(&read()?, |other| (other == row).then(|| line.clone()));
        write(document, &text.ok_or_else(|| no_table(document))?)?;
        made.rows.push(line);
    }
    if todo.is_empty() && left.is_empty() {
        return Err(no_table(document));
    }
    let words = format!("{}\n{} rows made again, {} left", made.rows.join("\n"), made.rows.len(), made.left);
    Report::new(&made, words.trim_start().to_owned())
}

/// Replaces the document in one step.
fn write(document: &Path, text: &str) -> Result<(), Failure> {
    let beside = document.with_extension("md.new");
    fs::write(&beside, text)
        .and_then(|()| fs::rename(&beside, document))
        .map_err(|error| Failure::internal("write the document", &error))
}

fn unreadable(document: &Path, error: &std::io::Error) -> Failure {
    Failure::new(
        exit::NOT_FOUND,
        "durability/document",
        format!("{} cannot be read", document.display()),
        "Give the path of a document with a durability table, for example docs/durability.md.",
    )
    .because(error)
}

fn no_table(document: &Path) -> Failure {
    Failure::usage(
        format!("{} has no durability table", document.display()),
        "Give the path of a document with one, for example docs/durability.md.",
    )
}
