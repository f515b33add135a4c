//! The seven ways an audit ends.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// How an audit ended, from the least that is said against the host to the most: `max` is the worst of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The auditor could not reach anybody: says nothing about the host.
    OwnFault,
    /// Every leaf asked for was proved in time.
    Passed,
    /// The host was there and did not answer within the deadline.
    Late,
    /// The host could not be reached while others could.
    Offline,
    /// The host answered that it will not answer.
    Refused,
    /// The host admits that it no longer has a leaf.
    Missing,
    /// The host sent, or admits to hold, bytes that are not the leaf both signed for.
    Corrupt,
}

impl Verdict {
    /// All verdicts, mildest first.
    pub const ALL: [Self; 7] = [
        Self::OwnFault,
        Self::Passed,
        Self::Late,
        Self::Offline,
        Self::Refused,
        Self::Missing,
        Self::Corrupt,
    ];

    /// Whether it may touch collateral: only what is proved wrong or admitted, never silence.
    #[must_use]
    pub const fn touches_money(self) -> bool {
        matches!(self, Self::Missing | Self::Corrupt)
    }

    /// Whether it says something about the host and therefore enters the history.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(self, Self::OwnFault)
    }

    /// Whether asking again may still change it: silence and refusals, not evidence.
    #[must_use]
    pub const fn may_recover(self) -> bool {
        matches!(self, Self::OwnFault | Self::Late | Self::Offline | Self::Refused)
    }

    /// The glossary's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OwnFault => "own-fault",
            Self::Passed => "passed",
            Self::Late => "late",
            Self::Offline => "offline",
            Self::Refused => "refused",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
        }
    }

    /// The byte that stands for it in an audit record.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::OwnFault => 0,
            Self::Passed => 1,
            Self::Late => 2,
            Self::Offline => 3,
            Self::Refused => 4,
            Self::Missing => 5,
            Self::Corrupt => 6,
        }
    }

    /// The verdict a record's byte stands for.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is none of the seven words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a verdict: expected passed, corrupt, missing, refused, late, offline or own-fault")]
pub struct UnknownVerdict;

impl FromStr for Verdict {
    type Err = UnknownVerdict;
    fn from_str(text: &str) -> Result<Self, UnknownVerdict> {
        Self::ALL.into_iter().find(|verdict| verdict.as_str() == text).ok_or(UnknownVerdict)
    }
}
