//! One shape for everything `--json` prints:
//! `{"schema":"layr/1","ok":true,"exit":0,"data":…}` or `{"schema":"layr/1","ok":false,"exit":…,"error":{…}}`.
//! A result that rests on less than it should says so in `"notes":[{"code":…,"message":…}]`.

use crate::exit::{self, Exit};
use crate::failure::Failure;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::ExitCode;

/// The envelope's version.
pub const SCHEMA: &str = "layr/1";

/// What a command made: for programs, for people, and the exit code.
#[derive(Debug)]
pub struct Report {
    data: Value,
    words: String,
    exit: Exit,
    notes: Vec<Note>,
}

/// A remark on a result.
#[derive(Debug, Clone, Serialize)]
struct Note {
    /// Stable name, `room/what`.
    code: &'static str,
    /// In words.
    message: String,
}

impl Report {
    /// A successful result.
    ///
    /// # Errors
    /// A [`Failure`] if `data` cannot be written as JSON, which is a bug.
    pub fn new(data: &impl Serialize, words: impl Into<String>) -> Result<Self, Failure> {
        let data = serde_json::to_value(data)
            .map_err(|error| Failure::internal("write the result as JSON", &error))?;
        Ok(Self { data, words: words.into(), exit: exit::OK, notes: Vec::new() })
    }

    /// The same result with a remark: on standard error, or in the envelope.
    #[must_use]
    pub fn note(mut self, code: &'static str, message: impl Into<String>) -> Self {
        self.notes.push(Note { code, message: message.into() });
        self
    }

    /// The same result with another exit code (an audit that found damage, say).
    #[must_use]
    pub const fn with_exit(mut self, exit: Exit) -> Self {
        self.exit = exit;
        self
    }
}

/// How results are printed.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// As one JSON envelope instead of words.
    pub json: bool,
}

impl Output {
    /// Prints a result on standard output.
    pub fn show(self, report: Report) -> ExitCode {
        if self.json {
            let mut envelope = json!({
                "schema": SCHEMA, "ok": report.exit == exit::OK, "exit": report.exit.code, "data": report.data,
            });
            if !report.notes.is_empty() {
                envelope["notes"] = json!(report.notes);
            }
            print(&envelope.to_string());
        } else {
            print(&report.words);
            for note in &report.notes {
                eprintln!("note: {}", note.message);
            }
        }
        report.exit.into()
    }

    /// Prints a failure: as an envelope on standard output, or in words on standard error.
    pub fn fail(self, failure: Failure) -> ExitCode {
        if self.json {
            let envelope =
                json!({"schema": SCHEMA, "ok": false, "exit": failure.exit.code, "error": failure});
            print(&envelope.to_string());
        } else {
            eprintln!("{}", failure.words());
        }
        failure.exit.into()
    }
}

/// Prints a line; a closed pipe is the reader's choice, not a fault.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let text = text.trim_end_matches('\n');
    if !text.is_empty() {
        let _ = writeln!(out, "{text}");
    }
    let _ = out.flush();
}
