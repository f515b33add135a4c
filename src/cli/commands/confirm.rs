//! Asking before something that cannot be undone: on a terminal a person answers; where nobody can, `--yes` must.

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

/// Goes on only if a person says so, or `yes` was given.
///
/// # Errors
/// A usage failure where there is nobody to ask, and one that says nothing was done where the answer is no.
pub fn confirm(global: &Global, yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if global.json || !std::io::stdin().is_terminal() {
        return Err(Failure::usage(
            format!("{question} There is no terminal to ask on."),
            "Add --yes to do it without asking, or --dry-run to see what it would do. Nothing was changed.",
        ));
    }
    let mut line = String::new();
    let asked = write!(std::io::stderr(), "{question} [y/N] ")
        .and_then(|()| std::io::stderr().flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut line));
    asked.map_err(|error| Failure::internal("ask for a confirmation", &error))?;
    if agrees(&line) {
        return Ok(());
    }
    Err(Failure::new(
        exit::INTERRUPTED,
        "declined",
        "nothing was done: the answer was not yes",
        "Answer 'y', or add --yes.",
    ))
}

fn agrees(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_yes_agrees() {
        for line in ["y\n", " YES \n", "yes"] {
            assert!(agrees(line), "{line:?}");
        }
        for line in ["", "\n", "n", "no", "yeah", "y y"] {
            assert!(!agrees(line), "{line:?}");
        }
    }
}
