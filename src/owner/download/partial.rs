//! A file on its way: written beside its target, gone on with after an interruption, renamed when it is right.

use crate::error::DownloadCause;
use layr_coding::{ChunkRecord, ChunkSecret};
use layr_manifests::{Attributes, Manifest};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Where bytes go.
pub(crate) enum Out {
    /// A file that is not yet under its own name.
    File(Partial),
    /// A stream.
    Stream(Box<dyn Write + Send>),
}

/// A file that is not yet under its own name.
pub(crate) struct Partial {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
}

/// What of an earlier attempt can be kept.
#[derive(Default)]
pub(crate) struct Kept {
    /// Whole chunks from the start.
    pub(crate) chunks: usize,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// The hash of those bytes, going on.
    pub(crate) hash: blake3::Hasher,
}

/// The name of the file beside `target` while it is incomplete: the same for the same version of a file.
fn temporary(target: &Path, manifest: &Manifest) -> PathBuf {
    let id = manifest.file().to_string();
    let short = id.get(..12).unwrap_or(&id);
    target.with_file_name(format!(".layr-{short}.part"))
}

fn write_error(path: &Path, source: io::Error) -> DownloadCause {
    DownloadCause::Write { path: path.to_owned(), source }
}

impl Partial {
    /// Opens what an earlier attempt left behind, or begins anew.
    pub(crate) fn open(target: &Path, manifest: &Manifest, force: bool) -> Result<Self, DownloadCause> {
        if !force && fs::symlink_metadata(target).is_ok() {
            return Err(DownloadCause::Exists { path: target.to_owned() });
        }
        if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| write_error(folder, error))?;
        }
        let temporary = temporary(target, manifest);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&temporary)
            .map_err(|error| write_error(&temporary, error))?;
        Ok(Self { file, temporary, target: target.to_owned() })
    }

    /// Keeps the whole chunks at the start that are right and cuts off the rest.
    pub(crate) fn keep(
        &mut self,
        chunks: &[ChunkRecord],
        secret: &ChunkSecret,
    ) -> Result<Kept, DownloadCause> {
        let mut kept = Kept::default();
        let failed = |error| write_error(&self.temporary, error);
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut buffer = Vec::new();
        for chunk in chunks {
            buffer.clear();
            let wanted = u64::from(chunk.plain_len);
            let got = file.take(wanted).read_to_end(&mut buffer).map_err(failed)?;
            if got as u64 != wanted || secret.id(&buffer) != chunk.id {
                break;
            }
            kept.hash.update(&buffer);
            kept.chunks += 1;
            kept.bytes += wanted;
        }
        self.restart(kept.bytes)?;
        Ok(kept)
    }

    /// Cuts the file to its first `bytes` and goes on from there.
    pub(crate) fn restart(&mut self, bytes: u64) -> Result<(), DownloadCause> {
        let failed = |error| write_error(&self.temporary, error);
        self.file.set_len(bytes).map_err(failed)?;
        self.file.seek(SeekFrom::Start(bytes)).map_err(failed)?;
        Ok(())
    }

    /// Gives the file its own name, mode and time. It is on disk before the name is.
    pub(crate) fn finish(self, attributes: &Attributes) -> Result<(), DownloadCause> {
        let failed = |error| write_error(&self.temporary, error);
        set_attributes(&self.file, attributes).map_err(failed)?;
        self.file.sync_all().map_err(failed)?;
        fs::rename(&self.temporary, &self.target).map_err(|error| write_error(&self.target, error))
    }

    /// Throws away what cannot become right.
    pub(crate) fn discard(self) {
        if let Err(error) = fs::remove_file(&self.temporary) {
            tracing::warn!(path = %self.temporary.display(), %error, "cannot remove a temporary file");
        }
    }
}

fn set_attributes(file: &File, attributes: &Attributes) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(mode) = attributes.mode {
        use std::os::unix::fs::PermissionsExt as _;
        file.set_permissions(fs::Permissions::from_mode(mode & 0o777))?;
    }
    let Some(modified) = attributes.modified else { return Ok(()) };
    let nanos = Duration::from_nanos(modified.nanos.into());
    let time = match u64::try_from(modified.seconds) {
        Ok(seconds) => UNIX_EPOCH.checked_add(Duration::from_secs(seconds) + nanos),
        Err(_) => UNIX_EPOCH
            .checked_sub(Duration::from_secs(modified.seconds.unsigned_abs()))
            .and_then(|second| second.checked_add(nanos)),
    };
    time.map_or(Ok(()), |time| file.set_modified(time))
}

impl Out {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), DownloadCause> {
        match self {
            Self::File(partial) => {
                partial.file.write_all(bytes).map_err(|error| write_error(&partial.temporary, error))
            }
            Self::Stream(stream) => {
                stream.write_all(bytes).map_err(|error| write_error(Path::new("-"), error))
            }
        }
    }

    pub(crate) fn finish(self, attributes: &Attributes) -> Result<(), DownloadCause> {
        match self {
            Self::File(partial) => partial.finish(attributes),
            Self::Stream(mut stream) => stream.flush().map_err(|error| write_error(Path::new("-"), error)),
        }
    }
}
