//! What happens without anyone asking: one thread for all partitions, no timer for any of them.
//!
//! ```text
//!   at once              deleted partitions' folders are put aside
//!   each second          flush.ms; closed segments are synced; files whose time has come go
//!   each minute          checkpoints; idle files are closed
//!   each retention check retention, expired producers
//! ```
//!
//! Compaction and moves between directories, which may take long, have a thread each, see
//! [`cleaning`] and [`moving`].

mod checkpoints;
mod cleaning;
mod closing;
mod flush;
mod moving;
mod removal;
mod retention;

pub(crate) use cleaning::{Cleaner, CleanerSettings};
pub(crate) use closing::close_logs;
pub(crate) use moving::Mover;

use crate::partition::{Partition, Partitions, now};
use log::{FileCache, RealFile, Retired};
use removal::Removals;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often each chore is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intervals {
    pub tick: Duration,
    pub checkpoint: Duration,
    pub retention: Duration,
    /// Before the first retention check, so that a start is not slowed down.
    pub retention_delay: Duration,
}

/// What others leave for the thread to do.
#[derive(Debug, Default)]
pub(crate) struct Chores {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    deleted: Vec<Arc<Partition>>,
    /// Files that were taken out of logs.
    retired: Vec<Retired>,
    stop: bool,
}

/// The running thread.
#[derive(Debug)]
pub(crate) struct Housekeeper {
    chores: Arc<Chores>,
    thread: JoinHandle<()>,
}

impl Chores {
    /// Has the files of deleted partitions put aside, and removed when nobody reads them any more.
    pub(crate) fn remove(&self, deleted: Vec<Arc<Partition>>) {
        if !deleted.is_empty() {
            self.waiting().deleted.extend(deleted);
            self.changed.notify_one();
        }
    }

    /// Has files that were taken out of a log removed when their time has come.
    fn add_files(&self, retired: Retired) {
        self.waiting().retired.push(retired);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a chore, at most for `time`; `None` when the thread shall end.
    fn next(&self, time: Duration) -> Option<Vec<Arc<Partition>>> {
        let is_quiet = |waiting: &mut Waiting| waiting.deleted.is_empty() && !waiting.stop;
        let (mut waiting, _) = self
            .changed
            .wait_timeout_while(self.waiting(), time, is_quiet)
            .unwrap_or_else(PoisonError::into_inner);
        let deleted = std::mem::take(&mut waiting.deleted);
        if waiting.stop && deleted.is_empty() { None } else { Some(deleted) }
    }
}

impl Housekeeper {
    pub(crate) fn start(
        chores: Arc<Chores>,
        partitions: Arc<Partitions>,
        files: FileCache<RealFile>,
        intervals: Intervals,
    ) -> io::Result<Self> {
        let round = Round { chores: Arc::clone(&chores), partitions, files, intervals };
        let thread = thread::Builder::new().name("klamm-housekeeper".into());
        Ok(Self { chores, thread: thread.spawn(move || round.run())? })
    }

    /// Ends the thread behind what it is doing.
    pub(crate) fn stop(self) {
        self.chores.waiting().stop = true;
        self.chores.changed.notify_one();
        if self.thread.join().is_err() {
            tracing::error!("the housekeeping thread panicked");
        }
    }
}

struct Round {
    chores: Arc<Chores>,
    partitions: Arc<Partitions>,
    files: FileCache<RealFile>,
    intervals: Intervals,
}

impl Round {
    fn run(self) {
        let start = Instant::now();
        let mut removals = Removals::default();
        let mut checkpoint_at = start + self.intervals.checkpoint;
        let mut retention_at = start + self.intervals.retention_delay.min(self.intervals.retention);
        while let Some(deleted) = self.chores.next(self.intervals.tick) {
            removal::put_aside(deleted);
            let retired = std::mem::take(&mut self.chores.waiting().retired);
            retired.into_iter().for_each(|files| removals.add_files(files));
            removals.remove_due(&self.partitions, now());
            let partitions = self.partitions.all();
            flush::flush_due(&partitions);
            let at = Instant::now();
            if at >= retention_at {
                retention::apply(&partitions, &mut removals);
                retention_at = at + self.intervals.retention;
            }
            if at >= checkpoint_at {
                checkpoints::store(&self.partitions);
                self.files.close_idle();
                checkpoint_at = at + self.intervals.checkpoint;
            }
        }
    }
}
