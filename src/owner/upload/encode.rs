//! The encoder on a thread of its own: files in, segments and file records out, as fast as they are taken.

use crate::core::Core;
use crate::error::{SourceError, UploadCause};
use crate::sources::{SourceReader, Stamped};
use crate::stored::StoredIndex;
use layr_coding::{EncodeError, EncodeOptions, Encoded, Encoder, Profile};
use layr_types::ByteCount;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Where an upload's bytes come from.
pub(crate) enum Feed {
    /// Files that can be read again.
    Files(Vec<Stamped>),
    /// A stream that cannot.
    Stream(Option<Box<dyn Read + Send>>, ByteCount),
}

/// What comes out, and how it ended.
pub(crate) type Encoding = (mpsc::Receiver<Encoded>, JoinHandle<Result<(), UploadCause>>);

/// Segments handed over and not yet taken.
const AHEAD: usize = 1;

/// Starts encoding; what comes out arrives in order, and the task tells how it ended.
pub(crate) fn start(
    core: &Core,
    feed: &mut Feed,
    (profile, compress): (Profile, bool),
    index: StoredIndex,
) -> Result<Encoding, UploadCause> {
    let work = match feed {
        Feed::Files(sources) => Work::Files(sources.clone()),
        Feed::Stream(reader, size) => {
            let reader = reader.take().ok_or(UploadCause::StreamGone)?;
            Work::Stream(Announced { reader, size: *size, left: size.0 })
        }
    };
    let options = EncodeOptions { compress, index: Arc::new(index), ..EncodeOptions::default() };
    let encoder = Encoder::new(&core.secrets, profile, options)?;
    let (out, taken) = mpsc::channel(AHEAD);
    Ok((taken, tokio::task::spawn_blocking(move || run(encoder, work, &out))))
}

enum Work {
    Files(Vec<Stamped>),
    Stream(Announced),
}

/// A stream that may be no longer than it was announced, because room was agreed for that much.
struct Announced {
    reader: Box<dyn Read + Send>,
    size: ByteCount,
    left: u64,
}

impl Read for Announced {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.reader.read(out)?;
        self.left = self.left.checked_sub(got as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(got)
    }
}

fn run(mut encoder: Encoder, work: Work, out: &mpsc::Sender<Encoded>) -> Result<(), UploadCause> {
    let mut sink = |item| match out.blocking_send(item) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    match work {
        Work::Stream(stream) => {
            let agreed = stream.size;
            encoder.add_file(stream, &mut sink).map_err(|error| match error {
                EncodeError::Read(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
                    UploadCause::OverCapacity { announced: agreed }
                }
                other => other.into(),
            })?;
        }
        Work::Files(sources) => {
            for source in &sources {
                let mut reader = SourceReader::open(source)?;
                encoder.add_file(&mut reader, &mut sink).map_err(|error| unreadable(source, error))?;
                reader.finish()?;
            }
        }
    }
    Ok(encoder.finish(&mut sink)?)
}

/// A read error is the file's, everything else the encoder's.
fn unreadable(source: &Stamped, error: EncodeError) -> UploadCause {
    match error {
        EncodeError::Read(cause) if cause.kind() == io::ErrorKind::Other => {
            SourceError::Changed { path: source.path.clone() }.into()
        }
        EncodeError::Read(cause) => {
            SourceError::Unreadable { path: source.path.clone(), source: cause }.into()
        }
        EncodeError::Stopped => UploadCause::Stopped,
        other => other.into(),
    }
}
