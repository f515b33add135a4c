//! A file's name in the catalogue: a relative path that is safe to join to any directory.
//!
//! Checked once, when a path is made or decoded. Whoever holds a [`FilePath`] may join it to a directory of
//! their choice and stays inside it; a manifest with a hostile name does not decode.

use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// Longest path in bytes.
pub const MAX_PATH_BYTES: usize = 4096;
/// Longest component in bytes: what common file systems allow.
pub const MAX_COMPONENT_BYTES: usize = 255;

/// A relative path of one or more components joined by `/`.
///
/// UTF-8, at most 4 KiB; no component is empty, `.`, `..` or longer than 255 bytes; no control character, no
/// backslash and no drive letter (they would mean something else on another system).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FilePath(String);

impl FilePath {
    /// Checks a path.
    ///
    /// # Errors
    /// [`PathError`] names the rule that is broken.
    pub fn new(path: impl Into<String>) -> Result<Self, PathError> {
        let path = path.into();
        check(&path)?;
        Ok(Self(path))
    }

    /// The whole path, components joined by `/`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its components; at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The last component.
    #[must_use]
    pub fn name(&self) -> &str {
        self.components().next_back().unwrap_or_default()
    }

    /// True where this path lies in the folder `folder` (or below it); every path lies in the empty folder.
    #[must_use]
    pub fn is_in(&self, folder: &str) -> bool {
        folder.is_empty() || self.0.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn check(path: &str) -> Result<(), PathError> {
    if path.is_empty() {
        return Err(PathError::Empty);
    }
    if path.len() > MAX_PATH_BYTES {
        return Err(PathError::Long(path.len()));
    }
    if path.starts_with('/') || has_drive(path) {
        return Err(PathError::Absolute);
    }
    if let Some(found) = path.chars().find(|c| c.is_control() || *c == '\\') {
        return Err(PathError::Character(found));
    }
    path.split('/').try_for_each(check_component)
}

fn check_component(component: &str) -> Result<(), PathError> {
    match component {
        "" => Err(PathError::EmptyComponent),
        "." | ".." => Err(PathError::Climbs),
        long if long.len() > MAX_COMPONENT_BYTES => Err(PathError::LongComponent(long.len())),
        _ => Ok(()),
    }
}

/// `c:` and `c:\…` are absolute, or relative to a drive, on some systems.
fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

impl TryFrom<String> for FilePath {
    type Error = PathError;
    fn try_from(path: String) -> Result<Self, PathError> {
        Self::new(path)
    }
}

impl From<FilePath> for String {
    fn from(path: FilePath) -> Self {
        path.0
    }
}

impl FromStr for FilePath {
    type Err = PathError;
    fn from_str(path: &str) -> Result<Self, PathError> {
        Self::new(path)
    }
}

impl AsRef<str> for FilePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// Why a text is not a path of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// There is nothing in it.
    #[error("a path needs a name")]
    Empty,
    /// It has this many bytes.
    #[error("a path has at most {MAX_PATH_BYTES} bytes, this one {0}")]
    Long(usize),
    /// It begins with `/` or a drive letter.
    #[error("a path in the catalogue is relative")]
    Absolute,
    /// It has a component `.` or `..`.
    #[error("a path in the catalogue may not contain \".\" or \"..\"")]
    Climbs,
    /// It begins or ends with `/`, or has two in a row.
    #[error("a path may not have an empty component")]
    EmptyComponent,
    /// One component has this many bytes.
    #[error("a name has at most {MAX_COMPONENT_BYTES} bytes, this one {0}")]
    LongComponent(usize),
    /// It has a control character or a backslash.
    #[error("a path may not contain {0:?}")]
    Character(char),
}
