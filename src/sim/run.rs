//! Several worlds side by side: each has a stream of chance of its own, and their tallies are added in order, so
//! that the number of threads changes nothing but the time it takes.

use crate::scenario::{Scenario, ScenarioError};
use crate::tally::Tally;
use crate::world::play;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Simulates worlds 0 to `worlds` − 1 of a scenario on `threads` threads. `progress` is told of each world that is
/// done (their number so far); where it returns false no further world is begun.
///
/// # Errors
/// [`ScenarioError`] where it cannot be simulated.
pub fn simulate(
    scenario: &Scenario,
    (seed, worlds): (u64, u64),
    threads: usize,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Tally, ScenarioError> {
    scenario.check()?;
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let tallies = Mutex::new(Vec::new());
    let work = || {
        loop {
            let world = next.fetch_add(1, Ordering::Relaxed);
            if world >= worlds {
                return;
            }
            let tally = play(scenario, seed, world);
            if let Ok(mut all) = tallies.lock() {
                all.push((world, tally));
            }
            if !progress(done.fetch_add(1, Ordering::Relaxed) + 1) {
                next.store(worlds, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.max(1) {
            scope.spawn(work);
        }
        work();
    });
    let mut all = tallies.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    all.sort_by_key(|(world, _)| *world);
    let mut sum = Tally::default();
    for (_, tally) in &all {
        sum.merge(tally);
    }
    Ok(sum)
}
