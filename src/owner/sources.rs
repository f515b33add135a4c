//! Sources: from paths a person typed to files with a name, a size and a stamp that shows whether they change.

use crate::error::SourceError;
use crate::request::Source;
use layr_manifests::{Attributes, FilePath, FileTime};
use layr_types::ByteCount;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// A file as it was when the upload began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamped {
    pub(crate) path: PathBuf,
    pub(crate) name: FilePath,
    pub(crate) size: ByteCount,
    pub(crate) modified: Option<FileTime>,
    pub(crate) mode: Option<u32>,
}

impl Stamped {
    pub(crate) fn attributes(&self) -> Attributes {
        Attributes { mode: self.mode, modified: self.modified, ..Attributes::default() }
    }
}

/// Turns files and directories into sources: directories are walked in name order, symbolic links and special
/// files inside them are left out and counted. `name` replaces the last part of the path and is allowed for one
/// path only.
///
/// # Errors
/// [`SourceError`] names the path that cannot be used.
pub fn expand(paths: &[PathBuf], name: Option<&str>) -> Result<(Vec<Source>, u64), SourceError> {
    let mut found = Found::default();
    for path in paths {
        let own = path.canonicalize().ok().and_then(|full| full.file_name().map(PathBuf::from));
        let base = match (name, own) {
            (Some(name), _) => name.to_owned(),
            (None, Some(own)) => text(&own, path)?.to_owned(),
            (None, None) => String::new(),
        };
        let meta = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if meta.is_dir() {
            found.directory(path, &base)?;
        } else if meta.is_file() {
            found.sources.push(Source { path: path.clone(), name: base });
        } else {
            return Err(SourceError::Special { path: path.clone() });
        }
    }
    Ok((found.sources, found.skipped))
}

#[derive(Default)]
struct Found {
    sources: Vec<Source>,
    skipped: u64,
}

impl Found {
    fn directory(&mut self, path: &Path, base: &str) -> Result<(), SourceError> {
        let failed = |source| unreadable(path, source);
        let mut entries =
            fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let inner = entry.path();
            let last = PathBuf::from(entry.file_name());
            let last = text(&last, &inner)?;
            let name = if base.is_empty() { last.to_owned() } else { format!("{base}/{last}") };
            let kind = entry.file_type().map_err(|source| unreadable(&inner, source))?;
            if kind.is_dir() {
                self.directory(&inner, &name)?;
            } else if kind.is_file() {
                self.sources.push(Source { path: inner, name });
            } else {
                self.skipped += 1;
            }
        }
        Ok(())
    }
}

fn text<'a>(part: &'a Path, whole: &Path) -> Result<&'a str, SourceError> {
    part.to_str().ok_or_else(|| SourceError::Name { path: whole.to_owned() })
}

fn unreadable(path: &Path, source: io::Error) -> SourceError {
    SourceError::Unreadable { path: path.to_owned(), source }
}

/// Looks at every source once: names are allowed and distinct, files can be opened.
pub(crate) fn stamp(sources: &[Source]) -> Result<Vec<Stamped>, SourceError> {
    if sources.is_empty() {
        return Err(SourceError::Nothing);
    }
    let mut names = HashSet::new();
    let mut stamped = Vec::with_capacity(sources.len());
    for source in sources {
        let name = FilePath::new(source.name.as_str())
            .map_err(|_| SourceError::Name { path: source.path.clone() })?;
        if !names.insert(name.clone()) {
            return Err(SourceError::SameName { name: source.name.clone() });
        }
        let file = File::open(&source.path).map_err(|error| unreadable(&source.path, error))?;
        let meta = file.metadata().map_err(|error| unreadable(&source.path, error))?;
        if !meta.is_file() {
            return Err(SourceError::Special { path: source.path.clone() });
        }
        let path = source.path.canonicalize().map_err(|error| unreadable(&source.path, error))?;
        stamped.push(Stamped {
            path,
            name,
            size: ByteCount(meta.len()),
            modified: modified(&meta),
            mode: mode(&meta),
        });
    }
    Ok(stamped)
}

fn modified(meta: &Metadata) -> Option<FileTime> {
    let time = meta.modified().ok()?;
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => {
            Some(FileTime { seconds: i64::try_from(after.as_secs()).ok()?, nanos: after.subsec_nanos() })
        }
        Err(before) => {
            let before = before.duration();
            let seconds = -i64::try_from(before.as_secs()).ok()?;
            match before.subsec_nanos() {
                0 => Some(FileTime { seconds, nanos: 0 }),
                nanos => Some(FileTime { seconds: seconds - 1, nanos: 1_000_000_000 - nanos }),
            }
        }
    }
}

#[cfg(unix)]
fn mode(meta: &Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(meta.permissions().mode() & 0o7777)
}

#[cfg(not(unix))]
const fn mode(_: &Metadata) -> Option<u32> {
    None
}

/// A source being read; tells at its end whether it is still the file that was stamped.
pub(crate) struct SourceReader<'a> {
    file: File,
    stamp: &'a Stamped,
    read: u64,
}

impl<'a> SourceReader<'a> {
    /// Opens a source.
    pub(crate) fn open(stamp: &'a Stamped) -> Result<Self, SourceError> {
        let file = File::open(&stamp.path).map_err(|error| unreadable(&stamp.path, error))?;
        let reader = Self { file, stamp, read: 0 };
        reader.check(false)?;
        Ok(reader)
    }

    /// Whether the file is still what it was.
    pub(crate) fn finish(self) -> Result<(), SourceError> {
        self.check(true)
    }

    fn check(&self, ended: bool) -> Result<(), SourceError> {
        let path = &self.stamp.path;
        let meta = self.file.metadata().map_err(|error| unreadable(path, error))?;
        let same = meta.len() == self.stamp.size.0 && modified(&meta) == self.stamp.modified;
        if same && (!ended || self.read == self.stamp.size.0) {
            return Ok(());
        }
        Err(SourceError::Changed { path: path.clone() })
    }
}

impl Read for SourceReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(out)?;
        self.read += got as u64;
        if self.read > self.stamp.size.0 {
            return Err(io::Error::other("the file grew while it was read"));
        }
        Ok(got)
    }
}
