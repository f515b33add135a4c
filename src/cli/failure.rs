//! A failure as a person and a program meet it.

use crate::exit::{self, Exit};
use serde::Serialize;
use std::error::Error;
use std::fmt::Write as _;

/// What became of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MoneyEffect {
    /// Nothing was paid or promised.
    None,
    /// Money is locked in escrow and comes back at settlement unless used.
    Reserved,
    /// Money was spent on what the report lists.
    Spent,
    /// A transaction was sent and its fate is not known yet; running the command again finds out.
    Unknown,
}

impl MoneyEffect {
    const fn words(self) -> &'static str {
        match self {
            Self::None => "no money moved",
            Self::Reserved => "money is locked in escrow, none is lost",
            Self::Spent => "money was spent as listed",
            Self::Unknown => {
                "a transaction may have been sent; running the command again settles it, without paying twice"
            }
        }
    }
}

/// A command's failure.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// Stable name, `room/what`.
    pub code: &'static str,
    /// What happened, in one sentence.
    pub message: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What became of money.
    pub money_effect: MoneyEffect,
    /// What to do.
    pub next: String,
    /// The process's exit code.
    #[serde(skip)]
    pub exit: Exit,
}

impl Failure {
    /// A failure that moved no money.
    pub fn new(exit: Exit, code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            causes: Vec::new(),
            money_effect: MoneyEffect::None,
            next: next.into(),
            exit,
        }
    }

    /// A wrong command line or setting.
    pub fn usage(message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(exit::USAGE, "usage", message, next)
    }

    /// A fault nobody planned for.
    pub fn internal(doing: &str, error: &(dyn Error + 'static)) -> Self {
        Self::new(
            exit::INTERNAL,
            "internal",
            format!("could not {doing}"),
            "If the cause below is not something you can mend, please report it with the command and this text.",
        )
        .because(error)
    }

    /// Adds an error and all its sources as causes.
    #[must_use]
    pub fn because(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut cause = Some(error);
        while let Some(current) = cause {
            let text = current.to_string();
            if self.causes.last().is_none_or(|last| !last.contains(&text)) {
                self.causes.push(text);
            }
            cause = current.source();
        }
        self
    }

    /// Says what became of money.
    #[must_use]
    pub const fn money(mut self, effect: MoneyEffect) -> Self {
        self.money_effect = effect;
        self
    }

    /// The words for a person.
    pub fn words(&self) -> String {
        let mut out = format!("error: {}", self.message);
        for cause in &self.causes {
            let _ = write!(out, "\n  because: {cause}");
        }
        let _ = write!(out, "\n  money: {}\n  next: {}", self.money_effect.words(), self.next);
        out
    }

    /// What happened, why and what to do, for a remark beside a result.
    pub fn in_one_line(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
        format!("{}{causes}. {}", self.message, self.next)
    }
}
