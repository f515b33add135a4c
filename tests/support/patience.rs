//! Waiting for something that can be seen, never for time to pass.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(3);

/// Looks until `seen` gives something, and fails with `what` after `deadline`.
pub fn until<T>(what: &str, deadline: Duration, mut seen: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = seen() {
            return found;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain: {what}");
        thread::sleep(LOOK);
    }
}
