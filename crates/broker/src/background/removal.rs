//! Files and folders that are no part of any log, until their time to go has come.

use crate::partition::{LogDirectory, Partition, Partitions, now};
use log::{RealDisk, Retired};
use std::path::PathBuf;
use std::sync::Arc;
use types::TimestampMs;

#[derive(Debug, Default)]
pub(super) struct Removals {
    files: Vec<Retired>,
    folders: Vec<Folder>,
}

/// A retired partition folder.
#[derive(Debug)]
struct Folder {
    directory: Arc<LogDirectory>,
    path: PathBuf,
    due: TimestampMs,
}

impl Removals {
    /// What earlier runs have put aside and not removed.
    pub(super) fn leftovers(partitions: &Partitions) -> Self {
        let due = now();
        let mut removals = Self::default();
        for directory in partitions.directories() {
            removals.folders.extend(directory.leftovers.iter().map(|path| {
                let (directory, path) = (Arc::clone(directory), path.clone());
                Folder { directory, path, due }
            }));
        }
        removals
    }

    pub(super) fn add_files(&mut self, retired: Retired) {
        if !retired.paths.is_empty() {
            self.files.push(retired);
        }
    }

    /// Renames the folders of deleted partitions, so that topics of the same name can follow.
    pub(super) fn put_aside(&mut self, deleted: Vec<Arc<Partition>>) {
        for partition in deleted {
            let directory = partition.directory();
            let topic = &partition.topic;
            match directory.retire(&topic.name, topic.id, partition.index) {
                Ok(None) => {}
                Ok(Some(path)) => {
                    let delay = topic.rules.load().log.file_delete_delay_ms;
                    let due = TimestampMs(now().0.saturating_add(delay));
                    self.folders.push(Folder { directory: Arc::clone(directory), path, due });
                }
                Err(error) => tracing::error!(?partition, %error, "cannot put a log aside"),
            }
        }
    }

    /// Removes what is due; what cannot be removed is tried again.
    pub(super) fn remove_due(&mut self, now: TimestampMs) {
        self.files.retain(|retired| {
            retired.due > now || !is_done("remove files", retired.remove(&RealDisk))
        });
        self.folders.retain(|folder| {
            folder.due > now || !is_done("remove a folder", folder.directory.remove(&folder.path))
        });
    }
}

fn is_done<E: std::fmt::Display>(what: &str, result: Result<(), E>) -> bool {
    if let Err(error) = &result {
        tracing::warn!(%error, "cannot {what}");
    }
    result.is_ok()
}
