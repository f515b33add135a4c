//! The encoder on a thread of its own: files in, segments and file records out, as fast as they are taken.

use crate::core::Core;
use crate::error::{SourceError, UploadCause};
use crate::sources::{SourceReader, Stamped};
use crate::stored::StoredIndex;
use layr_coding::{EncodeError, EncodeOptions, Encoded, Encoder, Profile};
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Where an upload's bytes come from.
pub(crate) enum Feed {
    /// Files that can be read again.
    Files(Vec<Stamped>),
    /// A stream that cannot.
    Stream(Option<Box<dyn Read + Send>>),
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
        Feed::Stream(reader) => Work::Stream(reader.take().ok_or(UploadCause::StreamGone)?),
    };
    let options = EncodeOptions { compress, index: Arc::new(index), ..EncodeOptions::default() };
    let encoder = Encoder::new(&core.secrets, profile, options)?;
    let (out, taken) = mpsc::channel(AHEAD);
    Ok((taken, tokio::task::spawn_blocking(move || run(encoder, work, &out))))
}

enum Work {
    Files(Vec<Stamped>),
    Stream(Box<dyn Read + Send>),
}

fn run(mut encoder: Encoder, work: Work, out: &mpsc::Sender<Encoded>) -> Result<(), UploadCause> {
    let mut sink = |item| match out.blocking_send(item) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    match work {
        Work::Stream(reader) => {
            encoder.add_file(reader, &mut sink)?;
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
        EncodeError::Read(cause) if cause.kind() == std::io::ErrorKind::Other => {
            SourceError::Changed { path: source.path.clone() }.into()
        }
        EncodeError::Read(cause) => {
            SourceError::Unreadable { path: source.path.clone(), source: cause }.into()
        }
        other => other.into(),
    }
}
