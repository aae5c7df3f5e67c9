//! Closing all logs at the end, so that the next start has nothing to recover.
//!
//! ```text
//!   few logs    each is closed with syncs of its own
//!   many logs   each is written to its end ▸ one sync of the volume ▸ each takes note ▸ one more
//! ```

use super::checkpoints;
use crate::partition::{LogDirectory, Partition, Partitions, now};
use log::{Closing, LogError};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use types::BrokerEpoch;

/// Logs that are written at a time: creating files waits for the file system's journal.
const CLOSERS: usize = 16;

/// More logs than this are synced with their volume, which may hold what others have written: each
/// sync of its own would wait for the same journal.
const OWN_SYNCS_MAX: usize = 64;

/// Closes every log, writes the checkpoints, and marks each directory clean unless one of its logs
/// could not be closed. `epoch` is that of this broker's registration.
pub(crate) fn close_logs(partitions: &Partitions, epoch: Option<BrokerEpoch>) {
    let all = partitions.all();
    for directory in partitions.directories().online() {
        directory.end_openings();
        let is_here = |partition: &&Arc<Partition>| Arc::ptr_eq(&partition.directory(), directory);
        let is_open = |partition: &&Arc<Partition>| partition.log_if_open().is_some();
        let open: Vec<_> = all.iter().filter(is_here).filter(is_open).collect();
        let are_closed = match open.len() <= OWN_SYNCS_MAX {
            true => close_each(&open),
            false => close_together(directory, &open),
        };
        let stored = checkpoints::store_of(directory, &all);
        if let Err(error) = &stored {
            tracing::error!(path = %directory.path.display(), %error, "cannot write checkpoints");
        }
        if are_closed && stored.is_ok() {
            mark_clean(directory, epoch);
        }
    }
}

/// Whether all could be closed.
fn close_each(partitions: &[&Arc<Partition>]) -> bool {
    let closed = in_parallel(partitions, |partition| match partition.log_if_open() {
        Some(mut log) => log.close(now()),
        None => Ok(()),
    });
    closed.len() == partitions.len()
}

/// Whether all could be closed, with as many syncs for ten thousand logs as for one.
fn close_together(directory: &LogDirectory, partitions: &[&Arc<Partition>]) -> bool {
    let begun = in_parallel(partitions, |partition| match partition.log_if_open() {
        Some(mut log) => Ok(Some((Arc::clone(partition), log.begin_close(now())?))),
        None => Ok(None),
    });
    let are_written = begun.len() == partitions.len();
    match end_close(directory, begun.into_iter().flatten().collect()) {
        Ok(()) => are_written,
        Err(error) => {
            let path = directory.path.display();
            tracing::error!(%path, %error, "cannot sync a directory: its logs will be recovered");
            false
        }
    }
}

fn end_close(
    directory: &LogDirectory,
    closing: Vec<(Arc<Partition>, Closing)>,
) -> Result<(), LogError> {
    let synced = directory.sync_volume()?;
    for (partition, closing) in closing {
        if let Some(mut log) = partition.log_if_open() {
            log.end_close(closing, &synced)?;
        }
    }
    directory.sync_volume().map(drop)
}

/// What `work` makes of each partition, those left out at which it fails.
fn in_parallel<T: Send>(
    partitions: &[&Arc<Partition>],
    work: impl Fn(&Arc<Partition>) -> Result<T, LogError> + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(partitions.len()));
    thread::scope(|scope| {
        for _ in 0..CLOSERS.min(partitions.len()) {
            scope.spawn(|| {
                while let Some(partition) = partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match work(partition) {
                        Ok(outcome) => {
                            done.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
                        }
                        Err(error) => tracing::error!(
                            ?partition,
                            %error,
                            "cannot close a log: it will be recovered"
                        ),
                    }
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn mark_clean(directory: &LogDirectory, epoch: Option<BrokerEpoch>) {
    if let Err(error) = directory.mark_clean(epoch) {
        tracing::error!(path = %directory.path.display(), %error, "cannot mark it clean");
    }
}
