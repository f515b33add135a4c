//! A few threads and an ordered way to wait for them.
//!
//! The encoder's caller cuts the stream and hands out work (seal this chunk, commit that segment); results are
//! collected in the order in which the work was handed out. Whoever waits for a result works on the queue
//! meanwhile, so the caller's own thread is never idle and one worker is enough to keep two cores busy. The
//! queue is bounded by its user, who waits for the oldest result before it submits beyond its limit.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

type Job = Box<dyn FnOnce() + Send>;

/// Worker threads; joined on drop.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl core::fmt::Debug for Queue {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Queue(…)")
    }
}

/// A job died before it had a result: a bug in the job, reported instead of spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

enum Outcome<T> {
    Pending,
    Done(T),
    Lost,
}

/// The promise of one job's result.
pub(crate) struct Ticket<T>(Arc<Slot<T>>);

impl<T> core::fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ticket(…)")
    }
}

struct Slot<T> {
    outcome: Mutex<Outcome<T>>,
    settled: Condvar,
}

/// Settles the slot even if the job unwinds.
struct Settle<T>(Arc<Slot<T>>);

impl<T> Settle<T> {
    fn settle(&self, outcome: Outcome<T>) {
        *lock(&self.0.outcome) = outcome;
        self.0.settled.notify_all();
    }
}

impl<T> Drop for Settle<T> {
    fn drop(&mut self) {
        let pending = matches!(*lock(&self.0.outcome), Outcome::Pending);
        if pending {
            self.settle(Outcome::Lost);
        }
    }
}

impl<T> Ticket<T> {
    /// True once [`Workers::wait`] would return at once.
    pub(crate) fn ready(&self) -> bool {
        !matches!(*lock(&self.0.outcome), Outcome::Pending)
    }
}

impl Workers {
    /// Starts `threads` workers; 0 is allowed, the waiting thread then does everything.
    pub(crate) fn start(threads: usize) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::default());
        let mut workers = Self { queue: Arc::clone(&queue), threads: Vec::with_capacity(threads) };
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            let name = format!("layr-coding-{number}");
            workers.threads.push(std::thread::Builder::new().name(name).spawn(move || queue.serve())?);
        }
        Ok(workers)
    }

    /// Threads beside the caller's.
    pub(crate) fn len(&self) -> usize {
        self.threads.len()
    }

    /// Queues a job.
    pub(crate) fn submit<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Ticket<T> {
        let slot = Arc::new(Slot { outcome: Mutex::new(Outcome::Pending), settled: Condvar::new() });
        let settle = Settle(Arc::clone(&slot));
        lock(&self.queue.state).jobs.push_back(Box::new(move || settle.settle(Outcome::Done(job()))));
        self.queue.changed.notify_one();
        Ticket(slot)
    }

    /// Waits for a result, working on the queue meanwhile.
    pub(crate) fn wait<T>(&self, ticket: Ticket<T>) -> Result<T, Lost> {
        while !ticket.ready() {
            let job = lock(&self.queue.state).jobs.pop_front();
            match job {
                Some(job) => run(job),
                // Nothing is queued, so another thread has this job in hand and will settle it.
                None => return Self::settled(&ticket.0),
            }
        }
        Self::settled(&ticket.0)
    }

    fn settled<T>(slot: &Slot<T>) -> Result<T, Lost> {
        let mut outcome = lock(&slot.outcome);
        loop {
            match core::mem::replace(&mut *outcome, Outcome::Pending) {
                Outcome::Done(value) => return Ok(value),
                Outcome::Lost => return Err(Lost),
                Outcome::Pending => {
                    outcome = slot.settled.wait(outcome).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        {
            let mut state = lock(&self.queue.state);
            state.closed = true;
            state.jobs.clear();
        }
        self.queue.changed.notify_all();
        for thread in self.threads.drain(..) {
            // A worker catches its jobs' panics, so there is nothing to learn from the join.
            let _ended = thread.join();
        }
    }
}

impl Queue {
    fn serve(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                run(job);
                state = lock(&self.state);
            } else if state.closed {
                return;
            } else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Runs one job; a panic has been reported by the hook and settles the job's ticket as lost.
fn run(job: Job) {
    let _unwound = catch_unwind(AssertUnwindSafe(job));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
