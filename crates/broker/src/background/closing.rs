//! Closing all logs at the end, so that the next start has nothing to recover.

use super::checkpoints::checkpoints_of;
use crate::partition::{LogDirectory, Partition, Partitions, now};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Logs that are closed at a time: their syncs share the commits of the file system's journal.
const CLOSERS: usize = 16;

/// Closes every log, writes the checkpoints, and marks each directory clean unless one of its logs
/// could not be closed.
pub(crate) fn close_logs(partitions: &Partitions) {
    let all = partitions.all();
    for directory in partitions.directories() {
        let is_here = |partition: &&Arc<Partition>| Arc::ptr_eq(partition.directory(), directory);
        let here: Vec<_> = all.iter().filter(is_here).collect();
        let are_closed = close_together(&here);
        let stored = directory.store_checkpoints(&checkpoints_of(directory, &all));
        if let Err(error) = &stored {
            tracing::error!(path = %directory.path.display(), %error, "cannot write checkpoints");
        }
        if are_closed && stored.is_ok() {
            mark_clean(directory);
        }
    }
}

/// Whether all could be closed.
fn close_together(partitions: &[&Arc<Partition>]) -> bool {
    let next = AtomicUsize::new(0);
    let are_closed = AtomicBool::new(true);
    thread::scope(|scope| {
        for _ in 0..CLOSERS.min(partitions.len()) {
            scope.spawn(|| {
                while let Some(partition) = partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !close(partition) {
                        are_closed.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    are_closed.into_inner()
}

fn close(partition: &Partition) -> bool {
    let Some(mut log) = partition.log_if_open() else { return true };
    match log.close(now()) {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(?partition, %error, "cannot close a log: it will be recovered");
            false
        }
    }
}

fn mark_clean(directory: &LogDirectory) {
    if let Err(error) = directory.mark_clean() {
        tracing::error!(path = %directory.path.display(), %error, "cannot mark it clean");
    }
}
