//! The writer: a thread that opens chunks in order, hashes them, and writes them.

use super::itinerary::Stop;
use super::partial::Out;
use crate::error::DownloadCause;
use crate::events::{Event, Progress};
use crate::fetch::Part;
use layr_coding::{ChunkSecret, OpenError, open_chunk};
use layr_types::ByteCount;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc;

/// What the writer works with.
pub(crate) struct Writer {
    pub(crate) out: Out,
    pub(crate) hash: blake3::Hasher,
    pub(crate) written: u64,
    pub(crate) secret: ChunkSecret,
    pub(crate) progress: Arc<dyn Progress>,
}

impl Writer {
    /// Writes every stop as its visits arrive; the last `kept` visits stay in memory. Gives itself back.
    pub(crate) fn run(
        mut self,
        mut stops: VecDeque<Stop>,
        kept: usize,
        mut parts: mpsc::Receiver<(usize, Part)>,
    ) -> (Self, Result<(), DownloadCause>) {
        let mut here: HashMap<usize, Part> = HashMap::new();
        while let Some((visit, part)) = parts.blocking_recv() {
            here.retain(|at, _| at + kept > visit);
            here.insert(visit, part);
            while stops.front().is_some_and(|stop| stop.ready_after() <= visit) {
                let Some(stop) = stops.pop_front() else { break };
                if let Err(cause) = self.write(&stop, &here) {
                    return (self, Err(cause));
                }
            }
            self.progress.tell(Event::Bytes { done: ByteCount(self.written) });
        }
        let done = if stops.is_empty() { Ok(()) } else { Err(DownloadCause::TaskLost) };
        (self, done)
    }

    fn write(&mut self, stop: &Stop, here: &HashMap<usize, Part>) -> Result<(), DownloadCause> {
        let chunk = &stop.chunk;
        let mut sealed = Vec::with_capacity(usize::try_from(chunk.sealed_len()).unwrap_or_default());
        for (span, visit) in chunk.spans.iter().zip(&stop.visits) {
            let (offset, len) = (span.offset as usize, span.len as usize);
            let copied = here.get(visit).is_some_and(|part| part.copy(offset, len, &mut sealed));
            if !copied {
                return Err(DownloadCause::Open(OpenError::Length(sealed.len())));
            }
        }
        let plain = open_chunk(&self.secret.key(&chunk.id), chunk, sealed)?;
        let wanted = plain.get(stop.bytes.clone()).ok_or(DownloadCause::WrongHash)?;
        self.hash.update(wanted);
        self.out.write(wanted)?;
        self.written += wanted.len() as u64;
        Ok(())
    }
}
