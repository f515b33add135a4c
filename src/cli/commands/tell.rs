//! The owner's events on the progress display.

use crate::args::Global;
use crate::progress::Display;
use crate::table::short;
use layr_owner::{Event, HostEvent, Progress, Warning};
use layr_types::Stroops;
use std::sync::{Arc, Mutex, PoisonError};

/// Tells a person how far things are.
#[derive(Debug)]
pub struct Teller {
    display: Display,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    hosts: usize,
    lost: usize,
    fees: Stroops,
    escrow: Stroops,
}

impl Teller {
    /// Quiet where nobody watches.
    pub fn new(global: &Global) -> Arc<Self> {
        Arc::new(Self { display: Display::start(global.quiet || global.json), seen: Mutex::default() })
    }

    fn remark(&self, seen: &Seen) {
        let mut parts = Vec::new();
        if seen.hosts > 0 {
            parts.push(format!("{} hosts", seen.hosts));
        }
        if seen.lost > 0 {
            parts.push(format!("{} lost", seen.lost));
        }
        if seen.escrow != Stroops::ZERO {
            parts.push(format!("{} XLM in escrow", seen.escrow));
        }
        if seen.fees != Stroops::ZERO {
            parts.push(format!("{} XLM fees", seen.fees));
        }
        if !parts.is_empty() {
            self.display.note(&parts.join(", "));
        }
    }
}

impl Progress for Teller {
    fn tell(&self, event: Event) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Stage { stage, bytes } => self.display.stage(&stage.to_string(), bytes.0),
            Event::Bytes { done } => self.display.bytes(done.0),
            Event::Host { what: HostEvent::Chosen, .. } => seen.hosts += 1,
            Event::Host { node, what: HostEvent::Lost } => {
                seen.lost += 1;
                self.display.line(&format!("host {}… failed; another takes over", short(node)));
            }
            Event::Money { escrow, fee, .. } => {
                seen.escrow += escrow;
                seen.fees += fee;
                self.remark(&seen);
            }
            Event::Warning(warning) => self.display.line(&words(&warning)),
            _ => {}
        }
    }
}

fn words(warning: &Warning) -> String {
    match warning {
        Warning::SharedHosts { per_host } => format!(
            "warning: up to {per_host} shards of a segment lie on one host; fewer host failures are survived"
        ),
        Warning::RecordNotSpread => {
            "warning: the catalogue's pointer could not be spread in the network; your hosts have it"
                .to_owned()
        }
        Warning::Resumed => "going on with an earlier, unfinished upload of the same files".to_owned(),
        Warning::Skipped { entries } => {
            format!("warning: {entries} entries were left out because they are neither files nor directories")
        }
        _ => "warning: something unusual happened; -v shows more".to_owned(),
    }
}
